// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/crypto/sha256_lanes.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

namespace rvm::crypto {

namespace {

std::vector<std::byte> random_bytes(std::size_t count, std::mt19937_64& random) {
  std::vector<std::byte> bytes(count);
  for (auto& b : bytes) b = static_cast<std::byte>(random());
  return bytes;
}

/// With each way of hashing that this CPU has; afterwards the one before.
template <typename Check>
void with_each_width(Check&& check) {
  const Lanes before = lanes_in_use();
  for (const Lanes wanted : {Lanes::one, Lanes::four, Lanes::sixteen}) {
    if (!use_lanes(wanted)) continue;
    CAPTURE(static_cast<int>(wanted));
    check();
  }
  REQUIRE(use_lanes(before));
}

}  // namespace

// Against the plain hash; every number of messages that is cut differently, and bytes after the last that must not matter.
TEST_CASE("SHA-256 side by side: each digest is what the message has alone") {
  std::mt19937_64 random{1};
  const HmacKey key{bytes_of(std::uint64_t{42})};
  with_each_width([&] {
    for (std::size_t count = 0; count <= 70; ++count) {
      const auto bodies = random_bytes(count * body_bytes, random);
      const auto messages = random_bytes(count * short_message_bytes, random);
      std::vector<Digest> hashes(count + 1), macs(count + 1);
      sha256_prefixed_each(std::byte{0xa5}, bodies, std::span{hashes}.first(count));
      mac_each(key, messages, std::span{macs}.first(count));
      for (std::size_t i = 0; i < count; ++i) {
        Sha256 hash;
        hash.update(bytes_of(std::byte{0xa5}));
        hash.update(std::span{bodies}.subspan(i * body_bytes, body_bytes));
        REQUIRE(hashes[i] == hash.finish());
        REQUIRE(macs[i] == key.mac(std::span{messages}.subspan(i * short_message_bytes, short_message_bytes)));
      }
      REQUIRE(hashes[count] == Digest{});
      REQUIRE(macs[count] == Digest{});
    }
  });
}

TEST_CASE("SHA-256 side by side: digests may take the place of the bodies") {
  std::mt19937_64 random{2};
  with_each_width([&] {
    for (const std::size_t count : {1U, 3U, 4U, 15U, 16U, 17U, 64U}) {
      std::vector<Digest> nodes(2 * count);
      for (auto& node : nodes)
        for (auto& b : node) b = static_cast<std::byte>(random());
      std::vector<Digest> expected(count);
      sha256_prefixed_each(std::byte{1}, std::as_bytes(std::span{nodes}), expected);
      sha256_prefixed_each(std::byte{1}, std::as_bytes(std::span{nodes}), std::span{nodes}.first(count));
      REQUIRE(std::vector(nodes.begin(), nodes.begin() + static_cast<std::ptrdiff_t>(count)) == expected);
    }
  });
}

TEST_CASE("SHA-256 side by side: one at a time is always possible") {
  const Lanes before = lanes_in_use();
  CHECK(use_lanes(Lanes::one));
  CHECK(lanes_in_use() == Lanes::one);
  CHECK(use_lanes(before));
}

}  // namespace rvm::crypto
