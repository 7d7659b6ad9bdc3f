/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Exceptions that a program with a window takes itself, at EL1. Those of the program's own making come from EL1 with SP_EL1 in
 * use (Arm ARM D1.3.1.5, table D1-7: offset 0x200); anything else ends the agent. */
  .macro vector target
  .balign 128
  b \target
  .endm

  .section .text.window_vectors, "ax"
  /* While stage 1 is being turned on: the fetch of the next instruction, by an address that is not mapped any more, leads here. */
  .balign 2048
  .hidden rvm_window_entry_vectors
  .global rvm_window_entry_vectors
rvm_window_entry_vectors:
  .rept 4
  vector unexpected
  .endr
  vector rvm_window_entered
  .rept 11
  vector unexpected
  .endr

  .balign 2048
  .hidden rvm_window_vectors
  .global rvm_window_vectors
rvm_window_vectors:
  .rept 4
  vector unexpected
  .endr
  vector synchronous
  .rept 11
  vector unexpected
  .endr

/* TPIDRRO_EL0 is the address of the exception stack while it is in use: an exception of the handler itself is unexpected. The
 * general registers that C++ may change are saved; others it does not touch (-mgeneral-regs-only). */
synchronous:
  msr tpidr_el1, x0
  mrs x0, tpidrro_el0
  cbnz x0, unexpected
  adrp x0, rvm_window_state + 1024
  add x0, x0, :lo12:rvm_window_state + 1024
  msr tpidrro_el0, x0
  stp x1, x2, [x0, #-16]!
  stp x3, x4, [x0, #-16]!
  stp x5, x6, [x0, #-16]!
  stp x7, x8, [x0, #-16]!
  stp x9, x10, [x0, #-16]!
  stp x11, x12, [x0, #-16]!
  stp x13, x14, [x0, #-16]!
  stp x15, x16, [x0, #-16]!
  stp x17, x18, [x0, #-16]!
  mov x1, sp
  stp x30, x1, [x0, #-16]!
  mov sp, x0
  mrs x0, esr_el1
  mrs x1, far_el1
  mrs x2, elr_el1
  bl rvm_window_exception       /* where to go on, or 0 */
  cbz x0, unexpected
  msr elr_el1, x0
  mov x0, sp
  ldp x30, x1, [x0], #16
  mov sp, x1
  ldp x17, x18, [x0], #16
  ldp x15, x16, [x0], #16
  ldp x13, x14, [x0], #16
  ldp x11, x12, [x0], #16
  ldp x9, x10, [x0], #16
  ldp x7, x8, [x0], #16
  ldp x5, x6, [x0], #16
  ldp x3, x4, [x0], #16
  ldp x1, x2, [x0], #16
  msr tpidrro_el0, xzr
  mrs x0, tpidr_el1
  eret

/* To the kernel: a fetch from an exception vector that stage 2 does not map ends the agent, with what ESR_EL1 and FAR_EL1 say.
 * Between the information page and the image no slot has anything. */
unexpected:
  mov x0, #0x1000
  movk x0, #4, lsl #32          /* RVM_WINDOW_BASE */
  msr vbar_el1, x0
  isb
  add x0, x0, #0x200
  br x0
