// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What every virtio-mmio device has (OASIS virtio 1.2: 3.1 initialisation, 4.2 transport, 2.7 split queue). Modern transports
// only.
//
// `Registers` reads and writes device registers and has static `order()`: memory accesses before it are visible to the
// device before those after it, and the reverse.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string_view>

#include "register.hpp"
#include "rvm/types/address.hpp"

namespace rvm::hal {

struct VirtioDescriptor {
  static constexpr std::uint16_t next_valid = 1, device_writes = 2;
  std::uint64_t address;
  std::uint32_t bytes;
  std::uint16_t flags, next;
};

struct VirtioUsed {
  std::uint32_t id, bytes;
};

/// The memory that a queue shares with its device.
template <std::uint16_t length>
struct VirtioQueue {
  std::array<VirtioDescriptor, length> descriptors;
  struct {
    std::uint16_t flags, index;
    std::array<std::uint16_t, length> ring;
  } available;
  alignas(4) struct {
    std::uint16_t flags, index;
    std::array<VirtioUsed, length> ring;
  } used;

  [[nodiscard]] std::uint16_t device_index() const { return *static_cast<const volatile std::uint16_t*>(&used.index); }
  /// Read once: the device may change it at any time.
  [[nodiscard]] VirtioUsed device_entry(std::uint16_t index) const {
    const volatile VirtioUsed& entry = used.ring[index % length];
    return {entry.id, entry.bytes};
  }
};

template <typename Registers>
class VirtioDevice {
 public:
  static constexpr std::uint32_t magic_value = 0x74726976, modern = 2;

  VirtioDevice() = default;
  explicit VirtioDevice(Registers registers) : registers_(registers) {}

  [[nodiscard]] bool present() const { return read(magic) == magic_value && device() != 0; }
  [[nodiscard]] bool is_modern() const { return read(version) == modern; }
  /// Virtio 1.2 section 5; 0: nothing is attached.
  [[nodiscard]] std::uint32_t device() const { return read(device_id); }

  /// Stops it: when this returns true the device reaches no memory. One that does not answer within `patience` reads, some
  /// milliseconds where each costs a microsecond, is not waited for: whoever asks may hold a lock.
  [[nodiscard]] bool reset() const {
    constexpr unsigned patience = 4096;
    write(status, 0);
    for (unsigned i = 0; i < patience; ++i) {
      if (read(status) == 0) return true;
    }
    return false;
  }

  /// Resets it and agrees on VERSION_1 and those of the low 32 features that are in `wanted` and offered. Queues come next, then
  /// `start`.
  [[nodiscard]] std::expected<std::uint32_t, std::string_view> initialise(std::uint32_t wanted) const {
    if (!reset()) return give_up("the device does not reset");
    write(status, acknowledged | driver);
    write(device_features_select, 0);
    const std::uint32_t offered = read(device_features);
    write(device_features_select, 1);
    constexpr std::uint32_t version_1 = 1;
    if ((read(device_features) & version_1) == 0) return give_up("the device does not offer VERSION_1");
    write(driver_features_select, 0);
    write(driver_features, offered & wanted);
    write(driver_features_select, 1);
    write(driver_features, version_1);
    write(status, acknowledged | driver | features_ok);
    if ((read(status) & features_ok) == 0) return give_up("the device refuses the features it offered");
    return offered;
  }

  /// `physical` is the address of `queue`, which must stay zeroed until here and in place until `reset`.
  template <std::uint16_t length>
  [[nodiscard]] std::expected<void, std::string_view> use_queue(std::uint32_t index, VirtioQueue<length>& queue,
                                                                PhysicalAddress physical) const {
    write(queue_select, index);
    if (read(queue_ready) != 0) return give_up("the device's queue is in use after a reset");
    if (read(queue_limit) < length) return give_up("the device's queue is too short");
    write(queue_length, length);
    const auto place = [&](std::uint64_t at, const void* part) {
      const auto offset =
          static_cast<std::uint64_t>(static_cast<const std::byte*>(part) - reinterpret_cast<const std::byte*>(&queue));
      write(at, static_cast<std::uint32_t>(physical.value + offset));
      write(at + 4, static_cast<std::uint32_t>((physical.value + offset) >> 32));
    };
    place(queue_descriptors, &queue.descriptors);
    place(queue_available, &queue.available);
    place(queue_used, &queue.used);
    Registers::order();
    write(queue_ready, 1);
    return {};
  }
  /// 0: the device has no such queue.
  [[nodiscard]] std::uint32_t queue_entries(std::uint32_t index) const {
    write(queue_select, index);
    return read(queue_limit);
  }
  void start() const { write(status, acknowledged | driver | features_ok | driver_ok); }

  /// Hands the chain that begins with descriptor `head` to the device. `published` counts the chains before this one; it is the
  /// driver's, as the device could have changed what lies in the queue.
  template <std::uint16_t length>
  void publish(std::uint32_t index, VirtioQueue<length>& queue, std::uint16_t head, std::uint16_t& published) const {
    queue.available.ring[published % length] = head;
    Registers::order();  // descriptors and ring entry before the index that publishes them
    *static_cast<volatile std::uint16_t*>(&queue.available.index) = ++published;
    Registers::order();  // the index before the doorbell
    write(queue_notify, index);
  }

  /// Lowers the interrupt line.
  void acknowledge_interrupt() const { write(interrupt_acknowledge, read(interrupt_status)); }

  /// 32 bits of the device's configuration, at a multiple of 4.
  [[nodiscard]] std::uint32_t configuration(std::uint32_t offset) const { return read(configuration_space + offset); }
  [[nodiscard]] std::uint32_t configuration_generation() const { return read(generation); }

  [[nodiscard]] std::unexpected<std::string_view> give_up(std::string_view why) const {
    write(status, failed);
    return std::unexpected{why};
  }

 private:
  static constexpr std::uint64_t magic = 0x000, version = 0x004, device_id = 0x008, device_features = 0x010,
                                 device_features_select = 0x014, driver_features = 0x020,
                                 driver_features_select = 0x024, queue_select = 0x030, queue_limit = 0x034,
                                 queue_length = 0x038, queue_ready = 0x044, queue_notify = 0x050,
                                 interrupt_status = 0x060, interrupt_acknowledge = 0x064, status = 0x070,
                                 queue_descriptors = 0x080, queue_available = 0x090, queue_used = 0x0a0,
                                 generation = 0x0fc, configuration_space = 0x100;
  // Bits of the device status, virtio 1.2 section 2.1.
  static constexpr std::uint32_t acknowledged = 1, driver = 2, driver_ok = 4, features_ok = 8, failed = 128;

  [[nodiscard]] std::uint32_t read(std::uint64_t at) const { return registers_.template read<std::uint32_t>(at); }
  void write(std::uint64_t at, std::uint32_t value) const { registers_.write(at, value); }

  Registers registers_{};
};

}  // namespace rvm::hal
