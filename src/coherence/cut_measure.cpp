// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>

#include "cut_state.hpp"

namespace rvm::coherence {

/// The first pass over the arcs: every node's degree, which is the weight of the cut around it.
void measure(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  std::uint32_t v = s.at_node;
  std::uint32_t e = s.at_arc;
  for (; v < n; ++v) {
    const std::uint32_t stop = s.now.end[v];
    std::uint64_t sum = s.sum;
    while (true) {
      const std::uint32_t until = std::min(e + piece, stop);
      budget.take(until - e + 1);
      for (; e < until; ++e) sum += s.now.arcs[e].weight;
      if (e == stop) break;
      if (budget.spent()) {
        s.at_node = v;
        s.at_arc = e;
        s.sum = sum;
        return;
      }
    }
    s.sum = 0;
    s.degree[v] = sum;
    s.attached[v] = 0;
    s.node_of[v] = v;
    if (s.counts_sizes()) s.size[0][v] = 1;
    s.volume_all += sum;
    if (sum > s.degree[s.heaviest]) s.heaviest = v;
    if (s.light_a == no_node || sum < s.degree[s.light_a]) {
      s.light_b = s.light_a;
      s.light_a = v;
    } else if (s.light_b == no_node || sum < s.degree[s.light_b]) {
      s.light_b = v;
    }
    if (budget.spent() && v + 1 < n) {
      s.at_node = v + 1;
      s.at_arc = e;
      return;
    }
  }
  if (s.certifying) return begin_scan(s);
  const Objective objective = s.request.objective;
  if (objective == Objective::conductance) {
    if (n <= CutLayout::matrix_nodes) return begin_enumerate(s);
    return begin_scan(s);
  }
  if (s.two_ends()) {
    s.offer_node(s.suspect);
    s.offer_node(s.anchor);
  } else {
    s.offer_node(s.light_a);
  }
  if (s.found && s.best == 0) return finish(s, true);
  if (objective == Objective::balanced && s.request.minimum_side == 2) {
    s.at_node = 0;
    s.at_arc = 0;
    s.open = false;
    s.phase = Phase::pairs;
    return;
  }
  const bool plain = !s.two_ends() && objective != Objective::balanced;
  if (plain && n <= CutLayout::matrix_nodes && 4 * e >= 3 * n * (n - 1)) return begin_dense(s);
  begin_scan(s);
}

}  // namespace rvm::coherence
