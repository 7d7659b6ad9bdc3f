// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/scores.hpp"

#include <doctest/doctest.h>

#include <random>

namespace rvm::coherence {

TEST_CASE("scores: an isolated partition has coherence 10000 and pressure 0") {
  CHECK(pressure({}).value == 0);
  CHECK(pressure({.internal = 5, .external = 0}).value == 0);
  CHECK(pressure({.internal = 0, .external = 5}).value == 10000);
  CHECK(pressure({.internal = 1, .external = 3}).value == 7500);
}

TEST_CASE("scores: two partitions that talk only to each other are wholly coherent; strangers are not at all") {
  CHECK(mutual_coherence(0, {}, {}).value == 0);
  CHECK(mutual_coherence(8, {.internal = 0, .external = 8}, {.internal = 0, .external = 8}).value == 10000);
  CHECK(mutual_coherence(0, {.internal = 4, .external = 8}, {.internal = 0, .external = 8}).value == 0);
  CHECK(mutual_coherence(70, {.internal = 10, .external = 75}, {.internal = 5, .external = 80}).value == 7000);
}

TEST_CASE("scores: cohesion of cliques, rings, chains and bridged groups") {
  CHECK(cohesion(0, 0, 0) == one);
  CHECK(cohesion(0, 0, 5) == one);
  CHECK(cohesion(7, 28, 8) == one);                  // a clique of 8, each edge 1: cut off one
  CHECK(cohesion(2, 64, 64) == one);                 // a ring
  CHECK(cohesion(1, 63, 64).value == 5079);          // a chain
  CHECK(cohesion(1, 2 * 28 + 1, 16).value == 1403);  // two cliques of 8 with a bridge
  CHECK(cohesion(0, 100, 16).value == 0);
}

TEST_CASE("scores: fractions agree with 128-bit arithmetic over the whole range") {
  std::mt19937_64 random(1);
  for (int i = 0; i < 200000; ++i) {
    const std::uint64_t whole = random() >> random() % 63;
    const std::uint64_t part = i % 7 == 0 ? whole : random() >> random() % 63;
    const auto exact = whole == 0 ? 123
                       : part >= whole
                           ? 10000
                           : static_cast<std::uint64_t>(static_cast<unsigned __int128>(part) * 10000 / whole);
    const std::uint64_t ours = fraction(part, whole, BasisPoints{123}).value;
    // Where low bits were dropped a value on the edge may fall to either side.
    CHECK(ours <= exact + (whole >> 50 != 0));
    CHECK(ours + (whole >> 50 != 0) >= exact);
  }
}

TEST_CASE("scores: smoothing arrives, does not overshoot, and is as fast as alpha says") {
  for (const auto alpha : std::initializer_list<std::uint16_t>{1, 100, 2000, 10000}) {
    BasisPoints value{10000};
    int steps = 0;
    while (value != BasisPoints{137}) {
      const BasisPoints next = smooth(value, BasisPoints{137}, BasisPoints{alpha});
      REQUIRE(next < value);
      REQUIRE(next >= BasisPoints{137});
      value = next;
      REQUIRE(++steps <= 10000);
    }
    CHECK(smooth(value, BasisPoints{137}, BasisPoints{alpha}) == value);
    CHECK((alpha != 10000 || steps == 1));
  }
  CHECK(smooth(BasisPoints{0}, one, BasisPoints{2000}).value == 2000);
  CHECK(smooth(BasisPoints{2000}, one, BasisPoints{2000}).value == 3600);
}

}  // namespace rvm::coherence
