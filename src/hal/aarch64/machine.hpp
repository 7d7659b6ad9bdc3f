// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The port's own state, filled in by boot.cpp and read by the rest.
#pragma once

#include <array>

#include "machine_description.hpp"
#include "register.hpp"
#include "rvm/hal/entry.hpp"
#include "rvm/hal/port.hpp"
#include "virtio_block.hpp"
#include "virtio_lease.hpp"

extern "C" constinit std::array<rvm::hal::Core, RVM_CORES> rvm_cores;

namespace rvm::hal {

/// Device registers with the barrier that a device sharing memory needs.
struct DmaRegisters : DeviceRegisters {
  using DeviceRegisters::DeviceRegisters;
  static void order() { asm volatile("dmb osh" : : : "memory"); }
};

/// One of Port::devices(): its description is in the list beside.
struct LeasedDevice {
  InterruptLine line;
  bool line_set_up = false;          ///< since the lease began
  VirtioLease<DmaRegisters> queues;  ///< with DMA
};
inline constexpr std::size_t device_limit = 16;

struct PortState {
  MachineDescription machine;
  VirtioBlock<DmaRegisters> block;
  InterruptLine block_line;  ///< number 0: no block device
  FixedList<DeviceDescription, device_limit> device_descriptions;
  std::array<LeasedDevice, device_limit> devices;

  static void set_clock(Clock clock) { Port::clock_ = clock; }
  static void set_geometry(const TranslationGeometry& geometry) { Port::geometry_ = geometry; }
  static void set_online(std::uint32_t cores) { Port::online_cores_ = cores; }
  [[nodiscard]] static const Clock& clock() { return Port::clock_; }
};
extern constinit PortState port_state;

/// Finds and takes over the block device, if the machine has one.
void begin_block_device();
/// Lists the devices that agents may lease; after begin_block_device.
void find_devices();
/// The device key from the firmware configuration; nullptr if there is none.
[[nodiscard]] std::span<const std::byte, 32>* read_device_key();
/// The file opt/rvm/nonce, at most 64 bytes; empty without one.
[[nodiscard]] std::span<const std::byte> read_nonce();

}  // namespace rvm::hal
