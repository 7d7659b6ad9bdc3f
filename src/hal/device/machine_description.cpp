// SPDX-License-Identifier: MIT OR Apache-2.0
#include "machine_description.hpp"

#include <utility>

#include "rvm/abi.h"

namespace rvm::hal {
namespace {

using Node = DeviceTree::Node;
using Problem = std::expected<void, std::string_view>;

/// The n-th entry of `interrupts` as a GIC describes it: kind, number, flags.
std::optional<InterruptLine> interrupt(const Node& node, std::size_t n) {
  const auto value = node.property("interrupts");
  if (!value || value->cells() < 3 * (n + 1)) return std::nullopt;
  const std::uint32_t kind = value->cell(3 * n), number = value->cell(3 * n + 1), flags = value->cell(3 * n + 2);
  constexpr std::uint32_t shared = 0, private_to_core = 1, edge_flags = 0x3;
  if (kind == shared && number < 988) return InterruptLine{.number = number + 32, .edge = (flags & edge_flags) != 0};
  if (kind == private_to_core && number < 16)
    return InterruptLine{.number = number + 16, .edge = (flags & edge_flags) != 0};
  return std::nullopt;
}

template <std::size_t n>
Problem add_range(FixedList<MemoryRange, n>& list, MemoryRange range, std::string_view full) {
  if (range.bytes != 0 && !list.add(range)) return std::unexpected{full};
  return {};
}

template <std::size_t n>
Problem add_ranges(FixedList<MemoryRange, n>& list, const Node& node, std::string_view full) {
  for (std::size_t i = 0; const auto range = node.reg(i); ++i) {
    if (auto added = add_range(list, *range, full); !added) return added;
  }
  return {};
}

Problem take_gic(MachineDescription& machine, const Node& node, unsigned version) {
  if (machine.gic.version != 0) return {};  // the first one is the root controller
  const auto cells = node.property("#interrupt-cells");
  if (!cells || cells->cell(0) != 3) return std::unexpected{"the device tree's GIC does not use 3 interrupt cells"};
  const auto distributor = node.reg(0), second = node.reg(1);
  if (!distributor || !second) return std::unexpected{"the device tree's GIC lacks register ranges"};
  machine.gic.version = version;
  machine.gic.distributor = *distributor;
  if (version == 2) {
    machine.gic.cpu_interface = *second;
    return {};
  }
  const auto regions = node.property("#redistributor-regions");
  const std::size_t count = regions ? regions->cell(0) : 1;
  for (std::size_t i = 0; i < count; ++i) {
    const auto region = node.reg(1 + i);
    if (!region || !machine.gic.redistributors.add(*region)) {
      return std::unexpected{"the device tree's GICv3 has missing or too many redistributor regions"};
    }
  }
  return {};
}

Problem take_chosen(MachineDescription& machine, const Node& node) {
  const auto start = node.property("linux,initrd-start"), end = node.property("linux,initrd-end");
  if (!start || !end) return {};
  const auto first = start->number(0, start->cells()), last = end->number(0, end->cells());
  if (!first || !last || *last < *first) return std::unexpected{"the device tree's initrd range is damaged"};
  machine.initial_ramdisk = {PhysicalAddress{*first}, *last - *first};
  return {};
}

Problem take_core(MachineDescription& machine, const Node& node) {
  const auto reg = node.reg(0);
  if (!reg || !node.enabled()) return {};
  ++machine.cores_present;
  static_cast<void>(machine.cores.add(reg->base.value));  // further cores stay off
  return {};
}

Problem take(MachineDescription& machine, const Node& node, bool in_reserved) {
  const auto type = node.property("device_type");
  if (type && type->text() == "memory" && node.enabled()) {
    return add_ranges(machine.memory, node, "too many memory ranges in the device tree");
  }
  if (type && type->text() == "cpu") return take_core(machine, node);
  if (in_reserved) return add_ranges(machine.reserved, node, "too many reserved ranges in the device tree");
  if (node.depth() == 1 && node.name() == "chosen") return take_chosen(machine, node);
  const auto compatible = node.property("compatible");
  if (!compatible || !node.enabled()) return {};
  if (compatible->has_text("arm,gic-v3")) return take_gic(machine, node, 3);
  if (compatible->has_text("arm,cortex-a15-gic") || compatible->has_text("arm,gic-400"))
    return take_gic(machine, node, 2);
  if (compatible->has_text("arm,psci-0.2") || compatible->has_text("arm,psci-1.0")) {
    const auto method = node.property("method");
    machine.power_calls = method && method->text() == "smc";
    return {};
  }
  if (compatible->has_text("arm,armv8-timer")) {
    constexpr std::size_t hypervisor_timer = 3;  // secure, non-secure, virtual, hypervisor
    if (const auto line = interrupt(node, hypervisor_timer)) machine.timer = *line;
    return {};
  }
  if (compatible->has_text("qemu,fw-cfg-mmio")) {
    machine.firmware_config = node.reg(0).value_or(MemoryRange{});
    return {};
  }
  for (const auto& [text, kind] : {std::pair{"arm,pl031", RVM_DEVICE_CLOCK}, std::pair{"arm,pl061", RVM_DEVICE_GPIO}}) {
    if (!compatible->has_text(text)) continue;
    const auto range = node.reg(0);
    const auto line = interrupt(node, 0);
    if (range && line) static_cast<void>(machine.peripherals.add({static_cast<std::uint32_t>(kind), *range, *line}));
    return {};
  }
  if (compatible->has_text("virtio,mmio")) {
    const auto range = node.reg(0);
    const auto line = interrupt(node, 0);
    if (range && line && !machine.transports.add({*range, *line})) {
      return std::unexpected{"too many virtio transports in the device tree"};
    }
  }
  return {};
}

Problem check(const MachineDescription& machine) {
  if (machine.memory.empty()) return std::unexpected{"no memory in device tree: looked for device_type \"memory\""};
  if (machine.gic.version == 0) {
    return std::unexpected{"no GIC in device tree: looked for arm,gic-v3, arm,cortex-a15-gic and arm,gic-400"};
  }
  if (machine.timer.number < 16) {
    return std::unexpected{"no EL2 timer in device tree: looked for the fourth interrupt of arm,armv8-timer"};
  }
  if (machine.cores.empty()) return std::unexpected{"no processors in device tree: looked for device_type \"cpu\""};
  return {};
}

}  // namespace

std::optional<MemoryRange> find_uart(const DeviceTree& tree) {
  for (const Node& node : tree) {
    if (node.compatible("arm,pl011") && node.enabled()) {
      if (const auto range = node.reg(0)) return range;
    }
  }
  return std::nullopt;
}

std::expected<MachineDescription, std::string_view> describe_machine(const DeviceTree& tree) {
  MachineDescription machine;
  machine.uart = find_uart(tree).value_or(MemoryRange{});
  bool in_reserved = false;
  for (const Node& node : tree) {
    if (node.depth() <= 1) in_reserved = node.depth() == 1 && node.name() == "reserved-memory";
    if (auto taken = take(machine, node, in_reserved && node.depth() == 2); !taken)
      return std::unexpected{taken.error()};
  }
  for (std::size_t i = 0; i < tree.reservations(); ++i) {
    if (auto added = add_range(machine.reserved, tree.reservation(i), "too many reserved ranges in the device tree");
        !added) {
      return std::unexpected{added.error()};
    }
  }
  if (auto checked = check(machine); !checked) return std::unexpected{checked.error()};
  return machine;
}

}  // namespace rvm::hal
