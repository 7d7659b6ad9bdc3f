// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Partitions, regions and edges as the kernel keeps them. Under the kernel lock. Mutations take the gate's
// permit or pass the gate themselves.
#pragma once

#include <string_view>

#include "rvm/witness/effects.hpp"
#include "state.hpp"

namespace rvm::kernel {

// --- names ---

using witness::name_word;
using witness::pair_word;

template <std::size_t N>
void copy_name(std::array<char, N>& to, std::string_view name) {
  to = {};
  name.copy(to.data(), N - 1);
}
template <std::size_t N>
[[nodiscard]] std::string_view name_of(const std::array<char, N>& name) {
  std::size_t n = 0;
  while (n < N && name[n] != '\0') ++n;
  return {name.data(), n};
}

// --- partitions ---

struct PartitionRequest {
  std::string_view name;
  rvm_partition_type type = RVM_PARTITION_AGENT;
  rvm_partition_mode mode = RVM_MODE_FLOW;
  std::uint32_t page_quota = 0;
  std::uint32_t record_quota = 0;  ///< 0: default
  bool live = false;               ///< its boundary may move
};
[[nodiscard]] Result<Partition*> create_partition(State& s, const security::Permit& permit,
                                                  const PartitionRequest& request);

/// Gives back everything a partition holds whose agents have ended, then the partition itself. Resumed by calling again.
struct Destruction {
  cap::Progress progress = cap::Progress::more;
  std::uint32_t capabilities = 0;  ///< to its regions, that this step removed
  std::uint32_t regions = 0;
};
[[nodiscard]] Destruction destroy_partition(State& s, const security::Permit& permit, Partition& p);
/// Of a partition that holds nothing any more but its translation tables.
void release_partition(State& s, Partition& p);
/// Witness records per epoch that its agents may cause.
void set_record_quota(const State& s, Partition& p, std::uint32_t quota);

// --- memory ---

/// Zeroed pages in a row, 1..512, which a partition pays for and which are its own, or go with the agent. Errors: no_memory.
[[nodiscard]] Result<PhysicalAddress> charged_run(State& s, Partition& p, std::uint32_t pages);
[[nodiscard]] Result<PhysicalAddress> charged_run(State& s, const Agent& agent, std::uint32_t pages);
void free_charged_run(State& s, Partition& p, PhysicalAddress run, std::uint32_t pages);
/// One for what the kernel keeps of an agent.
[[nodiscard]] Result<std::byte*> charged_page(State& s, const Agent& agent);
void free_charged_page(State& s, const Agent& agent, const void* page);

/// Maps fresh zeroed pages one by one in the agent's slot, charged to its partition.
[[nodiscard]] Status map_fresh(State& s, const Agent& agent, GuestAddress at, std::uint64_t pages, Access access);
/// Unmaps a range, cleans the TLBs, and only then frees those pages that belonged to the partition's agents (not to regions
/// and not to the boot package).
void release_range(State& s, Partition& p, GuestAddress from, std::uint64_t pages);
/// Unmaps pages that are mapped and belong to somebody else (a region), and cleans the TLBs.
void unmap_pages(State& s, Partition& p, GuestAddress at, std::uint64_t pages);
/// Unmaps what a region capability maps and cleans the TLBs. Returns the number of pages.
std::uint32_t unmap_region(State& s, Partition& p, cap::Capability& capability);
void invalidate(State& s, Partition& p);

[[nodiscard]] Result<RegionObject*> create_region(State& s, const security::Permit& permit, Partition& owner,
                                                  std::uint32_t pages);
/// Precondition: no capability leads to it any more.
void destroy_region(State& s, RegionObject& region);

// --- edges ---

struct EdgeRequest {
  Agent& sender;
  Agent& receiver;
  std::uint32_t queue_length;
  std::uint64_t badge;
  std::uint32_t notify_bit = 64;
};
[[nodiscard]] Result<Edge*> create_edge(State& s, const security::Permit& permit, const EdgeRequest& request);
/// Drops queued messages; both ends are told if they wait on it. Returns how many were unread.
std::uint32_t destroy_edge(State& s, Edge& edge);
/// One end has gone. When both have, the edge goes too.
void detach_sender(State& s, Edge& edge);
void detach_receiver(State& s, Edge& edge);

}  // namespace rvm::kernel
