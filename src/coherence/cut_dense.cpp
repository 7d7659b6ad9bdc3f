// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The plain search on a graph of at most 16 nodes with many arcs for them, as a matrix: there a contraction is a row and a
// column added to others, and a maximum a look at 16 numbers. The scans are those of cut_scan.cpp with the whole order kept; what has
// enough is contracted at once, as its row is not needed again in the same scan.
#include <algorithm>

#include "cut_state.hpp"

namespace rvm::coherence {
namespace {

constexpr std::uint32_t row = CutLayout::matrix_nodes;

/// `order` holds for each node the nodes of the input that are in it, as bits; the pending cut is such a mask.
std::uint32_t* members(CutState& s) { return s.order; }

/// Node `from` becomes part of node `into`.
void merge(CutState& s, std::uint32_t into, std::uint32_t from) {
  const std::uint32_t n = s.now.nodes;
  std::uint64_t* const to_row = s.matrix + into * row;
  const std::uint64_t* const from_row = s.matrix + from * row;
  s.degree[into] += s.degree[from] - 2 * to_row[from];
  for (std::uint32_t v = 0; v < n; ++v) to_row[v] += from_row[v];
  to_row[into] = 0;
  for (std::uint32_t v = 0; v < n; ++v) s.matrix[v * row + into] = to_row[v];
  members(s)[into] |= members(s)[from];
  members(s)[from] = 0;
  --s.runs;
}

/// The next scan, from the heaviest node. `runs` is the number of nodes left.
void begin_dense_scan(CutState& s) {
  std::uint32_t heaviest = no_node;
  for (std::uint32_t v = 0; v < s.now.nodes; ++v) {
    s.attached[v] = members(s)[v] != 0 ? 0 : taken;
    if (members(s)[v] != 0 && (heaviest == no_node || s.degree[v] > s.degree[heaviest])) heaviest = v;
  }
  s.heaviest = heaviest;
  s.head = 0;
  s.tail = s.runs;  // to be scanned
  s.inside = 0;
  s.side_one = 0;
  s.threshold = s.best;
}

}  // namespace

void begin_dense(CutState& s) {
  s.at_node = 0;
  s.runs = s.now.nodes;
  s.phase = Phase::matrix_clear;
}

void dense(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  if (s.at_node == n) {  // first of all
    for (std::uint32_t v = 0; v < n; ++v) members(s)[v] = std::uint32_t{1} << v;
    begin_dense_scan(s);
    s.at_node = 0;
    budget.take(n);
  }
  while (true) {
    if (budget.spent()) return;
    budget.take(n + 2);
    std::uint32_t x = s.heaviest;
    std::int64_t most = 0;
    if (s.head > 0) {
      most = -1;
      for (std::uint32_t v = 0; v < n; ++v) most = std::max(most, static_cast<std::int64_t>(s.attached[v]));
      x = 0;
      while (static_cast<std::int64_t>(s.attached[x]) != most) ++x;
    }
    s.inside += s.degree[x] - 2 * static_cast<std::uint64_t>(most);
    s.side_one |= members(s)[x];
    s.attached[x] = taken;
    ++s.head;
    if (s.head < s.tail) s.offer(s.inside, Pending::mask, s.side_one);
    const std::uint64_t* const weights = s.matrix + x * row;
    for (std::uint32_t v = 0; v < n; ++v) s.attached[v] += weights[v];
    if (static_cast<std::uint64_t>(most) >= s.threshold) {
      merge(s, s.at_member, x);  // into the node that its run began with
      if (s.runs > 1) s.offer(s.degree[s.at_member], Pending::mask, members(s)[s.at_member]);
    } else {
      s.at_member = x;
    }
    if (s.head < s.tail) continue;
    if (s.runs <= 2 || s.best == 0) return finish(s, true);
    begin_dense_scan(s);
    budget.take(n / 2);
  }
}

}  // namespace rvm::coherence
