// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Devices that the kernel itself uses: the disk of the witness log and the device key's source.
#include "console.hpp"
#include "firmware_config.hpp"
#include "gic.hpp"
#include "machine.hpp"

namespace rvm::hal {
namespace {

constinit VirtioQueueMemory queue{};
constinit std::array<std::byte, 32> device_key{};
constinit std::span<const std::byte, 32> device_key_span{device_key};
constinit std::array<std::byte, 64> nonce{};

/// Reads a file that the firmware offers to the start of `into`; what is left of it if it is smaller. Empty without one.
std::span<std::byte> read_firmware_file(std::string_view name, std::span<std::byte> into, bool whole) {
  const MemoryRange range = port_state.machine.firmware_config;
  if (range.bytes == 0) return {};
  const FirmwareConfig config{DeviceRegisters{range.base.value}};
  if (!config.present()) return {};
  const auto file = config.find(name);
  if (!file) return {};
  if (file->bytes > into.size() || (whole && file->bytes != into.size())) {
    stop("the firmware's file ", name, " has ", Decimal{file->bytes}, " bytes; it must have ", Decimal{into.size()});
  }
  config.read(*file, into.first(file->bytes));
  return into.first(file->bytes);
}

}  // namespace

void begin_block_device() {
  using Block = VirtioBlock<DmaRegisters>;
  for (const VirtioTransport& transport : port_state.machine.transports) {
    const DmaRegisters registers{transport.registers.base.value};
    const auto kind = Block::probe(registers);
    if (kind == Block::Kind::legacy_block) {
      stop("the block device at ", Hex{registers.base()},
           " is legacy virtio; QEMU needs -global virtio-mmio.force-legacy=false");
    }
    if (kind != Block::Kind::block) continue;
    if (const auto ready = port_state.block.initialise(registers, queue, Port::to_physical(&queue)); !ready)
      stop(ready.error());
    port_state.block_line = transport.line;
    enable_device_interrupt(transport.line, rvm_cores[0]);
    return;  // the first one is the log's
  }
}

std::span<const std::byte, 32>* read_device_key() {
  return read_firmware_file("opt/rvm/device-key", device_key, true).empty() ? nullptr : &device_key_span;
}

std::span<const std::byte> read_nonce() { return read_firmware_file("opt/rvm/nonce", nonce, false); }

}  // namespace rvm::hal
