// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The least cut between suspect and anchor in what the contractions left, as a maximum flow: Dinic, 1970, with the paths of one
// level graph found by a search that keeps its own stack. What the suspect reaches when no path is left is its side: of all
// least cuts the one with the smallest.
//
// The graph is written once more, edge by edge, so that both arcs of an edge know each other.
#include <algorithm>

#include "cut_state.hpp"

namespace rvm::coherence {
namespace {

// What the arrays are while this runs. `residual` is as large as the buffer: 8 bytes for each arc.
std::uint64_t* residual(CutState& s) { return reinterpret_cast<std::uint64_t*>(s.buffer[s.target]); }
std::uint32_t* level(CutState& s) { return s.label; }
std::uint32_t* next_arc(CutState& s) { return s.position; }
std::uint32_t* queue(CutState& s) { return s.order; }
std::uint32_t* path(CutState& s) { return s.run_first; }  // arcs

/// Calls `each(u, arc)` for the arcs of the graph at hand, a piece at a time, from where it stopped. True: that was all.
bool for_arcs(CutState& s, Budget& budget, auto each) {
  const std::uint32_t n = s.now.nodes;
  if (!s.open) {
    s.at_node = 0;
    s.at_arc = s.now.begin[0];
    s.open = true;
  }
  while (s.at_node < n) {
    if (budget.spent()) return false;
    const std::uint32_t stop = s.now.end[s.at_node];
    const std::uint32_t until = std::min(s.at_arc + piece, stop);
    budget.take(until - s.at_arc + 1);
    for (; s.at_arc < until; ++s.at_arc) each(s.at_node, s.at_arc);
    if (s.at_arc == stop && ++s.at_node < n) s.at_arc = s.now.begin[s.at_node];
  }
  s.open = false;
  return true;
}

/// Calls `each(v)` for the nodes, likewise.
bool for_nodes(CutState& s, Budget& budget, auto each) {
  for (; s.at_member < s.now.nodes; ++s.at_member) {
    if (budget.spent()) return false;
    budget.take(1);
    each(s.at_member);
  }
  return true;
}

void clear_counts(CutState& s, Budget& budget) {
  std::uint32_t* const count = s.end[s.target];
  if (!for_nodes(s, budget, [&](std::uint32_t v) { count[v] = 0; })) return;
  s.phase = Phase::flow_count;
}

void count_edges(CutState& s, Budget& budget) {
  std::uint32_t* const count = s.end[s.target];
  const bool all = for_arcs(s, budget, [&](std::uint32_t u, std::uint32_t e) {
    const std::uint32_t v = s.now.arcs[e].to;
    if (v < u) return;
    ++count[u];
    ++count[v];
  });
  if (!all) return;
  s.at_member = 0;
  s.phase = Phase::flow_offsets;
}

void set_offsets(CutState& s, Budget& budget) {
  std::uint32_t* const begin = s.begin[s.target];
  std::uint32_t* const end = s.end[s.target];
  const bool all = for_nodes(s, budget, [&](std::uint32_t v) {
    begin[v] = s.arc_count;
    s.arc_count += end[v];
    end[v] = begin[v];
  });
  if (all) s.phase = Phase::flow_place;
}

void place_edges(CutState& s, Budget& budget) {
  Arc* const out = s.buffer[s.target];
  std::uint32_t* const end = s.end[s.target];
  const bool all = for_arcs(s, budget, [&](std::uint32_t u, std::uint32_t e) {
    const Arc arc = s.now.arcs[e];
    if (arc.to < u) return;
    const std::uint32_t there = end[u]++;
    const std::uint32_t back = end[arc.to]++;
    out[there] = arc;
    out[back] = {.to = u, .weight = arc.weight};
    s.mate[there] = back;
    s.mate[back] = there;
  });
  if (!all) return;
  s.now = {.nodes = s.now.nodes, .begin = s.begin[s.target], .end = end, .arcs = out};
  s.target = static_cast<std::uint8_t>(1 - s.target);  // where the graph came from, or free in any case
  s.phase = Phase::flow_fill;
}

void begin_levels(CutState& s) {
  s.at_node = 0;
  s.open = false;
  s.phase = Phase::flow_levels;
}

void fill_residual(CutState& s, Budget& budget) {
  std::uint64_t* const left = residual(s);
  if (for_arcs(s, budget, [&](std::uint32_t, std::uint32_t e) { left[e] = s.now.arcs[e].weight; })) begin_levels(s);
}

/// Distances from the suspect along arcs with capacity left.
void find_levels(CutState& s, Budget& budget) {
  const std::uint32_t n = s.now.nodes;
  const std::uint64_t* const left = residual(s);
  if (!s.open) {
    for (; s.at_node < n; ++s.at_node) {
      if (budget.spent()) return;
      budget.take(1);
      level(s)[s.at_node] = no_node;
      next_arc(s)[s.at_node] = s.now.begin[s.at_node];
    }
    level(s)[s.suspect] = 0;
    queue(s)[0] = s.suspect;
    s.head = 0;
    s.tail = 1;
    s.at_arc = s.now.begin[s.suspect];
    s.open = true;
  }
  while (s.head < s.tail) {
    if (budget.spent()) return;
    const std::uint32_t u = queue(s)[s.head];
    const std::uint32_t stop = s.now.end[u];
    const std::uint32_t until = std::min(s.at_arc + piece, stop);
    budget.take(until - s.at_arc + 1);
    for (; s.at_arc < until; ++s.at_arc) {
      const std::uint32_t v = s.now.arcs[s.at_arc].to;
      if (left[s.at_arc] == 0 || level(s)[v] != no_node) continue;
      level(s)[v] = level(s)[u] + 1;
      queue(s)[s.tail++] = v;
    }
    if (s.at_arc == stop && ++s.head < s.tail) s.at_arc = s.now.begin[queue(s)[s.head]];
  }
  if (level(s)[s.anchor] == no_node) {
    s.offer(s.flow, Pending::reached, 0);
    return finish(s, true);
  }
  s.at_node = s.suspect;  // the end of the path
  s.tail = 0;             // its length
  s.at_member = 0;
  s.open = false;
  s.phase = Phase::flow_augment;
}

/// Fills paths of the level graph until none is left.
void augment(CutState& s, Budget& budget) {
  std::uint64_t* const left = residual(s);
  std::uint32_t* const next = next_arc(s);
  while (true) {
    if (budget.spent()) return;
    if (s.open) {  // the path reaches the anchor: fill it, from its end
      if (!s.narrowest) {
        while (s.at_member > 0) {
          if (budget.spent()) return;
          budget.take(1);
          s.sum = std::min(s.sum, left[path(s)[--s.at_member]]);
        }
        s.narrowest = true;
        s.at_member = s.tail;
      }
      while (s.at_member > 0) {
        if (budget.spent()) return;
        budget.take(1);
        const std::uint32_t arc = path(s)[--s.at_member];
        left[arc] -= s.sum;
        left[s.mate[arc]] += s.sum;
        if (left[arc] == 0) {  // go on from its begin
          s.tail = s.at_member;
          s.at_node = s.now.arcs[s.mate[arc]].to;
        }
      }
      s.flow += s.sum;
      s.open = s.narrowest = false;
      continue;
    }
    const std::uint32_t u = s.at_node;
    if (u == s.anchor) {
      s.sum = unbounded;
      s.at_member = s.tail;
      s.open = true;
      s.narrowest = false;
      budget.take(1);
      continue;
    }
    const std::uint32_t stop = s.now.end[u];
    const std::uint32_t until = std::min(next[u] + piece, stop);
    std::uint32_t e = next[u];
    while (e < until && (left[e] == 0 || level(s)[s.now.arcs[e].to] != level(s)[u] + 1)) ++e;
    budget.take(e - next[u] + 2);
    next[u] = e;
    if (e == stop) {  // a dead end
      if (s.tail == 0) break;
      const std::uint32_t back = path(s)[--s.tail];
      s.at_node = s.now.arcs[s.mate[back]].to;
      ++next[s.at_node];
    } else if (e < until) {
      path(s)[s.tail++] = e;
      s.at_node = s.now.arcs[e].to;
    }
  }
  begin_levels(s);
}

}  // namespace

void begin_flow(CutState& s) {
  s.at_member = 0;
  s.arc_count = 0;
  s.open = false;
  s.narrowest = false;
  s.flow = 0;
  s.phase = Phase::flow_clear;
}

void flow(CutState& s, Budget& budget) {
  switch (s.phase) {
    case Phase::flow_clear:
      return clear_counts(s, budget);
    case Phase::flow_offsets:
      return set_offsets(s, budget);
    case Phase::flow_count:
      return count_edges(s, budget);
    case Phase::flow_place:
      return place_edges(s, budget);
    case Phase::flow_fill:
      return fill_residual(s, budget);
    case Phase::flow_levels:
      return find_levels(s, budget);
    default:
      return augment(s, budget);
  }
}

}  // namespace rvm::coherence
