// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Block device over virtio-mmio (OASIS virtio 1.2 section 5.2). One queue, one request at a time.
#pragma once

#include "rvm/hal/machine.hpp"
#include "virtio_device.hpp"

namespace rvm::hal {

/// The memory a block device's queue shares with it, and the request in it.
struct alignas(4096) VirtioQueueMemory {
  static constexpr std::uint16_t length = 4;
  VirtioQueue<length> queue;
  struct {
    std::uint32_t type, reserved;
    std::uint64_t sector;
  } request;
  std::uint8_t status;
};
static_assert(sizeof(VirtioQueueMemory) == 4096);

template <typename Registers>
class VirtioBlock {
 public:
  static constexpr std::uint32_t sector_bytes = 512;
  static constexpr std::uint32_t device_id = 2;

  enum class Kind : std::uint8_t { none, legacy_block, block, other };
  /// What sits at a transport.
  [[nodiscard]] static Kind probe(Registers r) {
    const VirtioDevice<Registers> device{r};
    if (!device.present()) return Kind::none;
    if (device.device() != device_id) return Kind::other;
    return device.is_modern() ? Kind::block : Kind::legacy_block;
  }

  /// Takes the device over. `memory` is shared with it for ever; `physical` is its address. An error is a text for people.
  [[nodiscard]] std::expected<void, std::string_view> initialise(Registers registers, VirtioQueueMemory& memory,
                                                                 PhysicalAddress physical) {
    device_ = VirtioDevice<Registers>{registers};
    memory_ = &memory;
    physical_ = physical;
    const auto offered = device_.initialise(feature_flush);
    if (!offered) return std::unexpected{offered.error()};
    if ((*offered & feature_read_only) != 0)
      return device_.give_up("the block device is read-only; the witness log needs to write");
    can_flush_ = (*offered & feature_flush) != 0;
    memory = VirtioQueueMemory{};
    if (const auto ready = device_.use_queue(0, memory.queue, physical); !ready) return ready;
    device_.start();
    sectors_ = read_capacity();
    return {};
  }

  /// 0 when there is no device.
  [[nodiscard]] std::uint64_t sectors() const { return sectors_; }

  void submit_read(std::uint64_t sector, PhysicalAddress pa, std::size_t bytes) {
    transfer(request_read, sector, pa, bytes);
  }
  void submit_write(std::uint64_t sector, PhysicalAddress pa, std::size_t bytes) {
    transfer(request_write, sector, pa, bytes);
  }
  void submit_flush() {
    // A device without the feature completes writes only when they are durable (virtio 1.2, 5.2.6.2).
    if (sectors_ != 0 && state_ == BlockStatus::idle && !can_flush_) {
      state_ = BlockStatus::done;
      return;
    }
    start(request_flush, 0, PhysicalAddress{}, 0);
  }

  [[nodiscard]] BlockStatus poll() {
    if (state_ == BlockStatus::busy && memory_->queue.device_index() != seen_) {
      Registers::order();  // the status byte is read after the index that announces it
      ++seen_;
      state_ =
          *static_cast<const volatile std::uint8_t*>(&memory_->status) == 0 ? BlockStatus::done : BlockStatus::failed;
    }
    const BlockStatus now = state_;
    if (now != BlockStatus::busy) state_ = BlockStatus::idle;
    return now;
  }

  /// Lowers the interrupt line.
  void acknowledge_interrupt() const { device_.acknowledge_interrupt(); }

 private:
  static constexpr std::uint32_t feature_read_only = 1u << 5, feature_flush = 1u << 9;
  static constexpr std::uint32_t request_read = 0, request_write = 1, request_flush = 4;

  [[nodiscard]] std::uint64_t read_capacity() const {
    for (;;) {
      const std::uint32_t before = device_.configuration_generation();
      const std::uint64_t low = device_.configuration(0), high = device_.configuration(4);
      if (device_.configuration_generation() == before) return high << 32 | low;
    }
  }

  [[nodiscard]] std::uint64_t address_of(const void* part) const {
    return physical_.value + static_cast<std::uint64_t>(static_cast<const std::byte*>(part) -
                                                        reinterpret_cast<const std::byte*>(memory_));
  }

  void transfer(std::uint32_t type, std::uint64_t sector, PhysicalAddress pa, std::size_t bytes) {
    const std::uint64_t count = bytes / sector_bytes;
    if (bytes == 0 || bytes % sector_bytes != 0 || bytes > UINT32_MAX || sector > sectors_ ||
        count > sectors_ - sector) {
      if (state_ == BlockStatus::idle) state_ = BlockStatus::failed;
      return;
    }
    start(type, sector, pa, static_cast<std::uint32_t>(bytes));
  }

  /// A request while one is under way has no effect; without a device it fails.
  void start(std::uint32_t type, std::uint64_t sector, PhysicalAddress pa, std::uint32_t bytes) {
    if (state_ != BlockStatus::idle) return;
    if (sectors_ == 0) {
      state_ = BlockStatus::failed;
      return;
    }
    VirtioQueueMemory& m = *memory_;
    m.request = {.type = type, .reserved = 0, .sector = sector};
    m.status = 0xff;
    auto& descriptors = m.queue.descriptors;
    const std::uint16_t status_index = bytes != 0 ? 2 : 1;
    descriptors[0] = {address_of(&m.request), sizeof(m.request), VirtioDescriptor::next_valid, 1};
    if (bytes != 0) {
      const std::uint16_t writes = type == request_read ? VirtioDescriptor::device_writes : 0;
      descriptors[1] = {pa.value, bytes, static_cast<std::uint16_t>(VirtioDescriptor::next_valid | writes), 2};
    }
    descriptors[status_index] = {address_of(&m.status), 1, VirtioDescriptor::device_writes, 0};
    state_ = BlockStatus::busy;
    device_.publish(0, m.queue, 0, published_);
  }

  VirtioDevice<Registers> device_;
  VirtioQueueMemory* memory_ = nullptr;
  PhysicalAddress physical_;
  std::uint64_t sectors_ = 0;
  std::uint16_t published_ = 0, seen_ = 0;
  bool can_flush_ = false;
  BlockStatus state_ = BlockStatus::idle;
};

}  // namespace rvm::hal
