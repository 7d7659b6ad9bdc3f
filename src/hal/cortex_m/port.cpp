// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/hal/port.hpp"

#include "board.hpp"
#include "clock.hpp"
#include "registers.hpp"
#include "rvm/hal/seed_entry.hpp"
#include "semihosting.hpp"
#include "uart.hpp"

namespace rvm::hal {

extern "C" {
constinit Context* rvm_current_context = nullptr;

Context* rvm_on_svc(Context* caller);
Context* rvm_on_systick(Context* interrupted);
Context* rvm_on_pendsv(Context* worker);
}

Context* rvm_on_svc(Context* caller) { return &kernel::on_hypercall(*caller); }
Context* rvm_on_systick(Context* interrupted) {
  return &kernel::on_timer_interrupt(*interrupted, Nanoseconds{clock_wrapped()});
}
Context* rvm_on_pendsv(Context* worker) { return &kernel::on_reschedule(*worker); }

void Context::initialise(std::uint32_t entry, std::uint32_t argument, std::uint32_t stack_top, bool privileged) {
  constexpr std::uint32_t return_to_thread = 0xffff'fffd;  // on the process stack, without floating-point state
  constexpr std::uint32_t thumb_state = 1u << 24;
  r4_r11 = {};
  exception_return = return_to_thread;
  control = privileged ? 0 : 1;
  stack = stack_top - frame_bytes;
  std::uint32_t* const f = frame();
  f[0] = argument;
  f[1] = f[2] = f[3] = f[4] = 0;
  f[5] = UINT32_MAX;  // whoever returns from the entry point faults
  f[6] = entry & ~1u;
  f[7] = thumb_state;
}

Status Context::protect() {
  const auto first = mpu::encode(board.protection, 0, program);
  const auto second = mpu::encode(board.protection, 1, data);
  if (!first || !second) return fail(first ? second.error() : first.error());
  regions = {*first, *second};
  return {};
}

[[gnu::always_inline]] void Port::switch_context(Context& to) {
  rvm_current_context = &to;
  if (to.control == 0) return;  // the worker, which no region holds back
  static_assert(sizeof to.regions == 16);
  volatile std::uint32_t* const pairs = &mpu_registers::Pairs::at();
  // Two regions never overlap, not even for a moment (Armv8-M ARM D1.2.160). On v7 the base registers name the region they are for
  // (B3.5.9), so all pairs are written in one go on both.
  if constexpr (board.protection == mpu::Architecture::v8) {
    pairs[1] = 0;
    pairs[3] = 0;
  }
  // Sound: reads the context's regions, writes the registers of as many; the exception's return synchronises instructions.
  asm volatile(
      "ldm %0, {r0-r3}\n\t"
      "stm %1, {r0-r3}\n\t"
      "dsb" ::"r"(to.regions.data()),
      "r"(pairs)
      : "r0", "r1", "r2", "r3", "memory");
}

void Port::wait_for_interrupt(bool deep) {
  scb::SystemControl::write(deep ? scb::sleep_deep : 0);
  asm volatile("dsb\n\twfi" ::: "memory");  // sound: waits, changes nothing
}

Port::InterruptMask::InterruptMask() {
  asm volatile("mrs %0, primask\n\tcpsid i" : "=r"(before_)::"memory");  // sound: undone by the destructor
}
Port::InterruptMask::~InterruptMask() {
  asm volatile("msr primask, %0" ::"r"(before_) : "memory");
}  // sound: see there

void request_reschedule() { scb::InterruptControl::write(scb::pendsv_set); }
void unmask_interrupts() { asm volatile("cpsie i" ::: "memory"); }  // sound: the kernel is ready for them

void Port::console_write(std::span<const char> text) {
  for (const char c : text) uart_put(c);
}

void Port::power_off() {
  semihosting::exit();
  for (;;) wait_for_interrupt(true);
}

}  // namespace rvm::hal
