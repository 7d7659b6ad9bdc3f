// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/graph.hpp"

#include <algorithm>

#include "rvm/types/invariant.hpp"

namespace rvm::coherence {

Status Graph::init(Capacity capacity, std::span<std::byte> memory) {
  if (capacity.nodes == 0 || capacity.edges == 0 || capacity.partitions == 0 ||
      capacity.nodes > capacity_maximum.nodes || capacity.edges > capacity_maximum.edges ||
      capacity.partitions > capacity_maximum.partitions) {
    return fail(Error::bad_argument);
  }
  if (memory.size() < memory_bytes(capacity)) return fail(Error::no_memory);
  // Only the address's low bits are looked at.
  if (reinterpret_cast<std::uintptr_t>(memory.data()) % Carver::alignment != 0) return fail(Error::unaligned);
  Carver carver(memory);
  nodes_ = carver.take<Node>(capacity.nodes);
  edges_ = carver.take<Edge>(capacity.edges);
  partitions_ = carver.take<Partition>(capacity.partitions);
  capacity_ = capacity;
  decay_ = {};
  decay_.rate(BasisPoints{0});
  first_marked_ = last_marked_ = none;
  marked_ = 0;
  return {};
}

/// Brings a partition's sums to this generation. The sum of shifted weights is less than the shifted sum by under one
/// unit per edge, which is why sums are never below what the edges say, and taking an edge's weight out cannot underflow.
Graph::Partition& Graph::age(std::uint32_t partition) {
  Partition& p = partitions_[partition];
  if (p.generation != decay_.generation()) {
    p.sums = {decay_.aged(p.sums.internal, p.generation), decay_.aged(p.sums.external, p.generation)};
    p.generation = decay_.generation();
  }
  return p;
}

void Graph::account(const Edge& edge, std::uint64_t units, Change change) {
  if (edge.from == edge.to) return;
  const std::uint32_t from = nodes_[edge.from].partition;
  const std::uint32_t to = nodes_[edge.to].partition;
  const auto apply = [&](std::uint32_t partition, std::uint64_t Sums::* sum) {
    Partition& p = age(partition);
    if (change == Change::add) {
      p.sums.*sum += units;
    } else {
      // Less only when memory went bad, which the engine's own check finds; here it must not become a huge number.
      p.sums.*sum -= std::min(units, p.sums.*sum);
    }
    p.disturbed = true;
    mark(PartitionIndex{partition});
  };
  if (from == to) {
    apply(from, &Sums::internal);
  } else {
    apply(from, &Sums::external);
    apply(to, &Sums::external);
  }
}

void Graph::account_edge_of(Edge& edge, Change change) {
  edge.weight = decay_.aged(edge.weight, edge.generation);
  edge.generation = decay_.generation();
  account(edge, edge.weight, change);
  note(nodes_[edge.from].partition, &Partition::rewired);
  note(nodes_[edge.to].partition, &Partition::rewired);
}

void Graph::account_edges_of(const Node& node, Change change) {
  for (std::uint32_t e = node.first_out; e != none; e = edges_[e].next_out) account_edge_of(edges_[e], change);
  for (std::uint32_t e = node.first_in; e != none; e = edges_[e].next_in) {
    if (edges_[e].from != edges_[e].to) account_edge_of(edges_[e], change);
  }
}

void Graph::note(std::uint32_t partition, bool Partition::* what) {
  partitions_[partition].*what = true;
  mark(PartitionIndex{partition});
}

void Graph::link_member(std::uint32_t node, std::uint32_t partition) {
  Partition& p = partitions_[partition];
  Node& n = nodes_[node];
  std::uint32_t after = p.last_member;
  while (after != none && after > node) after = nodes_[after].previous_member;
  n.partition = partition;
  n.previous_member = after;
  n.next_member = after == none ? p.first_member : nodes_[after].next_member;
  (after == none ? p.first_member : nodes_[after].next_member) = node;
  (n.next_member == none ? p.last_member : nodes_[n.next_member].previous_member) = node;
  ++p.members;
  ++p.membership;
  note(partition, &Partition::restructured);
}

void Graph::unlink_member(std::uint32_t node) {
  Node& n = nodes_[node];
  Partition& p = partitions_[n.partition];
  (n.previous_member == none ? p.first_member : nodes_[n.previous_member].next_member) = n.next_member;
  (n.next_member == none ? p.last_member : nodes_[n.next_member].previous_member) = n.previous_member;
  --p.members;
  ++p.membership;
  note(n.partition, &Partition::restructured);
}

void Graph::unlink_edge(std::uint32_t edge) {
  Edge& e = edges_[edge];
  (e.previous_out == none ? nodes_[e.from].first_out : edges_[e.previous_out].next_out) = e.next_out;
  if (e.next_out != none) edges_[e.next_out].previous_out = e.previous_out;
  (e.previous_in == none ? nodes_[e.to].first_in : edges_[e.previous_in].next_in) = e.next_in;
  if (e.next_in != none) edges_[e.next_in].previous_in = e.previous_in;
  e = {};
}

Status Graph::add_node(NodeIndex node, PartitionIndex partition) {
  if (node.value >= capacity_.nodes || !valid(partition)) return fail(Error::bad_argument);
  if (exists(node)) return fail(Error::bad_state);
  if (members(partition) == members_maximum) return fail(Error::resource_limit);
  nodes_[node.value] = {};
  link_member(node.value, partition.value);
  return {};
}

Status Graph::remove_node(NodeIndex node) {
  if (node.value >= capacity_.nodes) return fail(Error::bad_argument);
  if (!exists(node)) return fail(Error::bad_state);
  Node& n = nodes_[node.value];
  while (n.first_out != none) ensure(remove_edge(EdgeIndex{n.first_out}).has_value());
  while (n.first_in != none) ensure(remove_edge(EdgeIndex{n.first_in}).has_value());
  unlink_member(node.value);
  n = {};
  return {};
}

Status Graph::move_node(NodeIndex node, PartitionIndex partition) {
  if (node.value >= capacity_.nodes || !valid(partition)) return fail(Error::bad_argument);
  if (!exists(node)) return fail(Error::bad_state);
  Node& n = nodes_[node.value];
  if (n.partition == partition.value) return {};
  if (members(partition) == members_maximum) return fail(Error::resource_limit);
  account_edges_of(n, Change::remove);
  unlink_member(node.value);
  link_member(node.value, partition.value);
  account_edges_of(n, Change::add);
  return {};
}

Status Graph::add_edge(EdgeIndex edge, NodeIndex from, NodeIndex to) {
  if (edge.value >= capacity_.edges || from.value >= capacity_.nodes || to.value >= capacity_.nodes) {
    return fail(Error::bad_argument);
  }
  if (exists(edge) || !exists(from) || !exists(to)) return fail(Error::bad_state);
  Edge& e = edges_[edge.value];
  e = {};
  e.generation = decay_.generation();
  e.from = from.value;
  e.to = to.value;
  Node& f = nodes_[from.value];
  e.next_out = f.first_out;
  if (f.first_out != none) edges_[f.first_out].previous_out = edge.value;
  f.first_out = edge.value;
  Node& t = nodes_[to.value];
  e.next_in = t.first_in;
  if (t.first_in != none) edges_[t.first_in].previous_in = edge.value;
  t.first_in = edge.value;
  note(f.partition, &Partition::rewired);
  note(t.partition, &Partition::rewired);
  return {};
}

Status Graph::remove_edge(EdgeIndex edge) {
  if (edge.value >= capacity_.edges) return fail(Error::bad_argument);
  if (!exists(edge)) return fail(Error::bad_state);
  Edge& e = edges_[edge.value];
  account_edge_of(e, Change::remove);
  note(nodes_[e.from].partition, &Partition::restructured);
  note(nodes_[e.to].partition, &Partition::restructured);
  unlink_edge(edge.value);
  return {};
}

Status Graph::deliver(EdgeIndex edge, std::uint32_t bytes) {
  if (edge.value >= capacity_.edges) return fail(Error::bad_argument);
  if (!exists(edge)) return fail(Error::bad_state);
  Edge& e = edges_[edge.value];
  if (e.from == e.to) return {};
  e.weight = decay_.aged(e.weight, e.generation);
  e.generation = decay_.generation();
  const std::uint64_t added = std::min(decay_.units(bytes), weight_maximum - e.weight);
  e.weight += added;
  account(e, added, Change::add);
  return {};
}

Status Graph::pin(NodeIndex node, bool pinned) {
  if (node.value >= capacity_.nodes) return fail(Error::bad_argument);
  if (!exists(node)) return fail(Error::bad_state);
  nodes_[node.value].pinned = pinned;
  return {};
}

Status Graph::fix(PartitionIndex partition, bool fixed) {
  if (!valid(partition)) return fail(Error::bad_argument);
  partitions_[partition.value].fixed = fixed;
  return {};
}

void Graph::correct(PartitionIndex partition, Sums sums) { age(partition.value).sums = sums; }

void Graph::mark(PartitionIndex partition) {
  Partition& p = partitions_[partition.value];
  if (p.marked) return;
  p.marked = true;
  p.next_marked = none;
  (last_marked_ == none ? first_marked_ : partitions_[last_marked_].next_marked) = partition.value;
  last_marked_ = partition.value;
  ++marked_;
}

PartitionIndex Graph::take_marked() {
  if (first_marked_ == none) return PartitionIndex{none};
  const std::uint32_t taken = first_marked_;
  Partition& p = partitions_[taken];
  first_marked_ = p.next_marked;
  if (first_marked_ == none) last_marked_ = none;
  p.marked = false;
  --marked_;
  return PartitionIndex{taken};
}

}  // namespace rvm::coherence
