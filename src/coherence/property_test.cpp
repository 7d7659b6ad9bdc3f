// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Everything at random against a model: structure, traffic, faults, budgets, answers in time, late or never. Whatever
// comes, scores are those of a computation from scratch with 128 bits, proposals make sense, and nothing is ever out of step.
#include <bit>
#include <optional>

#include "test/swarm.hpp"

namespace rvm::coherence {

namespace {

using Wide = unsigned __int128;
using RandomEngine = Engine<MinimumCut>;
constexpr Capacity capacity{60, 240, 12};

struct World {
  explicit World(std::uint64_t seed) : random(seed), memory(RandomEngine::memory_bytes(capacity) / 8) {
    config.maximum_members = 10;
    config.cooldown = 2;
    config.recovery = 20;
    config.answer_timeout = 15;
    REQUIRE(engine.init(capacity, config, std::as_writable_bytes(std::span(memory))));
  }

  std::uint32_t below(std::uint64_t n) { return static_cast<std::uint32_t>(random() % n); }
  const Graph& graph() const { return engine.graph(); }

  void change() {
    const NodeIndex node{below(capacity.nodes)};
    const PartitionIndex partition{below(capacity.partitions)};
    const EdgeIndex edge{below(capacity.edges)};
    switch (below(40)) {
      case 0:
      case 1:
        static_cast<void>(engine.add_node(node, partition));
        break;
      case 2:
        if (below(3) == 0 && engine.remove_node(node)) {
          for (std::uint32_t e = 0; e < capacity.edges; ++e) {
            if (!graph().exists(EdgeIndex{e})) weights[e] = 0;
          }
        }
        break;
      case 3:
        if (graph().exists(node)) static_cast<void>(engine.move_node(node, partition));
        break;
      case 4:
        static_cast<void>(engine.pin(node, below(4) == 0));
        break;
      case 5:
        REQUIRE(engine.fix(partition, below(4) == 0));
        break;
      case 6:
        static_cast<void>(engine.distrust(node, BasisPoints{static_cast<std::uint16_t>(below(4000))}));
        break;
      case 7:
        if (below(10) == 0) engine.pause(below(2) == 0);
        break;
      case 8:
      case 9:
      case 10:
        static_cast<void>(engine.add_edge(edge, node, NodeIndex{below(capacity.nodes)}));
        break;
      case 11:
        if (below(4) == 0 && engine.remove_edge(edge)) weights[edge.value] = 0;
        break;
      default: {
        const std::uint32_t bytes = below(1u << below(16));
        if (!engine.deliver(edge, bytes)) break;
        const Graph::Ends ends = graph().ends(edge);
        if (ends.from != ends.to) weights[edge.value] += Wide{bytes} << 40;
      }
    }
  }

  void check(const Proposal& p) const {
    REQUIRE(engine.current(p));
    REQUIRE(!engine.degraded());
    REQUIRE(graph().valid(p.from));
    REQUIRE(!graph().fixed(p.from));
    if (p.action == Action::split) {
      const std::uint32_t members = graph().members(p.from);
      const std::uint64_t all = members == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << members) - 1;
      REQUIRE(p.members != 0);
      REQUIRE((p.members & ~all) == 0);
      REQUIRE(p.members != all);
      if (p.reason != Reason::trust) REQUIRE(std::popcount(p.members) >= 2);
      std::uint32_t position = 0;
      for (NodeIndex n = graph().first_member(p.from); n.value != none; n = graph().next_member(n), ++position) {
        if ((p.members >> position & 1) != 0) REQUIRE(!graph().pinned(n));
        if (n == p.agent) REQUIRE((p.members >> position & 1) != 0);
      }
      return;
    }
    REQUIRE(graph().valid(p.to));
    REQUIRE(p.from != p.to);
    REQUIRE(!graph().fixed(p.to));
    if (p.action == Action::migrate) {
      REQUIRE(graph().partition_of(p.agent) == p.from);
      REQUIRE(!graph().pinned(p.agent));
      REQUIRE(graph().members(p.to) < config.maximum_members);
    } else {
      REQUIRE(graph().members(p.from) + graph().members(p.to) <= config.maximum_members);
      REQUIRE(engine.check_merge(p.from, p.to) == MergeCheck::ok);
    }
  }

  /// Carries it out, refuses it, or lets it be.
  void answer(const Proposal& p) {
    if (below(6) == 0) return;
    std::vector<NodeIndex> leaving;
    PartitionIndex target = p.action == Action::migrate ? p.to : p.from;
    if (p.action == Action::split) target = PartitionIndex{below(capacity.partitions)};
    const bool split_into_itself = p.action == Action::split && graph().members(target) != 0;
    if (below(4) == 0 || !engine.current(p) || split_into_itself) {
      static_cast<void>(engine.refused(p, below(2) == 0 ? Error::would_block : Error::no_memory));
      return;
    }
    if (p.action == Action::migrate) leaving.push_back(p.agent);
    const PartitionIndex source = p.action == Action::merge ? p.to : p.from;
    std::uint32_t position = 0;
    for (NodeIndex n = graph().first_member(source); n.value != none && p.action != Action::migrate;
         n = graph().next_member(n), ++position) {
      if (p.action == Action::merge || (p.members >> position & 1) != 0) leaving.push_back(n);
    }
    for (const NodeIndex n : leaving) REQUIRE(engine.move_node(n, target));
    REQUIRE(engine.accepted(p, target));
    ++carried_out;
  }

  void epoch(std::uint32_t budget) {
    const std::uint64_t passed = below(30) == 0 ? 1 + below(40) : 1;
    now += passed;
    for (std::uint64_t i = 0; i < passed; ++i) {
      for (Wide& w : weights) w = w * 9500 / 10000;
    }
    const Report report = engine.epoch({.epoch = Epoch{now}, .budget = budget}, [&](PartitionIndex, PartitionIndex) {
      return static_cast<MergeCheck>(below(2) == 0 ? 0 : 3 + below(5));
    });
    REQUIRE(engine.budget_left() > -budget_overrun_max);
    for (std::uint32_t i = 0; i < report.proposal_count; ++i) {
      check(report.proposals[i]);
      pending.push_back(report.proposals[i]);
    }
    for (std::uint32_t i = 0; i < report.event_count; ++i) {
      const Event& e = report.events[i];
      REQUIRE((e.kind != EventKind::degraded_entered ||
               e.subject != static_cast<std::uint32_t>(DegradedReason::check_failed)));
    }
    while (!pending.empty() && below(2) == 0) {
      const std::size_t which = below(pending.size());
      answer(pending[which]);
      pending.erase(pending.begin() + static_cast<std::ptrdiff_t>(which));
    }
  }

  /// From scratch.
  double pressure(std::uint32_t partition) const {
    Wide internal = 0;
    Wide external = 0;
    for (std::uint32_t e = 0; e < capacity.edges; ++e) {
      if (!graph().exists(EdgeIndex{e})) continue;
      const Graph::Ends ends = graph().ends(EdgeIndex{e});
      const bool from = graph().partition_of(ends.from).value == partition;
      const bool to = graph().partition_of(ends.to).value == partition;
      if (from && to) internal += weights[e];
      if (from != to) external += weights[e];
    }
    // Weights of a few bytes are rounding.
    if (internal + external < Wide{64} << 40) return -1;
    return static_cast<double>(external) * 10000 / static_cast<double>(internal + external);
  }

  std::mt19937_64 random;
  std::vector<std::uint64_t> memory;
  Config config;
  RandomEngine engine;
  std::array<Wide, capacity.edges> weights{};
  std::vector<Proposal> pending;
  std::uint64_t now = 0;
  std::uint64_t carried_out = 0;
};

}  // namespace

TEST_CASE("engine: whatever comes, its scores are those of a model with 128 bits and its proposals make sense") {
  std::uint64_t carried_out = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    World world(seed);
    for (std::uint32_t n = 0; n < 40; ++n)
      static_cast<void>(world.engine.add_node(NodeIndex{n}, PartitionIndex{n % 10}));
    for (std::uint32_t round = 0; round < 30; ++round) {
      for (int t = 0; t < 60; ++t) {
        for (std::uint32_t i = world.below(40); i > 0; --i) world.change();
        world.epoch(world.below(8) == 0 ? world.below(200) : 2500);
      }
      // Nothing more happens until the smoothed scores have arrived.
      world.engine.pause(true);
      for (int t = 0; t < 60; ++t) world.epoch(100'000);
      for (std::uint32_t p = 0; p < capacity.partitions; ++p) {
        const Scores& scores = world.engine.scores(PartitionIndex{p});
        CHECK(scores.coherence.value + scores.pressure.value == 10000);
        CHECK(world.engine.pressure_of(PartitionIndex{p}).value == 0);
        const double exact = world.pressure(p);
        CAPTURE(seed);
        CAPTURE(round);
        CAPTURE(p);
        if (exact >= 0) CHECK(std::abs(scores.pressure.value - exact) <= 12);
      }
      world.engine.pause(false);
    }
    carried_out += world.carried_out;
  }
  CHECK(carried_out > 200);
}

}  // namespace rvm::coherence
