// SPDX-License-Identifier: MIT OR Apache-2.0
#include "gic.hpp"

#include "register.hpp"
#include "system_register.hpp"

namespace rvm::hal {
namespace {

using namespace sysreg;

constinit unsigned version = 0;
constinit DeviceRegisters distributor;
constinit DeviceRegisters cpu_interface;             // version 2
constinit FixedList<MemoryRange, 4> redistributors;  // version 3

/// The registers with a bit, two bits or a byte per interrupt lie at the same offsets in a distributor and in the private
/// frame of a redistributor.
namespace at {
constexpr std::uint64_t control = 0x000, type = 0x004, group = 0x080, enable = 0x100, disable = 0x180,
                        clear_pending = 0x280, priority = 0x400, target = 0x800, configuration = 0xc00,
                        software_interrupt = 0xf00, route = 0x6000;
}
namespace at_interface {
constexpr std::uint64_t control = 0x000, priority_mask = 0x004, binary_point = 0x008, acknowledge = 0x00c, end = 0x010;
}
namespace at_redistributor {
constexpr std::uint64_t type = 0x008, waker = 0x014, private_frame = 0x10000, frame = 0x20000,
                        frame_with_virtual = 0x40000;
}

struct DistributorControl : Register<DistributorControl, std::uint32_t> {
  static constexpr Field<DistributorControl> enable_group_0{0}, enable_group_1{1}, affinity_routing{4},
      write_pending{31};
};
struct RedistributorType : Register<RedistributorType, std::uint64_t> {
  static constexpr Field<RedistributorType> virtual_lpis{1}, last{4}, affinity{32, 32};
};
struct Waker : Register<Waker, std::uint32_t> {
  static constexpr Field<Waker> processor_sleep{1}, children_asleep{2};
};
struct SystemRegisterEnable : Register<SystemRegisterEnable, std::uint64_t> {
  static constexpr Field<SystemRegisterEnable> enable{0}, no_fiq_bypass{1}, no_irq_bypass{2};
};
/// ICH_HCR_EL2: every access of EL1 to the CPU interface traps.
struct VirtualInterfaceControl : Register<VirtualInterfaceControl, std::uint64_t> {
  static constexpr Field<VirtualInterfaceControl> trap_common{10}, trap_group_0{11}, trap_group_1{12}, trap_errors{13},
      trap_deactivate{14};
};
/// ICC_SGI1R_EL1.
struct SoftwareInterrupt : Register<SoftwareInterrupt, std::uint64_t> {
  static constexpr Field<SoftwareInterrupt> targets{0, 16}, affinity_1{16, 8}, number{24, 4}, affinity_2{32, 8},
      range{44, 4}, affinity_3{48, 8};
};

constexpr std::uint8_t normal_priority = 0x80;

/// MPIDR_EL1 affinity as 32 bits: Aff3 down to Aff0.
std::uint32_t packed_affinity(std::uint64_t mpidr) {
  return static_cast<std::uint32_t>((mpidr >> 32 & 0xff) << 24 | (mpidr & 0xff'ffff));
}

void set_up_line(DeviceRegisters r, InterruptLine line) {
  const std::uint64_t word = line.number / 32 * 4;
  const std::uint32_t bit = 1u << line.number % 32;
  // Version 3: group 1, where the group is ours to set. Version 2: whatever group the firmware left us.
  if (version == 3) r.write(at::group + word, r.read(at::group + word) | bit);
  r.write(at::priority + line.number, normal_priority);
  if (line.number >= 16) {
    const std::uint64_t pair = at::configuration + line.number / 16 * 4;
    const std::uint32_t edge = 2u << line.number % 16 * 2;
    r.write(pair, line.edge ? r.read(pair) | edge : r.read(pair) & ~edge);
  }
  r.write(at::clear_pending + word, bit);
  r.write(at::enable + word, bit);
}

void wait_for_distributor() {
  while (DistributorControl{{.raw = distributor.read(at::control)}}.has(DistributorControl::write_pending)) {
  }
}

std::expected<std::uint64_t, std::string_view> find_redistributor(std::uint64_t mpidr) {
  for (const MemoryRange& region : redistributors) {
    for (std::uint64_t base = region.base.value; base - region.base.value < region.bytes;) {
      const DeviceRegisters r{base};
      const RedistributorType type{{.raw = r.read<std::uint64_t>(at_redistributor::type)}};
      if (type.get(RedistributorType::affinity) == packed_affinity(mpidr)) return base;
      if (type.has(RedistributorType::last)) break;
      base +=
          type.has(RedistributorType::virtual_lpis) ? at_redistributor::frame_with_virtual : at_redistributor::frame;
    }
  }
  return std::unexpected{"no GICv3 redistributor for this core"};
}

std::expected<void, std::string_view> begin_core_version_3(Core& core, InterruptLine timer) {
  using S = SystemRegisterEnable;
  // Bit 3 (Enable) stays 0: EL1 cannot reach even ICC_SRE_EL1.
  icc_sre_el2::write(S{}.with(S::enable).with(S::no_fiq_bypass).with(S::no_irq_bypass).raw);
  instruction_barrier();
  if (!S{{.raw = icc_sre_el2::read()}}.has(S::enable))
    return std::unexpected{"the GICv3 system registers cannot be enabled"};
  const auto found = find_redistributor(core.affinity);
  if (!found) return std::unexpected{found.error()};
  core.gic_interface = *found;
  const DeviceRegisters redistributor{*found};
  redistributor.write(at_redistributor::waker,
                      Waker{{.raw = redistributor.read(at_redistributor::waker)}}.with(Waker::processor_sleep, 0).raw);
  while (Waker{{.raw = redistributor.read(at_redistributor::waker)}}.has(Waker::children_asleep)) {
  }
  const DeviceRegisters frame{*found + at_redistributor::private_frame};
  frame.write(at::disable, ~std::uint32_t{0});
  set_up_line(frame, {.number = reschedule_interrupt, .edge = true});
  set_up_line(frame, timer);

  using V = VirtualInterfaceControl;
  ich_hcr_el2::write(V{}.with(V::trap_common)
                         .with(V::trap_group_0)
                         .with(V::trap_group_1)
                         .with(V::trap_errors)
                         .with(V::trap_deactivate)
                         .raw);
  icc_pmr_el1::write(0xff);
  icc_bpr1_el1::write(0);
  icc_ctlr_el1::write(0);  // end of interrupt also deactivates
  icc_igrpen1_el1::write(1);
  instruction_barrier();
  return {};
}

void begin_core_version_2(Core& core, InterruptLine timer) {
  // The target registers of private interrupts read as the core's own bit; 0 on a single-core controller.
  const std::uint32_t own = distributor.read(at::target) & 0xff;
  core.gic_interface = own != 0 ? own : 1;
  distributor.write(at::disable, ~std::uint32_t{0});
  set_up_line(distributor, {.number = reschedule_interrupt, .edge = true});
  set_up_line(distributor, timer);
  cpu_interface.write(at_interface::priority_mask, std::uint32_t{0xff});
  cpu_interface.write(at_interface::binary_point, std::uint32_t{0});
  cpu_interface.write(at_interface::control, std::uint32_t{1});
}

}  // namespace

void begin_interrupts(const GicDescription& gic) {
  version = gic.version;
  distributor = DeviceRegisters{gic.distributor.base.value};
  cpu_interface = DeviceRegisters{gic.cpu_interface.base.value};
  redistributors = gic.redistributors;

  distributor.write(at::control, std::uint32_t{0});
  if (version == 3) wait_for_distributor();
  const std::uint32_t words = (distributor.read(at::type) & 0x1f) + 1;
  for (std::uint32_t i = 1; i < words; ++i) distributor.write(at::disable + i * 4, ~std::uint32_t{0});
  using C = DistributorControl;
  // Version 2 shows the one group that is ours as bit 0.
  const C control = version == 3 ? C{}.with(C::enable_group_1).with(C::affinity_routing) : C{}.with(C::enable_group_0);
  distributor.write(at::control, control.raw);
  if (version == 3) wait_for_distributor();
}

std::expected<void, std::string_view> begin_core_interrupts(Core& core, InterruptLine timer) {
  if (version == 3) return begin_core_version_3(core, timer);
  begin_core_version_2(core, timer);
  return {};
}

void enable_device_interrupt(InterruptLine line, const Core& core) {
  if (version == 3) {
    const std::uint64_t target = (core.affinity & 0xff'00ff'ffff);
    distributor.write<std::uint64_t>(at::route + line.number * 8, target);
  } else {
    distributor.write(at::target + line.number, static_cast<std::uint8_t>(core.gic_interface));
  }
  set_up_line(distributor, line);
}

void resume_device_interrupt(InterruptLine line) {
  distributor.write(at::enable + line.number / 32 * 4, 1u << line.number % 32);
}

void disable_device_interrupt(InterruptLine line) {
  distributor.write(at::disable + line.number / 32 * 4, 1u << line.number % 32);
}

void send_core_interrupt(const Core& target) {
  // What this core wrote is visible to the other before the interrupt is.
  asm volatile("dsb ishst" : : : "memory");
  if (version == 3) {
    const std::uint64_t a = target.affinity;
    using S = SoftwareInterrupt;
    icc_sgi1r_el1::write(S{}.with(S::targets, std::uint64_t{1} << (a & 0xf))
                             .with(S::range, a >> 4 & 0xf)
                             .with(S::affinity_1, a >> 8 & 0xff)
                             .with(S::affinity_2, a >> 16 & 0xff)
                             .with(S::affinity_3, a >> 32 & 0xff)
                             .with(S::number, reschedule_interrupt)
                             .raw);
    instruction_barrier();
  } else {
    distributor.write(at::software_interrupt,
                      static_cast<std::uint32_t>(target.gic_interface << 16 | reschedule_interrupt));
  }
}

std::uint32_t take_interrupt() {
  constexpr std::uint32_t first_special = 1020;
  std::uint32_t number = no_interrupt;
  if (version == 3) {
    const std::uint64_t token = icc_iar1_el1::read();
    asm volatile("dsb sy" : : : "memory");  // the acknowledge takes effect before the handler's work (IHI 0069 4.1.1)
    number = static_cast<std::uint32_t>(token & 0xff'ffff);
    if (number < first_special) icc_eoir1_el1::write(token);
  } else {
    const std::uint32_t token = cpu_interface.read(at_interface::acknowledge);  // also names the sender of an SGI
    number = token & 0x3ff;
    if (number < first_special) cpu_interface.write(at_interface::end, token);
  }
  return number < first_special ? number : no_interrupt;
}

}  // namespace rvm::hal
