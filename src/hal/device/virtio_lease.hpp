// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A virtio device in the hands of an agent. The queues are the kernel's and the agent never sees them: it names buffers, the
// kernel translates them and writes the descriptors. So the device reaches those buffers and its own queues, and nothing else,
// on a machine without an SMMU too, as long as it does what its queues say.
#pragma once

#include <optional>
#include <span>

#include "rvm/hal/machine.hpp"
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
  /// `memory` is a page that nobody else uses; it is cleared. False: the device does not do what the specification says.
  [[nodiscard]] bool begin(Registers registers, VirtioLeaseMemory& memory, PhysicalAddress physical) {
    device_ = VirtioDevice<Registers>{registers};
    memory_ = &memory;
    requests_ = {};
    constexpr std::uint32_t block = 2, feature_flush = 1u << 9;
    if (!device_.initialise(device_.device() == block ? feature_flush : 0)) return false;
    memory = VirtioLeaseMemory{};
    for (std::uint32_t i = 0; i < RVM_DEVICE_QUEUES && device_.queue_entries(i) != 0; ++i) {
      const auto offset = static_cast<std::uint64_t>(reinterpret_cast<const std::byte*>(&memory.queues[i]) -
                                                     reinterpret_cast<const std::byte*>(&memory));
      if (!device_.use_queue(i, memory.queues[i], PhysicalAddress{physical.value + offset})) return false;
      requests_[i].exists = true;
    }
    device_.start();
    return true;
  }
  /// From its return on the device reaches no memory.
  void end() {
    device_.reset();
    memory_ = nullptr;
    requests_ = {};
  }

  /// The number of the request, at most 1 to RVM_DEVICE_BUFFERS_MAX buffers; nothing when the queue is full or there is none.
  [[nodiscard]] std::optional<std::uint16_t> submit(std::uint32_t queue, std::span<const DeviceBuffer> buffers) {
    if (memory_ == nullptr || queue >= RVM_DEVICE_QUEUES || !requests_[queue].exists) return std::nullopt;
    Requests& requests = requests_[queue];
    std::uint16_t request = 0;
    while (request < VirtioLeaseMemory::requests && (requests.in_flight >> request & 1) != 0) ++request;
    if (request == VirtioLeaseMemory::requests) return std::nullopt;
    auto& q = memory_->queues[queue];
    const auto head = static_cast<std::uint16_t>(request * RVM_DEVICE_BUFFERS_MAX);
    for (std::uint16_t i = 0; i < buffers.size(); ++i) {
      const auto at = static_cast<std::uint16_t>(head + i);
      const bool last = i + 1u == buffers.size();
      const unsigned flags = (buffers[i].device_writes ? VirtioDescriptor::device_writes : 0u) |
                             (last ? 0u : VirtioDescriptor::next_valid);
      q.descriptors[at] = {buffers[i].address.value, buffers[i].bytes, static_cast<std::uint16_t>(flags),
                           static_cast<std::uint16_t>(last ? 0 : at + 1)};
    }
    requests.in_flight = static_cast<std::uint8_t>(requests.in_flight | 1u << request);
    device_.publish(queue, q, head);
    return request;
  }

  /// The next request that the device is done with.
  [[nodiscard]] DeviceCompletion complete(std::uint32_t queue) {
    using enum DeviceCompletion::Status;
    if (memory_ == nullptr || queue >= RVM_DEVICE_QUEUES) return {none, 0, 0};
    auto& q = memory_->queues[queue];
    Requests& requests = requests_[queue];
    if (q.device_index() == requests.seen) return {none, 0, 0};
    Registers::order();  // the entry is read after the index that announces it
    const VirtioUsed used = q.used.ring[requests.seen % VirtioLeaseMemory::length];
    ++requests.seen;
    const std::uint32_t request = used.id / RVM_DEVICE_BUFFERS_MAX;
    if (used.id % RVM_DEVICE_BUFFERS_MAX != 0 || request >= VirtioLeaseMemory::requests ||
        (requests.in_flight >> request & 1) == 0) {
      return {failed, 0, 0};
    }
    requests.in_flight = static_cast<std::uint8_t>(requests.in_flight & ~(1u << request));
    return {done, static_cast<std::uint16_t>(request), used.bytes};
  }

  [[nodiscard]] std::uint32_t configuration(std::uint32_t offset) const { return device_.configuration(offset); }
  void acknowledge_interrupt() const { device_.acknowledge_interrupt(); }

 private:
  struct Requests {
    bool exists = false;
    std::uint8_t in_flight = 0;  ///< a bit each
    std::uint16_t seen = 0;      ///< how many completions were taken
  };

  VirtioDevice<Registers> device_;
  VirtioLeaseMemory* memory_ = nullptr;
  std::array<Requests, RVM_DEVICE_QUEUES> requests_{};
};

}  // namespace rvm::hal
