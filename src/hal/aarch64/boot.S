/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * From the first instruction to C++. The image follows the arm64 boot protocol (Linux Documentation/arch/arm64/booting):
 * MMU and data cache off, x0 = physical address of the device tree, loaded anywhere at a multiple of 4 KiB. It is linked at
 * 0 and applies its own relocations. */
#include "rvm/hal/layout.h"

#define R_AARCH64_RELATIVE 1027

  .section .boot, "ax"
  .global rvm_image
rvm_image:
  b start
  .long 0
  .quad 0                     /* offset from a multiple of 2 MiB */
  .quad __image_bytes         /* memory needed, stacks included */
  .quad 0xa                   /* little-endian, 4 KiB pages, anywhere in memory */
  .quad 0, 0, 0
  .ascii "ARM\x64"
  .long 0

start:
  msr daifset, #0xf
  msr spsel, #1
  mov x20, x0                 /* device tree */
  adrp x21, rvm_image         /* where we are; linked at 0, so also the displacement */

  /* Zero .bss, 16 bytes at a time: the linker script aligns both ends. */
  adrp x0, __bss_start
  add x0, x0, :lo12:__bss_start
  adrp x1, __bss_end
  add x1, x1, :lo12:__bss_end
1:
  cmp x0, x1
  b.hs 2f
  stp xzr, xzr, [x0], #16
  b 1b

  /* Relocate: every entry (offset, type, addend) must be "base + addend". */
2:
  adrp x0, __rela_start
  add x0, x0, :lo12:__rela_start
  adrp x1, __rela_end
  add x1, x1, :lo12:__rela_end
3:
  cmp x0, x1
  b.hs 4f
  ldp x2, x3, [x0], #16
  ldr x4, [x0], #8
  cmp x3, #R_AARCH64_RELATIVE
  b.ne stop
  add x4, x4, x21
  str x4, [x2, x21]
  b 3b

  /* Block and stacks of core 0. */
4:
  adrp x22, rvm_cores
  add x22, x22, :lo12:rvm_cores
  adrp x0, __stacks
  add x0, x0, #(RVM_STACK_TOP >> 12), lsl #12
  adrp x1, __stacks
  add x1, x1, #(RVM_STACK_BYTES >> 12), lsl #12
  stp x0, x1, [x22, #RVM_CORE_STACK]
  mov sp, x0
  mov x29, xzr

  /* Below or above EL2 the C++ code still runs, to say so on the console. */
  mrs x1, CurrentEL
  lsr x1, x1, #2
  cmp x1, #2
  b.ne 5f
  mov x0, #(1 << 31)          /* HCR_EL2: EL1 is AArch64, all else off, E2H clear */
  msr hcr_el2, x0
  msr tpidr_el2, x22
  adrp x0, rvm_vectors
  add x0, x0, :lo12:rvm_vectors
  msr vbar_el2, x0
  isb
5:
  mov x0, x20
  bl rvm_boot                 /* (device tree, exception level) -> first context */
  b rvm_resume

stop:
  wfe
  b stop

/* A core that PSCI CPU_ON started: x0 = its Core block. Nothing may be read through the cache's shadow, so the MMU comes
 * before the stack. */
  .global rvm_secondary_entry
rvm_secondary_entry:
  msr daifset, #0xf
  msr spsel, #1
  mov x20, x0
  mov x0, #(1 << 31)
  msr hcr_el2, x0
  msr tpidr_el2, x20
  adrp x0, rvm_vectors
  add x0, x0, :lo12:rvm_vectors
  msr vbar_el2, x0
  adrp x0, rvm_mmu
  add x0, x0, :lo12:rvm_mmu
  bl rvm_enable_mmu
  ldr x0, [x20, #RVM_CORE_STACK]
  mov sp, x0
  mov x29, xzr
  mov x0, x20
  bl rvm_secondary            /* (Core) -> first context */
  b rvm_resume

/* rvm_enable_mmu(x0: MAIR, TCR, TTBR0, SCTLR). The map is the identity, so execution goes on. Uses x1-x4 only. */
  .global rvm_enable_mmu
rvm_enable_mmu:
  ldp x1, x2, [x0]
  ldp x3, x4, [x0, #16]
  msr mair_el2, x1
  msr tcr_el2, x2
  msr ttbr0_el2, x3
  isb
  tlbi alle2
  dsb sy
  ic iallu
  dsb sy
  isb
  msr sctlr_el2, x4
  isb
  ret
