// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/cut_incremental.hpp"

#include <algorithm>
#include <bit>

#include "cut_state.hpp"
#include "rvm/types/invariant.hpp"

namespace rvm::coherence {
namespace {

/// How much more than the least cut the contracted pairs are connected, as parts of it: the first that leaves few nodes.
constexpr std::uint32_t slack_shift[] = {2, 4, 6};

}  // namespace

Status IncrementalCut::start(const CutGraph& graph, std::span<std::byte> workspace) {
  if (graph.first.size() <= graph.nodes) return fail(Error::bad_argument);
  const std::size_t search = MinimumCut::workspace_bytes(graph.nodes, graph.first[graph.nodes]);
  if (workspace.size() < workspace_bytes(graph.nodes, graph.first[graph.nodes])) return fail(Error::bad_argument);
  if (const Status started = search_.start(graph, {}, workspace.first(search)); !started) return started;
  graph_ = graph;
  node_of_ = reinterpret_cast<std::uint32_t*>(workspace.data() + search);  // aligned as the search's parts are
  searching_ = true;
  found_ = lost_ = false;
  attempt_ = 0;
  return {};
}

Progress IncrementalCut::step(Budget& budget) {
  while (true) {
    if (search_.step(budget) == Progress::working) return Progress::working;
    CutState& s = *search_.state_;
    if (searching_) {
      searching_ = false;
      found_ = s.found;
      value_ = s.best;
      if (!found_) return Progress::done;
      begin_certificate();
      continue;
    }
    if (!s.certifying) return Progress::done;
    if (s.now.nodes > kernel_nodes && attempt_ < std::size(slack_shift)) {
      begin_certificate();
      continue;
    }
    take_certificate();
    s.certifying = false;
    return Progress::done;
  }
}

/// Another search through the same memory that contracts what is connected by the threshold. It offers no cuts, so the sides
/// stay as they are.
void IncrementalCut::begin_certificate() {
  CutState& s = *search_.state_;
  threshold_ = value_ + std::max<std::uint64_t>(1, value_ >> slack_shift[attempt_++]);
  s.certifying = true;
  s.threshold = threshold_;
  s.now = {.nodes = s.input.nodes,
           .begin = s.input.first.data(),
           .end = s.input.first.data() + 1,
           .arcs = s.input.arcs.data()};
  s.pending = Pending::none;
  s.heaviest = 0;
  s.light_a = s.light_b = no_node;
  s.volume_all = 0;
  s.sum = 0;
  s.at_node = s.at_arc = 0;
  s.open = s.stalled = s.reduce_pays = false;
  s.phase = value_ == 0 ? Phase::done : Phase::measure;
}

void IncrementalCut::take_certificate() {
  const CutState& s = *search_.state_;
  const auto one = [&](std::uint32_t v) { return static_cast<std::uint32_t>(s.side[v / 64] >> v % 64 & 1); };
  if (s.now.nodes <= kernel_nodes && value_ > 0) {
    nodes_ = s.now.nodes;
    outside_ = threshold_;
    for (std::uint32_t v = 0; v < graph_.nodes; ++v) node_of_[v] = s.node_of[v];
  } else {  // only that no cut weighs less
    nodes_ = 2;
    outside_ = value_;
    for (std::uint32_t v = 0; v < graph_.nodes; ++v) node_of_[v] = one(v);
  }
  mask_ = 0;
  for (std::uint32_t v = 0; v < graph_.nodes; ++v) mask_ |= one(v) << node_of_[v];
  for (auto& row : weight_) std::fill(std::begin(row), std::end(row), 0);
  if (nodes_ == s.now.nodes && value_ > 0) {
    for (std::uint32_t a = 0; a < nodes_; ++a) {
      for (std::uint32_t e = s.now.begin[a]; e < s.now.end[a]; ++e)
        weight_[a][s.now.arcs[e].to] += s.now.arcs[e].weight;
    }
  } else {
    weight_[0][1] = weight_[1][0] = value_;
  }
  enumerate();
}

/// The least cut of the small graph, the present one where it is one, and the least of the others.
void IncrementalCut::enumerate() {
  std::uint64_t toward[kernel_nodes] = {};
  std::uint64_t degree[kernel_nodes] = {};
  for (std::uint32_t a = 0; a < nodes_; ++a) {
    for (std::uint32_t b = 0; b < nodes_; ++b) degree[a] += weight_[a][b];
  }
  ensure(nodes_ >= 2 && nodes_ <= kernel_nodes);
  const std::uint32_t all = (1U << nodes_) - 1;
  const std::uint32_t present = (mask_ & 1) != 0 ? all ^ mask_ : mask_;
  std::uint64_t value = 0;
  std::uint64_t least = unbounded;
  std::uint64_t second = unbounded;
  std::uint32_t least_mask = 0;
  std::uint32_t mask = 0;
  for (std::uint32_t i = 1; i < 1U << (nodes_ - 1); ++i) {
    const auto node = static_cast<std::uint32_t>(std::countr_zero(i)) + 1;
    ensure(node < kernel_nodes);
    const std::uint64_t change = degree[node] - 2 * toward[node];  // modulo 2^64
    mask ^= 1U << node;
    if ((mask >> node & 1) != 0) {
      value += change;
      for (std::uint32_t v = 0; v < nodes_; ++v) toward[v] += weight_[node][v];
    } else {
      value -= change;
      for (std::uint32_t v = 0; v < nodes_; ++v) toward[v] -= weight_[node][v];
    }
    if (value < least || (value == least && mask == present)) {
      second = least;
      least = value;
      least_mask = mask;
    } else if (value < second) {
      second = value;
    }
  }
  value_ = least;
  others_ = second;
  mask_ = least_mask;  // node 0 of the small graph on side 0; take_sides turns it round where needed
}

Verdict IncrementalCut::judge() {
  if (value_ > others_) {
    const std::uint32_t all = (1U << nodes_) - 1;
    const std::uint32_t before = (mask_ & 1) != 0 ? all ^ mask_ : mask_;
    enumerate();
    if (value_ > outside_) {
      lost_ = true;
      return Verdict::recompute;
    }
    if (mask_ == before) return Verdict::stands;
    take_sides();
    return Verdict::moved;
  }
  if (value_ <= outside_) return Verdict::stands;
  lost_ = true;
  return Verdict::recompute;
}

void IncrementalCut::take_sides() {
  CutState& s = *search_.state_;
  const std::uint32_t turn = mask_ >> node_of_[0] & 1;
  for (std::uint32_t from = 0; from < graph_.nodes; from += 64) {
    const std::uint32_t count = std::min<std::uint32_t>(64, graph_.nodes - from);
    std::uint64_t word = 0;
    for (std::uint32_t i = 0; i < count; ++i) word |= std::uint64_t{(mask_ >> node_of_[from + i] & 1) ^ turn} << i;
    s.side[from / 64] = word;
  }
}

Verdict IncrementalCut::change(std::uint32_t u, std::uint32_t v, std::uint32_t before, std::uint32_t after) {
  if (lost_ || !found_) return Verdict::recompute;
  const std::uint32_t a = node_of_[u];
  const std::uint32_t b = node_of_[v];
  const std::uint64_t less = before > after ? before - after : 0;
  outside_ -= std::min(less, outside_);
  if (a != b) {
    const std::uint64_t change = std::uint64_t{after} - before;  // modulo 2^64
    weight_[a][b] += change;
    weight_[b][a] += change;
    if (((mask_ >> a ^ mask_ >> b) & 1) != 0) value_ += change;
    others_ -= std::min(less, others_);
  }
  return judge();
}

Verdict IncrementalCut::decay(const CutGraph& graph, std::uint32_t numerator, std::uint32_t denominator) {
  if (lost_ || !found_) return Verdict::recompute;
  for (auto& row : weight_) std::fill(std::begin(row), std::end(row), 0);
  for (std::uint32_t u = 0; u < graph.nodes; ++u) {
    const std::uint32_t a = node_of_[u];
    for (std::uint32_t e = graph.first[u]; e < graph.first[u + 1]; ++e) {
      weight_[a][node_of_[graph.arcs[e].to]] += graph.arcs[e].weight;
    }
  }
  for (std::uint32_t a = 0; a < nodes_; ++a) weight_[a][a] = 0;
  // Rounding takes less than 1 from each edge of a cut, and a cut has at most all of them.
  const std::uint64_t edges = graph.first[graph.nodes] / 2;
  const std::uint64_t scaled = outside_ / denominator * numerator + outside_ % denominator * numerator / denominator;
  outside_ = scaled - std::min(scaled, edges);
  others_ = 0;
  value_ = 1;  // so that all cuts of the small graph are looked at
  return judge();
}

Cut IncrementalCut::cut() const {
  Cut c = search_.result();
  c.exact = !lost_;
  c.value = c.numerator = value_;
  return c;
}

}  // namespace rvm::coherence
