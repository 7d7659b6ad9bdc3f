// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who talks to whom: agents are nodes, CommEdges are directed weighted edges, and every node lies in one partition.
//
// The kernel reports every change as it happens, under its lock: structure at once, bytes delivered once per epoch and
// edge. What a partition weighs inside and across its border is kept up to date with each change; nothing here ever walks
// the whole graph. Partitions that changed stand in a queue, first in, first out, from which the engine takes its work.
#pragma once

#include "rvm/coherence/capacity.hpp"
#include "rvm/coherence/decay.hpp"
#include "rvm/types/error.hpp"

namespace rvm::coherence {

class Graph {
  struct Node;
  struct Edge;
  struct Partition;

 public:
  /// Largest weight of an edge in units; sums over every edge that can exist fit 64 bits.
  static constexpr std::uint64_t weight_maximum = std::uint64_t{1} << 47;

  /// Units (Decay::units) within the partition, and on edges that cross its border.
  struct Sums {
    std::uint64_t internal = 0;
    std::uint64_t external = 0;
    [[nodiscard]] std::uint64_t total() const { return internal + external; }
  };
  struct Ends {
    NodeIndex from;
    NodeIndex to;
  };

  [[nodiscard]] static constexpr std::size_t memory_bytes(Capacity capacity);

  /// Empty graph in `memory`, which must be aligned to 8 and outlive it.
  /// Errors: bad_argument (capacity beyond capacity_maximum, or nothing at all), no_memory, unaligned.
  [[nodiscard]] Status init(Capacity capacity, std::span<std::byte> memory);

  // --- What the kernel reports. Errors are bad_argument (no such index), bad_state (already there, or not there) and
  // --- resource_limit (64 members). O(1) except where it says otherwise. A refused change has no effect.

  /// O(members younger than it by index): nothing when indices are given out in ascending order, and never more than 64.
  [[nodiscard]] Status add_node(NodeIndex node, PartitionIndex partition);
  /// Takes its edges with it. O(degree).
  [[nodiscard]] Status remove_node(NodeIndex node);
  /// O(degree), and as add_node.
  [[nodiscard]] Status move_node(NodeIndex node, PartitionIndex partition);
  /// An edge from a node to itself is allowed and weighs nothing: what stays in one agent says nothing about borders.
  [[nodiscard]] Status add_edge(EdgeIndex edge, NodeIndex from, NodeIndex to);
  [[nodiscard]] Status remove_edge(EdgeIndex edge);
  /// `bytes` more were delivered. Saturates at weight_maximum.
  [[nodiscard]] Status deliver(EdgeIndex edge, std::uint32_t bytes);
  /// The node holds something that cannot move (a device lease, say): never proposed for a move.
  [[nodiscard]] Status pin(NodeIndex node, bool pinned);
  /// The partition stays as it is: neither source nor target of any proposal (root, drivers, Reflex mode).
  [[nodiscard]] Status fix(PartitionIndex partition, bool fixed);

  // --- Time.

  [[nodiscard]] Decay& decay() { return decay_; }
  [[nodiscard]] const Decay& decay() const { return decay_; }

  // --- What the engine reads. Preconditions: the index exists. O(1).

  [[nodiscard]] Capacity capacity() const { return capacity_; }
  [[nodiscard]] bool exists(NodeIndex node) const;
  [[nodiscard]] bool exists(EdgeIndex edge) const;
  [[nodiscard]] bool valid(PartitionIndex partition) const { return partition.value < capacity_.partitions; }
  [[nodiscard]] PartitionIndex partition_of(NodeIndex node) const;
  [[nodiscard]] std::uint32_t members(PartitionIndex partition) const;
  [[nodiscard]] bool pinned(NodeIndex node) const;
  [[nodiscard]] bool fixed(PartitionIndex partition) const;
  [[nodiscard]] Sums sums(PartitionIndex partition) const;
  [[nodiscard]] Ends ends(EdgeIndex edge) const;
  [[nodiscard]] std::uint64_t weight(EdgeIndex edge) const;

  /// Members in ascending order of index; NodeIndex{none} ends the list.
  [[nodiscard]] NodeIndex first_member(PartitionIndex partition) const;
  [[nodiscard]] NodeIndex next_member(NodeIndex node) const;
  /// A node's edges; EdgeIndex{none} ends either list.
  [[nodiscard]] EdgeIndex first_out(NodeIndex node) const;
  [[nodiscard]] EdgeIndex next_out(EdgeIndex edge) const;
  [[nodiscard]] EdgeIndex first_in(NodeIndex node) const;
  [[nodiscard]] EdgeIndex next_in(EdgeIndex edge) const;

  /// Counts changes of membership: while it stays the same, a set of members by position stays the same set.
  [[nodiscard]] std::uint32_t membership(PartitionIndex partition) const;
  /// A member came or left, or an edge of one ended, since this was cleared: a walk along them has to begin again.
  [[nodiscard]] bool restructured(PartitionIndex partition) const;
  /// An edge of a member is new, or leads to another partition than before, since this was cleared.
  [[nodiscard]] bool rewired(PartitionIndex partition) const;
  void clear_rewired(PartitionIndex partition);
  void clear_restructured(PartitionIndex partition);
  /// The partition's sums changed, by deliveries or otherwise, since this was cleared.
  [[nodiscard]] bool disturbed(PartitionIndex partition) const;
  void clear_disturbed(PartitionIndex partition);

  /// Replaces the sums of a partition by what its edges say.
  void correct(PartitionIndex partition, Sums sums);

  // --- The queue of partitions that changed.

  /// Puts it at the end unless it is in the queue.
  void mark(PartitionIndex partition);
  /// Takes the first; PartitionIndex{none} when nothing waits.
  [[nodiscard]] PartitionIndex take_marked();
  [[nodiscard]] std::uint32_t marked() const { return marked_; }

 private:
  friend struct GraphTest;

  struct Node {
    std::uint32_t partition = none;  ///< none: does not exist
    std::uint32_t next_member = none;
    std::uint32_t previous_member = none;
    std::uint32_t first_out = none;
    std::uint32_t first_in = none;
    bool pinned = false;
  };
  struct Edge {
    std::uint64_t weight = 0;  ///< units of `generation`
    std::uint32_t generation = 0;
    std::uint32_t from = none;  ///< none: does not exist
    std::uint32_t to = none;
    std::uint32_t next_out = none;
    std::uint32_t previous_out = none;
    std::uint32_t next_in = none;
    std::uint32_t previous_in = none;
  };
  struct Partition {
    Sums sums;  ///< units of `generation`
    std::uint32_t generation = 0;
    std::uint32_t first_member = none;
    std::uint32_t last_member = none;
    std::uint32_t next_marked = none;
    std::uint32_t membership = 0;
    std::uint16_t members = 0;
    bool marked = false;
    bool restructured = false;
    bool rewired = false;
    bool disturbed = false;
    bool fixed = false;
  };

  enum class Change : bool { add, remove };
  Partition& age(std::uint32_t partition);
  void account(const Edge& edge, std::uint64_t units, Change change);
  void account_edge_of(Edge& edge, Change change);
  void account_edges_of(const Node& node, Change change);
  void link_member(std::uint32_t node, std::uint32_t partition);
  void unlink_member(std::uint32_t node);
  void unlink_edge(std::uint32_t edge);
  void note(std::uint32_t partition, bool Partition::* what);

  Capacity capacity_;
  Decay decay_;
  std::span<Node> nodes_;
  std::span<Edge> edges_;
  std::span<Partition> partitions_;
  std::uint32_t first_marked_ = none;
  std::uint32_t last_marked_ = none;
  std::uint32_t marked_ = 0;
};

constexpr std::size_t Graph::memory_bytes(Capacity capacity) {
  return Carver::bytes<Node>(capacity.nodes) + Carver::bytes<Edge>(capacity.edges) +
         Carver::bytes<Partition>(capacity.partitions);
}

inline bool Graph::exists(NodeIndex node) const {
  return node.value < capacity_.nodes && nodes_[node.value].partition != none;
}
inline bool Graph::exists(EdgeIndex edge) const {
  return edge.value < capacity_.edges && edges_[edge.value].from != none;
}
inline PartitionIndex Graph::partition_of(NodeIndex node) const { return PartitionIndex{nodes_[node.value].partition}; }
inline std::uint32_t Graph::members(PartitionIndex partition) const { return partitions_[partition.value].members; }
inline bool Graph::pinned(NodeIndex node) const { return nodes_[node.value].pinned; }
inline bool Graph::fixed(PartitionIndex partition) const { return partitions_[partition.value].fixed; }
inline Graph::Ends Graph::ends(EdgeIndex edge) const {
  return {NodeIndex{edges_[edge.value].from}, NodeIndex{edges_[edge.value].to}};
}
inline std::uint64_t Graph::weight(EdgeIndex edge) const {
  return decay_.aged(edges_[edge.value].weight, edges_[edge.value].generation);
}
inline Graph::Sums Graph::sums(PartitionIndex partition) const {
  const Partition& p = partitions_[partition.value];
  return {decay_.aged(p.sums.internal, p.generation), decay_.aged(p.sums.external, p.generation)};
}
inline NodeIndex Graph::first_member(PartitionIndex partition) const {
  return NodeIndex{partitions_[partition.value].first_member};
}
inline NodeIndex Graph::next_member(NodeIndex node) const { return NodeIndex{nodes_[node.value].next_member}; }
inline EdgeIndex Graph::first_out(NodeIndex node) const { return EdgeIndex{nodes_[node.value].first_out}; }
inline EdgeIndex Graph::next_out(EdgeIndex edge) const { return EdgeIndex{edges_[edge.value].next_out}; }
inline EdgeIndex Graph::first_in(NodeIndex node) const { return EdgeIndex{nodes_[node.value].first_in}; }
inline EdgeIndex Graph::next_in(EdgeIndex edge) const { return EdgeIndex{edges_[edge.value].next_in}; }
inline std::uint32_t Graph::membership(PartitionIndex partition) const {
  return partitions_[partition.value].membership;
}
inline bool Graph::restructured(PartitionIndex partition) const { return partitions_[partition.value].restructured; }
inline void Graph::clear_restructured(PartitionIndex partition) { partitions_[partition.value].restructured = false; }
inline bool Graph::rewired(PartitionIndex partition) const { return partitions_[partition.value].rewired; }
inline void Graph::clear_rewired(PartitionIndex partition) { partitions_[partition.value].rewired = false; }
inline bool Graph::disturbed(PartitionIndex partition) const { return partitions_[partition.value].disturbed; }
inline void Graph::clear_disturbed(PartitionIndex partition) { partitions_[partition.value].disturbed = false; }

}  // namespace rvm::coherence
