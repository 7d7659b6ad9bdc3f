// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One type per system register, with read() and write(). A register that the assembler does not know at our architecture
// level is named by its encoding, S<op0>_<op1>_C<n>_C<m>_<op2> (Arm ARM D18).
#pragma once

#include <cstdint>

namespace rvm::hal::sysreg {

#define RVM_SYSTEM_REGISTER_NAMED(type, name) \
  struct type { \
    [[nodiscard]] static std::uint64_t read() { \
      std::uint64_t value; \
      asm volatile("mrs %0, " name : "=r"(value)); \
      return value; \
    } \
    static void write(std::uint64_t value) { \
      if (__builtin_constant_p(value) && value == 0) { \
        asm volatile("msr " name ", xzr"); \
      } else { \
        asm volatile("msr " name ", %0" : : "r"(value)); \
      } \
    } \
  };
#define RVM_SYSTEM_REGISTER(name) RVM_SYSTEM_REGISTER_NAMED(name, #name)

// Agents' registers.
RVM_SYSTEM_REGISTER(sp_el0)
RVM_SYSTEM_REGISTER(sp_el1)
RVM_SYSTEM_REGISTER(elr_el1)
RVM_SYSTEM_REGISTER(spsr_el1)
RVM_SYSTEM_REGISTER(esr_el1)
RVM_SYSTEM_REGISTER(far_el1)
RVM_SYSTEM_REGISTER(vbar_el1)
RVM_SYSTEM_REGISTER(tpidr_el1)
RVM_SYSTEM_REGISTER(tpidr_el0)
RVM_SYSTEM_REGISTER(tpidrro_el0)
RVM_SYSTEM_REGISTER_NAMED(tpidr2_el0, "S3_3_C13_C0_5")
RVM_SYSTEM_REGISTER(par_el1)
RVM_SYSTEM_REGISTER(cntkctl_el1)
RVM_SYSTEM_REGISTER(csselr_el1)
RVM_SYSTEM_REGISTER(sctlr_el1)
RVM_SYSTEM_REGISTER(ttbr0_el1)
RVM_SYSTEM_REGISTER(ttbr1_el1)
RVM_SYSTEM_REGISTER(tcr_el1)
RVM_SYSTEM_REGISTER(mair_el1)
RVM_SYSTEM_REGISTER(amair_el1)
RVM_SYSTEM_REGISTER(contextidr_el1)
RVM_SYSTEM_REGISTER(afsr0_el1)
RVM_SYSTEM_REGISTER(afsr1_el1)
RVM_SYSTEM_REGISTER(cpacr_el1)
RVM_SYSTEM_REGISTER(mdscr_el1)
RVM_SYSTEM_REGISTER(cntv_ctl_el0)
RVM_SYSTEM_REGISTER(cntv_cval_el0)
RVM_SYSTEM_REGISTER_NAMED(vdisr_el2, "S3_4_C12_C1_1")

// Identification.
RVM_SYSTEM_REGISTER(midr_el1)
RVM_SYSTEM_REGISTER(mpidr_el1)
RVM_SYSTEM_REGISTER(ctr_el0)
RVM_SYSTEM_REGISTER(dczid_el0)
RVM_SYSTEM_REGISTER(id_aa64pfr0_el1)
RVM_SYSTEM_REGISTER(id_aa64pfr1_el1)
RVM_SYSTEM_REGISTER(id_aa64dfr0_el1)
RVM_SYSTEM_REGISTER(id_aa64mmfr0_el1)
RVM_SYSTEM_REGISTER(id_aa64mmfr1_el1)

// Control of what EL1 may do.
RVM_SYSTEM_REGISTER(hcr_el2)
RVM_SYSTEM_REGISTER_NAMED(hcrx_el2, "S3_4_C1_C2_2")
RVM_SYSTEM_REGISTER(hacr_el2)
RVM_SYSTEM_REGISTER(hstr_el2)
RVM_SYSTEM_REGISTER(cptr_el2)
RVM_SYSTEM_REGISTER(mdcr_el2)
RVM_SYSTEM_REGISTER(cnthctl_el2)
RVM_SYSTEM_REGISTER(cntvoff_el2)
RVM_SYSTEM_REGISTER(vpidr_el2)
RVM_SYSTEM_REGISTER(vmpidr_el2)
RVM_SYSTEM_REGISTER(vtcr_el2)
RVM_SYSTEM_REGISTER(vttbr_el2)
RVM_SYSTEM_REGISTER_NAMED(mpam2_el2, "S3_4_C10_C5_0")
RVM_SYSTEM_REGISTER_NAMED(hfgrtr_el2, "S3_4_C1_C1_4")
RVM_SYSTEM_REGISTER_NAMED(hfgwtr_el2, "S3_4_C1_C1_5")
RVM_SYSTEM_REGISTER_NAMED(hfgitr_el2, "S3_4_C1_C1_6")
RVM_SYSTEM_REGISTER_NAMED(hdfgrtr_el2, "S3_4_C3_C1_4")
RVM_SYSTEM_REGISTER_NAMED(hdfgwtr_el2, "S3_4_C3_C1_5")
RVM_SYSTEM_REGISTER_NAMED(pmcr_el0, "S3_3_C9_C12_0")

// The kernel's own.
RVM_SYSTEM_REGISTER(esr_el2)
RVM_SYSTEM_REGISTER(far_el2)
RVM_SYSTEM_REGISTER(hpfar_el2)
RVM_SYSTEM_REGISTER(tpidr_el2)
RVM_SYSTEM_REGISTER(cntfrq_el0)
RVM_SYSTEM_REGISTER(cntpct_el0)
RVM_SYSTEM_REGISTER(cnthp_ctl_el2)
RVM_SYSTEM_REGISTER(cnthp_cval_el2)

// GICv3 (IHI 0069).
RVM_SYSTEM_REGISTER_NAMED(icc_sre_el2, "S3_4_C12_C9_5")
RVM_SYSTEM_REGISTER_NAMED(icc_pmr_el1, "S3_0_C4_C6_0")
RVM_SYSTEM_REGISTER_NAMED(icc_bpr1_el1, "S3_0_C12_C12_3")
RVM_SYSTEM_REGISTER_NAMED(icc_ctlr_el1, "S3_0_C12_C12_4")
RVM_SYSTEM_REGISTER_NAMED(icc_igrpen1_el1, "S3_0_C12_C12_7")
RVM_SYSTEM_REGISTER_NAMED(icc_iar1_el1, "S3_0_C12_C12_0")
RVM_SYSTEM_REGISTER_NAMED(icc_eoir1_el1, "S3_0_C12_C12_1")
RVM_SYSTEM_REGISTER_NAMED(icc_sgi1r_el1, "S3_0_C12_C11_5")
RVM_SYSTEM_REGISTER_NAMED(ich_hcr_el2, "S3_4_C12_C11_0")

#undef RVM_SYSTEM_REGISTER
#undef RVM_SYSTEM_REGISTER_NAMED

/// Bits [low, low + width) of an identification register.
[[nodiscard]] constexpr std::uint64_t field(std::uint64_t value, unsigned low, unsigned width = 4) {
  return value >> low & ((std::uint64_t{1} << width) - 1);
}

}  // namespace rvm::hal::sysreg

namespace rvm::hal {
/// Context synchronisation: system register writes before it apply to what follows (Arm ARM B2.3.9).
inline void instruction_barrier() { asm volatile("isb" : : : "memory"); }
}  // namespace rvm::hal
