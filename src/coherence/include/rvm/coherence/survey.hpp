// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A walk along every edge of one partition's members, in pieces: what its members weigh to each other, to home and to
// other partitions. Nothing is estimated. It may stretch over several epochs; it has to begin again when the partition's
// structure changed meanwhile, or the graph's scale.
#pragma once

#include <span>

#include "rvm/coherence/cut_graph.hpp"
#include "rvm/coherence/graph.hpp"

namespace rvm::coherence {

class Survey {
 public:
  struct Member {
    NodeIndex node;
    std::uint64_t home = 0;  ///< units on edges to other members
    PartitionIndex best{none};
    std::uint64_t away = 0;    ///< units to `best`, the partition other than home with the most; the first among equals
    std::uint64_t wanted = 0;  ///< units to the partition that the caller said it wants
  };
  /// Two directions for every pair.
  static constexpr std::uint32_t arcs_maximum = members_maximum * (members_maximum - 1);

  [[nodiscard]] static constexpr std::size_t memory_bytes(Capacity capacity);
  void init(Capacity capacity, std::span<std::byte> memory);

  /// Lists the members of `partition`. Partitions that are fixed, or have `full` members, attract nobody: they count as
  /// outside, but are neither anyone's best nor the neighbour. At most members_maximum units.
  void begin(const Graph& graph, PartitionIndex partition, std::uint32_t full, Budget& budget);
  /// Goes on. `wanted[n]` is the partition that node n wants, or `none`. Overruns by less than budget_overrun_max.
  [[nodiscard]] Progress step(const Graph& graph, std::span<const std::uint32_t> wanted, Budget& budget);
  /// Whether what was gathered so far still fits the graph.
  [[nodiscard]] bool current(const Graph& graph) const {
    return !graph.restructured(partition_) && generation_ == graph.decay().generation();
  }

  // --- Results, after step said done.

  [[nodiscard]] PartitionIndex partition() const { return partition_; }
  [[nodiscard]] std::span<const Member> members() const { return members_.first(count_); }
  [[nodiscard]] Graph::Sums sums() const { return sums_; }
  /// The partition with the most weight to this one; `none` when there is no traffic.
  [[nodiscard]] PartitionIndex neighbour() const { return neighbour_; }
  [[nodiscard]] std::uint64_t between() const { return between_; }
  /// Whose units they are (Decay::generation).
  [[nodiscard]] std::uint32_t generation() const { return generation_; }
  /// Units between two members, in both directions together, as they were when the later of the two was looked at: between one
  /// and the other something may have been delivered, and a cut wants the same from both ends.
  [[nodiscard]] std::uint64_t pair(std::uint32_t i, std::uint32_t j) const {
    return i < j ? matrix_[j * count_ + i] : matrix_[i * count_ + j];
  }

 private:
  struct Tally {
    std::uint64_t units = 0;
    std::uint32_t serial = 0;  ///< counts only when it is the current one
  };
  void visit(const Graph& graph, EdgeIndex edge, NodeIndex other);
  static std::uint64_t add(Tally& tally, std::uint32_t serial, std::uint64_t units);

  std::span<Member> members_;
  std::span<std::uint64_t> matrix_;
  std::span<std::uint8_t> position_;  ///< of a node among the members
  std::span<Tally> of_member_;        ///< per partition: weight to the member that is being looked at
  std::span<Tally> of_partition_;     ///< per partition: weight to the one that is surveyed
  PartitionIndex partition_{none};
  std::uint32_t generation_ = 0;
  std::uint32_t full_ = 0;
  std::uint32_t count_ = 0;
  std::uint32_t at_ = 0;      ///< member
  EdgeIndex edge_{none};      ///< next to look at
  bool incoming_ = false;     ///< `edge_` is in the list of incoming ones
  std::uint32_t serial_ = 0;  ///< one per member
  std::uint32_t survey_ = 0;  ///< one per survey
  Graph::Sums sums_;          ///< internal: both directions' ends, so twice, until the end
  PartitionIndex neighbour_{none};
  std::uint64_t between_ = 0;
};

constexpr std::size_t Survey::memory_bytes(Capacity capacity) {
  return Carver::bytes<Member>(members_maximum) + Carver::bytes<std::uint64_t>(members_maximum * members_maximum) +
         Carver::bytes<std::uint8_t>(capacity.nodes) + 2 * Carver::bytes<Tally>(capacity.partitions);
}

}  // namespace rvm::coherence
