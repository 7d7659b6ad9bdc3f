// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Devices that the kernel itself uses: the disk of the witness log and the device key's source.
#include "console.hpp"
#include "firmware_config.hpp"
#include "gic.hpp"
#include "machine.hpp"

namespace rvm::hal {
namespace {

constinit VirtioQueueMemory log_queue{};
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
  // The first one by address is the log's.
  const VirtioTransport* first = nullptr;
  for (const VirtioTransport& transport : port_state.machine.transports) {
    const DmaRegisters registers{transport.registers.base.value};
    const auto kind = Block::probe(registers);
    if (kind == Block::Kind::legacy_block) {
      stop("the block device at ", Hex{registers.base()},
           " is legacy virtio; QEMU needs -global virtio-mmio.force-legacy=false");
    }
    if (kind == Block::Kind::block &&
        (first == nullptr || transport.registers.base.value < first->registers.base.value)) {
      first = &transport;
    }
  }
  if (first == nullptr) return;
  const DmaRegisters registers{first->registers.base.value};
  if (const auto ready = port_state.block.initialise(registers, log_queue, Port::to_physical(&log_queue)); !ready)
    stop(ready.error());
  port_state.block_line = first->line;
  enable_device_interrupt(first->line, rvm_cores[0]);
}

namespace {

/// Kept in order: by kind, then by ascending address.
void offer(const DeviceDescription& device, InterruptLine line) {
  auto& list = port_state.device_descriptions;
  if (!list.add(device)) return;
  std::size_t at = list.size() - 1;
  const auto before = [](const DeviceDescription& a, const DeviceDescription& b) {
    return a.kind != b.kind ? a.kind < b.kind : a.registers.base.value < b.registers.base.value;
  };
  for (; at > 0 && before(device, list[at - 1]); --at) {
    list[at] = list[at - 1];
    port_state.devices[at].line = port_state.devices[at - 1].line;
  }
  list[at] = device;
  port_state.devices[at].line = line;
}

/// Another device in the same page of registers would come along with a mapping.
bool alone_in_page(const Peripheral& p) {
  for (const VirtioTransport& t : port_state.machine.transports) {
    if (page_of(t.registers.base) == page_of(p.registers.base)) return false;
  }
  for (const Peripheral& other : port_state.machine.peripherals) {
    if (&other != &p && page_of(other.registers.base) == page_of(p.registers.base)) return false;
  }
  return page_of(port_state.machine.uart.base) != page_of(p.registers.base) &&
         page_of(port_state.machine.firmware_config.base) != page_of(p.registers.base);
}

/// Two devices on one line could not be told apart.
bool line_is_own(InterruptLine line) {
  unsigned users = line.number == port_state.block_line.number ? 1 : 0;
  for (const VirtioTransport& t : port_state.machine.transports) users += t.line.number == line.number;
  for (const Peripheral& p : port_state.machine.peripherals) users += p.line.number == line.number;
  return users == 1;
}

}  // namespace

void find_devices() {
  for (const Peripheral& p : port_state.machine.peripherals) {
    if (alone_in_page(p) && line_is_own(p.line)) offer({p.kind, p.registers, false}, p.line);
  }
  for (const VirtioTransport& t : port_state.machine.transports) {
    const VirtioDevice<DmaRegisters> device{DmaRegisters{t.registers.base.value}};
    if (!device.present() || !device.is_modern() || t.line.number == port_state.block_line.number) continue;
    if (line_is_own(t.line)) offer({RVM_DEVICE_VIRTIO + device.device(), t.registers, true}, t.line);
  }
}

std::span<const DeviceDescription> Port::devices() {
  return {port_state.device_descriptions.begin(), port_state.device_descriptions.size()};
}
void Port::permit_device_interrupt(std::uint32_t device, bool permitted) {
  LeasedDevice& leased = port_state.devices[device];
  if (!permitted) {
    disable_device_interrupt(leased.line);
  } else if (leased.line_set_up) {
    // A line that reports edges would never report again what is forgotten here.
    resume_device_interrupt(leased.line);
  } else {
    enable_device_interrupt(leased.line, rvm_cores[0]);
  }
  leased.line_set_up = permitted;
}
bool Port::begin_device(std::uint32_t device, PhysicalAddress queues) {
  const DmaRegisters registers{port_state.device_descriptions[device].registers.base.value};
  // Sound: a page of RAM, aligned as the structure is.
  auto& memory = *reinterpret_cast<VirtioLeaseMemory*>(to_pointer(queues));
  return port_state.devices[device].queues.begin(registers, memory, queues);
}
bool Port::end_device(std::uint32_t device) { return port_state.devices[device].queues.end(); }
Result<std::uint16_t> Port::device_submit(std::uint32_t device, std::uint32_t queue,
                                          std::span<const DeviceBuffer> buffers) {
  return port_state.devices[device].queues.submit(queue, buffers);
}
DeviceCompletion Port::device_complete(std::uint32_t device, std::uint32_t queue) {
  return port_state.devices[device].queues.complete(queue);
}
std::uint32_t Port::device_configuration(std::uint32_t device, std::uint32_t offset) {
  return port_state.devices[device].queues.configuration(offset);
}

std::span<const std::byte, 32>* read_device_key() {
  return read_firmware_file("opt/rvm/device-key", device_key, true).empty() ? nullptr : &device_key_span;
}

std::span<const std::byte> read_nonce() { return read_firmware_file("opt/rvm/nonce", nonce, false); }

}  // namespace rvm::hal
