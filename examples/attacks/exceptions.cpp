// SPDX-License-Identifier: MIT OR Apache-2.0
#include "exceptions.hpp"

namespace attacks {

extern "C" {
volatile ExceptionState attack_exceptions{};
extern const char attack_vectors[] __attribute__((visibility("hidden")));
}

// Arm ARM D1.3.1: sixteen entries of 128 bytes, table aligned to 2 KiB.
asm(R"(
  .section .text.attack_vectors, "ax"
  .balign 2048
  .hidden attack_vectors
  .globl attack_vectors
attack_vectors:
  .rept 16
  .balign 128
  b attack_exception
  .endr
  .balign 128
attack_exception:
  stp x0, x1, [sp, #-16]!
  adrp x0, attack_exceptions
  add x0, x0, :lo12:attack_exceptions
  mrs x1, esr_el1
  str x1, [x0]
  mrs x1, far_el1
  str x1, [x0, #8]
  mrs x1, elr_el1
  str x1, [x0, #16]
  add x1, x1, #4
  msr elr_el1, x1
  ldr x1, [x0, #24]
  add x1, x1, #1
  str x1, [x0, #24]
  mrs x1, spsr_el1
  bic x1, x1, #(1 << 20)
  msr spsr_el1, x1
  ldp x0, x1, [sp], #16
  eret
  .text
)");

void install_vectors() { asm volatile("msr vbar_el1, %0\n\tisb" ::"r"(attack_vectors) : "memory"); }

}  // namespace attacks
