// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Instructions that reach for the machine: firmware and hypervisor calls, exception return to a higher level, caches,
// and simply never giving up the core.
#include "attack.hpp"
#include "exceptions.hpp"

namespace attacks {

namespace {

/// PSCI SYSTEM_OFF through the firmware: would end everyone.
Verdict secure_monitor_call() {
  asm volatile("mov x0, #0x8\n\tmovk x0, #0x8400, lsl #16\n\tsmc #0" ::: "x0", "x1", "x2", "x3", "memory");
  return escaped("the firmware was called");
}
Verdict hypervisor_call_immediate() {
  asm volatile("hvc #1" ::: "x0", "x1", "x2", "x3", "memory");
  return escaped("HVC #1 was taken as a hypercall");
}
Verdict undefined_instruction() {
  asm volatile(".inst 0x00000000");
  return escaped("an undefined instruction was executed");
}
Verdict breakpoint_instruction() {
  asm volatile("brk #42");
  return escaped("BRK was ignored");
}

/// ERET with a forged SPSR that names EL2: an illegal exception return (Arm ARM D1.5.4). The processor stays at EL1 and
/// the next instruction traps with the illegal-state class, here to this agent's own vectors.
Verdict return_to_el2() {
  install_vectors();
  std::uint64_t level = 0;
  asm volatile(
      "mov x9, #0x3c9\n\t"  // EL2h, all masked
      "msr spsr_el1, x9\n\t"
      "adr x9, 1f\n\t"
      "msr elr_el1, x9\n\t"
      "isb\n\t"
      "eret\n"
      "1:\n\t"
      "nop\n\t"  // skipped by the handler
      "mrs %0, currentel"
      : "=r"(level)
      :
      : "x9", "memory");
  if (level >> 2 != 1) return escaped("running above EL1");
  return attack_exceptions.count == 1 && exception_class() == 0x0e ? contained("illegal exception return")
                                                                   : escaped("the return was not refused");
}
Verdict return_to_el3() {
  install_vectors();
  std::uint64_t level = 0;
  asm volatile(
      "mov x9, #0x3cd\n\t"  // EL3h
      "msr spsr_el1, x9\n\t"
      "adr x9, 1f\n\t"
      "msr elr_el1, x9\n\t"
      "isb\n\t"
      "eret\n"
      "1:\n\t"
      "nop\n\t"
      "mrs %0, currentel"
      : "=r"(level)
      :
      : "x9", "memory");
  if (level >> 2 != 1) return escaped("running above EL1");
  return attack_exceptions.count == 1 ? contained("illegal exception return") : escaped("the return was not refused");
}

/// Exception vectors inside the kernel's image, then an exception: the fetch must fail in stage 2.
Verdict vectors_in_kernel() {
  asm volatile("msr vbar_el1, %0\n\tisb\n\tsvc #0" ::"r"(kernel_image) : "memory");
  return escaped("an exception was taken through kernel memory");
}

/// Stage 1 tables of the agent's own making that map the kernel: stage 2 decides, whatever stage 1 says.
Verdict own_page_tables() {
  if (own_slot(kernel_image)) return escaped("misconfigured");
  auto* root = reinterpret_cast<std::uint64_t*>((info().heap_base + 0xfff) & ~std::uint64_t{0xfff});
  // Level 1, 1 GiB blocks, identity, normal memory, accessed, EL1 read-write (Arm ARM D8.3.1).
  for (std::uint64_t i = 0; i < 512; ++i) root[i] = i << 30 | 1 << 10 | 3 << 8 | 1;
  asm volatile(
      "msr mair_el1, %0\n\t"
      "msr ttbr0_el1, %1\n\t"
      "msr tcr_el1, %2\n\t"
      "dsb ish\n\tisb\n\t"
      "mrs x9, sctlr_el1\n\t"
      "orr x9, x9, #1\n\t"
      "msr sctlr_el1, x9\n\t"
      "isb" ::"r"(0xffull),
      "r"(root), "r"(25ull | 3ull << 12 | 1ull << 10 | 1ull << 8 | 1ull << 23 | 2ull << 32)
      : "x9", "memory");
  (void)peek(kernel_image);
  return escaped("stage 1 tables gave access to the kernel");
}

Verdict clean_by_set_and_way() {
  asm volatile("dc cisw, xzr" ::: "memory");
  return escaped("a cache operation by set and way was executed");
}
/// Throws away its own translations as fast as it can; others must not be slowed down nor lose theirs.
Verdict invalidate_tlb_storm() {
  for (int i = 0; i < 2000; ++i) asm volatile("tlbi vmalle1is\n\tdsb ish" ::: "memory");
  return contained("own translations only");
}
/// TLB maintenance that belongs to EL2: UNDEFINED at EL1.
Verdict invalidate_all_tlb() {
  install_vectors();
  asm volatile("tlbi alle1\n\ttlbi alle2\n\ttlbi ipas2e1is, xzr\n\tat s12e1r, xzr\n\tat s1e2r, xzr" ::: "memory");
  return attack_exceptions.count == 5 ? contained("undefined at EL1") : escaped("EL2 maintenance was executed");
}
/// Address translation of a kernel address: must fail, and must not tell where anything is.
Verdict translate_kernel_address() {
  if (own_slot(kernel_image)) return escaped("misconfigured");
  std::uint64_t result = 0;
  asm volatile("at s1e1r, %1\n\tisb\n\tmrs %0, par_el1" : "=r"(result) : "r"(kernel_image) : "memory");
  // Stage 1 is off, so stage 1 alone is the identity: the agent learns nothing it did not put in.
  const bool failed = (result & 1) != 0;
  const bool identity = (result & 0x0000fffffffff000) == kernel_image;
  return failed || identity ? contained("stage 1 only") : escaped("a machine address leaked");
}

/// Spins for ever. The YIELD hint, which no hypervisor sees, lets an emulator that runs the cores in turn go to the next.
[[noreturn]] void spin() {
  for (;;) {
    for (int i = 0; i < 4000; ++i) asm volatile("");
    asm volatile("yield");
  }
}
[[noreturn]] Verdict endless_loop() { spin(); }
[[noreturn]] Verdict endless_loop_masked() {
  asm volatile("msr daifset, #15");
  spin();
}
[[noreturn]] Verdict endless_wait_for_interrupt() {
  for (;;) asm volatile("wfi");
}
[[noreturn]] Verdict endless_wait_for_event() {
  asm volatile("msr daifset, #15");
  for (;;) asm volatile("sevl\n\twfe\n\twfe");
}
/// A level-triggered timer interrupt that is never acknowledged must not drown the core.
Verdict virtual_timer_storm() {
  asm volatile("msr cntv_cval_el0, xzr\n\tmsr cntv_ctl_el0, %0\n\tisb" ::"r"(1ull));
  const Nanoseconds end = now() + milliseconds(5);
  while (now() < end) {
  }
  asm volatile("msr cntv_ctl_el0, xzr\n\tisb");
  return contained("no interrupt of it reached anyone");
}

constexpr Attack machine_table[] = {
    {"secure-monitor-call", secure_monitor_call},
    {"hvc-immediate", hypervisor_call_immediate},
    {"undefined-instruction", undefined_instruction},
    {"breakpoint", breakpoint_instruction},
    {"return-to-el2", return_to_el2},
    {"return-to-el3", return_to_el3},
    {"vectors-in-kernel", vectors_in_kernel},
    {"own-page-tables", own_page_tables},
    {"cache-set-way", clean_by_set_and_way},
    {"tlbi-storm", invalidate_tlb_storm},
    {"tlbi-all", invalidate_all_tlb},
    {"translate-kernel", translate_kernel_address},
    {"endless-loop", endless_loop},
    {"endless-loop-masked", endless_loop_masked},
    {"endless-wfi", endless_wait_for_interrupt},
    {"endless-wfe", endless_wait_for_event},
    {"virtual-timer-storm", virtual_timer_storm},
};

}  // namespace

constexpr std::span<const Attack> machine_attacks{machine_table};

}  // namespace attacks
