/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Exceptions (Arm ARM D1.3.1). While an agent, or the kernel's worker, runs, SP_EL2 is the address of its Context, so that the
 * first registers can be saved without a scratch register; the kernel's stack is in the core block behind TPIDR_EL2. The worker's
 * stack is SP_EL0. From entry to exit interrupts are masked. */
#include "rvm/hal/layout.h"
#define ESR_HVC_0 0x5a000000 /* EC 0x16 (HVC from AArch64), IL, immediate 0 */

/* x2-x30, PC and PSTATE to and from the Context at SP. x0 and x1 travel apart. */
  .macro save_registers
  stp x2, x3, [sp, #16]
  stp x4, x5, [sp, #32]
  stp x6, x7, [sp, #48]
  stp x8, x9, [sp, #64]
  stp x10, x11, [sp, #80]
  stp x12, x13, [sp, #96]
  stp x14, x15, [sp, #112]
  stp x16, x17, [sp, #128]
  stp x18, x19, [sp, #144]
  stp x20, x21, [sp, #160]
  stp x22, x23, [sp, #176]
  stp x24, x25, [sp, #192]
  stp x26, x27, [sp, #208]
  stp x28, x29, [sp, #224]
  mrs x2, elr_el2
  mrs x3, spsr_el2
  stp x30, x2, [sp, #RVM_CONTEXT_X30]
  str x3, [sp, #RVM_CONTEXT_STATE]
  .endm

/* x0 = the Context; SP = this core's kernel stack. */
  .macro enter_kernel
  mrs x1, tpidr_el2
  mov x0, sp
  ldr x1, [x1, #RVM_CORE_STACK]
  mov sp, x1
  .endm

  .text
  .balign 2048
  .global rvm_vectors
rvm_vectors:
  /* From the kernel's worker, at EL2 on SP_EL0: an interrupt is as an agent's. The rest, and all from the kernel, is fatal. */
  b kernel_fault
  .balign 128
  stp x0, x1, [sp]
  b interrupt
  .balign 128
  b kernel_fault
  .balign 128
  b kernel_fault
  .balign 128
  b kernel_fault
  .balign 128
  b kernel_fault
  .balign 128
  b kernel_fault
  .balign 128
  b kernel_fault

  /* From an agent: synchronous. The null hypercall and the clock end here. */
  .balign 128
  stp x0, x1, [sp]
  mrs x0, esr_el2
  mov w1, #ESR_HVC_0
  cmp x0, x1
  b.ne trap
  ldr x0, [sp]
  cmp x0, #1                  /* RVM_HVC_NULL 0, RVM_HVC_TIME 1 */
  b.hi hypercall
  b.eq time
  ldr x1, [sp, #8]            /* x0 is 0 = RVM_ERROR_OK already */
  eret
  .balign 128                 /* IRQ */
  stp x0, x1, [sp]
  b interrupt
  .balign 128                 /* FIQ: no interrupt is configured as one */
  stp x0, x1, [sp]
  b interrupt
  .balign 128                 /* SError */
  stp x0, x1, [sp]
  b system_error

  /* The same from AArch32 at EL0 of an agent; hypercalls do not exist there. */
  .balign 128
  stp x0, x1, [sp]
  b trap
  .balign 128
  stp x0, x1, [sp]
  b interrupt
  .balign 128
  stp x0, x1, [sp]
  b interrupt
  .balign 128
  stp x0, x1, [sp]
  b system_error

/* RVM_HVC_TIME: x1 = nanoseconds since boot, as Port::now() computes them; x0 = RVM_ERROR_OK. */
time:
  stp x2, x3, [sp, #16]
  mrs x0, tpidr_el2
  ldp x0, x1, [x0, #RVM_CORE_BOOT_TICKS]
  isb
  mrs x2, cntpct_el0
  sub x2, x2, x0
  mul x0, x2, x1
  umulh x1, x2, x1
  extr x1, x1, x0, #RVM_CLOCK_SHIFT
  mov x0, #0
  ldp x2, x3, [sp, #16]
  eret

hypercall:
  save_registers
  enter_kernel
  bl _ZN3rvm6kernel12on_hypercallERNS_3hal7ContextE

/* Resumes the agent whose Context is at x0. */
  .global rvm_resume
rvm_resume:
  mov sp, x0
  ldp x30, x2, [sp, #RVM_CONTEXT_X30]
  ldr x3, [sp, #RVM_CONTEXT_STATE]
  msr elr_el2, x2
  msr spsr_el2, x3
  ldp x2, x3, [sp, #16]
  ldp x4, x5, [sp, #32]
  ldp x6, x7, [sp, #48]
  ldp x8, x9, [sp, #64]
  ldp x10, x11, [sp, #80]
  ldp x12, x13, [sp, #96]
  ldp x14, x15, [sp, #112]
  ldp x16, x17, [sp, #128]
  ldp x18, x19, [sp, #144]
  ldp x20, x21, [sp, #160]
  ldp x22, x23, [sp, #176]
  ldp x24, x25, [sp, #192]
  ldp x26, x27, [sp, #208]
  ldp x28, x29, [sp, #224]
  ldp x0, x1, [sp]
  eret

interrupt:
  save_registers
  enter_kernel
  bl _ZN3rvm6kernel12on_interruptERNS_3hal7ContextE
  b rvm_resume

trap:
  save_registers
  enter_kernel
  bl rvm_trap
  b rvm_resume

system_error:
  save_registers
  enter_kernel
  bl rvm_system_error
  b rvm_resume

/* The stack may be what failed (its guard page), so go to the emergency stack before anything is stored. The agent's
 * TPIDR_EL0 and TPIDRRO_EL0 serve as scratch: nothing returns from here. */
kernel_fault:
  msr tpidr_el0, x0
  msr tpidrro_el0, x1
  mov x1, sp
  mrs x0, tpidr_el2
  ldr x0, [x0, #RVM_CORE_EMERGENCY]
  sub x0, x0, #288
  mov sp, x0
  save_registers
  str x1, [sp, #264]          /* the stack pointer at the fault */
  mrs x2, tpidr_el0
  mrs x3, tpidrro_el0
  stp x2, x3, [sp]
  mov x0, sp
  mov x29, xzr
  bl rvm_kernel_fault

/* rvm_save_vectors(x0: VectorRegisters), rvm_load_vectors(x0). CPTR_EL2.TFP must be clear. */
  .global rvm_save_vectors
rvm_save_vectors:
  stp q0, q1, [x0]
  stp q2, q3, [x0, #32]
  stp q4, q5, [x0, #64]
  stp q6, q7, [x0, #96]
  stp q8, q9, [x0, #128]
  stp q10, q11, [x0, #160]
  stp q12, q13, [x0, #192]
  stp q14, q15, [x0, #224]
  stp q16, q17, [x0, #256]
  stp q18, q19, [x0, #288]
  stp q20, q21, [x0, #320]
  stp q22, q23, [x0, #352]
  stp q24, q25, [x0, #384]
  stp q26, q27, [x0, #416]
  stp q28, q29, [x0, #448]
  stp q30, q31, [x0, #480]
  mrs x1, fpcr
  mrs x2, fpsr
  add x0, x0, #512
  stp x1, x2, [x0]
  ret

  .global rvm_load_vectors
rvm_load_vectors:
  ldp q0, q1, [x0]
  ldp q2, q3, [x0, #32]
  ldp q4, q5, [x0, #64]
  ldp q6, q7, [x0, #96]
  ldp q8, q9, [x0, #128]
  ldp q10, q11, [x0, #160]
  ldp q12, q13, [x0, #192]
  ldp q14, q15, [x0, #224]
  ldp q16, q17, [x0, #256]
  ldp q18, q19, [x0, #288]
  ldp q20, q21, [x0, #320]
  ldp q22, q23, [x0, #352]
  ldp q24, q25, [x0, #384]
  ldp q26, q27, [x0, #416]
  ldp q28, q29, [x0, #448]
  ldp q30, q31, [x0, #480]
  add x0, x0, #512
  ldp x1, x2, [x0]
  msr fpcr, x1
  msr fpsr, x2
  ret
