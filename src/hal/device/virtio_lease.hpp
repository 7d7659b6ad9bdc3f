// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A virtio device in the hands of an agent. The queues are the kernel's and the agent never sees them: it names buffers, the
// kernel translates them and writes the descriptors. So the device reaches those buffers and its own queues, and nothing else,
// on a machine without an SMMU too, as long as it does what its queues say.
#pragma once

#include <array>
#include <bit>
#include <span>

#include "rvm/hal/machine.hpp"
#include "rvm/types/error.hpp"
#include "virtio_device.hpp"

namespace rvm::hal {

/// The page that the queues of a leased device share with it.
struct alignas(4096) VirtioLeaseMemory {
  static constexpr std::uint16_t requests = 8;  ///< that a queue holds at a time
  static constexpr std::uint16_t length = requests * RVM_DEVICE_BUFFERS_MAX;
  std::array<VirtioQueue<length>, RVM_DEVICE_QUEUES> queues;
};
static_assert(sizeof(VirtioLeaseMemory) == 4096);

template <typename Registers>
class VirtioLease {
 public:
  /// `memory` is a page that nobody else uses; it is cleared. False: the device does not do what the specification says;
  /// `end` comes then, too.
  [[nodiscard]] bool begin(Registers registers, VirtioLeaseMemory& memory, PhysicalAddress physical) {
    device_ = VirtioDevice<Registers>{registers};
    memory_ = nullptr;
    queues_ = {};
    constexpr std::uint32_t block = 2, feature_flush = 1u << 9;
    if (!device_.initialise(device_.device() == block ? feature_flush : 0)) return false;
    memory = VirtioLeaseMemory{};
    for (std::uint32_t i = 0; i < RVM_DEVICE_QUEUES && device_.queue_entries(i) != 0; ++i) {
      const auto offset = static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(&memory.queues[i]) -
                                                     reinterpret_cast<const std::byte*>(&memory));
      if (!device_.use_queue(i, memory.queues[i], PhysicalAddress{physical.value + offset})) return false;
      queues_[i].usable = true;
    }
    memory_ = &memory;
    device_.start();
    return true;
  }
  /// True: from its return on the device reaches no memory. False: it does not stop, and nothing it was given is safe from it.
  [[nodiscard]] bool end() {
    memory_ = nullptr;
    queues_ = {};
    return device_.reset();
  }

  /// The number of the request, of 1 to RVM_DEVICE_BUFFERS_MAX buffers. Errors: would_block (the queue is full, or there is
  /// none), device_failed.
  [[nodiscard]] Result<std::uint16_t> submit(std::uint32_t index, std::span<const DeviceBuffer> buffers) {
    if (memory_ == nullptr || index >= RVM_DEVICE_QUEUES || buffers.empty() || buffers.size() > RVM_DEVICE_BUFFERS_MAX)
      return fail(Error::would_block);
    Queue& queue = queues_[index];
    if (queue.failed) return fail(Error::device_failed);
    const auto request = static_cast<std::uint16_t>(std::countr_one(queue.in_flight));
    if (!queue.usable || request == VirtioLeaseMemory::requests) return fail(Error::would_block);
    auto& q = memory_->queues[index];
    const auto head = static_cast<std::uint16_t>(request * RVM_DEVICE_BUFFERS_MAX);
    std::uint32_t writable = 0;
    for (std::uint16_t i = 0; i < buffers.size(); ++i) {
      const auto at = static_cast<std::uint16_t>(head + i);
      const bool last = i + 1u == buffers.size();
      const unsigned flags = (buffers[i].device_writes ? VirtioDescriptor::device_writes : 0u) |
                             (last ? 0u : VirtioDescriptor::next_valid);
      q.descriptors[at] = {buffers[i].address.value, buffers[i].bytes, static_cast<std::uint16_t>(flags),
                           static_cast<std::uint16_t>(last ? 0 : at + 1)};
      if (buffers[i].device_writes) writable += buffers[i].bytes;
    }
    queue.in_flight = static_cast<std::uint8_t>(queue.in_flight | 1u << request);
    queue.writable[request] = writable;
    device_.publish(index, q, head, queue.published);
    return request;
  }

  /// The next request that the device is done with. Everything it says is checked; after one lie it is not believed any more.
  [[nodiscard]] DeviceCompletion complete(std::uint32_t index) {
    using enum DeviceCompletion::Status;
    if (memory_ == nullptr || index >= RVM_DEVICE_QUEUES || !queues_[index].usable) return {none, 0, 0};
    const auto& q = memory_->queues[index];
    Queue& queue = queues_[index];
    if (queue.failed) return {failed, 0, 0};
    const auto ahead = static_cast<std::uint16_t>(q.device_index() - queue.seen);
    if (ahead == 0) return {none, 0, 0};
    Registers::order();  // the entry is read after the index that announces it
    const VirtioUsed used = q.device_entry(queue.seen);
    const std::uint32_t request = used.id / RVM_DEVICE_BUFFERS_MAX;
    if (ahead > std::popcount(queue.in_flight) || used.id % RVM_DEVICE_BUFFERS_MAX != 0 ||
        request >= VirtioLeaseMemory::requests || (queue.in_flight >> request & 1) == 0 ||
        used.bytes > queue.writable[request]) {
      queue.failed = true;
      return {failed, 0, 0};
    }
    ++queue.seen;
    queue.in_flight = static_cast<std::uint8_t>(queue.in_flight & ~(1u << request));
    return {done, static_cast<std::uint16_t>(request), used.bytes};
  }

  [[nodiscard]] std::uint32_t configuration(std::uint32_t offset) const { return device_.configuration(offset); }
  void acknowledge_interrupt() const { device_.acknowledge_interrupt(); }

 private:
  /// What the driver knows of a queue, where the device cannot change it.
  struct Queue {
    bool usable = false;
    bool failed = false;                                                ///< the device said what cannot be
    std::uint8_t in_flight = 0;                                         ///< a bit for each request
    std::array<std::uint32_t, VirtioLeaseMemory::requests> writable{};  ///< bytes that the device may write
    std::uint16_t published = 0;
    std::uint16_t seen = 0;  ///< how many completions were taken
  };

  VirtioDevice<Registers> device_;
  VirtioLeaseMemory* memory_ = nullptr;
  std::array<Queue, RVM_DEVICE_QUEUES> queues_{};
};

}  // namespace rvm::hal
