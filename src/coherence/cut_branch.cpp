// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The least allowed cut of a graph of at most 64 nodes that neither scans nor arcs contract further, by branch and bound: the
// nodes are put on a side one after the other, in the order of the last scan, in which each is well connected to those before.
// What is cut so far, and for each node without a side the lesser of its weights to the two sides, is in every cut that
// begins like this; where that is not less than the best cut, both go no further. Few beginnings are: those that are close to
// a least cut of the nodes so far. Up to 16 nodes there are no more than 2^16 of them; beyond that the search gives up there,
// and what it has is not exact.
#include <algorithm>

#include "cut_state.hpp"

namespace rvm::coherence {
namespace {

constexpr std::uint32_t row = CutLayout::matrix_nodes;
constexpr std::uint32_t branches_max = 1U << 16;

/// The node at a depth, and the weight to side 1 of nodes without a side; to side 0 it is `attached`.
std::uint32_t node_at(const CutState& s, std::uint32_t depth) { return s.order[depth]; }
std::uint64_t* toward_one(CutState& s) { return s.matrix + std::size_t{row} * row; }

/// Puts the node at this depth on a side, or takes it back; the cut between nodes with sides follows.
void put(CutState& s, std::uint32_t depth, bool one, bool back) {
  const std::uint32_t n = s.now.nodes;
  const std::uint32_t node = node_at(s, depth);
  const std::uint64_t* const weights = s.matrix + std::size_t{node} * row;
  std::uint64_t* const toward = one ? toward_one(s) : s.attached;
  const std::uint64_t crossing = one ? s.attached[node] : toward_one(s)[node];
  const std::uint64_t bit = std::uint64_t{1} << node;
  if (back) {
    s.inside -= crossing;
    if (one) s.side_one &= ~bit;
    for (std::uint32_t v = 0; v < n; ++v) toward[v] -= weights[v];
  } else {
    s.inside += crossing;
    if (one) s.side_one |= bit;
    for (std::uint32_t v = 0; v < n; ++v) toward[v] += weights[v];
  }
  if (one) s.prefix_size += back ? 0 - s.size_of(node) : s.size_of(node);
}

/// What every cut that begins with the first `depth` nodes' sides weighs at least.
std::uint64_t bound(CutState& s, std::uint32_t depth) {
  std::uint64_t sum = s.inside;
  const std::uint64_t* const one = toward_one(s);
  for (std::uint32_t i = depth; i < s.now.nodes; ++i) {
    const std::uint32_t v = node_at(s, i);
    sum += std::min(s.attached[v], one[v]);
  }
  return sum;
}

}  // namespace

/// `side_one` are the nodes on side 1, `turned` the depths whose second side is being tried.
void branch(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  if (!s.open) {
    for (std::uint32_t v = 0; v < n; ++v) toward_one(s)[v] = 0;
    s.inside = 0;
    s.prefix_size = 0;
    s.side_one = 0;
    s.turned = 0;
    s.head = 1;  // the depth; the first node stays on side 0
    s.at_node = 0;
    put(s, 0, false, false);
    budget.take(n / 2 + 2);
    s.open = true;
    s.refreshed = false;  // whether the node at this depth has a side
  }
  while (true) {
    if (budget.spent()) return;
    budget.take(n / 2 + 2);
    if (!s.refreshed) {
      if (s.head < n && ++s.at_node < branches_max && bound(s, s.head) < s.best) {
        // First the side to which there is more weight.
        const std::uint32_t node = node_at(s, s.head);
        put(s, s.head, toward_one(s)[node] > s.attached[node], false);
        s.turned &= ~(std::uint64_t{1} << s.head);
        ++s.head;
        continue;
      }
      if (s.head == n && s.inside < s.best && s.allows(s.prefix_size, 0)) {
        s.offer(s.inside, Pending::none, 0);
        s.pending_mask = s.side_one;
        s.pending = Pending::mask;
      }
      --s.head;
      s.refreshed = true;
    }
    // Back at a node that has a side: the other one, or further back.
    if (s.head == 0) break;
    const std::uint64_t bit = std::uint64_t{1} << s.head;
    const bool one = (s.side_one >> node_at(s, s.head) & 1) != 0;
    put(s, s.head, one, true);
    if ((s.turned & bit) != 0) {
      --s.head;
      continue;
    }
    s.turned |= bit;
    put(s, s.head, !one, false);
    ++s.head;
    s.refreshed = false;
  }
  finish(s, s.at_node < branches_max);
}

}  // namespace rvm::coherence
