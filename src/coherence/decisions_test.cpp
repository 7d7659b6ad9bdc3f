// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/decisions.hpp"

#include <doctest/doctest.h>

#include <random>

namespace rvm::coherence {

TEST_CASE("decisions: the defaults are in range, and each member's range is checked") {
  CHECK(Config{}.check().has_value());
  const auto refused = [](auto change) {
    Config config;
    change(config);
    return config.check().has_value() ? Error::ok : config.check().error();
  };
  CHECK(refused([](Config& c) { c.decay = BasisPoints{5001}; }) == Error::bad_argument);
  CHECK(refused([](Config& c) { c.budget = 0; }) == Error::bad_argument);
  CHECK(refused([](Config& c) { c.interval = {1, 4, 2}; }) == Error::bad_argument);
  CHECK(refused([](Config& c) { c.alpha = BasisPoints{0}; }) == Error::bad_argument);
  CHECK(refused([](Config& c) { c.maximum_members = 65; }) == Error::bad_argument);
  CHECK(refused([](Config& c) { c.persistence = 0; }) == Error::bad_argument);
  CHECK(refused([](Config& c) { c.merge_mutual = BasisPoints{10001}; }) == Error::bad_argument);
  CHECK(refused([](Config& c) { c.recovery = 0; }) == Error::bad_argument);
}

TEST_CASE("decisions: comparisons with a margin do not overflow") {
  CHECK(!exceeds(125, 100, BasisPoints{2500}));
  CHECK(exceeds(126, 100, BasisPoints{2500}));
  CHECK(exceeds(1, 0, BasisPoints{10000}));
  CHECK(!exceeds(0, 0, BasisPoints{0}));
  CHECK(!exceeds(UINT64_MAX, UINT64_MAX - 1, BasisPoints{1}));
  CHECK(exceeds(UINT64_MAX, UINT64_MAX / 3, BasisPoints{10000}));
  std::mt19937_64 random(3);
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t value = random() >> random() % 64;
    const auto part = static_cast<std::uint16_t>(random() % 10001);
    CHECK(part_of(value, BasisPoints{part}) ==
          static_cast<std::uint64_t>(static_cast<unsigned __int128>(value) * part / 10000));
  }
}

TEST_CASE("decisions: a cool-down doubles, is forgiven with time, and bounds the rate whatever happens") {
  Config config;
  Anchor anchor;
  CHECK(!anchor.holds(Epoch{0}));
  anchor.engage(config, Epoch{100});
  CHECK(anchor.holds(Epoch{107}));
  CHECK(!anchor.holds(Epoch{108}));
  anchor.engage(config, Epoch{108});
  CHECK(anchor.holds(Epoch{123}));
  CHECK(!anchor.holds(Epoch{124}));
  anchor.engage(config, Epoch{124 + 3 * 1024});  // forgiven
  CHECK(!anchor.holds(Epoch{124 + 3 * 1024 + 8}));

  // Whoever acts as often as it lets, or at any other time.
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    Anchor a;
    std::uint64_t events = 0;
    const std::uint64_t epochs = 40000;
    for (std::uint64_t t = 0; t < epochs; ++t) {
      if (a.holds(Epoch{t})) continue;
      if (seed != 0 && random() % (std::uint64_t{1} << seed % 12) != 0) continue;
      a.engage(config, Epoch{t});
      ++events;
    }
    CHECK(events <= 1 + config.cooldown_doublings + epochs / config.recovery);
    if (seed == 0) CHECK(events >= 15);
  }
}

TEST_CASE("decisions: a reason has to last, and ends only beyond the laxer threshold") {
  Persistence p;
  p.observe(Epoch{0}, false, true);
  CHECK(!p.active());
  p.observe(Epoch{5}, true, true);
  CHECK(p.active());
  CHECK(!p.lasted(Epoch{8}, 4));
  p.observe(Epoch{8}, false, true);
  CHECK(p.lasted(Epoch{9}, 4));
  p.observe(Epoch{9}, false, false);
  CHECK(!p.active());
}

TEST_CASE("decisions: the rate limit holds over every stretch of time") {
  Config config;
  config.window = 10;
  config.window_proposals = 3;
  RateLimit limit;
  std::uint64_t taken = 0;
  for (std::uint64_t t = 7; t < 1007; ++t) {
    limit.refill(config, Epoch{t});
    while (limit.allows()) {
      limit.take();
      ++taken;
    }
    CHECK(taken <= 3 + (t - 7) * 3 / 10);
  }
  CHECK(taken >= 3 + 299);
  limit.refill(config, Epoch{1'000'000'000});
  for (int i = 0; i < 3; ++i) limit.take();
  CHECK(!limit.allows());
}

TEST_CASE("decisions: trust falls with faults and comes back with time") {
  const Config config;
  Trust trust;
  CHECK(trust.at(config, Epoch{0}) == BasisPoints{10000});
  trust.lose(config, Epoch{10}, BasisPoints{3000});
  trust.lose(config, Epoch{10}, BasisPoints{3000});
  CHECK(trust.at(config, Epoch{10}) == BasisPoints{4000});
  CHECK(trust.at(config, Epoch{1010}) == BasisPoints{6000});
  trust.lose(config, Epoch{1010}, BasisPoints{10000});
  CHECK(trust.at(config, Epoch{1010}) == BasisPoints{0});
  CHECK(trust.at(config, Epoch{1'000'000}) == BasisPoints{10000});
}

}  // namespace rvm::coherence
