// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/proof/nonce_window.hpp"

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <set>

namespace rvm::proof {

TEST_CASE("nonces: each once, in any order within the window, and nothing below it ever again") {
  NonceWindow w;
  CHECK(w.fresh(0));
  for (const std::uint64_t n : {5u, 3u, 4u, 0u, 4095u}) {
    REQUIRE(w.fresh(n));
    w.use(n);
    CHECK(!w.fresh(n));
  }
  CHECK(w.fresh(1));
  w.use(4097);
  CHECK(w.fresh(2));
  CHECK(!w.fresh(1));  // never used, but 4 096 below the highest
  w.use(1'000'000);
  for (std::uint64_t n = 0; n <= 1'000'000 - NonceWindow::width; ++n) REQUIRE(!w.fresh(n));
  CHECK(w.fresh(1'000'001 - NonceWindow::width));
  CHECK(!w.fresh(UINT64_MAX));
  w.use(UINT64_MAX - 1);
  CHECK(!w.fresh(UINT64_MAX));
  CHECK(!w.fresh(UINT64_MAX - 1));
  CHECK(w.fresh(UINT64_MAX - 2));
  CHECK(!w.fresh(7));
}

TEST_CASE("nonces: a million random uses agree with a set of all that were used") {
  auto w = std::make_unique<NonceWindow>();
  std::mt19937_64 random(1);
  std::set<std::uint64_t> used;
  std::uint64_t highest = 0;
  std::uint64_t accepted = 0;
  for (int i = 0; i < 1'000'000; ++i) {
    std::uint64_t n = 0;
    switch (random() % 8) {
      case 0:
        n = highest + random() % 9000;
        break;
      case 1:
        n = highest > 5000 ? highest - random() % 5000 : random() % 100;
        break;
      case 2:
        n = random() % (highest + 1);
        break;
      default:
        n = highest + random() % 5;
    }
    const bool expected = !used.contains(n) && (used.empty() || n + NonceWindow::width > highest);
    REQUIRE((w->fresh(n) != 0) == expected);
    if (!expected || random() % 8 == 0) continue;  // a proof that fails otherwise does not use its nonce
    w->use(n);
    used.insert(n);
    highest = std::max(highest, n);
    ++accepted;
  }
  CHECK(accepted > 300'000);
}

}  // namespace rvm::proof
