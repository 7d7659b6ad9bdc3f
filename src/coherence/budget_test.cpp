// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The engine's budget, its degraded mode, and that it depends on nothing but its inputs.
#include "test/model_cut.hpp"
#include "test/swarm.hpp"

namespace rvm::coherence {

using test::ModelCut;
using Swarm = test::SwarmOf<ModelCut>;

struct GraphTest {
  static void spoil(Graph& graph, std::uint32_t partition) {
    graph.partitions_[partition].sums.internal += std::uint64_t{1} << 40;
  }
};
struct PlannerTest {
  static Graph& graph(Planner& planner) { return planner.graph_; }
};

namespace {

constexpr Capacity capacity{256, 4096, 64};

/// Agents in pairs of teams, `per` to a partition.
void populate(Swarm& swarm, std::uint32_t agents, std::uint32_t per) {
  for (std::uint32_t n = 0; n < agents; ++n) swarm.agent(n, n / per);
}

void chatter(Swarm& swarm, std::uint32_t agents) {
  for (std::uint32_t n = 0; n < agents; ++n) {
    swarm.send(n, (n + 1) % agents, 300);
    swarm.send(n, (n / 4 * 4) + (n + 1) % 4, 300);
  }
}

/// Cuts so slow that none fits, for as long as it lives.
struct SlowCuts {
  explicit SlowCuts(std::uint64_t units) { ModelCut::units_per_square = units; }
  ~SlowCuts() { ModelCut::units_per_square = 1; }
  SlowCuts(const SlowCuts&) = delete;
  SlowCuts& operator=(const SlowCuts&) = delete;
};

}  // namespace

TEST_CASE("budget: never overrun by more than one piece, whatever it is, and work goes on where it stopped") {
  // The swarm itself fails when more than one piece is overrun.
  for (const std::uint32_t budget : {1u, 7u, 100u, 300u, 1000u, 2500u}) {
    Swarm swarm(capacity);
    populate(swarm, 128, 16);
    std::uint64_t spent = 0;
    for (int i = 0; i < 3000; ++i) {
      chatter(swarm, 128);
      swarm.epoch(BasisPoints{0}, budget);
      spent += static_cast<std::uint64_t>(std::int64_t{budget} - swarm.engine.budget_left());
    }
    CHECK(spent > 0);
    CHECK(spent <= 3000ull * (budget + budget_overrun_max));
    for (std::uint32_t p = 0; p < 8; ++p) CHECK(swarm.count(EventKind::coherence_recomputed) >= 8);
  }
}

TEST_CASE("budget: no partition starves, however small it is") {
  Swarm swarm(capacity);
  swarm.carry_out = false;
  populate(swarm, 256, 4);
  std::set<std::uint32_t> seen;
  for (int i = 0; i < 400 && seen.size() < 64; ++i) {
    chatter(swarm, 256);
    swarm.epoch(BasisPoints{0}, 400);
    for (const Event& e : swarm.events) {
      if (e.kind == EventKind::coherence_recomputed) seen.insert(e.subject);
    }
  }
  CHECK(seen.size() == 64);
}

TEST_CASE("budget: work follows change: nothing happens, nothing is spent") {
  Swarm swarm(capacity);
  populate(swarm, 256, 8);
  for (int i = 0; i < 200; ++i) {
    chatter(swarm, 256);
    swarm.epoch();
  }
  for (int i = 0; i < 200; ++i) swarm.epoch();
  std::int64_t spent = 0;
  for (int i = 0; i < 160; ++i) {
    swarm.epoch();
    spent += Config{}.budget - swarm.engine.budget_left();
  }
  CHECK(spent <= 160 * 100);  // a partition every 16 epochs, for the scrub
}

TEST_CASE("budget: computed in every, every second and every fourth epoch, by CPU load") {
  for (const auto& [load, interval] :
       std::vector<std::pair<std::uint16_t, int>>{{0, 1}, {4999, 1}, {5000, 2}, {7999, 2}, {8000, 4}, {10000, 4}}) {
    Config config;
    config.budget = 2500;  // an epoch without work has none of it left; with work, there is never just nothing left
    Swarm swarm(capacity, config);
    populate(swarm, 64, 8);
    int computed = 0;
    for (int i = 0; i < 80; ++i) {
      chatter(swarm, 64);
      swarm.epoch(BasisPoints{load});
      computed += swarm.engine.budget_left() != 0;
    }
    CAPTURE(load);
    CHECK(computed == 80 / interval);
  }
}

TEST_CASE("budget: a cut that does not fit leaves the last known one, a flag and one event") {
  Config config;
  config.cut_refresh = 1;  // times 8, once it was found firm
  Swarm swarm(capacity, config);
  swarm.carry_out = false;
  populate(swarm, 16, 16);
  const auto traffic = [&](std::uint32_t bytes) {
    for (std::uint32_t n = 0; n < 16; ++n) swarm.send(n, (n + 1) % 16, bytes);
  };
  for (int i = 0; i < 50; ++i) {
    traffic(300);
    swarm.epoch();
  }
  const Scores before = swarm.engine.scores(PartitionIndex{0});
  CHECK(before.cut > 0);
  CHECK(!before.over_budget);
  CHECK(swarm.count(EventKind::budget_exceeded) == 0);
  {
    const SlowCuts slow(400);  // about 40 epochs
    for (int i = 0; i < 40; ++i) {
      traffic(i < 20 ? 300 : 900);
      swarm.epoch();
      if (i == 30) {
        const Scores during = swarm.engine.scores(PartitionIndex{0});
        CHECK(during.cut == before.cut);
        CHECK(during.cohesion == before.cohesion);
        CHECK(during.over_budget);
      }
    }
    CHECK(swarm.count(EventKind::budget_exceeded) == 1);
    CHECK(!swarm.engine.degraded());
  }
  for (int i = 0; i < 100; ++i) {
    traffic(300);
    swarm.epoch();
  }
  CHECK(!swarm.engine.scores(PartitionIndex{0}).over_budget);
  CHECK(swarm.engine.scores(PartitionIndex{0}).cut != before.cut);
  for (const Event& e : swarm.events) {
    if (e.kind != EventKind::budget_exceeded) continue;
    CHECK(e.subject == 0);
    CHECK(e.a >= Config{}.budget);
  }
}

TEST_CASE("degraded mode: entered when over budget for long, left when within it again") {
  Swarm swarm(capacity);
  swarm.carry_out = false;
  populate(swarm, 17, 16);
  const auto traffic = [&] {
    for (std::uint32_t n = 0; n < 17; ++n) swarm.send(n, (n + 1) % 17, 300);
  };
  std::uint64_t entered = 0;
  {
    const SlowCuts slow(100'000);
    for (int i = 0; i < 120 && entered == 0; ++i) {
      traffic();
      swarm.epoch();
      if (swarm.engine.degraded()) entered = swarm.now;
    }
    REQUIRE(entered != 0);
    CHECK(entered >= 64);
    CHECK(swarm.engine.pressure_of(PartitionIndex{1}).value == 0);
    CHECK(swarm.engine.scores(PartitionIndex{1}).pressure.value > 5000);
    REQUIRE(swarm.events.back().kind == EventKind::degraded_entered);
    CHECK(swarm.events.back().subject == static_cast<std::uint32_t>(DegradedReason::over_budget));
  }
  const std::size_t proposals = swarm.proposals.size();
  while (swarm.engine.degraded() && swarm.now < entered + 50) {
    traffic();
    swarm.epoch();
    CHECK(swarm.proposals.size() == proposals);
  }
  CHECK(!swarm.engine.degraded());
  CHECK(swarm.now - entered >= 8);
  CHECK(swarm.events.back().kind == EventKind::degraded_exited);
  CHECK(swarm.engine.pressure_of(PartitionIndex{1}).value > 5000);
}

TEST_CASE(
    "degraded mode: a partition's sums that went bad are found, corrected, and all others checked before it ends") {
  Swarm swarm(capacity);
  populate(swarm, 256, 8);
  for (int i = 0; i < 100; ++i) {
    chatter(swarm, 256);
    swarm.epoch();
  }
  REQUIRE(!swarm.engine.degraded());
  Graph& graph = PlannerTest::graph(swarm.engine);
  // Where traffic comes, and where it does not.
  for (const bool busy : {true, false}) {
    const std::uint32_t bad = 5;
    const std::size_t exits = swarm.count(EventKind::degraded_exited);
    GraphTest::spoil(graph, bad);
    GraphTest::spoil(graph, bad + 11);
    std::uint64_t entered = 0;
    std::uint64_t left = 0;
    for (int i = 0; i < 3000 && left == 0; ++i) {
      if (busy) chatter(swarm, 256);
      swarm.epoch();
      if (entered == 0 && swarm.engine.degraded()) entered = swarm.now;
      if (entered != 0 && !swarm.engine.degraded()) left = swarm.now;
    }
    CHECK(entered != 0);
    CHECK(left > entered);
    CHECK(swarm.count(EventKind::degraded_exited) == exits + 1);
    for (const std::uint32_t p : {bad, bad + 11}) {
      CHECK(graph.decay().bytes(graph.sums(PartitionIndex{p}).internal) < 1u << 20);
    }
  }
  for (const Event& e : swarm.events) {
    if (e.kind == EventKind::degraded_entered)
      CHECK(e.subject == static_cast<std::uint32_t>(DegradedReason::check_failed));
  }
}

TEST_CASE("degraded mode: by the operator and by configuration; the scores go on") {
  Swarm swarm(capacity);
  populate(swarm, 16, 4);
  swarm.engine.pause(true);
  CHECK(swarm.engine.degraded());
  for (int i = 0; i < 100; ++i) {
    for (std::uint32_t n = 0; n < 16; ++n) swarm.send(n, (n + 4) % 16, 500);
    swarm.epoch();
    CHECK(swarm.engine.pressure_of(PartitionIndex{0}).value == 0);
  }
  CHECK(swarm.proposals.empty());
  CHECK(swarm.count(EventKind::degraded_entered) == 1);
  CHECK(swarm.engine.scores(PartitionIndex{0}).pressure == one);
  swarm.engine.pause(false);
  CHECK(swarm.engine.pressure_of(PartitionIndex{0}) == one);
  for (int i = 0; i < 20; ++i) {
    for (std::uint32_t n = 0; n < 16; ++n) swarm.send(n, (n + 4) % 16, 500);
    swarm.epoch();
  }
  CHECK(!swarm.proposals.empty());
  CHECK(swarm.count(EventKind::degraded_exited) == 1);
  Config off;
  off.enabled = false;
  REQUIRE(swarm.engine.configure(off));
  CHECK(swarm.engine.degraded());
  swarm.epoch();
  CHECK(swarm.count(EventKind::degraded_entered) == 2);
  REQUIRE(swarm.engine.configure({}));
  CHECK(!swarm.engine.degraded());
}

TEST_CASE("engine: the same inputs give the same outputs, wherever its memory is and whatever was in it") {
  const auto history = [](std::size_t displacement) {
    std::vector<std::uint64_t> memory(Engine<MinimumCut>::memory_bytes(capacity) / 8 + displacement,
                                      0x5a5a5a5a5a5a5a5a * displacement);
    Engine<MinimumCut> engine;
    REQUIRE(engine.init(capacity, {}, std::as_writable_bytes(std::span(memory).subspan(displacement))));
    std::mt19937_64 random(11);
    for (std::uint32_t n = 0; n < 96; ++n) REQUIRE(engine.add_node(NodeIndex{n}, PartitionIndex{n % 24}));
    for (std::uint32_t e = 0; e < 600; ++e) {
      REQUIRE(engine.add_edge(EdgeIndex{e}, NodeIndex{static_cast<std::uint32_t>(random() % 96)},
                              NodeIndex{static_cast<std::uint32_t>(random() % 96)}));
    }
    std::vector<std::uint64_t> seen;
    for (std::uint64_t t = 1; t < 1500; ++t) {
      for (int i = 0; i < 200; ++i) {
        REQUIRE(engine.deliver(EdgeIndex{static_cast<std::uint32_t>(random() % 600)},
                               static_cast<std::uint32_t>(random() % 900)));
      }
      const Report report = engine.epoch({.epoch = Epoch{t}, .budget = static_cast<std::uint32_t>(random() % 3000)},
                                         [](PartitionIndex, PartitionIndex) { return MergeCheck::ok; });
      for (std::uint32_t i = 0; i < report.event_count; ++i) {
        const Event& e = report.events[i];
        seen.insert(seen.end(), {t, static_cast<std::uint64_t>(e.kind), e.subject, e.a, e.b});
      }
      for (std::uint32_t i = 0; i < report.proposal_count; ++i) {
        const Proposal& p = report.proposals[i];
        seen.insert(seen.end(), {t, p.serial, static_cast<std::uint64_t>(p.action), p.agent.value, p.from.value,
                                 p.to.value, p.members, p.weight});
        if (p.action == Action::migrate && engine.move_node(p.agent, p.to)) {
          REQUIRE(engine.accepted(p));
        } else {
          REQUIRE(engine.refused(p, Error::resource_limit));
        }
      }
    }
    return seen;
  };
  const std::vector<std::uint64_t> first = history(0);
  CHECK(first.size() > 500);
  CHECK(first == history(1));
  CHECK(first == history(4097));
}

}  // namespace rvm::coherence
