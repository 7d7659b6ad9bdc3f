// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the port needs to know of a machine, taken from its device tree.
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string_view>

#include "device_tree.hpp"
#include "fixed_list.hpp"
#include "rvm/hal/machine.hpp"

namespace rvm::hal {

struct InterruptLine {
  std::uint32_t number = 0;  ///< as the GIC counts: shared peripherals from 32, private ones from 16
  bool edge = false;         ///< edge-triggered, else level-sensitive
};

struct GicDescription {
  unsigned version = 0;  ///< 2 or 3
  MemoryRange distributor{};
  MemoryRange cpu_interface{};               ///< version 2
  FixedList<MemoryRange, 4> redistributors;  ///< version 3
};

struct VirtioTransport {
  MemoryRange registers{};
  InterruptLine line;
};

/// A device without DMA that agents may lease.
struct Peripheral {
  std::uint32_t kind = 0;  ///< rvm_device_kind
  MemoryRange registers{};
  InterruptLine line;
};

struct MachineDescription {
  static constexpr std::size_t core_limit = 8;

  FixedList<MemoryRange, 16> memory;
  FixedList<MemoryRange, 16> reserved;         ///< firmware's, from reservation block and /reserved-memory
  FixedList<std::uint64_t, core_limit> cores;  ///< affinity values, in the order of the tree
  std::uint32_t cores_present = 0;             ///< may exceed cores.size()
  bool power_calls = false;                    ///< PSCI by SMC
  GicDescription gic;
  InterruptLine timer;            ///< EL2 physical timer
  MemoryRange uart{};             ///< PL011; bytes = 0: none
  MemoryRange firmware_config{};  ///< QEMU fw_cfg; bytes = 0: none
  FixedList<VirtioTransport, 32> transports;
  FixedList<Peripheral, 4> peripherals;
  MemoryRange initial_ramdisk{};  ///< bytes = 0: none
};

/// The console alone, so that an error in the rest can be shown. Nothing when the tree names no PL011.
[[nodiscard]] std::optional<MemoryRange> find_uart(const DeviceTree& tree);
/// An error is a text for people that names what is missing and where it was looked for.
[[nodiscard]] std::expected<MachineDescription, std::string_view> describe_machine(const DeviceTree& tree);

}  // namespace rvm::hal
