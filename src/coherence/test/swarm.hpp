// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A kernel in miniature around the engine: agents in partitions that talk, and proposals that are carried out. Beside it
// goes the same traffic over the placement that there was at first.
#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "rvm/coherence/engine.hpp"

namespace rvm::coherence::test {

template <CutSolver Solver>
struct SwarmOf {
  using SwarmEngine = Engine<Solver>;

  explicit SwarmOf(Capacity c, const Config& config = {}) : capacity(c), memory(SwarmEngine::memory_bytes(c) / 8) {
    REQUIRE(engine.init(c, config, std::as_writable_bytes(std::span(memory))));
  }

  void agent(std::uint32_t node, std::uint32_t partition) {
    REQUIRE(engine.add_node(NodeIndex{node}, PartitionIndex{partition}));
    initial[node] = partition;
  }
  std::uint32_t home(std::uint32_t node) const { return engine.graph().partition_of(NodeIndex{node}).value; }

  /// Bytes from one agent to another in this epoch; the edge is made when it is first used.
  void send(std::uint32_t from, std::uint32_t to, std::uint32_t bytes) {
    auto [found, fresh] = edges.try_emplace({from, to}, static_cast<std::uint32_t>(edges.size()));
    if (fresh) REQUIRE(engine.add_edge(EdgeIndex{found->second}, NodeIndex{from}, NodeIndex{to}));
    if (!engine.deliver(EdgeIndex{found->second}, bytes)) FAIL("deliver");
    total_bytes += bytes;
    if (home(from) != home(to)) cross_bytes += bytes;
    if (initial.at(from) != initial.at(to)) cross_bytes_static += bytes;
  }

  std::uint32_t empty_partition() const {
    for (std::uint32_t p = 0; p < capacity.partitions; ++p) {
      if (engine.graph().members(PartitionIndex{p}) == 0 && !taken.contains(p)) return p;
    }
    return none;
  }

  const Report& epoch(BasisPoints load = BasisPoints{0}, std::uint32_t budget = 1'000'000) {
    const Report& report =
        engine.epoch({.epoch = Epoch{++now}, .load = load, .budget = budget},
                     [&](PartitionIndex a, PartitionIndex b) { return judge ? judge(a, b) : MergeCheck::ok; });
    if (engine.budget_left() <= -budget_overrun_max) FAIL("more than one piece over budget");
    for (std::uint32_t i = 0; i < report.event_count; ++i) events.push_back(report.events[i]);
    for (std::uint32_t i = 0; i < report.proposal_count; ++i) {
      proposals.push_back(report.proposals[i]);
      if (carry_out) perform(report.proposals[i]);
    }
    return report;
  }

  void perform(const Proposal& p) {
    REQUIRE(engine.current(p));
    last_move = now;
    ++actions;
    if (p.action == Action::migrate) {
      REQUIRE(home(p.agent.value) == p.from.value);
      REQUIRE(engine.move_node(p.agent, p.to));
      ++moves[p.agent.value];
      REQUIRE(engine.accepted(p));
      return;
    }
    const PartitionIndex source = p.action == Action::split ? p.from : p.to;
    PartitionIndex target = p.from;
    if (p.action == Action::split) {
      target = PartitionIndex{empty_partition()};
      if (target.value == none) {
        REQUIRE(engine.refused(p, Error::resource_limit));
        return;
      }
    }
    std::vector<NodeIndex> leaving;
    std::uint32_t position = 0;
    for (NodeIndex n = engine.graph().first_member(source); n.value != none; n = engine.graph().next_member(n)) {
      if (p.action == Action::merge || (p.members >> position & 1) != 0) leaving.push_back(n);
      ++position;
    }
    REQUIRE(!leaving.empty());
    if (p.action == Action::split) REQUIRE(leaving.size() < position);  // never an empty partition
    for (const NodeIndex n : leaving) {
      REQUIRE(engine.move_node(n, target));
      ++moves[n.value];
    }
    REQUIRE(engine.accepted(p, target));
  }

  std::size_t count(EventKind kind) const {
    return static_cast<std::size_t>(std::ranges::count_if(events, [&](const Event& e) { return e.kind == kind; }));
  }
  std::size_t count(Action action) const {
    return static_cast<std::size_t>(
        std::ranges::count_if(proposals, [&](const Proposal& p) { return p.action == action; }));
  }

  Capacity capacity;
  std::vector<std::uint64_t> memory;
  SwarmEngine engine;
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint32_t> edges;
  std::map<std::uint32_t, std::uint32_t> initial;
  std::map<std::uint32_t, std::uint32_t> moves;  ///< of an agent
  std::set<std::uint32_t> taken;                 ///< partitions that nobody may be put into
  std::function<MergeCheck(PartitionIndex, PartitionIndex)> judge;
  std::vector<Event> events;
  std::vector<Proposal> proposals;
  bool carry_out = true;
  std::uint64_t now = 0;
  std::uint64_t last_move = 0;
  std::uint64_t actions = 0;
  std::uint64_t total_bytes = 0;
  std::uint64_t cross_bytes = 0;
  std::uint64_t cross_bytes_static = 0;
};

using Swarm = SwarmOf<MinimumCut>;

}  // namespace rvm::coherence::test
