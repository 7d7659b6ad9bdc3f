// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/crypto/sha256_pair.hpp"

#include <doctest/doctest.h>

#include <random>

namespace rvm::crypto {

TEST_CASE("sha256 pair: two at once are what each is alone, in every implementation") {
  const Implementation before = implementation_in_use();
  std::mt19937_64 random{1};
  for (const auto wanted : {Implementation::portable, Implementation::x86_sha}) {
    if (!use_implementation(wanted)) continue;
    const HmacKey key{bytes_of(std::uint64_t{42})};
    for (int round = 0; round < 2000; ++round) {
      Body a, b;
      for (auto& word : a) word = random();
      for (auto& word : b) word = random();
      const auto hashes = sha256_prefixed_pair(std::byte{1}, a, b);
      REQUIRE(hashes[0] == sha256_prefixed(std::byte{1}, a));
      REQUIRE(hashes[1] == sha256_prefixed(std::byte{1}, b));
      ShortMessage m, n;
      for (auto& word : m) word = random();
      for (auto& word : n) word = random();
      const auto macs = mac_pair(key, m, n);
      REQUIRE(macs[0] == key.mac(bytes_of(m)));
      REQUIRE(macs[1] == key.mac(bytes_of(n)));
    }
  }
  (void)use_implementation(before);
}

}  // namespace rvm::crypto
