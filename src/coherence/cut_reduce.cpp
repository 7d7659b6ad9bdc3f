// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Contractions that need one look at each arc (Padberg and Rinaldi, 1990). For node u with the arc (u, v):
//
// - heavy: an arc of at least the best cut's weight is in no better cut.
// - more than half: if the arc has more than half of u's degree, u on v's side is always better than u on the other one, so
//   no least cut separates them, but for the cut around u, which is known.
// - half: with exactly half, u on v's side is as good, so some least cut does not separate them. As this chooses between
//   least cuts, it is applied only while u is a node by itself; then each contraction leaves a least cut in the graph.
//
// Moving u must leave a cut that the request allows. With suspect and anchor: any other u may move. Balanced with
// two nodes a side: whatever u leaves behind has two nodes, except in cuts that have two nodes of the graph on a side, one of
// them u, the other a single node of the input; those cuts are all looked at before (consider_pairs). With more nodes a side
// only heavy arcs are contracted.
#include <algorithm>

#include "cut_state.hpp"

namespace rvm::coherence {
namespace {

/// `position` is the parent in a forest of classes, `label` a root's number of nodes. The smaller class goes under the
/// larger, so paths are at most log2(n) long.
std::uint32_t root(std::uint32_t* parent, std::uint32_t v) {
  while (parent[v] != v) {
    parent[v] = parent[parent[v]];
    v = parent[v];
  }
  return v;
}

void join(CutState& s, std::uint32_t u, std::uint32_t v) {
  u = root(s.position, u);
  v = root(s.position, v);
  if (u == v) return;
  if (s.label[u] < s.label[v]) std::swap(u, v);
  s.position[v] = u;
  s.label[u] += s.label[v];
  --s.runs;
}

}  // namespace

/// Balanced with two nodes a side: the cuts around each two nodes of the graph. Two that share no edge need not be looked at,
/// except the two lightest of the input: any other such pair weighs at least as much as those.
void consider_pairs(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  for (; s.at_node < n; ++s.at_node) {
    const std::uint32_t u = s.at_node;
    if (!s.open) {  // first the weight to each neighbour, as there may be parallel arcs
      if (budget.spent()) return;
      if (s.at_arc == 0) s.at_arc = s.now.begin[u];
      while (s.at_arc < s.now.end[u]) {
        const std::uint32_t until = std::min(s.at_arc + piece, s.now.end[u]);
        budget.take(until - s.at_arc + 1);
        for (; s.at_arc < until; ++s.at_arc) s.attached[s.now.arcs[s.at_arc].to] += s.now.arcs[s.at_arc].weight;
        if (budget.spent() && s.at_arc < s.now.end[u]) return;
      }
      budget.take(1);
      if (s.arcs_are_input() && u == s.light_a && n > 1 && s.allows(2, 0)) {
        s.offer(s.degree[u] + s.degree[s.light_b] - 2 * s.attached[s.light_b], Pending::nodes, u, s.light_b);
      }
      s.at_arc = s.now.begin[u];
      s.open = true;
    }
    while (s.at_arc < s.now.end[u]) {
      if (budget.spent()) return;
      const std::uint32_t until = std::min(s.at_arc + piece, s.now.end[u]);
      budget.take(until - s.at_arc + 1);
      for (; s.at_arc < until; ++s.at_arc) {
        const std::uint32_t v = s.now.arcs[s.at_arc].to;
        const std::uint64_t weight = s.attached[v];
        s.attached[v] = 0;
        if (v > u && weight > 0 && s.allows(s.size_of(u) + s.size_of(v), 0)) {
          s.offer(s.degree[u] + s.degree[v] - 2 * weight, Pending::nodes, u, v);
        }
      }
    }
    s.at_arc = 0;
    s.open = false;
  }
  if (s.found && s.best == 0) return finish(s, true);
  if (!s.found) return finish(s, true);  // fewer than four nodes
  begin_reduce(s);
}

void begin_reduce(CutState& s) {
  s.at_node = 0;
  s.open = false;
  s.phase = Phase::reduce;
}

void reduce(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  if (!s.open) {
    for (std::uint32_t v = s.at_node; v < n;) {
      if (budget.spent()) {
        s.at_node = v;
        return;
      }
      const std::uint32_t until = std::min(v + piece, n);
      budget.take((until - v) / 2 + 1);
      for (; v < until; ++v) {
        s.position[v] = v;
        s.label[v] = 1;
      }
    }
    s.at_node = 0;
    s.at_arc = s.now.begin[0];
    s.runs = n;
    s.open = true;
  }
  const bool may_move = !s.certifying && (!s.counts_sizes() || s.request.minimum_side <= 2);
  const std::uint64_t heavy = s.certifying ? s.threshold : s.best;
  while (s.at_node < n) {
    if (budget.spent()) return;
    const std::uint32_t u = s.at_node;
    const std::uint64_t degree = may_move && (!s.two_ends() || s.ends_in(u) == 0) ? s.degree[u] : unbounded;
    const std::uint32_t stop = s.now.end[u];
    const std::uint32_t until = std::min(s.at_arc + piece, stop);
    budget.take(until - s.at_arc + 1);
    for (; s.at_arc < until; ++s.at_arc) {
      const std::uint32_t v = s.now.arcs[s.at_arc].to;
      const std::uint64_t weight = s.now.arcs[s.at_arc].weight;
      if (weight < heavy && 2 * weight < degree) [[likely]] {
        continue;
      }
      if (weight == 0) continue;
      if (weight < heavy && 2 * weight == degree && (s.position[u] != u || s.label[u] != 1)) continue;
      join(s, u, v);
      budget.take(2);
    }
    if (s.at_arc == stop && ++s.at_node < n) s.at_arc = s.now.begin[s.at_node];
  }
  if (s.runs == n) {
    s.runs = n;
    return after_reduce(s);
  }
  s.at_node = 0;
  s.runs = 0;
  s.sum = 0;
  s.phase = Phase::classes;
}

/// Numbers the classes in the order of their roots. `end` of the buffer to be filled is where each class's next member goes.
void number_classes(CutState& s, Budget& budget) {
  for (std::uint32_t v = s.at_node; v < s.now.nodes;) {
    if (budget.spent()) {
      s.at_node = v;
      return;
    }
    const std::uint32_t until = std::min(v + piece, s.now.nodes);
    budget.take(until - v);
    for (; v < until; ++v) {
      if (s.position[v] != v) continue;
      s.run_first[s.runs] = static_cast<std::uint32_t>(s.sum);
      s.end[s.target][s.runs] = static_cast<std::uint32_t>(s.sum);
      s.sum += s.label[v];
      s.label[v] = s.runs++;
    }
  }
  s.run_first[s.runs] = s.now.nodes;
  s.at_node = 0;
  s.sum = 0;
  s.phase = Phase::class_members;
}

void list_class_members(CutState& s, Budget& budget) {
  for (std::uint32_t v = s.at_node; v < s.now.nodes;) {
    if (budget.spent()) {
      s.at_node = v;
      return;
    }
    const std::uint32_t until = std::min(v + piece / 2, s.now.nodes);
    budget.take(2 * (until - v));
    for (; v < until; ++v) {
      const std::uint32_t k = s.label[root(s.position, v)];
      s.label[v] = k;
      s.order[s.end[s.target][k]++] = v;
    }
  }
  after_reduce(s);
}

}  // namespace rvm::coherence
