// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A short run under the sanitisers, and that a seed means one run. The long run is tests/simulation/long_run.py; that the
// simulation finds bugs is shown by tests/mutants.
#include <doctest/doctest.h>

#include <cstdlib>

#include "random.hpp"
#include "rvm/sim/simulate.hpp"

namespace rvm::sim {

TEST_CASE("random: bounded, spread, and different for each stream") {
  Random r{1, 2};
  std::array<unsigned, 8> seen{};
  for (int i = 0; i < 8000; ++i) ++seen[r.below(8)];
  for (const unsigned count : seen) CHECK((count > 800 && count < 1200));
  CHECK(Random{1, 2}.next() == Random{1, 2}.next());
  CHECK(Random{1, 2}.next() != Random{1, 3}.next());
  CHECK(Random{1, 2}.next() != Random{2, 2}.next());
}

TEST_CASE("simulation: a seed is one run to the last bit, and another seed another") {
  const Result first = simulate({.seed = 7, .steps = 3000});
  const Result again = simulate({.seed = 7, .steps = 3000});
  const Result other = simulate({.seed = 8, .steps = 3000});
  REQUIRE_FALSE(first.violation);
  CHECK(first.digest == again.digest);
  CHECK(first.coverage.records == again.coverage.records);
  CHECK(first.digest != other.digest);
}

TEST_CASE("simulation: leaving steps out is another run of the same kind") {
  std::vector<std::uint32_t> steps;
  for (std::uint32_t i = 0; i < 3000; i += 2) steps.push_back(i);
  const Result result = simulate({.seed = 7, .steps = 3000, .only = steps});
  CHECK_FALSE(result.violation);
  CHECK(result.coverage.records > 0);
}

TEST_CASE("simulation: 300 000 steps without a broken invariant") {
  Coverage coverage;
  for (std::uint64_t seed = 1'000'001; seed <= 1'000'030; ++seed) {
    const Result result = simulate({.seed = seed, .steps = 10'000});
    if (result.violation) {
      FAIL("seed ", seed, ", step ", result.violation->step, ": ", result.violation->invariant, ": ",
           result.violation->detail);
    }
    coverage.add(result.coverage);
  }
  CHECK(coverage.boots > 60);
  CHECK(coverage.power_cuts > 50);
  CHECK(coverage.records > 100'000);
}

}  // namespace rvm::sim
