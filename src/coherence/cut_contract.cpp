// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Contracts each run of `order` into one node: run k becomes node k of the other buffer's graph. Parallel arcs become one
// while the sum fits a weight. The largest run, which in the first round holds nearly every node, is not read at all: its arcs
// are those of the others, turned round.
#include <algorithm>

#include "cut_state.hpp"

namespace rvm::coherence {

void begin_contract(CutState& s) {
  s.at_node = 0;
  s.largest = 0;
  s.phase = Phase::runs;
}

/// Which run is the largest; and empties `position`.
void measure_runs(CutState& s, Budget& budget) {
  for (std::uint32_t k = s.at_node; k < s.runs;) {
    if (budget.spent()) {
      s.at_node = k;
      return;
    }
    const std::uint32_t until = std::min(k + piece, s.runs);
    budget.take((until - k) / 2 + 1);
    for (; k < until; ++k) {
      s.position[k] = 0;
      const std::uint32_t size = s.run_first[k + 1] - s.run_first[k];
      if (size > s.run_first[s.largest + 1] - s.run_first[s.largest]) s.largest = k;
    }
  }
  s.at_node = 0;
  s.arc_count = 0;
  s.open = false;
  s.phase = Phase::contract;
}

/// The arcs of every run but the largest. `position[c]` is one more than the index of the arc to run c.
void contract(CutState& s, Budget& budget) {
  Arc* const out = s.buffer[s.target];
  const Arc* const arcs = s.now.arcs;
  const std::uint32_t* const label = s.label;
  std::uint32_t* const position = s.position;
  const std::uint32_t largest = s.largest;
  for (; s.at_node < s.runs; ++s.at_node) {
    const std::uint32_t k = s.at_node;
    if (k == largest) continue;
    if (!s.open) {
      if (budget.spent()) return;
      s.begin[s.target][k] = s.arc_count;
      s.at_member = s.run_first[k];
      s.at_arc = s.now.begin[s.order[s.at_member]];
      s.to_largest = 0;
      s.sum = 0;
      s.attached[k] = 0;
      s.open = true;
    }
    const std::uint32_t start = s.begin[s.target][k];
    std::uint32_t count = s.arc_count;
    std::uint64_t to_largest = s.to_largest;
    std::uint64_t sum = s.sum;
    while (s.at_member < s.run_first[k + 1]) {
      const std::uint32_t stop = s.now.end[s.order[s.at_member]];
      std::uint32_t e = s.at_arc;
      const std::uint32_t until = std::min(e + piece, stop);
      budget.take(until - e + 1);
      for (; e < until; ++e) {
        const std::uint32_t c = label[arcs[e].to];
        const std::uint32_t weight = arcs[e].weight;
        if (c == largest) {
          to_largest += weight;
        } else if (c != k && weight != 0) {
          sum += weight;
          const std::uint32_t at = position[c];
          if (at > start && ~std::uint32_t{0} - out[at - 1].weight >= weight) {
            out[at - 1].weight += weight;
          } else {
            out[count] = {.to = c, .weight = weight};
            position[c] = ++count;
          }
        }
      }
      s.at_arc = e;
      if (e == stop) {
        ++s.at_member;
        if (s.at_member < s.run_first[k + 1]) s.at_arc = s.now.begin[s.order[s.at_member]];
      }
      if (budget.spent()) {
        s.arc_count = count;
        s.to_largest = to_largest;
        s.sum = sum;
        return;
      }
    }
    s.sum = sum;
    while (to_largest > 0) {  // once, except where the weight is beyond 32 bits
      const auto weight = static_cast<std::uint32_t>(std::min<std::uint64_t>(to_largest, ~std::uint32_t{0}));
      out[count++] = {.to = largest, .weight = weight};
      to_largest -= weight;
      s.sum += weight;
      s.attached[k] += weight;
      budget.take(1);
      if (budget.spent() && to_largest > 0) break;
    }
    s.arc_count = count;
    s.to_largest = to_largest;
    if (to_largest > 0) return;
    s.end[s.target][k] = count;
    s.degree[k] = s.sum;
    s.open = false;
  }
  s.begin[s.target][largest] = s.arc_count;
  s.degree[largest] = 0;
  s.attached[largest] = 0;
  s.at_node = 0;
  s.phase = Phase::contract_largest;
}

/// The largest run's arcs, which are the others' to it; sizes; and the cuts around each node.
void contract_largest(CutState& s, Budget& budget) {
  Arc* const out = s.buffer[s.target];
  std::uint64_t degree = s.degree[s.largest];
  for (std::uint32_t k = s.at_node; k < s.runs; ++k) {
    if (budget.spent()) {
      s.at_node = k;
      s.degree[s.largest] = degree;
      return;
    }
    budget.take(2);
    while (s.attached[k] > 0) {
      const auto weight = static_cast<std::uint32_t>(std::min<std::uint64_t>(s.attached[k], ~std::uint32_t{0}));
      out[s.arc_count++] = {.to = k, .weight = weight};
      s.attached[k] -= weight;
      degree += weight;
      budget.take(1);
      if (budget.spent() && s.attached[k] > 0) {
        s.at_node = k;
        s.degree[s.largest] = degree;
        return;
      }
    }
  }
  s.degree[s.largest] = degree;
  s.end[s.target][s.largest] = s.arc_count;
  s.at_node = 0;
  s.at_member = 0;
  s.phase = Phase::relabel;
}

/// The new graph takes the place of the old one.
void relabel(CutState& s, Budget& budget) {
  for (std::uint32_t v = s.at_node; v < s.input.nodes;) {
    if (budget.spent()) {
      s.at_node = v;
      return;
    }
    const std::uint32_t until = std::min(v + piece, s.input.nodes);
    budget.take((until - v) / 2 + 1);
    for (; v < until; ++v) s.node_of[v] = s.label[s.node_of[v]];
    s.at_node = v;
  }
  if (s.counts_sizes()) {
    std::uint32_t* const to = s.size[1 - s.sizes];
    const std::uint32_t old_nodes = s.run_first[s.runs];
    while (s.at_member < old_nodes) {
      if (budget.spent()) return;
      const std::uint32_t until = std::min(s.at_member + piece, old_nodes);
      budget.take(until - s.at_member);
      for (; s.at_member < until; ++s.at_member) {
        const std::uint32_t v = s.order[s.at_member];
        const std::uint32_t k = s.label[v];
        to[k] = (s.at_member == s.run_first[k] ? 0 : to[k]) + s.size_of(v);
      }
    }
    s.sizes = static_cast<std::uint8_t>(1 - s.sizes);
  }
  if (s.two_ends()) {
    s.suspect = s.label[s.suspect];
    s.anchor = s.label[s.anchor];
  }
  s.now = {.nodes = s.runs, .begin = s.begin[s.target], .end = s.end[s.target], .arcs = s.buffer[s.target]};
  s.target = static_cast<std::uint8_t>(1 - s.target);
  s.at_node = 0;
  s.heaviest = 0;
  s.phase = Phase::survey;
}

/// The heaviest node, and the cuts around each.
void survey(CutState& s, Budget& budget) {
  for (std::uint32_t v = s.at_node; v < s.now.nodes;) {
    if (budget.spent()) {
      s.at_node = v;
      return;
    }
    const std::uint32_t until = std::min(v + piece, s.now.nodes);
    budget.take(until - v);
    for (; v < until; ++v) {
      if (s.degree[v] > s.degree[s.heaviest]) s.heaviest = v;
      s.offer_node(v);
    }
  }
  after_contract(s);
}

}  // namespace rvm::coherence
