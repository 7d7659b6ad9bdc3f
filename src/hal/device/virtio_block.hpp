// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Block device over virtio-mmio (OASIS virtio 1.2: 4.2 transport, 2.7 split queue, 5.2 block device). Modern transports
// only; one queue, one request at a time.
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
#include "rvm/hal/machine.hpp"

namespace rvm::hal {

/// The memory a queue shares with its device, and the request in it.
struct alignas(4096) VirtioQueueMemory {
  static constexpr std::uint16_t length = 4;
  struct Descriptor {
    std::uint64_t address;
    std::uint32_t bytes;
    std::uint16_t flags, next;
  };
  struct Used {
    std::uint32_t id, bytes;
  };
  std::array<Descriptor, length> descriptors;
  struct {
    std::uint16_t flags, index;
    std::array<std::uint16_t, length> ring;
  } available;
  alignas(4) struct {
    std::uint16_t flags, index;
    std::array<Used, length> ring;
  } used;
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

  enum class Kind : std::uint8_t { not_virtio, empty, legacy_block, block, other };
  /// What sits at a transport.
  [[nodiscard]] static Kind probe(Registers r) {
    if (read(r, magic) != 0x74726976) return Kind::not_virtio;
    const std::uint32_t id = read(r, device_id);
    if (id == 0) return Kind::empty;
    if (id != 2) return Kind::other;
    return read(r, version) == 2 ? Kind::block : Kind::legacy_block;
  }

  /// Takes the device over. `memory` is shared with it for ever; `physical` is its address. An error is a text for people.
  [[nodiscard]] std::expected<void, std::string_view> initialise(Registers registers, VirtioQueueMemory& memory,
                                                                 PhysicalAddress physical) {
    registers_ = registers;
    memory_ = &memory;
    physical_ = physical;
    set_status(Status{});
    while (read(registers_, status) != 0) {
    }
    Status s = Status{}.with(Status::acknowledge).with(Status::driver);
    set_status(s);
    if (auto agreed = agree_features(); !agreed) return give_up(agreed.error());
    s = s.with(Status::features_ok);
    set_status(s);
    if (!Status{{.raw = read(registers_, status)}}.has(Status::features_ok)) {
      return give_up("the block device refuses the features VERSION_1 and FLUSH");
    }
    if (auto queue = set_up_queue(); !queue) return give_up(queue.error());
    set_status(s.with(Status::driver_ok));
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
    if (state_ == BlockStatus::busy && device_index() != seen_) {
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
  void acknowledge_interrupt() const { registers_.write(interrupt_acknowledge, read(registers_, interrupt_status)); }

 private:
  static constexpr std::uint64_t magic = 0x000, version = 0x004, device_id = 0x008, device_features = 0x010,
                                 device_features_select = 0x014, driver_features = 0x020,
                                 driver_features_select = 0x024, queue_select = 0x030, queue_limit = 0x034,
                                 queue_length = 0x038, queue_ready = 0x044, queue_notify = 0x050,
                                 interrupt_status = 0x060, interrupt_acknowledge = 0x064, status = 0x070,
                                 queue_descriptors = 0x080, queue_available = 0x090, queue_used = 0x0a0,
                                 configuration_generation = 0x0fc, capacity = 0x100;
  static constexpr std::uint32_t request_read = 0, request_write = 1, request_flush = 4;
  static constexpr std::uint16_t descriptor_next = 1, descriptor_device_writes = 2;

  struct Status : Register<Status, std::uint32_t> {
    static constexpr Field<Status> acknowledge{0}, driver{1}, driver_ok{2}, features_ok{3}, failed{7};
  };
  struct LowFeatures : Register<LowFeatures, std::uint32_t> {
    static constexpr Field<LowFeatures> read_only{5}, flush{9};
  };
  struct HighFeatures : Register<HighFeatures, std::uint32_t> {
    static constexpr Field<HighFeatures> version_1{0};
  };

  [[nodiscard]] static std::uint32_t read(const Registers& r, std::uint64_t at) {
    return r.template read<std::uint32_t>(at);
  }
  void write(std::uint64_t at, std::uint32_t value) const { registers_.write(at, value); }
  void set_status(Status s) const { write(status, s.raw); }
  [[nodiscard]] std::unexpected<std::string_view> give_up(std::string_view why) const {
    set_status(Status{}.with(Status::failed));
    return std::unexpected{why};
  }

  [[nodiscard]] std::expected<void, std::string_view> agree_features() {
    write(device_features_select, 0);
    const LowFeatures low{{.raw = read(registers_, device_features)}};
    write(device_features_select, 1);
    const HighFeatures high{{.raw = read(registers_, device_features)}};
    if (!high.has(HighFeatures::version_1)) return std::unexpected{"the block device does not offer VERSION_1"};
    if (low.has(LowFeatures::read_only))
      return std::unexpected{"the block device is read-only; the witness log needs to write"};
    can_flush_ = low.has(LowFeatures::flush);
    write(driver_features_select, 0);
    write(driver_features, LowFeatures{}.with(LowFeatures::flush, can_flush_ ? 1 : 0).raw);
    write(driver_features_select, 1);
    write(driver_features, HighFeatures{}.with(HighFeatures::version_1).raw);
    return {};
  }

  [[nodiscard]] std::expected<void, std::string_view> set_up_queue() {
    write(queue_select, 0);
    if (read(registers_, queue_ready) != 0) return std::unexpected{"the block device's queue is in use after a reset"};
    if (read(registers_, queue_limit) < VirtioQueueMemory::length)
      return std::unexpected{"the block device's queue is too short"};
    *memory_ = VirtioQueueMemory{};
    write(queue_length, VirtioQueueMemory::length);
    write_address(queue_descriptors, &memory_->descriptors);
    write_address(queue_available, &memory_->available);
    write_address(queue_used, &memory_->used);
    Registers::order();
    write(queue_ready, 1);
    return {};
  }

  [[nodiscard]] std::uint64_t read_capacity() const {
    for (;;) {
      const std::uint32_t before = read(registers_, configuration_generation);
      const std::uint64_t low = read(registers_, capacity), high = read(registers_, capacity + 4);
      if (read(registers_, configuration_generation) == before) return high << 32 | low;
    }
  }

  [[nodiscard]] std::uint64_t address_of(const void* part) const {
    return physical_.value + static_cast<std::uint64_t>(static_cast<const std::byte*>(part) -
                                                        reinterpret_cast<const std::byte*>(memory_));
  }
  void write_address(std::uint64_t at, const void* part) const {
    write(at, static_cast<std::uint32_t>(address_of(part)));
    write(at + 4, static_cast<std::uint32_t>(address_of(part) >> 32));
  }
  [[nodiscard]] std::uint16_t device_index() const {
    return *static_cast<const volatile std::uint16_t*>(&memory_->used.index);
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
    const std::uint16_t status_index = bytes != 0 ? 2 : 1;
    m.descriptors[0] = {address_of(&m.request), sizeof(m.request), descriptor_next, 1};
    if (bytes != 0) {
      const bool device_writes = type == request_read;
      m.descriptors[1] = {pa.value, bytes,
                          static_cast<std::uint16_t>(descriptor_next | (device_writes ? descriptor_device_writes : 0)),
                          2};
    }
    m.descriptors[status_index] = {address_of(&m.status), 1, descriptor_device_writes, 0};
    m.available.ring[m.available.index % VirtioQueueMemory::length] = 0;
    Registers::order();  // descriptors and ring entry before the index that publishes them
    *static_cast<volatile std::uint16_t*>(&m.available.index) = static_cast<std::uint16_t>(m.available.index + 1);
    Registers::order();  // the index before the doorbell
    state_ = BlockStatus::busy;
    write(queue_notify, 0);
  }

  Registers registers_{};
  VirtioQueueMemory* memory_ = nullptr;
  PhysicalAddress physical_;
  std::uint64_t sectors_ = 0;
  std::uint16_t seen_ = 0;
  bool can_flush_ = false;
  BlockStatus state_ = BlockStatus::idle;
};

}  // namespace rvm::hal
