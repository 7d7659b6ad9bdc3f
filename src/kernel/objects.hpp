// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Partitions, capabilities, regions and edges as the kernel keeps them. Under the kernel lock. Mutations take the gate's
// permit or pass the gate themselves.
#pragma once

#include <string_view>

#include "state.hpp"

namespace rvm::kernel {

// --- names and encodings in records ---

/// First 8 bytes of a name, as the `name` field of records.
[[nodiscard]] std::uint64_t name_word(std::string_view name);
/// The `authority` field of capability records.
[[nodiscard]] std::uint64_t authority_word(const cap::Capability& capability, PartitionId holder);
[[nodiscard]] constexpr std::uint64_t pair_word(std::uint32_t high, std::uint32_t low) {
  return std::uint64_t{high} << 32 | low;
}

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
};
[[nodiscard]] Result<Partition*> create_partition(State& s, const security::Permit& permit,
                                                  const PartitionRequest& request);

/// Gives back everything a partition holds whose agents have ended, then the partition itself. Resumed by calling again.
struct Destruction {
  cap::Progress progress = cap::Progress::more;
  std::uint32_t capabilities = 0;  ///< that this step removed
  std::uint32_t regions = 0;
};
[[nodiscard]] Destruction destroy_partition(State& s, const security::Permit& permit, Partition& p);

// --- capabilities ---

/// Everything that leads to an object; the permanent ones' for an id that is in no pool.
[[nodiscard]] cap::ObjectCapabilities& holders_of(State& s, ObjectType type, std::uint32_t object);

/// A derivation root, witnessed as CapabilityGrant. With its handle in the holder's table.
[[nodiscard]] Result<cap::Placed> mint(State& s, const security::Authority& by, Partition& holder, ObjectType type,
                                       std::uint32_t object, Rights rights, std::uint64_t badge = 0);

/// Removes one capability's effects before it goes: a region that is mapped through it is unmapped and the TLBs are clean.
/// Returns what that cost beside the removal.
cap::Budget before_removal(State& s, cap::CapabilityRef ref, cap::Capability& capability);

/// How far one step of a long operation got.
struct Step {
  Status status;
  cap::Progress progress = cap::Progress::done;
};
/// One step of revoking a capability with all that was derived from it, witnessed as CapabilityRevoke.
[[nodiscard]] Step revoke_step(State& s, const security::Authority& by, cap::CapabilityRef root, witness::Lane lane);

/// One step of revoking what still leads to the last occupant of the slot that `pool` hands out next. An object that ended by
/// itself leaves its holders' handles, which answer PEER_GONE, until then. True when the slot can be taken.
template <typename T>
[[nodiscard]] bool slot_ready(State& s, partition::Pool<T>& pool) {
  T* const slot = pool.next();
  return slot == nullptr || slot->holders.empty() || revoke_holders(s, slot->holders, pool.last_id(*slot).value);
}
/// A step of revoking everything that leads to an object that is gone. True when nothing does any more.
[[nodiscard]] bool revoke_holders(State& s, cap::ObjectCapabilities& holders, std::uint32_t object);

/// The partition that holds capabilities under this index.
[[nodiscard]] inline Partition& holder_of(State& s, cap::CapabilityRef ref) {
  return s.partitions.at(ref.partition.value);
}

// --- memory ---

/// Maps fresh zeroed pages one by one, charged to the partition.
[[nodiscard]] Status map_fresh(State& s, Partition& p, GuestAddress at, std::uint64_t pages, Access access);
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
