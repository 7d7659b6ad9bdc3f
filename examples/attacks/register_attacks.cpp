// SPDX-License-Identifier: MIT OR Apache-2.0
//
// System registers that are not this agent's, and registers that might still hold what another agent left in them.
#include "attack.hpp"
#include "exceptions.hpp"

namespace attacks {

namespace {

/// Registers of EL2, all UNDEFINED at EL1: every access must be refused, and none may change anything.
Verdict el2_registers() {
  install_vectors();
  std::uint64_t value = 0;
  asm volatile(
      "mrs %0, hcr_el2\n\tmsr hcr_el2, xzr\n\t"
      "mrs %0, vttbr_el2\n\tmsr vttbr_el2, xzr\n\t"
      "mrs %0, vtcr_el2\n\tmsr vtcr_el2, xzr\n\t"
      "mrs %0, sctlr_el2\n\tmsr sctlr_el2, xzr\n\t"
      "mrs %0, ttbr0_el2\n\tmsr ttbr0_el2, xzr\n\t"
      "mrs %0, vbar_el2\n\tmsr vbar_el2, xzr\n\t"
      "mrs %0, elr_el2\n\tmsr spsr_el2, xzr\n\t"
      "mrs %0, tpidr_el2\n\tmsr cptr_el2, xzr\n\t"
      "mrs %0, mdcr_el2\n\tmsr cnthctl_el2, xzr\n\t"
      "mrs %0, hpfar_el2\n\tmsr cntvoff_el2, xzr\n\t"
      "mrs %0, vmpidr_el2\n\tmsr sp_el1, xzr\n\t"
      : "+r"(value)
      :
      : "memory");
  return attack_exceptions.count == 22 && value == 0 ? contained("undefined at EL1")
                                                     : escaped("an EL2 register was reachable");
}
/// The hypervisor's own timer.
Verdict el2_timer() {
  install_vectors();
  std::uint64_t value = 0;
  asm volatile("mrs %0, cnthp_ctl_el2\n\tmsr cnthp_ctl_el2, xzr\n\tmsr cnthp_cval_el2, xzr\n\tmsr cnthp_tval_el2, xzr"
               : "+r"(value)::"memory");
  return attack_exceptions.count == 4 && value == 0 ? contained("undefined at EL1")
                                                    : escaped("the hypervisor's timer was reachable");
}
/// EL1's physical timer: its interrupt would go to the hypervisor.
Verdict physical_timer() {
  asm volatile("msr cntp_cval_el0, xzr\n\tmsr cntp_ctl_el0, %0\n\tisb" ::"r"(1ull));
  return escaped("the physical timer was programmed");
}

/// Interrupts to other cores.
Verdict send_interrupts() {
  asm volatile("msr S3_0_C12_C11_5, %0\n\tisb" ::"r"(std::uint64_t{1} << 40 | std::uint64_t{1} << 24)
               : "memory");  // ICC_SGI1R_EL1, all but self
  return escaped("an interrupt was sent to other cores");
}
/// Takes an interrupt away from the hypervisor by acknowledging it.
Verdict acknowledge_interrupt() {
  std::uint64_t id = 0;
  asm volatile("mrs %0, S3_0_C12_C12_0\n\tisb" : "=r"(id)::"memory");  // ICC_IAR1_EL1
  return id >= 1020 && id <= 1023 ? contained("only the virtual interface answers")
                                  : escaped("a physical interrupt was taken");
}
Verdict mask_interrupt_controller() {
  asm volatile("msr S3_0_C4_C6_0, xzr\n\tmsr S3_0_C12_C12_7, xzr\n\tisb" ::: "memory");  // ICC_PMR_EL1, ICC_IGRPEN1_EL1
  // Reached only if the port gives agents a virtual interface; pre-emption must go on, which the director sees.
  const Nanoseconds end = now() + milliseconds(3);
  while (now() < end) {
  }
  return contained("only the virtual interface answers");
}
Verdict performance_monitors() {
  std::uint64_t value = 0;
  asm volatile("msr pmcr_el0, %1\n\tmrs %0, pmccntr_el0" : "=r"(value) : "r"(1ull) : "memory");
  return escaped("the performance monitors can be used");
}
Verdict debug_registers() {
  asm volatile("msr mdscr_el1, %0\n\tmsr dbgbvr0_el1, %1\n\tmsr dbgbcr0_el1, %2\n\tisb" ::"r"(1ull << 15),
               "r"(kernel_image), "r"(0x1e7ull)
               : "memory");
  return escaped("hardware breakpoints can be set");
}
Verdict os_lock() {
  asm volatile("msr oslar_el1, xzr\n\tisb" ::: "memory");
  return escaped("the debug lock was opened");
}
/// Implementation-defined registers (cache and bus control on Cortex-A): L2CTLR_EL1. A processor that can trap it stops
/// the agent; on one that cannot, writing must have no effect.
Verdict implementation_registers() {
  std::uint64_t before = 0;
  std::uint64_t after = 0;
  asm volatile("mrs %0, S3_1_C11_C0_2\n\tmvn %1, %0\n\tmsr S3_1_C11_C0_2, %1\n\tisb\n\tmrs %1, S3_1_C11_C0_2"
               : "=&r"(before), "=&r"(after)
               :
               : "memory");
  return before == after ? contained("the write had no effect")
                         : escaped("an implementation-defined control register was changed");
}
/// Auxiliary control: ACTLR_EL1 is trapped by HCR_EL2.TACR.
Verdict auxiliary_control() {
  asm volatile("msr actlr_el1, %0\n\tisb" ::"r"(~0ull) : "memory");
  return escaped("the auxiliary control register was written");
}

// ---- what others left behind -----------------------------------------------------------------------------------------

struct El1Registers {
  std::uint64_t values[16];
};
El1Registers read_el1() {
  El1Registers r{};
  asm volatile(
      "mrs x9, tpidr_el0\n\tmrs x10, tpidr_el1\n\tstp x9, x10, [%0]\n\t"
      "mrs x9, tpidrro_el0\n\tmrs x10, contextidr_el1\n\tstp x9, x10, [%0, #16]\n\t"
      "mrs x9, ttbr0_el1\n\tmrs x10, ttbr1_el1\n\tstp x9, x10, [%0, #32]\n\t"
      "mrs x9, vbar_el1\n\tmrs x10, mair_el1\n\tstp x9, x10, [%0, #48]\n\t"
      "mrs x9, esr_el1\n\tmrs x10, far_el1\n\tstp x9, x10, [%0, #64]\n\t"
      "mrs x9, elr_el1\n\tmrs x10, spsr_el1\n\tstp x9, x10, [%0, #80]\n\t"
      "mrs x9, sp_el0\n\tmrs x10, par_el1\n\tstp x9, x10, [%0, #96]\n\t"
      "mrs x9, csselr_el1\n\tmrs x10, cntkctl_el1\n\tstp x9, x10, [%0, #112]" ::"r"(r.values)
      : "x9", "x10", "memory");
  return r;
}

/// First: nothing of anyone else in EL1's registers. Then a pattern in those that hold any value, kept across many
/// switches; two of these agents run on one core with different patterns.
Verdict el1_register_leak() {
  const El1Registers first = read_el1();
  for (const std::uint64_t v : first.values)
    if (v != 0) return escaped("a system register was not clear at the start");
  const std::uint64_t pattern = std::uint64_t{0xa77ac4} << 32 | info().agent_id << 16;
  asm volatile(
      "msr tpidr_el0, %0\n\tmsr tpidr_el1, %0\n\tmsr tpidrro_el0, %0\n\tmsr sp_el0, %0\n\tmsr elr_el1, %0\n\t"
      "msr far_el1, %0\n\tmsr mair_el1, %0" ::"r"(pattern)
      : "memory");
  for (int round = 0; round < 40; ++round) {
    yield();
    const El1Registers r = read_el1();
    for (const unsigned i : {0u, 1u, 2u, 7u, 9u, 10u, 12u})
      if (r.values[i] != pattern) return escaped("a system register was changed by someone else");
  }
  return contained("kept its own");
}

constexpr Attack register_table[] = {
    {"el2-registers", el2_registers},
    {"el2-timer", el2_timer},
    {"physical-timer", physical_timer},
    {"send-interrupts", send_interrupts},
    {"acknowledge-interrupt", acknowledge_interrupt},
    {"mask-gic-interface", mask_interrupt_controller},
    {"performance-monitors", performance_monitors},
    {"debug-registers", debug_registers},
    {"debug-os-lock", os_lock},
    {"implementation-regs", implementation_registers},
    {"auxiliary-control", auxiliary_control},
    {"el1-register-leak", el1_register_leak},
};

}  // namespace

constexpr std::span<const Attack> register_attacks{register_table};

}  // namespace attacks
