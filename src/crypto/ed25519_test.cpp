// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/crypto/ed25519.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "test_support.hpp"

using namespace rvm::crypto;
using namespace rvm::crypto::test;

namespace {

template <typename Array>
Array array_of(std::string_view text) {
  Array out{};
  std::ranges::copy(unhex(text), out.begin());
  return out;
}

struct Example {
  std::string_view seed, key, message, signature;
};
// RFC 8032 section 7.1: TEST 1, 2, 3.
constexpr Example examples[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe246"
     "55141438"
     "e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb"
     "00d29161"
     "2bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc"
     "027bec"
     "eea1ec40a"},
};

// The group order, little-endian (RFC 8032 section 5.1).
constexpr std::string_view order = "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010";

}  // namespace

TEST_CASE("Ed25519: RFC 8032 examples") {
  for (const Example& example : examples) {
    const Ed25519Key key{array_of<Ed25519Seed>(example.seed)};
    const auto message = unhex(example.message);
    CHECK(hex(key.public_key()) == example.key);
    const Ed25519Signature signature = key.sign(message);
    CHECK(hex(signature) == example.signature);
    CHECK(verify(key.public_key(), message, signature));
  }
}

TEST_CASE("Ed25519: every bit of key, message and signature counts") {
  const Ed25519Key key{array_of<Ed25519Seed>(examples[2].seed)};
  auto message = unhex("000102030405060708090a0b0c0d0e0f1011");
  const Ed25519Signature signature = key.sign(message);
  REQUIRE(verify(key.public_key(), message, signature));
  const auto flipped = [](auto bytes, std::size_t bit) {
    bytes[bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    return bytes;
  };
  for (std::size_t bit = 0; bit < 512; ++bit) CHECK_FALSE(verify(key.public_key(), message, flipped(signature, bit)));
  for (std::size_t bit = 0; bit < 256; ++bit) CHECK_FALSE(verify(flipped(key.public_key(), bit), message, signature));
  for (std::size_t bit = 0; bit < message.size() * 8; ++bit)
    CHECK_FALSE(verify(key.public_key(), flipped(message, bit), signature));
  CHECK_FALSE(verify(key.public_key(), std::span{message}.first(17), signature));
}

TEST_CASE("Ed25519: S + order verifies nowhere, although the equation holds") {
  const Ed25519Key key{array_of<Ed25519Seed>(examples[0].seed)};
  Ed25519Signature signature = key.sign({});
  const auto l = unhex(order);
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    const unsigned sum = std::to_integer<unsigned>(signature[32 + i]) + std::to_integer<unsigned>(l[i]) + carry;
    signature[32 + i] = static_cast<std::byte>(sum);
    carry = sum >> 8;
  }
  REQUIRE(carry == 0);
  CHECK_FALSE(verify(key.public_key(), {}, signature));
}

// With a key or R of order 1, 2, 4 or 8 and S = 0, a cofactorless verifier without this check accepts all or many messages.
TEST_CASE("Ed25519: points of small order and their non-canonical encodings are refused") {
  constexpr std::string_view points[] = {
      "0100000000000000000000000000000000000000000000000000000000000000",  // neutral element
      "0100000000000000000000000000000000000000000000000000000000000080",  // ... with the sign of zero
      "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // order 2
      "0000000000000000000000000000000000000000000000000000000000000000",  // order 4
      "0000000000000000000000000000000000000000000000000000000000000080",
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",  // order 8
      "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
      "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
      "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p + 1 for 1
      "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",  // p for 0
  };
  for (const std::string_view point : points) {
    for (const std::string_view r : points) {
      const auto signature = array_of<Ed25519Signature>(std::string{r} + std::string(64, '0'));
      for (const std::string_view text : {"a", "b", "c", "d", "e", "f", "g", "h"})
        CHECK_FALSE(verify(array_of<Ed25519PublicKey>(point), bytes(text), signature));
    }
  }
}

TEST_CASE("Ed25519: an erased key has forgotten its seed") {
  Ed25519Key key{array_of<Ed25519Seed>(examples[1].seed)};
  const Ed25519PublicKey before = key.public_key();
  key.erase();
  CHECK(key.public_key() == before);
  CHECK_FALSE(verify(before, bytes("x"), key.sign(bytes("x"))));
  const auto memory = bytes_of(key);
  CHECK(std::ranges::search(memory, unhex(examples[1].seed)).empty());
}
