// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the engine decides, one reason at a time.
#include <bit>

#include "test/faulty_cut.hpp"
#include "test/swarm.hpp"

namespace rvm::coherence {

using test::FaultyCut;
using test::Swarm;
using test::SwarmOf;

namespace {

constexpr Capacity small{128, 2048, 32};

/// Everybody in `group` talks with everybody else in it.
void clique(auto& swarm, const std::vector<std::uint32_t>& group, std::uint32_t bytes) {
  for (const std::uint32_t a : group) {
    for (const std::uint32_t b : group) {
      if (a != b) swarm.send(a, b, bytes);
    }
  }
}

std::vector<std::uint32_t> range(std::uint32_t from, std::uint32_t to) {
  std::vector<std::uint32_t> all;
  for (; from < to; ++from) all.push_back(from);
  return all;
}

void agents(auto& swarm, const std::vector<std::uint32_t>& group, std::uint32_t partition) {
  for (const std::uint32_t n : group) swarm.agent(n, partition);
}

void run(Swarm& swarm, int epochs, const std::function<void()>& traffic) {
  for (int i = 0; i < epochs; ++i) {
    traffic();
    swarm.epoch();
  }
}

}  // namespace

TEST_CASE("engine: memory and configuration are checked") {
  Swarm::SwarmEngine engine;
  std::vector<std::uint64_t> memory(Swarm::SwarmEngine::memory_bytes(small) / 8);
  const auto bytes = std::as_writable_bytes(std::span(memory));
  CHECK(engine.init(small, {}, bytes.first(bytes.size() - 8)).error() == Error::no_memory);
  Config wrong;
  wrong.alpha = BasisPoints{0};
  CHECK(engine.init(small, wrong, bytes).error() == Error::bad_argument);
  REQUIRE(engine.init(small, {}, bytes));
  CHECK(engine.configure(wrong).error() == Error::bad_argument);
  CHECK(engine.config().alpha.value == 2000);
  // The appliance's tables take less than 7 MiB.
  CHECK(Swarm::SwarmEngine::memory_bytes(capacity_maximum) < 7u << 20);
}

TEST_CASE("engine: an agent whose weight is elsewhere is proposed for migration, once it has lasted") {
  Swarm swarm(small);
  swarm.carry_out = false;
  agents(swarm, range(0, 4), 0);
  agents(swarm, range(4, 8), 1);
  for (int i = 0; i < 20; ++i) {
    clique(swarm, range(1, 4), 200);
    clique(swarm, range(4, 8), 200);
    for (std::uint32_t n = 4; n < 8; ++n) swarm.send(0, n, 100);
    swarm.send(0, 1, 100);
    swarm.epoch();
    if (i < 4) CHECK(swarm.proposals.empty());
  }
  REQUIRE(swarm.proposals.size() == 1);  // not again while it is out
  CHECK(swarm.proposals[0].action == Action::migrate);
  CHECK(swarm.proposals[0].reason == Reason::weight);
  CHECK(swarm.proposals[0].agent.value == 0);
  CHECK(swarm.proposals[0].from.value == 0);
  CHECK(swarm.proposals[0].to.value == 1);
  CHECK(swarm.proposals[0].weight > 500);
}

TEST_CASE("engine: within the margin, or for less than a move costs, nobody moves") {
  for (const std::uint32_t bytes : {124u, 8u}) {
    Swarm swarm(small);
    agents(swarm, range(0, 4), 0);
    agents(swarm, range(4, 8), 1);
    run(swarm, 300, [&] {
      clique(swarm, range(1, 4), 200);
      clique(swarm, range(4, 8), 200);
      swarm.send(0, 4, bytes);
      if (bytes == 124) swarm.send(0, 1, 100);  // 24 % more there
    });
    CHECK(swarm.proposals.empty());
  }
}

TEST_CASE("engine: fixed partitions and pinned agents are left alone; a fixed one does not hide the next best") {
  Swarm swarm(small);
  agents(swarm, range(0, 4), 0);
  agents(swarm, range(4, 8), 1);
  agents(swarm, {8}, 2);  // a service
  agents(swarm, range(9, 13), 3);
  REQUIRE(swarm.engine.fix(PartitionIndex{2}, true));
  REQUIRE(swarm.engine.pin(NodeIndex{1}, true));
  run(swarm, 60, [&] {
    clique(swarm, range(4, 8), 200);
    for (const std::uint32_t n : {0u, 1u}) {
      swarm.send(n, 8, 900);
      swarm.send(n, 4, 300);
    }
    for (std::uint32_t n = 9; n < 13; ++n) swarm.send(8, n, 500);  // its own wish does not count
  });
  CHECK(swarm.home(0) == 1);
  CHECK(swarm.home(1) == 0);
  CHECK(swarm.home(8) == 2);
  CHECK(swarm.actions == 1);
}

TEST_CASE("engine: no more members than the configuration allows") {
  Config config;
  config.maximum_members = 6;
  Swarm swarm(small, config);
  agents(swarm, range(0, 4), 0);
  for (std::uint32_t n = 4; n < 20; ++n) swarm.agent(n, 1 + n % 8);  // eight partitions whose members set out at once
  for (int i = 0; i < 100; ++i) {
    clique(swarm, range(0, 4), 500);
    for (std::uint32_t n = 4; n < 20; ++n) swarm.send(n, n % 4, 300);
    swarm.epoch();
    CHECK(swarm.engine.graph().members(PartitionIndex{0}) <= 6);
  }
  CHECK(swarm.engine.graph().members(PartitionIndex{0}) == 6);
}

TEST_CASE("engine: two groups with a thin bridge are split along it") {
  Swarm swarm(small);
  swarm.carry_out = false;
  const std::vector<std::uint32_t> a{0, 2, 4, 6, 8};
  const std::vector<std::uint32_t> b{1, 3, 5};
  agents(swarm, range(0, 10), 0);  // 7 and 9 say nothing, and stay
  run(swarm, 40, [&] {
    clique(swarm, a, 200);
    clique(swarm, b, 200);
    swarm.send(0, 1, 20);
  });
  REQUIRE(swarm.proposals.size() == 1);
  const Proposal& p = swarm.proposals[0];
  CHECK(p.action == Action::split);
  CHECK(p.reason == Reason::cohesion);
  CHECK(p.from.value == 0);
  CHECK(p.members == 0b101010);
  CHECK(p.weight > 20 * 2);
  CHECK(p.weight < 20 * 21);
  const Scores& scores = swarm.engine.scores(PartitionIndex{0});
  CHECK(scores.cohesion.value < 1500);
  CHECK((scores.cut_members == 0b101010 || scores.cut_members == 0b101010101));
  CHECK(scores.cut_exact);
  CHECK(!scores.over_budget);
}

TEST_CASE("engine: a cut that is not what the solver says is not acted upon, and leads into degraded mode") {
  SwarmOf<FaultyCut> swarm(small);
  agents(swarm, range(0, 10), 0);
  const auto is = [](EventKind kind) {
    return [kind](const Event& e) {
      return e.kind == kind && e.subject == static_cast<std::uint32_t>(DegradedReason::check_failed);
    };
  };
  for (int i = 0; i < 2000; ++i) {
    clique(swarm, range(0, 5), 200);
    clique(swarm, range(5, 10), 200);
    swarm.send(0, 5, 20);
    swarm.epoch();
    if (swarm.engine.degraded()) CHECK(swarm.proposals.empty());
  }
  const auto entered = std::ranges::count_if(swarm.events, is(EventKind::degraded_entered));
  CHECK(entered > 0);
  CHECK(std::ranges::count_if(swarm.events, is(EventKind::degraded_exited)) == entered);
  REQUIRE(!swarm.proposals.empty());
  CHECK(swarm.proposals[0].members == 0b1111100000);
  CHECK(swarm.home(0) != swarm.home(5));
}

TEST_CASE("engine: cliques, rings, chains, stars and the silent are never split") {
  for (int shape = 0; shape < 5; ++shape) {
    Swarm swarm(small);
    const std::uint32_t n = 24;
    agents(swarm, range(0, n), 0);
    run(swarm, 200, [&] {
      for (std::uint32_t i = 0; i < n; ++i) {
        if (shape == 0 && i == 0) clique(swarm, range(0, n), 50);
        if (shape == 1) swarm.send(i, (i + 1) % n, 500);
        if (shape == 2 && i + 1 < n) swarm.send(i, i + 1, 500);
        if (shape == 3 && i > 0) swarm.send(i, 0, 500);
      }
    });
    CAPTURE(shape);
    CHECK(swarm.proposals.empty());
  }
}

TEST_CASE("engine: nobody is split off alone, not even one that only the silent talk with") {
  Swarm swarm(small);
  agents(swarm, range(0, 13), 0);
  run(swarm, 200, [&] {
    clique(swarm, range(0, 4), 400);
    for (std::uint32_t i = 5; i < 13; ++i) swarm.send(4, i, 100);
  });
  CHECK(swarm.engine.scores(PartitionIndex{0}).cohesion.value == 0);
  CHECK(swarm.proposals.empty());
}

TEST_CASE("engine: under pressure a loosely bound partition is split, and only then") {
  for (const bool pressed : {false, true}) {
    Swarm swarm(small);
    swarm.carry_out = false;
    agents(swarm, range(0, 8), 0);
    agents(swarm, {8}, 1);
    REQUIRE(swarm.engine.fix(PartitionIndex{1}, true));
    run(swarm, 60, [&] {
      clique(swarm, range(0, 4), 100);
      clique(swarm, range(4, 8), 100);
      for (std::uint32_t i = 0; i < 4; ++i) swarm.send(i, i + 4, 35);  // cohesion 2204
      if (pressed) {
        for (std::uint32_t i = 0; i < 8; ++i) swarm.send(i, 8, 4000);
      }
    });
    const BasisPoints pressure = swarm.engine.pressure_of(PartitionIndex{0});
    CHECK((pressure.value > 7500) == pressed);
    CHECK(swarm.proposals.size() == (pressed ? 1 : 0));
    for (const Proposal& p : swarm.proposals) {
      CHECK(p.action == Action::split);
      CHECK(p.reason == Reason::pressure);
      CHECK(p.members == 0xf0);
    }
  }
}

TEST_CASE("engine: pressure alone does not tear a clique apart") {
  Swarm swarm(small);
  agents(swarm, range(0, 8), 0);
  agents(swarm, {8}, 1);
  REQUIRE(swarm.engine.fix(PartitionIndex{1}, true));
  run(swarm, 300, [&] {
    clique(swarm, range(0, 8), 20);
    for (std::uint32_t i = 0; i < 8; ++i) swarm.send(i, 8, 4000);
  });
  CHECK(swarm.engine.pressure_of(PartitionIndex{0}).value > 9000);
  CHECK(swarm.proposals.empty());
}

TEST_CASE("engine: a distrusted agent is isolated along the minimum cut that contains it, with whom it is thick with") {
  Swarm swarm(small);
  agents(swarm, range(0, 8), 0);
  const auto traffic = [&] {
    clique(swarm, range(0, 6), 200);
    clique(swarm, {6, 7}, 2000);
    for (std::uint32_t i = 0; i < 6; ++i) swarm.send(7, i, 90);
  };
  run(swarm, 40, traffic);
  REQUIRE(swarm.proposals.empty());
  REQUIRE(swarm.engine.distrust(NodeIndex{7}, BasisPoints{4000}));
  run(swarm, 10, traffic);
  CHECK(swarm.proposals.empty());  // one fault is not enough
  REQUIRE(swarm.engine.distrust(NodeIndex{7}, BasisPoints{4000}));
  run(swarm, 4, traffic);
  REQUIRE(swarm.proposals.size() == 1);
  CHECK(swarm.proposals[0].action == Action::split);
  CHECK(swarm.proposals[0].reason == Reason::trust);
  CHECK(swarm.proposals[0].agent.value == 7);
  CHECK(swarm.proposals[0].members == 0xc0);
  const std::uint32_t there = swarm.home(7);
  CHECK(there != 0);
  // Where it is now nobody comes, goes or merges, however much they talk.
  run(swarm, 400, [&] {
    traffic();
    for (std::uint32_t i = 0; i < 6; ++i) swarm.send(7, i, 4000);
  });
  CHECK(swarm.proposals.size() == 1);
  CHECK(swarm.home(7) == there);
  // Until it is trusted again.
  REQUIRE(swarm.engine.trust(NodeIndex{7}));
  run(swarm, 60, [&] {
    traffic();
    for (std::uint32_t i = 0; i < 6; ++i) swarm.send(7, i, 4000);
  });
  CHECK(swarm.home(7) == swarm.home(0));
  CHECK(swarm.engine.distrust(NodeIndex{99}, BasisPoints{1}).error() == Error::bad_argument);
}

TEST_CASE("engine: a suspect leaves alone when the minimum cut sets somebody else apart") {
  Swarm swarm(small);
  agents(swarm, range(0, 8), 0);
  const auto traffic = [&] {
    clique(swarm, range(0, 8), 200);
    for (std::uint32_t i = 0; i < 6; ++i) swarm.send(7, i, 20);
  };
  run(swarm, 40, traffic);
  REQUIRE(swarm.proposals.empty());
  REQUIRE(swarm.engine.distrust(NodeIndex{7}, one));
  run(swarm, 4, traffic);
  REQUIRE(swarm.proposals.size() == 1);
  CHECK(swarm.proposals[0].reason == Reason::trust);
  CHECK(swarm.proposals[0].members == 0x80);
}

TEST_CASE("engine: what is delivered while a partition is looked at does not keep its cut from ending") {
  Swarm swarm(small);
  agents(swarm, range(0, 8), 0);
  std::mt19937 random(1);
  for (int epoch = 0; epoch < 400; ++epoch) {
    swarm.engine.open({.epoch = Epoch{++swarm.now}});
    do {
      const std::uint32_t from = random() % 8;
      swarm.send(from, (from + 1 + random() % 7) % 8, 1 + random() % 4000);
    } while (swarm.engine.slice(16, [](PartitionIndex, PartitionIndex) { return MergeCheck::ok; }) ==
             Progress::working);
    const Report& report = swarm.engine.close();
    for (std::uint32_t i = 0; i < report.event_count; ++i)
      CHECK(report.events[i].kind == EventKind::coherence_recomputed);
  }
}

TEST_CASE("engine: a silent suspect is cut off alone") {
  Swarm swarm(small);
  agents(swarm, range(0, 5), 0);
  REQUIRE(swarm.engine.distrust(NodeIndex{2}, one));
  run(swarm, 3, [&] {});
  REQUIRE(swarm.proposals.size() == 1);
  CHECK(swarm.proposals[0].members == 0b100);
  run(swarm, 50, [&] {});
  CHECK(swarm.proposals.size() == 1);
}

namespace {

/// Two partitions that talk mostly to each other, as wholes.
void partners(Swarm& swarm) {
  for (std::uint32_t i = 0; i < 4; ++i) {
    swarm.send(i, 4 + i, 500);
    swarm.send(i, 4 + (i + 1) % 4, 500);
  }
  swarm.send(0, 1, 30);
  swarm.send(4, 5, 30);
}

}  // namespace

TEST_CASE("engine: two partitions that talk mostly to each other are merged, and stay merged") {
  Swarm swarm(small);
  agents(swarm, range(0, 4), 3);
  agents(swarm, range(4, 9), 2);
  CHECK(swarm.engine.check_merge(PartitionIndex{3}, PartitionIndex{2}) == MergeCheck::no_shared_edge);
  run(swarm, 1, [&] { partners(swarm); });
  CHECK(swarm.engine.check_merge(PartitionIndex{3}, PartitionIndex{2}) == MergeCheck::ok);
  CHECK(swarm.engine.check_merge(PartitionIndex{3}, PartitionIndex{3}) == MergeCheck::no_shared_edge);
  run(swarm, 300, [&] { partners(swarm); });
  REQUIRE(!swarm.proposals.empty());
  const Proposal& p = swarm.proposals[0];
  CHECK(p.action == Action::merge);
  CHECK(p.reason == Reason::mutual);
  CHECK(p.from.value == 2);  // the larger takes in the smaller
  CHECK(p.to.value == 3);
  CHECK(swarm.count(Action::merge) == 1);
  CHECK(swarm.engine.graph().members(PartitionIndex{3}) == 0);
}

TEST_CASE("engine: partitions that talk to others as much are not merged") {
  Swarm swarm(small);
  swarm.carry_out = false;
  agents(swarm, range(0, 4), 0);
  agents(swarm, range(4, 8), 1);
  run(swarm, 60, [&] {
    clique(swarm, range(0, 4), 200);
    clique(swarm, range(4, 8), 200);
    for (std::uint32_t i = 0; i < 4; ++i) swarm.send(i, 4 + i, 500);
  });
  CHECK(swarm.engine.check_merge(PartitionIndex{0}, PartitionIndex{1}) == MergeCheck::below_threshold);
  CHECK(swarm.count(Action::merge) == 0);
}

TEST_CASE("engine: each precondition that the kernel finds failed is reported, and tried again later and later") {
  for (const MergeCheck check : {MergeCheck::lease_conflict, MergeCheck::region_overlap,
                                 MergeCheck::capability_conflict, MergeCheck::not_mergeable_state, MergeCheck::proof}) {
    Config config;
    config.migrate_margin = BasisPoints{10000};
    config.payback = 1;  // no migration: only merging is left
    config.move_cost = 1u << 30;
    Swarm swarm(small, config);
    agents(swarm, range(0, 4), 0);
    agents(swarm, range(4, 8), 1);
    int asked = 0;
    swarm.judge = [&](PartitionIndex, PartitionIndex) {
      ++asked;
      return check;
    };
    run(swarm, 1000, [&] { partners(swarm); });
    CHECK(swarm.proposals.empty());
    CHECK(asked >= 3);
    CHECK(asked <= 2 * 8);
    CHECK(swarm.count(EventKind::merge_refused) == static_cast<std::size_t>(asked));
    for (const Event& e : swarm.events) {
      if (e.kind == EventKind::merge_refused) CHECK(e.b == static_cast<std::uint32_t>(check));
    }
  }
}

TEST_CASE("engine: a refusal begins a cool-down that doubles; would_block does not; silence counts as refusal") {
  const auto proposals_within = [](const std::function<void(Swarm&, const Proposal&)>& answer) {
    Config config;
    config.answer_timeout = 20;
    Swarm swarm(small, config);
    swarm.carry_out = false;
    agents(swarm, range(0, 4), 0);
    agents(swarm, range(4, 8), 1);
    for (int i = 0; i < 1000; ++i) {
      clique(swarm, range(1, 4), 200);
      clique(swarm, range(4, 8), 200);
      for (std::uint32_t n = 4; n < 8; ++n) swarm.send(0, n, 100);
      const Report report = swarm.epoch();
      for (std::uint32_t k = 0; k < report.proposal_count; ++k) answer(swarm, report.proposals[k]);
    }
    return swarm.proposals.size();
  };
  const std::size_t refused = proposals_within([](Swarm& s, const Proposal& p) {
    REQUIRE(s.engine.refused(p, Error::resource_limit));
    CHECK(s.engine.refused(p, Error::resource_limit).error() == Error::bad_argument);
    CHECK(s.engine.accepted(p).error() == Error::bad_argument);
    CHECK(!s.engine.current(p));
  });
  CHECK(refused >= 5);
  CHECK(refused <= 8);  // 8, 16, 32 ... 512 epochs apart
  const std::size_t blocked =
      proposals_within([](Swarm& s, const Proposal& p) { REQUIRE(s.engine.refused(p, Error::would_block)); });
  CHECK(blocked >= 100);
  const std::size_t ignored = proposals_within([](Swarm&, const Proposal&) {});
  CHECK(ignored >= 4);
  CHECK(ignored <= 8);
}

TEST_CASE("engine: a proposal is no longer current when somebody joined or left") {
  Swarm swarm(small);
  swarm.carry_out = false;
  agents(swarm, range(0, 8), 0);
  run(swarm, 40, [&] {
    clique(swarm, range(0, 4), 200);
    clique(swarm, range(4, 8), 200);
  });
  REQUIRE(swarm.proposals.size() == 1);
  CHECK(swarm.engine.current(swarm.proposals[0]));
  REQUIRE(swarm.engine.remove_node(NodeIndex{2}));
  CHECK(!swarm.engine.current(swarm.proposals[0]));
  CHECK(swarm.engine.accepted(swarm.proposals[0], PartitionIndex{99}).error() == Error::bad_argument);
  CHECK(!swarm.engine.current(Proposal{}));
}

TEST_CASE("engine: no more proposals than the window allows") {
  Config config;
  config.window = 100;
  config.window_proposals = 5;
  Swarm swarm(small, config);
  for (std::uint32_t n = 0; n < 32; ++n) swarm.agent(n, n % 16);
  for (int i = 0; i < 400; ++i) {
    for (std::uint32_t n = 0; n < 32; n += 2) clique(swarm, {n, (n + 7) % 32}, 500);
    swarm.epoch();
    CHECK(swarm.proposals.size() <= 5 + 5 * static_cast<std::size_t>(i) / 100);
  }
  CHECK(swarm.proposals.size() >= 10);
}

TEST_CASE("engine: pressure is on the scheduler's scale, smoothed, and reported when it moved") {
  Swarm swarm(small);
  swarm.carry_out = false;
  agents(swarm, range(0, 2), 0);
  agents(swarm, range(2, 4), 1);
  CHECK(swarm.engine.pressure_of(PartitionIndex{0}).value == 0);
  run(swarm, 30, [&] { clique(swarm, range(0, 2), 1000); });
  CHECK(swarm.engine.pressure_of(PartitionIndex{0}).value == 0);
  CHECK(swarm.engine.scores(PartitionIndex{0}).coherence == one);
  const std::size_t before = swarm.count(EventKind::coherence_recomputed);
  BasisPoints last{0};
  for (int i = 0; i < 200; ++i) {
    swarm.send(0, 2, 1000);
    swarm.epoch();
    const BasisPoints now = swarm.engine.pressure_of(PartitionIndex{0});
    CHECK(now >= last);
    CHECK(now.value <= last.value + 2000);
    last = now;
  }
  CHECK(last.value > 9900);
  CHECK(swarm.engine.scores(PartitionIndex{0}).coherence.value == 10000 - last.value);
  const std::size_t reports = swarm.count(EventKind::coherence_recomputed) - before;
  CHECK(reports >= 10);
  CHECK(reports <= 2 * 21);  // of two partitions, one per 5 %, not one per epoch
  // Once all is quiet for long, so is the score.
  run(swarm, 1500, [&] {});
  CHECK(swarm.engine.pressure_of(PartitionIndex{0}).value == 0);
}

}  // namespace rvm::coherence
