// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The matrix of a small graph; and conductance of one: every cut, in the order of a Gray code, so that one node changes sides at a time and its weight to side 1
// tells by how much the cut changes. Node 0 stays on side 0.
#include <algorithm>
#include <bit>

#include "cut_state.hpp"
#include "rvm/types/invariant.hpp"

namespace rvm::coherence {
namespace {
constexpr std::uint32_t row = CutLayout::matrix_nodes;
}

void begin_enumerate(CutState& s) {
  s.at_node = 0;
  s.phase = Phase::matrix_clear;
}

void clear_matrix(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  for (; s.at_node < n; ++s.at_node) {
    if (budget.spent()) return;
    for (std::uint32_t v = 0; v < n; ++v) s.matrix[s.at_node * row + v] = 0;
    s.attached[s.at_node] = 0;
    budget.take(n / 4 + 1);
  }
  s.at_node = 0;
  s.at_arc = s.now.begin[0];
  s.phase = Phase::matrix_fill;
}

void fill_matrix(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  while (s.at_node < n) {
    if (budget.spent()) return;
    const std::uint32_t stop = s.now.end[s.at_node];
    const std::uint32_t until = std::min(s.at_arc + piece, stop);
    budget.take(until - s.at_arc + 1);
    for (; s.at_arc < until; ++s.at_arc) {
      s.matrix[s.at_node * row + s.now.arcs[s.at_arc].to] += s.now.arcs[s.at_arc].weight;
    }
    if (s.at_arc == stop && ++s.at_node < n) s.at_arc = s.now.begin[s.at_node];
  }
  if (s.request.objective != Objective::conductance) {
    s.phase = Phase::dense;
    return;
  }
  s.side_one = 0;
  s.at_node = 0;  // cuts looked at
  s.inside = 0;
  s.volume = 0;
  s.phase = Phase::enumerate;
}

void enumerate(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  while (s.at_node + 1 < std::uint32_t{1} << (n - 1)) {
    if (budget.spent()) return;
    budget.take(n / 4 + 2);
    const auto node = static_cast<std::uint32_t>(std::countr_zero(++s.at_node)) + 1;
    ensure(node < row);
    const std::uint64_t* const weights = s.matrix + node * row;
    s.side_one ^= std::uint32_t{1} << node;
    const std::uint64_t change = s.degree[node] - 2 * s.attached[node];  // modulo 2^64, as the sums are
    if ((s.side_one >> node & 1) != 0) {
      s.inside += change;
      s.volume += s.degree[node];
      for (std::uint32_t v = 0; v < n; ++v) s.attached[v] += weights[v];
    } else {
      s.inside -= change;
      s.volume -= s.degree[node];
      for (std::uint32_t v = 0; v < n; ++v) s.attached[v] -= weights[v];
    }
    const std::uint64_t smaller = std::min(s.volume, s.volume_all - s.volume);
    if (!s.found || less_ratio(s.inside, smaller, s.best, s.denominator)) {
      s.found = true;
      s.best = s.inside;
      s.denominator = smaller;
      s.pending = Pending::mask;
      s.pending_a = s.side_one;
    }
  }
  finish(s, true);
}

}  // namespace rvm::coherence
