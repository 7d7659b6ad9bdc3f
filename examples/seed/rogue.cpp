// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One attack after another. Each ends in a fault, the kernel starts this program again, and it goes on with the next. An attack that
// returns has got through.
#include "rvm/seed_agent.hpp"

using namespace rvm::agent;

namespace {

// Sound: the addresses are not this agent's. That is the point.
volatile uint32_t& word(uintptr_t address) { return *reinterpret_cast<volatile uint32_t*>(address); }
void jump(uintptr_t address) { reinterpret_cast<void (*)()>(address)(); }

extern "C" uint32_t rvm_other_data;   // pulse's RAM
extern "C" uint32_t rvm_kernel_data;  // the kernel's
extern "C" uint32_t rvm_kernel_text;
uintptr_t other() { return reinterpret_cast<uintptr_t>(&rvm_other_data); }
uintptr_t kernel_data() { return reinterpret_cast<uintptr_t>(&rvm_kernel_data); }
uintptr_t kernel_text() { return reinterpret_cast<uintptr_t>(&rvm_kernel_text); }

void read_secret() { rvm_information.x[2] = word(other() + 0x500); }
void write_other() { word(other() + 0x500) = 0; }
void read_kernel() { rvm_information.x[2] = word(kernel_data() + 0x40); }
void write_kernel() { word(kernel_data() + 0x40) = 0xdead; }
void read_kernel_program() { rvm_information.x[2] = word(kernel_text() + 0x100); }
void write_own_program() { word(reinterpret_cast<uintptr_t>(&agent_main) & ~3u) = 0; }
// The registers of the system: the write faults, or, on emulations that ignore failed transactions, has no effect, which what
// follows shows by faulting all the same.
void disable_protection() {
  word(0xe000'ed94) = 0;
  asm volatile("dsb\n\tisb");
  read_secret();
}
void move_protection() {
  word(0xe000'ed98) = 1;
  word(0xe000'ed9c) = other() | 0x11;
  read_secret();
}
void stop_timer() {
  word(0xe000'e010) = 0;
  for (;;) {
  }
}
void move_vectors() {
  word(0xe000'ed08) = other();
  (void)now();  // through the vectors
  read_secret();
}
void reset_machine() {
  word(0xe000'ed0c) = 0x05fa'0004;
  read_secret();
}
void write_console() { word(0x4000'c000) = '!'; }
void null_write() { word(0) = 1; }

uint16_t code[2] = {0x4770, 0x4770};  // BX LR
void execute_data() { jump(reinterpret_cast<uintptr_t>(code) | 1); }
void execute_stack() {
  volatile uint16_t here[2] = {0x4770, 0x4770};
  jump(reinterpret_cast<uintptr_t>(here) | 1);
}
void execute_kernel() { jump(kernel_text() + 0x201); }
void execute_peripheral() { jump(0x4000'c001); }
void leave_thumb() { jump(reinterpret_cast<uintptr_t>(&agent_main) & ~1u); }
void forge_return() { jump(0xffff'fff9); }  // "return to the main stack, privileged"
void breakpoint() { asm volatile("bkpt #0xab"); }
void undefined() { asm volatile("udf #0"); }
void divide_by_zero() {
  uint32_t result;
  asm volatile("udiv %0, %1, %2" : "=r"(result) : "r"(1), "r"(0));
  rvm_information.x[2] = result;
}
void unaligned() {
  rvm_information.x[2] = *reinterpret_cast<volatile uint32_t*>(reinterpret_cast<uintptr_t>(code) + 1);
}
void use_coprocessor() { asm volatile(".inst.w 0xee010f10"); }  // MCR p15, 0, r0, c1, c0, 0

int overflow(volatile int* from) {
  volatile int frame[16];
  frame[0] = *from + 1;
  return overflow(frame) + frame[0];
}
void overflow_stack() {
  volatile int first = 0;
  rvm_information.x[2] = static_cast<uint32_t>(overflow(&first));
}
void stack_in_kernel() { asm volatile("mov sp, %0\n\tsvc #0" ::"r"(kernel_data() + 0x800)); }
void stack_in_other() { asm volatile("mov sp, %0\n\tpush {r0-r7}" ::"r"(other() + 0x700)); }
void become_privileged() {
  asm volatile("msr control, %0\n\tisb" ::"r"(0));  // ignored, so the next access is what faults
  read_secret();
}
void mask_interrupts() {
  asm volatile("cpsid i");  // ignored: the budget ends this all the same
  for (;;) {
  }
}
void loop() {
  for (;;) {
  }
}

struct Attack {
  const char* name;
  void (*run)();
};
const Attack attacks[] = {
    {"read another agent's secret", read_secret},
    {"write another agent's memory", write_other},
    {"read the kernel's memory", read_kernel},
    {"write the kernel's memory", write_kernel},
    {"read the kernel's program", read_kernel_program},
    {"write its own program", write_own_program},
    {"disable the protection unit", disable_protection},
    {"move a protection region", move_protection},
    {"stop the timer", stop_timer},
    {"move the vector table", move_vectors},
    {"reset the machine", reset_machine},
    {"drive the console itself", write_console},
    {"write address 0", null_write},
    {"execute its data", execute_data},
    {"execute its stack", execute_stack},
    {"jump into the kernel", execute_kernel},
    {"execute a device", execute_peripheral},
    {"leave Thumb state", leave_thumb},
    {"forge an exception return", forge_return},
    {"call the debugger", breakpoint},
    {"an undefined instruction", undefined},
    {"divide by zero", divide_by_zero},
    {"an unaligned access", unaligned},
    {"a coprocessor", use_coprocessor},
    {"overflow its stack", overflow_stack},
    {"a hypercall with its stack in the kernel", stack_in_kernel},
    {"push into another agent's memory", stack_in_other},
    {"make itself privileged", become_privileged},
    {"mask interrupts and loop", mask_interrupts},
    {"loop for ever", loop},
};
constexpr uint32_t count = sizeof attacks / sizeof *attacks;

/// What the kernel refuses without a fault: handles that are not its own, operations that are not there.
bool refused() {
  const Handle oracle = find("oracle");
  return invoke(RVM_HVC_CALL, oracle + 2) == RVM_ERROR_BAD_CAPABILITY &&
         invoke(RVM_HVC_CALL, oracle + 0x10000) == RVM_ERROR_BAD_CAPABILITY &&
         invoke(RVM_HVC_CALL, find("console")) == RVM_ERROR_WRONG_TYPE &&
         invoke(RVM_HVC_SEND, find("pulse"), other(), 4, 0) == RVM_ERROR_RIGHTS &&
         invoke(RVM_HVC_CONSOLE_WRITE, find("console"), kernel_data(), 16) == RVM_ERROR_BAD_ADDRESS &&
         invoke(RVM_HVC_CONSOLE_WRITE, find("console"), other() + 0x500, 4) == RVM_ERROR_BAD_ADDRESS &&
         invoke(RVM_HVC_CONSOLE_WRITE, find("console"), UINT32_MAX - 3, 8) == RVM_ERROR_BAD_ADDRESS &&
         invoke(RVM_HVC_RECEIVE, find("pulse"), kernel_data(), 48, 0) != RVM_ERROR_OK &&
         invoke(RVM_HVC_AGENT_SPAWN, find("partition")) != RVM_ERROR_OK && invoke(0x4242) == RVM_ERROR_BAD_OPERATION;
}

}  // namespace

int agent_main() {
  const Handle oracle = find("oracle");
  rvm_information.x[2] = 41;
  if (call(oracle) != RVM_ERROR_OK || rvm_information.x[2] != 42) return 2;  // peers work as before
  const uint32_t number = rvm_information.restarts;
  if (number < count) {
    say(attacks[number].name);
    attacks[number].run();
    say("GOT THROUGH");
    return 3;
  }
  say(refused() ? "refusals as they must be" : "A REFUSAL IS MISSING");
  say("attacks stopped", count);
  return 0;
}
