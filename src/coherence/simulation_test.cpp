// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the engine makes of whole swarms: cross-partition bytes with it and without, how soon it comes to rest, and how
// often it can be made to move by traffic that means to.
#include <cstdio>

#include "test/swarm.hpp"

namespace rvm::coherence {

using test::Swarm;

namespace {

constexpr std::uint32_t agents = 64;
constexpr std::uint32_t partitions = 16;
constexpr Capacity capacity{agents, 8192, 64};

/// Agents dealt out at random, four to a partition.
void deal(Swarm& swarm, std::uint64_t seed) {
  std::vector<std::uint32_t> places(agents);
  for (std::uint32_t i = 0; i < agents; ++i) places[i] = i % partitions;
  std::mt19937_64 random(seed);
  std::shuffle(places.begin(), places.end(), random);
  for (std::uint32_t n = 0; n < agents; ++n) swarm.agent(n, places[n]);
}

using Traffic = std::function<void(Swarm&, std::mt19937_64&, std::uint64_t epoch)>;

/// Everybody talks within a team of eight, and a little (3 %) with anybody.
void teams(Swarm& swarm, std::mt19937_64& random, std::uint64_t) {
  for (std::uint32_t n = 0; n < agents; ++n) {
    for (std::uint32_t k = 1; k <= 3; ++k)
      swarm.send(n, n / 8 * 8 + (n + k) % 8, 200 + static_cast<std::uint32_t>(random() % 100));
    swarm.send(n, static_cast<std::uint32_t>(random() % agents), 24);
  }
}

void hub(Swarm& swarm, std::mt19937_64& random, std::uint64_t) {
  for (std::uint32_t n = 1; n < agents; ++n) {
    swarm.send(n, 0, 100 + static_cast<std::uint32_t>(random() % 50));
    swarm.send(0, n, 100);
  }
}

void pipeline(Swarm& swarm, std::mt19937_64& random, std::uint64_t) {
  for (std::uint32_t n = 0; n + 1 < agents; ++n) swarm.send(n, n + 1, 500 + static_cast<std::uint32_t>(random() % 100));
}

/// Teams, differently composed every 2000 epochs.
void shifting(Swarm& swarm, std::mt19937_64& random, std::uint64_t epoch) {
  const std::uint64_t phase = epoch / 2000;
  const auto member = [&](std::uint32_t team, std::uint32_t i) {
    return static_cast<std::uint32_t>((team + (i % 8) * (8 + phase * (1 + i % 3))) % agents);
  };
  for (std::uint32_t team = 0; team < 8; ++team) {
    for (std::uint32_t i = 0; i < 8; ++i) {
      for (std::uint32_t k = 1; k <= 3; ++k) {
        const std::uint32_t from = member(team, i);
        const std::uint32_t to = member(team, i + k);
        if (from != to) swarm.send(from, to, 200 + static_cast<std::uint32_t>(random() % 100));
      }
    }
  }
}

void uniform(Swarm& swarm, std::mt19937_64& random, std::uint64_t) {
  for (std::uint32_t n = 0; n < agents; ++n) {
    for (int k = 0; k < 3; ++k) swarm.send(n, static_cast<std::uint32_t>(random() % agents), 256);
  }
}

/// Half of the agents turn to another team whenever the engine might have settled, each period as bad as it gets.
Traffic oscillating(std::uint64_t period) {
  return [period](Swarm& swarm, std::mt19937_64&, std::uint64_t epoch) {
    const auto turn = static_cast<std::uint32_t>(epoch / period % 2);
    for (std::uint32_t n = 0; n < agents; ++n) {
      const std::uint32_t team = n % 2 == 0 ? n / 8 : (n / 8 + turn * 3) % 8;
      for (std::uint32_t k = 0; k < 4; ++k) swarm.send(n, team * 8 + k * 2, 400);
    }
  };
}

/// Teams that are the same in every epoch but for the sizes of their messages.
void steady_teams(Swarm& swarm, std::mt19937_64& random, std::uint64_t) {
  for (std::uint32_t n = 0; n < agents; ++n) {
    for (std::uint32_t k = 1; k <= 3; ++k) {
      swarm.send(n, n / 8 * 8 + (n + k) % 8, 200 + static_cast<std::uint32_t>(random() % 100));
    }
    swarm.send(n, (n + 8) % agents, 20);
  }
}

/// Everybody talks mostly with those beside whom they were put: there is nothing to gain.
void placed_well(Swarm& swarm, std::mt19937_64& random, std::uint64_t) {
  for (std::uint32_t n = 0; n < agents; ++n) {
    for (std::uint32_t m = 0; m < agents; ++m) {
      if (m != n && swarm.initial[m] == swarm.initial[n])
        swarm.send(n, m, 300 + static_cast<std::uint32_t>(random() % 100));
    }
    swarm.send(n, (n + 1) % agents, 100);
  }
}

/// Chatter below what is worth acting on.
void bystanders(Swarm& swarm, std::mt19937_64& random, std::uint64_t) {
  for (int k = 0; k < 4; ++k) {
    swarm.send(static_cast<std::uint32_t>(random() % agents), static_cast<std::uint32_t>(random() % agents), 64);
  }
}

struct Outcome {
  double saved = 0;  ///< per cent of the cross-partition bytes without the engine
  std::uint64_t rest = 0;
  std::uint64_t actions = 0;
};

Outcome simulate(const char* name, std::uint64_t seed, std::uint64_t epochs, const Traffic& traffic) {
  Swarm swarm(capacity);
  deal(swarm, seed);
  std::mt19937_64 random(seed + 100);
  for (std::uint64_t e = 0; e < epochs; ++e) {
    traffic(swarm, random, e);
    swarm.epoch();
  }
  const double saved = 100.0 * (1.0 - static_cast<double>(swarm.cross_bytes) /
                                          static_cast<double>(std::max<std::uint64_t>(swarm.cross_bytes_static, 1)));
  std::uint32_t live = 0;
  for (std::uint32_t p = 0; p < capacity.partitions; ++p) live += swarm.engine.graph().members(PartitionIndex{p}) != 0;
  if (name != nullptr)
    std::printf(
        "%-22s seed %llu: cross %5.1f %% of bytes without, %5.1f %% with: %5.1f %% less; at rest after %llu, "
        "%zu migrate %zu split %zu merge, %u partitions\n",
        name, static_cast<unsigned long long>(seed),
        100.0 * static_cast<double>(swarm.cross_bytes_static) / static_cast<double>(swarm.total_bytes),
        100.0 * static_cast<double>(swarm.cross_bytes) / static_cast<double>(swarm.total_bytes), saved,
        static_cast<unsigned long long>(swarm.last_move), swarm.count(Action::migrate), swarm.count(Action::split),
        swarm.count(Action::merge), live);
  CHECK(!swarm.engine.degraded());
  return {saved, swarm.last_move, swarm.actions};
}

}  // namespace

TEST_CASE("simulation: the engine saves cross-partition bytes, and never costs more than 2 %") {
  for (std::uint64_t seed = 1; seed <= 3; ++seed) {
    CHECK(simulate("teams", seed, 1000, teams).saved >= 60);
    CHECK(simulate("hub", seed, 1000, hub).saved >= -2);
    CHECK(simulate("pipeline", seed, 1000, pipeline).saved >= -2);
    CHECK(simulate("shifting", seed, 4000, shifting).saved >= 60);
    CHECK(simulate("uniform", seed, 500, uniform).saved >= -2);
    CHECK(simulate("placed well", seed, 1000, placed_well).saved >= -2);
    CHECK(simulate("bystanders", seed, 1000, bystanders).saved >= -2);
  }
  for (const auto period : std::initializer_list<std::uint64_t>{5, 20, 40, 100, 500}) {
    CHECK(simulate(("oscillating " + std::to_string(period)).c_str(), period, 4000, oscillating(period)).saved >= -2);
  }
}

TEST_CASE("simulation: steady traffic comes to rest within 50 epochs, and then nothing moves for 10 000") {
  const std::array<std::pair<const char*, Traffic>, 4> patterns{
      {{"teams", steady_teams}, {"hub", hub}, {"pipeline", pipeline}, {"placed well", placed_well}}};
  for (const auto& [name, traffic] : patterns) {
    CAPTURE(name);
    CHECK(simulate(name, 7, 10050, traffic).rest <= 50);
    std::uint64_t latest = 0;
    for (std::uint64_t seed = 20; seed < 50; ++seed)
      latest = std::max(latest, simulate(nullptr, seed, 300, traffic).rest);
    std::printf("%-22s 30 more placements: at rest after %llu epochs at the latest\n", name,
                static_cast<unsigned long long>(latest));
    CHECK(latest <= 50);
  }
}

TEST_CASE("simulation: a swarm of 64 at rest costs less than 2 % of one core") {
  // A millisecond at one instruction per nanosecond is a million, and a unit at most 20 of them.
  for (const Traffic& traffic : {Traffic{steady_teams}, Traffic{hub}, Traffic{pipeline}}) {
    Swarm swarm(capacity);
    deal(swarm, 5);
    std::mt19937_64 random(5);
    std::int64_t units = 0;
    for (std::uint64_t e = 0; e < 600; ++e) {
      traffic(swarm, random, e);
      swarm.epoch();
      if (e >= 100) units += std::int64_t{swarm.engine.config().budget} - swarm.engine.budget_left();
    }
    std::printf("at rest                %lld units per epoch\n", static_cast<long long>(units / 500));
    CHECK(units / 500 * 25 < 1'000'000 * 2 / 100);
  }
}

TEST_CASE("simulation: halves of a team, each agent as much at home as away, become one and stay it") {
  Swarm swarm(capacity);
  for (std::uint32_t n = 0; n < 8; ++n) swarm.agent(n, n / 4);
  std::mt19937_64 random(1);
  for (std::uint64_t e = 0; e < 2000; ++e) {
    for (std::uint32_t n = 0; n < 8; ++n) {
      for (std::uint32_t k = 1; k <= 3; ++k)
        swarm.send(n, (n + k) % 8, 200 + static_cast<std::uint32_t>(random() % 100));
    }
    swarm.epoch();
    if (e == 50) CHECK(swarm.home(0) == swarm.home(4));
  }
  CHECK(swarm.count(Action::merge) == 1);
  CHECK(swarm.actions == 1);
}

TEST_CASE("simulation: no traffic moves an agent more often than its cool-down lets it") {
  const Config config;
  for (const auto period : std::initializer_list<std::uint64_t>{8, 12, 16, 24, 40, 64, 150, 600}) {
    Swarm swarm(capacity);
    deal(swarm, period);
    std::mt19937_64 random(period);
    const std::uint64_t epochs = 6000;
    const Traffic traffic = oscillating(period);
    for (std::uint64_t e = 0; e < epochs; ++e) {
      traffic(swarm, random, e);
      swarm.epoch();
    }
    std::uint32_t most = 0;
    for (const auto& [agent, moves] : swarm.moves) most = std::max(most, moves);
    std::printf("oscillating %-10llu most moves of one agent in %llu epochs: %u\n",
                static_cast<unsigned long long>(period), static_cast<unsigned long long>(epochs), most);
    CHECK(most <= 1 + config.cooldown_doublings + epochs / config.recovery);
  }
}

TEST_CASE("simulation: nor is a partition split and merged more often") {
  // Two groups fall out with each other whenever they are together, and make up whenever they are apart.
  const Config config;
  Swarm swarm(capacity);
  for (std::uint32_t n = 0; n < 8; ++n) swarm.agent(n, 0);
  const std::uint64_t epochs = 12000;
  for (std::uint64_t e = 0; e < epochs; ++e) {
    const bool together = swarm.home(0) == swarm.home(4);
    for (std::uint32_t n = 0; n < 4; ++n) {
      if (together) {
        swarm.send(n, (n + 1) % 4, 60000);
        swarm.send(4 + n, 4 + (n + 1) % 4, 60000);
      } else {
        swarm.send(n, 4 + n, 60000);
        swarm.send(n, 4 + (n + 1) % 4, 60000);
      }
    }
    swarm.epoch();
  }
  const std::size_t splits = swarm.count(Action::split);
  std::printf("on and off             %zu splits, %zu merges in %llu epochs\n", splits, swarm.count(Action::merge),
              static_cast<unsigned long long>(epochs));
  CHECK(splits >= 3);
  CHECK(splits + swarm.count(Action::merge) <= 1 + config.cooldown_doublings + epochs / config.recovery);
}

TEST_CASE("simulation: an adversary that always lures an agent away from where it is gets no more") {
  // It knows where the agent lives, and makes it talk with another partition, every epoch. A merge would take its target away.
  Config config;
  config.merge_mutual = one;
  Swarm swarm(capacity, config);
  for (std::uint32_t n = 0; n < 16; ++n) swarm.agent(n, n / 4);
  const std::uint64_t epochs = 12000;
  for (std::uint64_t e = 0; e < epochs; ++e) {
    const std::uint32_t here = swarm.home(0);
    for (std::uint32_t n = 1; n < 16; ++n) {
      if (swarm.home(n) == (here + 1) % 4) swarm.send(0, n, 60000);
      if (swarm.home(n) == n / 4) swarm.send(n, n / 4 * 4 + (n % 4 == 3 ? (n > 3 ? 0 : 1) : n % 4 + 1), 30000);
    }
    swarm.epoch();
  }
  std::printf("lured                  moves of the agent in %llu epochs: %u\n", static_cast<unsigned long long>(epochs),
              swarm.moves[0]);
  CHECK(swarm.moves[0] >= 5);
  CHECK(swarm.moves[0] <= 1 + config.cooldown_doublings + epochs / config.recovery);
}

}  // namespace rvm::coherence
