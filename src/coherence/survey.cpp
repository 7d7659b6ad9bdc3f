// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/survey.hpp"

#include <algorithm>

namespace rvm::coherence {

namespace {
constexpr std::uint32_t edges_per_piece = 32;
constexpr std::uint64_t units_per_edge = 5;
constexpr std::uint64_t units_per_member = 4;  // and a quarter for every column of the matrix
static_assert(edges_per_piece * units_per_edge + units_per_member + members_maximum / 4 < budget_overrun_max);
}  // namespace

void Survey::init(Capacity capacity, std::span<std::byte> memory) {
  Carver carver(memory);
  members_ = carver.take<Member>(members_maximum);
  matrix_ = carver.take<std::uint64_t>(members_maximum * members_maximum);
  position_ = carver.take<std::uint8_t>(capacity.nodes);
  of_member_ = carver.take<Tally>(capacity.partitions);
  of_partition_ = carver.take<Tally>(capacity.partitions);
  partition_ = PartitionIndex{none};
  serial_ = survey_ = 0;
}

void Survey::begin(const Graph& graph, PartitionIndex partition, std::uint32_t full, Budget& budget) {
  partition_ = partition;
  full_ = full;
  generation_ = graph.decay().generation();
  count_ = at_ = 0;
  sums_ = {};
  neighbour_ = PartitionIndex{none};
  between_ = 0;
  if (++survey_ == 0) {  // after 2^32: old tallies would look new
    std::ranges::fill(of_partition_, Tally{});
    survey_ = 1;
  }
  for (NodeIndex n = graph.first_member(partition); n.value != none; n = graph.next_member(n)) {
    position_[n.value] = static_cast<std::uint8_t>(count_);
    members_[count_] = {};
    members_[count_++].node = n;
  }
  edge_ = EdgeIndex{none};
  incoming_ = true;  // of the member before the first
  budget.take(count_);
}

std::uint64_t Survey::add(Tally& tally, std::uint32_t serial, std::uint64_t units) {
  tally.units = tally.serial == serial ? tally.units + units : units;
  tally.serial = serial;
  return tally.units;
}

void Survey::visit(const Graph& graph, EdgeIndex edge, NodeIndex other) {
  Member& m = members_[at_ - 1];
  const std::uint64_t units = graph.weight(edge);
  if (units == 0 || other == m.node) return;
  const PartitionIndex there = graph.partition_of(other);
  if (there == partition_) {
    m.home += units;
    sums_.internal += units;
    matrix_[(at_ - 1) * count_ + position_[other.value]] += units;
    return;
  }
  sums_.external += units;
  if (graph.fixed(there)) return;
  const bool room = graph.members(there) < full_;
  // The running maximum is the final one: whoever ends with the most was compared when its last units came.
  const std::uint64_t of_member = add(of_member_[there.value], serial_, units);
  if (!room) return;
  if (of_member > m.away || (of_member == m.away && there < m.best)) {
    m.away = of_member;
    m.best = there;
  }
  const std::uint64_t of_partition = add(of_partition_[there.value], survey_, units);
  if (of_partition > between_ || (of_partition == between_ && there < neighbour_)) {
    between_ = of_partition;
    neighbour_ = there;
  }
}

Progress Survey::step(const Graph& graph, std::span<const std::uint32_t> wanted, Budget& budget) {
  for (;;) {
    if (budget.spent()) return Progress::working;
    if (edge_.value != none) {
      std::uint32_t looked_at = 0;
      while (edge_.value != none && looked_at < edges_per_piece) {
        const Graph::Ends ends = graph.ends(edge_);
        visit(graph, edge_, incoming_ ? ends.from : ends.to);
        edge_ = incoming_ ? graph.next_in(edge_) : graph.next_out(edge_);
        ++looked_at;
      }
      budget.take(looked_at * units_per_edge);
    } else if (!incoming_) {
      incoming_ = true;
      edge_ = graph.first_in(members_[at_ - 1].node);
    } else {
      if (at_ != 0) {
        Member& m = members_[at_ - 1];
        const std::uint32_t partition = wanted[m.node.value];
        if (partition != none && of_member_[partition].serial == serial_) m.wanted = of_member_[partition].units;
      }
      if (at_ == count_) break;
      if (++serial_ == 0) {
        std::ranges::fill(of_member_, Tally{});
        serial_ = 1;
      }
      std::ranges::fill(matrix_.subspan(std::size_t{at_} * count_, count_), 0);
      ++at_;
      incoming_ = false;
      edge_ = graph.first_out(members_[at_ - 1].node);
      budget.take(units_per_member + count_ / 4);
    }
  }
  sums_.internal /= 2;  // every internal edge was met from both ends
  return Progress::done;
}

}  // namespace rvm::coherence
