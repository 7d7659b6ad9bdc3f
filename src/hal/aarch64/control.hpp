// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What EL1 may do: the values of the EL2 control registers. Everything that is not given to an agent traps.
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "register.hpp"
#include "rvm/hal/port.hpp"
#include "system_register.hpp"

namespace rvm::hal {

/// HCR_EL2 (Arm ARM D19.2.48).
struct HypervisorControl : Register<HypervisorControl, std::uint64_t> {
  using F = Field<HypervisorControl>;
  static constexpr F stage_two{0}, set_way_override{1}, protected_walk{2}, route_fiq{3}, route_irq{4}, route_serror{5},
      default_cacheable{12}, trap_wfi{13}, trap_wfe{14}, trap_id_1{16}, trap_smc{19}, trap_implementation_defined{20},
      trap_auxiliary_control{21}, trap_set_way{22}, trap_tlb{25}, trap_stage_one_writes{26}, el1_is_64_bit{31},
      trap_limited_ordering{35}, trap_error_records{36}, route_external_aborts{37}, trap_memory_tags_id{58};

  /// For agents that run their own stage 1.
  [[nodiscard]] static constexpr HypervisorControl with_stage_one() {
    return HypervisorControl{}
        .with(stage_two)
        .with(set_way_override)
        .with(protected_walk)
        .with(route_fiq)
        .with(route_irq)
        .with(route_serror)
        .with(trap_wfi)
        .with(trap_wfe)
        .with(trap_id_1)
        .with(trap_smc)
        .with(trap_implementation_defined)
        .with(trap_auxiliary_control)
        .with(trap_set_way)
        .with(el1_is_64_bit)
        .with(trap_limited_ordering)
        .with(trap_error_records)
        .with(route_external_aborts)
        .with(trap_memory_tags_id);
  }
  /// For all others: stage 1 is off and cacheable, its registers and TLB instructions trap.
  [[nodiscard]] static constexpr HypervisorControl plain() {
    return with_stage_one().with(default_cacheable).with(trap_tlb).with(trap_stage_one_writes);
  }
};

/// CPTR_EL2 with HCR_EL2.E2H = 0 (Arm ARM D19.2.31).
struct FeatureTraps : Register<FeatureTraps, std::uint64_t> {
  using F = Field<FeatureTraps>;
  static constexpr F reserved_ones{0, 8}, scalable_vectors{8}, reserved_one_9{9}, floating_point{10},
      scalable_matrix{12}, reserved_one_13{13}, trace{20}, activity_monitors{30}, access_control{31};

  [[nodiscard]] static constexpr FeatureTraps with_vectors() {
    return FeatureTraps{}
        .with(reserved_ones, 0xff)
        .with(scalable_vectors)
        .with(reserved_one_9)
        .with(scalable_matrix)
        .with(reserved_one_13)
        .with(trace)
        .with(activity_monitors)
        .with(access_control);
  }
  [[nodiscard]] static constexpr FeatureTraps plain() { return with_vectors().with(floating_point); }
};

/// SCTLR_EL1 of a context that never wrote it: MMU off, caches on, the bits that are 1 by architecture.
inline constexpr std::uint64_t initial_sctlr_el1 = 0x30d0'0800 | 1 << 2 | 1 << 12;
inline constexpr std::uint64_t sctlr_mmu_on = 1;

/// Whether the CPU has registers that plain switches must also move: TPIDR2_EL0 (SME) or VDISR_EL2 (RAS).
[[nodiscard]] bool has_scalable_matrix();
[[nodiscard]] bool has_error_records();

/// Geometry of stage 2 on this CPU; an error is a text for people. Arm ARM D8.2.8 (table D8-16) for the start levels.
[[nodiscard]] std::expected<TranslationGeometry, std::string_view> find_geometry();

/// Sets every control register of the calling core. No agent's state is live afterwards.
void configure_core(Core& core, const TranslationGeometry& geometry);

/// Lets agents use the performance counters, on cores configured from now on.
void permit_counters();

/// Root of an empty stage 2, for cores without an agent.
[[nodiscard]] std::uint64_t empty_root();

}  // namespace rvm::hal
