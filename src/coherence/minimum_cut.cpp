// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/minimum_cut.hpp"

#include <algorithm>
#include <memory>

#include "cut_state.hpp"

namespace rvm::coherence {

Status MinimumCut::start(const CutGraph& graph, const CutRequest& request, std::span<std::byte> workspace) {
  const std::uint32_t n = graph.nodes;
  if (graph.first.size() <= n || graph.arcs.size() < graph.first[n] || graph.arcs.size() >> 31 != 0 || n >> 30 != 0) {
    return fail(Error::bad_argument);
  }
  if (request.objective == Objective::balanced && request.minimum_side == 0) return fail(Error::bad_argument);
  if (request.objective == Objective::isolate && (request.suspect >= n || request.suspect == request.anchor ||
                                                  (request.anchor != no_node && request.anchor >= n))) {
    return fail(Error::bad_argument);
  }
  const CutLayout l = CutLayout::of(n, graph.first[n]);
  if (workspace.size() < l.bytes || reinterpret_cast<std::uintptr_t>(workspace.data()) % 8 != 0) {
    return fail(Error::bad_argument);
  }
  std::byte* const base = workspace.data();
  // The workspace is the search's alone and aligned; its parts do not overlap, and all are of types without constructors.
  const auto words = [&](std::size_t at) { return reinterpret_cast<std::uint64_t*>(base + at); };
  const auto halves = [&](std::size_t at) { return reinterpret_cast<std::uint32_t*>(base + at); };
  CutState& s = *std::construct_at(reinterpret_cast<CutState*>(base));
  s.request = request;
  s.input = graph;
  s.now = {.nodes = n, .begin = graph.first.data(), .end = graph.first.data() + 1, .arcs = graph.arcs.data()};
  for (unsigned i = 0; i < 2; ++i) {
    s.buffer[i] = reinterpret_cast<Arc*>(base + l.arcs[i]);
    s.begin[i] = halves(l.nodes32[5 + i]);
    s.end[i] = halves(l.nodes32[7 + i]);
    s.size[i] = halves(l.nodes32[9 + i]);
  }
  s.mate = halves(l.mate);
  s.attached = words(l.attached);
  s.attached_one = words(l.attached_one);
  s.degree = words(l.degree);
  s.order = halves(l.nodes32[0]);
  s.label = halves(l.nodes32[1]);
  s.node_of = halves(l.nodes32[2]);
  s.position = halves(l.nodes32[3]);
  s.run_first = halves(l.nodes32[4]);
  s.best_of_block = reinterpret_cast<std::int64_t*>(base + l.best_of_block);
  s.matrix = words(l.matrix);
  s.side = words(l.side);
  s.best = unbounded;
  s.denominator = 1;
  s.suspect = request.suspect;
  s.anchor = request.anchor;
  s.light_a = s.light_b = no_node;
  const std::uint32_t side = request.objective == Objective::balanced ? request.minimum_side : 1;
  s.exact = n / 2 < side;  // that there is no such cut
  s.phase = s.exact ? Phase::done : Phase::measure;
  state_ = &s;
  return {};
}

Progress MinimumCut::step(Budget& budget) {
  CutState& s = *state_;
  while (s.phase != Phase::done) {
    if (budget.spent()) return Progress::working;
    switch (s.phase) {
      case Phase::measure:
        measure(s, budget);
        break;
      case Phase::pairs:
        consider_pairs(s, budget);
        break;
      case Phase::reduce:
        reduce(s, budget);
        break;
      case Phase::classes:
        number_classes(s, budget);
        break;
      case Phase::class_members:
        list_class_members(s, budget);
        break;
      case Phase::scan:
        scan(s, budget);
        break;
      case Phase::write_order:
        write_order(s, budget);
        break;
      case Phase::write_side:
        write_side(s, budget);
        break;
      case Phase::runs:
        measure_runs(s, budget);
        break;
      case Phase::contract:
        contract(s, budget);
        break;
      case Phase::contract_largest:
        contract_largest(s, budget);
        break;
      case Phase::survey:
        survey(s, budget);
        break;
      case Phase::relabel:
        relabel(s, budget);
        break;
      case Phase::sweep_clear:
        clear_for_sweep(s, budget);
        break;
      case Phase::matrix_clear:
        clear_matrix(s, budget);
        break;
      case Phase::matrix_fill:
        fill_matrix(s, budget);
        break;
      case Phase::branch:
        branch(s, budget);
        break;
      case Phase::dense:
        dense(s, budget);
        break;
      case Phase::enumerate:
        enumerate(s, budget);
        break;
      case Phase::flow_clear:
      case Phase::flow_count:
      case Phase::flow_offsets:
      case Phase::flow_place:
      case Phase::flow_fill:
      case Phase::flow_levels:
      case Phase::flow_augment:
        flow(s, budget);
        break;
      case Phase::done:
        break;
    }
  }
  return Progress::done;
}

Cut MinimumCut::result() const {
  const CutState& s = *state_;
  const bool conductance = s.request.objective == Objective::conductance;
  const bool written = s.found && (s.phase == Phase::done || s.pending == Pending::none);
  if (!written) {
    Cut none;
    none.exact = s.exact;
    return none;
  }
  return {.found = true,
          .exact = s.exact,
          .value = s.best,
          .numerator = s.best,
          .denominator = conductance && s.denominator > 0 ? s.denominator : 1,
          .side = {s.side, (s.input.nodes + 63) / 64}};
}

bool less_ratio(std::uint64_t value, std::uint64_t volume, std::uint64_t other_value, std::uint64_t other_volume) {
  __extension__ using Wide = unsigned __int128;
  if (other_value == 0) return false;
  if (value == 0) return true;
  return static_cast<Wide>(value) * other_volume < static_cast<Wide>(other_value) * volume;
}

// --- What follows what.

namespace {

/// The contracted graph can hold no better cut.
bool nothing_left(const CutState& s) { return s.now.nodes == 1 || (s.two_ends() && s.suspect == s.anchor); }

void reduce_next(CutState& s) {
  if (s.counts_sizes() && s.request.minimum_side == 2) {
    s.at_node = 0;
    s.at_arc = 0;
    s.open = false;
    s.phase = Phase::pairs;  // needs clean sums
    return;
  }
  begin_reduce(s);
}

}  // namespace

void after_scan(CutState& s) {
  if (s.request.objective == Objective::conductance) {
    if (++s.sweeps == 4) return finish(s, false);
    s.heaviest = s.order[s.now.nodes - 1];
    s.at_node = 0;
    return write_then(s, Phase::sweep_clear);
  }
  if (s.runs == 1) return finish(s, true);
  s.stalled = s.runs == s.now.nodes;
  s.reduce_pays = s.runs > s.now.nodes / 4 * 3;
  if (s.stalled) {
    s.at_node = 0;
    return write_then(s, Phase::sweep_clear);
  }
  s.at_node = 0;
  s.largest = 0;
  write_then(s, Phase::runs);
}

/// `attached` back to 0 after a scan that no contraction follows.
void clear_for_sweep(CutState& s, Budget& budget) {
  for (std::uint32_t v = s.at_node; v < s.now.nodes;) {
    if (budget.spent()) {
      s.at_node = v;
      return;
    }
    const std::uint32_t until = std::min(v + piece, s.now.nodes);
    budget.take((until - v) / 4 + 1);
    for (; v < until; ++v) s.attached[v] = 0;
  }
  if (s.request.objective == Objective::conductance) return begin_scan(s);
  reduce_next(s);
}

void after_reduce(CutState& s) {
  if (s.certifying && s.runs == s.now.nodes) return finish(s, true);
  if (s.runs == 1) return finish(s, true);
  if (s.runs < s.now.nodes) {
    s.stalled = false;
    s.reduce_pays = false;
    s.at_node = 0;
    s.largest = 0;
    return write_then(s, Phase::runs);
  }
  if (!s.stalled) return begin_scan(s);
  // Neither a scan nor the arcs contract anything. In a plain search that cannot be: the last node of a scan can always be.
  if (s.two_ends()) return begin_flow(s);
  begin_branch(s);
}

void after_contract(CutState& s) {
  if (s.found && s.best == 0) return finish(s, true);
  // A certificate is not worth rounds that contract little.
  if (s.certifying && s.reduce_pays) return finish(s, true);
  if (s.now.nodes <= 2 || nothing_left(s)) return finish(s, true);
  // When less than a quarter went away, what one look at the arcs can do is worth it.
  if (s.reduce_pays) return reduce_next(s);
  begin_scan(s);
}

// --- Writing down the best cut.

void write_then(CutState& s, Phase next) {
  s.after_write = next;
  s.at_member = 0;
  switch (s.pending) {
    case Pending::none:
    case Pending::original:
      s.phase = next;
      return;
    case Pending::prefix:
      s.phase = Phase::write_order;
      return;
    default:
      s.phase = Phase::write_side;
      return;
  }
}

void finish(CutState& s, bool exact) {
  s.exact = exact;
  s.at_node = 0;
  write_then(s, Phase::done);
  if (s.pending == Pending::original) s.phase = Phase::write_side;
}

/// `position` of the nodes in a prefix becomes 0, of the others 1.
void write_order(CutState& s, Budget& budget) {
  while (s.at_member < s.now.nodes + s.pending_a) {
    if (budget.spent()) return;
    std::uint32_t i = s.at_member;
    const std::uint32_t limit = i < s.now.nodes ? s.now.nodes : s.now.nodes + s.pending_a;
    const std::uint32_t until = std::min(i + piece, limit);
    budget.take((until - i) / 2 + 1);
    if (i < s.now.nodes) {
      for (; i < until; ++i) s.position[i] = 1;
    } else {
      for (; i < until; ++i) s.position[s.order[i - s.now.nodes]] = 0;
    }
    s.at_member = i;
  }
  s.at_member = 0;
  s.phase = Phase::write_side;
}

/// A word of `side` at a time.
void write_side(CutState& s, Budget& budget) {
  const auto on_side = [&](std::uint32_t v) -> bool {
    switch (s.pending) {
      case Pending::original:
        return v == s.pending_a;
      case Pending::nodes:
        return s.node_of[v] == s.pending_a || s.node_of[v] == s.pending_b;
      case Pending::prefix:
        return s.position[s.node_of[v]] == 0;
      case Pending::sides:
        return s.begin[s.target][s.node_of[v]] == 1;
      case Pending::mask:
        return (s.pending_a >> s.node_of[v] & 1) != 0;
      case Pending::reached:
        return s.label[s.node_of[v]] != no_node;
      case Pending::none:
        return false;
    }
    return false;
  };
  const std::uint32_t one = s.request.objective == Objective::isolate ? s.request.suspect : no_node;
  const bool turned = one != no_node ? !on_side(one) : on_side(0);
  const std::uint32_t words = (s.input.nodes + 63) / 64;
  for (; s.at_member < words; ++s.at_member) {
    if (budget.spent()) return;
    const std::uint32_t from = s.at_member * 64;
    const std::uint32_t count = std::min<std::uint32_t>(64, s.input.nodes - from);
    std::uint64_t word = 0;
    for (std::uint32_t i = 0; i < count; ++i) word |= std::uint64_t{on_side(from + i) != turned} << i;
    budget.take(count);
    s.side[s.at_member] = word;
  }
  s.pending = Pending::none;
  s.phase = s.after_write;
}

}  // namespace rvm::coherence
