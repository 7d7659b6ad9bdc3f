// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/proof/p2.hpp"

#include <doctest/doctest.h>

#include <functional>
#include <vector>

namespace rvm::proof {
namespace {

struct Case {
  Request request{.operation = RVM_HVC_REGION_MAP,
                  .partition = PartitionId{3},
                  .agent = AgentId{7},
                  .arguments = {0x10002, 0x1000'0000, 3, 0, 0, 0, 0}};
  Token token{
      .mutation_hash = {}, .nonce = 9, .not_before = Nanoseconds{1000}, .not_after = Nanoseconds{5000}, .tier = 2};
  Facts facts{.rights = Rights{RVM_RIGHT_READ | RVM_RIGHT_PROVE}, .chain_sound = true, .now = Nanoseconds{3000}};
  NonceWindow nonces;

  void sign() { token.mutation_hash = mutation_hash(request, token); }
  [[nodiscard]] bool holds() const { return verify_p2(request, token, facts, nonces).has_value(); }
};

}  // namespace

TEST_CASE("P2: holds when everything is in order, at both ends of its validity") {
  Case c;
  c.sign();
  CHECK(c.holds());
  c.facts.now = Nanoseconds{1000};
  CHECK(c.holds());
  c.facts.now = Nanoseconds{5000};
  CHECK(c.holds());
}

TEST_CASE("P2: one thing out of order is enough, and the error is always the same") {
  const std::vector<std::function<void(Case&)>> after_signing{
      [](Case& c) { c.facts.rights = Rights{RVM_RIGHT_ALL & ~RVM_RIGHT_PROVE}; },
      [](Case& c) { c.facts.chain_sound = false; },
      [](Case& c) { c.facts.within_bounds = false; },
      [](Case& c) { c.facts.lease_current = false; },
      [](Case& c) { c.facts.needed = Tier::p3; },
      [](Case& c) { c.facts.now = Nanoseconds{999}; },
      [](Case& c) { c.facts.now = Nanoseconds{5001}; },
      [](Case& c) { c.nonces.use(9); },
      [](Case& c) { c.nonces.use(9 + NonceWindow::width); },
      // The hash is of another request, another caller, or other terms than those presented.
      [](Case& c) { c.request.operation = RVM_HVC_REGION_UNMAP; },
      [](Case& c) { c.request.partition = PartitionId{4}; },
      [](Case& c) { c.request.agent = AgentId{8}; },
      [](Case& c) { c.token.nonce = 10; },
      [](Case& c) { c.token.not_before = Nanoseconds{1001}; },
      [](Case& c) { c.token.not_after = Nanoseconds{5001}; },
      [](Case& c) { c.token.tier = 3; },
      [](Case& c) { c.token.mutation_hash = {}; },
  };
  for (std::size_t i = 0; i < after_signing.size(); ++i) {
    CAPTURE(i);
    Case c;
    c.sign();
    after_signing[i](c);
    const auto verified = verify_p2(c.request, c.token, c.facts, c.nonces);
    REQUIRE(!verified);
    CHECK(verified.error() == Error::proof);
  }
  // Terms that are refused although they were signed.
  for (const auto& [from, to, tier] : {std::array<std::uint64_t, 3>{2000, 1000, 2},
                                       {0, RVM_PROOF_VALIDITY_MAX_NS + 1, 2},
                                       {1000, 5000, 1},
                                       {1000, 5000, 0},
                                       {1000, 5000, 4},
                                       {1000, 5000, UINT64_MAX}}) {
    Case c;
    c.token.not_before = Nanoseconds{from};
    c.token.not_after = Nanoseconds{to};
    c.token.tier = tier;
    c.sign();
    CHECK(!c.holds());
  }
}

TEST_CASE("P2: every bit of the request, the terms and the hash counts") {
  Case c;
  c.sign();
  for (std::size_t i = 0; i < c.request.arguments.size(); ++i) {
    for (unsigned bit = 0; bit < 64; ++bit) {
      c.request.arguments[i] ^= std::uint64_t{1} << bit;
      REQUIRE(!c.holds());
      c.request.arguments[i] ^= std::uint64_t{1} << bit;
    }
  }
  for (std::byte& byte : c.token.mutation_hash) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      byte ^= std::byte{1} << bit;
      REQUIRE(!c.holds());
      byte ^= std::byte{1} << bit;
    }
  }
  CHECK(c.holds());
}

TEST_CASE("P2: the canonical encoding is what the ABI says") {
  // Computed independently (Python's hashlib over struct.pack) for the request above.
  Case c;
  const crypto::Digest digest = mutation_hash(c.request, c.token);
  constexpr std::array<std::uint8_t, 32> expected{0x8f, 0x6e, 0xfe, 0x4c, 0xf3, 0xe9, 0xe0, 0x26, 0xa7, 0x34, 0xe1,
                                                  0x6f, 0x39, 0x29, 0x3c, 0x8f, 0x42, 0x8c, 0x49, 0x98, 0xa5, 0x24,
                                                  0xdf, 0x85, 0x6d, 0x93, 0x8f, 0x58, 0x17, 0x26, 0xa6, 0xe0};
  for (std::size_t i = 0; i < expected.size(); ++i) CHECK(std::to_integer<std::uint8_t>(digest[i]) == expected[i]);
}

}  // namespace rvm::proof
