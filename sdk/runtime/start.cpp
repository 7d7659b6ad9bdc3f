// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where an agent starts. The kernel enters at EL1 with x0 = information page, SP = 0 and everything else zero; the image
// is linked at 0 and lies anywhere in the agent's slot. This file gives it a stack, relocates it, runs constructors and
// calls agent_main. In programs with a window (rvm/window.h) sdk/window comes before it.
#include <cstddef>
#include <cstdint>

#include "rvm/agent.h"

namespace {

// ELF for the Arm 64-bit Architecture, 5.7.16: the only dynamic relocation a static position-independent image has.
constexpr std::uint64_t relocation_relative = 1027;

struct Relocation {
  std::uint64_t offset;
  std::uint64_t information;
  std::uint64_t addend;
};

using Constructor = void (*)();

extern "C" {
// From agent.ld. Hidden, so that they are reached relative to the program counter, which works before relocation.
extern const Relocation rvm_relocations_start[] __attribute__((visibility("hidden")));
extern const Relocation rvm_relocations_end[] __attribute__((visibility("hidden")));
extern const Constructor rvm_constructors_start[] __attribute__((visibility("hidden")));
extern const Constructor rvm_constructors_end[] __attribute__((visibility("hidden")));
}

}  // namespace

extern "C" {

constinit const rvm_agent_info* rvm_this_agent = nullptr;

/// What a program that knows nothing of forks does as one.
__attribute__((weak)) int agent_forked(const rvm_agent_info*) { return 126; }

// Nothing here may depend on a relocated word until the loop is done: no pointers in data, no jump tables.
[[noreturn]] __attribute__((visibility("hidden"), used)) void rvm_start(const rvm_agent_info* info) {
  const auto image = reinterpret_cast<std::uintptr_t>(rvm_pointer(info->image_base));
  for (const Relocation* r = rvm_relocations_start; r != rvm_relocations_end; ++r) {
    if ((r->information & 0xffffffff) != relocation_relative) rvm_exit(126);
    // Sound: the linker put the offset inside the writable segment (-z text), and the loader placed it at image_base.
    *reinterpret_cast<std::uint64_t*>(image + r->offset) = image + r->addend;
  }
  rvm_this_agent = info;
  if (info->forked_from != 0) rvm_exit(agent_forked(info));  // its objects exist already
  for (const Constructor* c = rvm_constructors_start; c != rvm_constructors_end; ++c) (*c)();
  rvm_exit(agent_main(info));
}

#ifndef RVM_AGENT_WINDOW
// Loads SP from the information page; x0 stays the first argument. The frame record is cleared so that a debugger's
// backtrace ends here.
[[noreturn]] __attribute__((naked, section(".text.entry"), visibility("hidden"))) void _start() {
  asm volatile(
      "ldr x9, [x0, %0]\n"
      "mov sp, x9\n"
      "mov x29, xzr\n"
      "mov x30, xzr\n"
      "b rvm_start\n" ::"i"(offsetof(rvm_agent_info, stack_top)));
}
#endif

}  // extern "C"
