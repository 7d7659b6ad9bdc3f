/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Code that the self-test runs at EL1, one page, mapped at guest address 0x1000; a writable page is at 0x2000. A piece ends
 * with `report` (x1 = result), or by doing what it is about. `other` lets the other agent run. */
  .arch_extension fp
  .arch_extension simd
  .macro piece name
  .global guest_\name
guest_\name:
  .endm
  .macro report
  mov x0, #0x10
  hvc #0
  .endm
  .macro other
  mov x0, #0x11
  hvc #0
  .endm

  .section .text.guest, "ax"
  .balign 4096
  .global guest_code
guest_code:
  /* For the kernel: destroys what agents left in some vector registers. */
  .global clobber_vectors
clobber_vectors:
  movi v0.2d, #0
  movi v31.2d, #0
  ret

  piece call; mov x1, #42
  report

  piece clock
  mov x0, #1
  hvc #0
  cbnz x0, 1f
  mov x2, x1
  mov x0, #0
  hvc #0                      /* null: x1 stays */
  cbnz x0, 1f
  cmp x1, x2
  b.ne 1f
  mov x0, #1
  hvc #0
  cmp x1, x2
  cset x1, hs
  report
1: mov x1, #0
  report

  piece spin; b guest_spin
  piece load; mov x1, #0x5008; ldr x0, [x1]
  piece store; mov x1, #0x1010; str x0, [x1]
  piece fetch; mov x1, #0x6000; br x1
  piece data_fetch; mov x1, #0x2000; br x1
  piece uart; mov x1, #0x09000000; ldr w0, [x1]
  piece far; mov x1, #0xffff000000000000; str x0, [x1]
  piece unaligned; mov x1, #0x2001; ldxr x0, [x1]
  piece secure; smc #0
  piece breakpoint; brk #1
  piece undefined; udf #0
  piece call_1; hvc #1
  piece supervisor; svc #0
  piece gic; msr S3_0_C4_C6_0, x0        /* ICC_PMR_EL1 */
  piece counters; mrs x0, pmcr_el0
  piece debug; msr mdscr_el1, xzr
  piece timer; msr cntp_ctl_el0, xzr
  piece feature; msr cpacr_el1, xzr
  piece set_way; dc cisw, xzr
  piece wait; wfi
  mov x1, #7
  report

  piece poll; mov x4, #0x3000 /* reads that page until it is gone */
  report
1: ldr x2, [x4]; b 1b

  piece unmapped_later        /* 0x3000 is readable until the kernel is asked to take it away */
  mov x4, #0x3000; ldr x2, [x4]
  mov x0, #0x12; hvc #0
  ldr x2, [x4, #8]
  mov x1, #0
  report

/* x1 = what the given operation makes of all the registers that the next two pieces are about. */
  .macro combine operation
  fmov x1, d0; umov x3, v31.d[1]
  \operation x1, x1, x3
  .irp register, tpidr_el0, tpidr_el1, sp_el0, ttbr0_el1, contextidr_el1, esr_el1
  mrs x3, \register
  \operation x1, x1, x3
  .endr
  .endm

  piece leave                 /* what the first agent leaves in registers it finds there again */
  mov x2, #0x1234
  fmov d0, x2
  dup v31.2d, x2
  .irp register, tpidr_el0, tpidr_el1, sp_el0, ttbr0_el1, contextidr_el1, esr_el1, par_el1, cntv_cval_el0
  msr \register, x2
  .endr
  mov sp, x2
  tlbi vmalle1
  other
  combine and
  mov x3, sp
  cmp x1, x2
  ccmp x3, x2, #0, eq
  cset x1, eq
  report

  piece find                  /* the second agent finds none of it */
  combine orr
  mrs x3, par_el1
  orr x1, x1, x3
  mrs x3, cntv_cval_el0
  orr x1, x1, x3
  mov x3, sp
  orr x1, x1, x3
  cbnz x1, 1f
  other
1: mov x1, #0
  report

  /* Turns stage 1 on: one 1 GiB block at 0 and the same at 1 GiB, so that 0x40002000 is 0x2000. */
  piece stage_1
  mov x4, #0x2000
  movz x2, #0x701             /* block, accessed, inner shareable, type 0 */
  stp x2, x2, [x4]
  mov x2, #0xff; msr mair_el1, x2
  movz x2, #0x3519; msr tcr_el1, x2 /* 39 bits, write-back, inner shareable, 4 KiB */
  msr ttbr0_el1, x4
  dsb ish; isb
  mrs x2, sctlr_el1
  orr x2, x2, #1
  msr sctlr_el1, x2; isb
  mov x2, #77; str x2, [x4, #64]
  other
  mov x4, #0x2000; movk x4, #0x4000, lsl #16
  ldr x1, [x4, #64]
  report
  piece stage_1_other; mov x1, #0x2000; movk x1, #0x4000, lsl #16         /* in the other agent the same address is stage 2's */
  ldr x0, [x1, #64]
