/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Exceptions (Armv7-M ARM B1.5). The hardware has put r0-r3, r12, lr, pc and xpsr on the stack of whom it interrupted; what it
 * leaves in registers goes to its context, and comes from that of whom to resume. */
  .syntax unified
  .thumb

  .section .vectors, "a"
  .balign 512
  .global rvm_vectors
rvm_vectors:
  .word __handler_stack_top
  .word rvm_reset
  .word rvm_kernel_fault_entry /* NMI */
  .word rvm_fault_entry        /* HardFault: of an agent, a breakpoint */
  .word rvm_fault_entry        /* MemManage */
  .word rvm_fault_entry        /* BusFault */
  .word rvm_fault_entry        /* UsageFault */
  .word rvm_fault_entry        /* SecureFault */
  .word 0
  .word 0
  .word 0
  .word rvm_svc_entry
  .word rvm_fault_entry /* DebugMonitor */
  .word 0
  .word rvm_pendsv_entry
  .word rvm_systick_entry
  .rept 64
  .word rvm_kernel_fault_entry /* no device interrupt is enabled */
  .endr

  .section .text.vectors, "ax"

/* Reset: MSP, the stack of exceptions, was loaded from the first vector. What runs from here on is the worker, on its own stack. */
  .global rvm_reset
  .thumb_func
rvm_reset:
  cpsid i
  ldr r0, =__worker_stack_top
  msr psp, r0
  movs r0, #2
  msr control, r0
  isb
  bl rvm_startup
  b .

/* r0: the context of whom it interrupted, saved; then as the C++ function says, and the context to resume in r0. */
  .macro enter handler
  ldr r1, =rvm_current_context
  mrs r2, psp
  ldr r0, [r1]
  mov r12, r0
  stmia r12!, {r2, r4-r11, lr}
  bl \handler
  /* fall through or branch to resume */
  .endm

  .global rvm_svc_entry
  .thumb_func
rvm_svc_entry:
  enter rvm_on_svc
resume:
  ldmia r0!, {r2, r4-r11, lr}
  ldr r3, [r0]
  msr psp, r2
  msr control, r3
  bx lr

  .thumb_func
rvm_systick_entry:
  enter rvm_on_systick
  b resume

  .thumb_func
rvm_pendsv_entry:
  enter rvm_on_pendsv
  b resume

/* A fault in an exception is the kernel's. Of a thread: the C++ function tells whose. */
  .thumb_func
rvm_fault_entry:
  tst lr, #8
  beq rvm_kernel_fault_entry
  enter rvm_on_thread_fault
  b resume

  .thumb_func
rvm_kernel_fault_entry:
  tst lr, #4
  ite eq
  mrseq r0, msp
  mrsne r0, psp
  b rvm_on_kernel_exception
  .ltorg

/* Shifts of 64 bits in r0 and r1 by r2, 0 to 63 (IHI 0043, 4.2): the part that crosses over is shifted by 32 - r2 one way or by r2 - 32
 * the other, and a shift by a negative amount, whose low byte is above 31, gives 0. */
  .global __aeabi_llsl
  .thumb_func
__aeabi_llsl:
  rsb r3, r2, #32
  lsls r1, r1, r2
  lsr r3, r0, r3
  orrs r1, r1, r3
  sub r3, r2, #32
  lsl r3, r0, r3
  orrs r1, r1, r3
  lsls r0, r0, r2
  bx lr

  .global __aeabi_llsr
  .thumb_func
__aeabi_llsr:
  rsb r3, r2, #32
  lsrs r0, r0, r2
  lsl r3, r1, r3
  orrs r0, r0, r3
  sub r3, r2, #32
  lsr r3, r1, r3
  orrs r0, r0, r3
  lsrs r1, r1, r2
  bx lr

/* 64-bit division by the run-time ABI's name (Arm IHI 0043, 4.2): the remainder comes back in r2 and r3. */
  .global __aeabi_uldivmod
  .thumb_func
__aeabi_uldivmod:
  push {r4, lr}
  sub sp, sp, #16
  add r4, sp, #8
  str r4, [sp]
  bl rvm_divide
  ldrd r2, r3, [sp, #8]
  add sp, sp, #16
  pop {r4, pc}
