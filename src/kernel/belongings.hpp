// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What goes with agents that change partitions. Under the kernel lock.
//
// Nothing is copied. An agent's arena and the tables below its slot's entries change hands with those entries; its capability
// table is its own wherever it lives, so its handles stay good; its queues and regions are another partition's from now on.
// Regions that agents of both sides have capabilities to stay with the side that uses them more (DC-9). From then on neither side can
// write them (DC-8), nor whoever has such a region from one of them: a capability never has more than the one it was derived from.
#pragma once

#include <cstdint>
#include <span>

#include "state.hpp"

namespace rvm::kernel {

/// Capabilities of all agents of a partition that have not ended.
[[nodiscard]] std::uint32_t capabilities_of(const Partition& p);

/// Ends of edges that an agent has.
[[nodiscard]] std::uint32_t edge_ends_of(const Agent& agent);

/// `visit(Agent&)` sees those agents of a partition that have not ended.
template <typename Visit>
void each_living(const Partition& p, Visit visit) {
  for (Agent* a = p.agents.front(); a != nullptr; a = partition::List<Agent, &Agent::partition_link>::after(*a)) {
    if (a->state != AgentState::terminated) visit(*a);
  }
}

/// The queue of an edge is paid for by `to`, which has been charged for as many pages as this returns, or will be.
std::uint32_t hand_over_queue(State& s, Edge& edge, Partition& to);

/// Capabilities of all agents of a partition that may be looked through in one step under the lock.
inline constexpr std::uint32_t maximum_census = 1024;
/// What one relocation may spend on taking rights away (cap::Budget): a capability costs 1, and a page mapped through it whose
/// permissions are taken away an eighth.
inline constexpr cap::Budget maximum_restriction = 256;

/// Who uses which regions of a partition, counted for one move. Cost: some 20 instructions for each slot of its agents'
/// capability tables that was ever used, and 5 for each entry of the movers' slots.
class Census {
 public:
  /// `movers` live in `from` and do not execute.
  Census(State& s, Partition& from, std::span<Agent* const> movers);
  Census(const Census&) = delete;
  Census& operator=(const Census&) = delete;
  ~Census();

  /// Pages that `from` pays for and that go: what the agents have, and the regions placed with them.
  [[nodiscard]] std::uint32_t pages() const { return pages_; }
  /// Agents of `from`. When all of them go, so do all regions.
  [[nodiscard]] std::uint32_t agents() const { return agents_; }
  [[nodiscard]] bool everybody_goes() const { return agents_ == movers_.size(); }
  /// What taking rights away from what both sides can reach costs, counted to the first above maximum_restriction: then it must not
  /// begin.
  [[nodiscard]] cap::Budget restriction() const { return restriction_; }
  /// Whether `to` can take that. Error::no_memory.
  [[nodiscard]] Status room_in(const Partition& to) const;
  /// Whether there are pages for a table above the slot of each mover. Error::no_memory.
  [[nodiscard]] Status machine_has_room() const;

 private:
  void count_restriction(const Partition& from);

  State& s_;
  std::span<Agent* const> movers_;
  std::uint32_t agents_ = 0;
  std::uint32_t pages_ = 0;
  cap::Budget restriction_ = 0;
};

struct Moved {
  std::uint32_t pages = 0;       ///< that change hands
  std::uint32_t restricted = 0;  ///< capabilities reduced to READ
};

/// Everything of `movers` goes to `to`, where there is room (room_in), and what both sides can reach is restricted, which the census
/// found bounded. The TLBs hold nothing of it under the old VMID afterwards.
Moved move_belongings(State& s, const security::Permit& permit, Partition& from, Partition& to,
                      std::span<Agent* const> movers, const Census& census);

}  // namespace rvm::kernel
