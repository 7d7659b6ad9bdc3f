// SPDX-License-Identifier: MIT OR Apache-2.0
#include "control.hpp"

#include <array>

namespace rvm::hal {
namespace {

using namespace sysreg;

/// VTCR_EL2 (Arm ARM D19.2.160).
struct StageTwoControl : Register<StageTwoControl, std::uint64_t> {
  using F = Field<StageTwoControl>;
  static constexpr F size_offset{0, 6}, start{6, 2}, inner_cache{8, 2}, outer_cache{10, 2}, shareability{12, 2},
      physical_size{16, 3}, vmid_16{19}, reserved_one{31};
};

/// MDCR_EL2 (Arm ARM D19.3.17).
struct MonitorControl : Register<MonitorControl, std::uint64_t> {
  using F = Field<MonitorControl>;
  static constexpr F counters{0, 5}, trap_counter_control{5}, trap_counters{6}, trap_exceptions{8}, trap_debug{9},
      trap_os_lock{10}, trap_rom{11}, trap_profiling{14}, trap_trace_filter{19};
};

/// Two pages, aligned to their size, so that it serves as root in both geometries. Always zero.
alignas(2 * page_bytes) constinit std::array<std::byte, 2 * page_bytes> empty_tables{};

constinit bool counters_permitted = false;

std::uint64_t physical_size() { return field(id_aa64mmfr0_el1::read(), 0); }

void configure_translation(const TranslationGeometry& geometry) {
  using C = StageTwoControl;
  constexpr std::uint64_t write_back = 1, inner_shareable = 3;
  const std::uint64_t largest = 5;  // 48 bits; more needs 52-bit addressing
  vtcr_el2::write(C{}.with(C::size_offset, 64 - geometry.address_bits)
                      .with(C::start, geometry.start_level == 0 ? 2 : 1)
                      .with(C::inner_cache, write_back)
                      .with(C::outer_cache, write_back)
                      .with(C::shareability, inner_shareable)
                      .with(C::physical_size, physical_size() < largest ? physical_size() : largest)
                      .with(C::vmid_16, geometry.vmid_bits == 16 ? 1 : 0)
                      .with(C::reserved_one)
                      .raw);
  vttbr_el2::write(empty_root());
}

void configure_traps() {
  hcr_el2::write(HypervisorControl::plain().raw);
  cptr_el2::write(FeatureTraps::plain().raw);
  hstr_el2::write(0xffff & ~(1u << 4 | 1u << 14));  // every AArch32 system register group
  hacr_el2::write(0);
  cnthctl_el2::write(0);  // physical counter and timer trap; the virtual counter reads the same clock
  cntvoff_el2::write(0);
  vpidr_el2::write(midr_el1::read());
  vmpidr_el2::write(std::uint64_t{1} << 31 | std::uint64_t{1} << 30);  // agents see a machine with one core

  using M = MonitorControl;
  M monitor = M{}.with(M::trap_exceptions).with(M::trap_debug).with(M::trap_os_lock).with(M::trap_rom);
  const std::uint64_t debug = id_aa64dfr0_el1::read();
  if (const auto pmu = field(debug, 8); pmu != 0 && pmu != 0xf) {
    const std::uint64_t trapped = counters_permitted ? 0 : 1;
    monitor = monitor.with(M::trap_counter_control, trapped)
                  .with(M::trap_counters, trapped)
                  .with(M::counters, field(pmcr_el0::read(), 11, 5));
  }
  if (field(debug, 32) != 0) monitor = monitor.with(M::trap_profiling);
  if (field(debug, 40) != 0) monitor = monitor.with(M::trap_trace_filter);
  mdcr_el2::write(monitor.raw);

  // Fine-grained and extended controls start undefined. Zero leaves the traps above as they are, and traps or disables every
  // feature whose bit is "1 permits".
  if (field(id_aa64mmfr0_el1::read(), 56) != 0) {
    hfgrtr_el2::write(0);
    hfgwtr_el2::write(0);
    hfgitr_el2::write(0);
    hdfgrtr_el2::write(0);
    hdfgwtr_el2::write(0);
  }
  if (field(id_aa64mmfr1_el1::read(), 40) != 0) hcrx_el2::write(0);
  if (field(id_aa64pfr0_el1::read(), 40) != 0 || field(id_aa64pfr1_el1::read(), 16) != 0) {
    mpam2_el2::write(std::uint64_t{3} << 48);  // TRAPMPAM0EL1, TRAPMPAM1EL1
  }
}

/// What the registers hold for a context that never touched them; switch_context relies on it.
void reset_agent_registers() {
  sctlr_el1::write(initial_sctlr_el1);
  ttbr0_el1::write(0);
  ttbr1_el1::write(0);
  tcr_el1::write(0);
  mair_el1::write(0);
  amair_el1::write(0);
  contextidr_el1::write(0);
  afsr0_el1::write(0);
  afsr1_el1::write(0);
  mdscr_el1::write(0);
  cpacr_el1::write(std::uint64_t{3} << 20);  // floating point is ours to trap, not EL1's; EL1's own accesses to it trap
  cntv_ctl_el0::write(0);
  cntv_cval_el0::write(0);
}

}  // namespace

bool has_scalable_matrix() { return field(id_aa64pfr1_el1::read(), 24) != 0; }
bool has_error_records() { return field(id_aa64pfr0_el1::read(), 28) != 0; }

void permit_counters() { counters_permitted = true; }

std::uint64_t empty_root() { return reinterpret_cast<std::uint64_t>(empty_tables.data()); }

std::expected<TranslationGeometry, std::string_view> find_geometry() {
  const std::uint64_t size = physical_size();
  constexpr std::uint64_t bits_40 = 2, bits_44 = 4;
  if (size < bits_40) return std::unexpected{"this processor has fewer than 40 physical address bits"};
  if (field(id_aa64mmfr0_el1::read(), 28) == 0xf)
    return std::unexpected{"this processor has no 4 KiB translation granule"};
  const unsigned vmid_bits = field(id_aa64mmfr1_el1::read(), 4) == 2 ? 16 : 8;
  if (size < bits_44) {
    return TranslationGeometry{.address_bits = 40,
                               .start_level = 1,
                               .root_pages = 2,
                               .vmid_bits = vmid_bits,
                               .slot_bytes = std::uint64_t{256} << 20};
  }
  return TranslationGeometry{.address_bits = 44,
                             .start_level = 0,
                             .root_pages = 1,
                             .vmid_bits = vmid_bits,
                             .slot_bytes = std::uint64_t{1} << 30};
}

void configure_core(Core& core, const TranslationGeometry& geometry) {
  configure_translation(geometry);
  configure_traps();
  reset_agent_registers();
  core.live = has_scalable_matrix() || has_error_records() ? Extended::rare : Extended::none;
  instruction_barrier();
  asm volatile("tlbi alle1\n\tdsb nsh\n\tisb" : : : "memory");
}

}  // namespace rvm::hal
