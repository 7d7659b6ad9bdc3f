// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Boot packages for a simulated machine, made in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "rvm/boot/coherence.hpp"
#include "rvm/boot_package.h"

namespace rvm::kernel::test {

/// Writes boot packages. Every agent runs the one image: a page of code, a page of data, small stack and heap.
class PackageBuilder {
 public:
  std::uint32_t partition(std::string_view name, std::uint32_t page_quota = 0) {
    rvm_package_partition p{};
    name.copy(p.name, sizeof p.name - 1);
    p.type = partitions_.empty() ? RVM_PARTITION_ROOT : RVM_PARTITION_AGENT;
    p.page_quota = page_quota;
    p.witness_quota = 1'000'000;
    partitions_.push_back(p);
    return static_cast<std::uint32_t>(partitions_.size() - 1);
  }
  std::uint32_t agent(std::string_view name, std::uint32_t partition_index, std::uint32_t priority = 100,
                      bool service = true) {
    rvm_package_agent a{};
    name.copy(a.name, sizeof a.name - 1);
    a.partition = partition_index;
    a.priority = priority;
    a.affinity = -1;
    a.flags = service ? RVM_AGENT_SERVICE : 0;
    agents_.push_back(a);
    return static_cast<std::uint32_t>(agents_.size() - 1);
  }
  void edge(std::string_view name, std::uint32_t sender, std::uint32_t receiver, std::uint32_t queue_length = 4) {
    rvm_package_edge e{};
    name.copy(e.name, sizeof e.name - 1);
    name.copy(e.peer_name, sizeof e.peer_name - 1);
    e.sender = sender;
    e.receiver = receiver;
    e.queue_length = queue_length;
    e.notify_bit = 64;
    edges_.push_back(e);
  }
  void grant(std::string_view name, std::uint32_t agent_index, rvm_object_type type, std::uint32_t object,
             std::uint32_t granted) {
    rvm_package_grant g{};
    name.copy(g.name, sizeof g.name - 1);
    g.agent = agent_index;
    g.type = type;
    g.object = object;
    g.rights = granted;
    grants_.push_back(g);
  }
  /// `dma_bytes_per_epoch`: 0 for a device without DMA.
  std::uint32_t device(std::string_view name, rvm_device_kind kind, std::uint64_t dma_bytes_per_epoch) {
    rvm_package_device d{};
    name.copy(d.name, sizeof d.name - 1);
    d.kind = kind;
    d.dma_bytes_per_epoch = dma_bytes_per_epoch;
    devices_.push_back(d);
    return static_cast<std::uint32_t>(devices_.size() - 1);
  }
  /// The last that was added, to change what the functions above do not ask for.
  [[nodiscard]] rvm_package_partition& last_partition() { return partitions_.back(); }
  [[nodiscard]] rvm_package_agent& last_agent() { return agents_.back(); }
  [[nodiscard]] rvm_package_device& last_device() { return devices_.back(); }
  /// RVM_PACKAGE_*; development is always set.
  std::uint32_t flags = 0;
  /// Pages of every agent's heap.
  std::uint32_t heap_pages = 4;
  std::uint32_t image_flags = 0;  ///< rvm_image_flags
  /// Off unless a test switches it on; partitions are live only with RVM_PARTITION_LIVE among their flags.
  rvm_package_coherence coherence = boot::coherence_defaults();
  /// The finished package, authenticated under `device_key`.
  [[nodiscard]] std::vector<std::byte> build(std::span<const std::byte, 32> device_key) const;

 private:
  std::vector<rvm_package_partition> partitions_;
  std::vector<rvm_package_agent> agents_;
  std::vector<rvm_package_edge> edges_;
  std::vector<rvm_package_grant> grants_;
  std::vector<rvm_package_device> devices_;
};

}  // namespace rvm::kernel::test
