// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/crypto/hmac.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "test_support.hpp"

using namespace rvm::crypto;
using namespace rvm::crypto::test;

// RFC 4231 sections 4.2, 4.3, 4.7.
TEST_CASE("HMAC-SHA-256: RFC 4231") {
  with_each_implementation([] {
    CHECK(hex(HmacKey{std::vector<std::byte>(20, std::byte{0x0b})}.mac(bytes("Hi There"))) ==
          "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    CHECK(hex(HmacKey{bytes("Jefe")}.mac(bytes("what do ya want for nothing?"))) ==
          "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    CHECK(hex(HmacKey{std::vector<std::byte>(131, std::byte{0xaa})}.mac(
              bytes("Test Using Larger Than Block-Size Key - Hash Key First"))) ==
          "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
  });
}

TEST_CASE("HMAC in pieces equals HMAC at once, and a key serves many messages") {
  const HmacKey key{bytes("key")};
  for (int i = 0; i < 3; ++i) {
    Hmac pieces{key};
    pieces.update(bytes("one "));
    pieces.update(bytes("two"));
    CHECK(pieces.finish() == key.mac(bytes("one two")));
  }
}

TEST_CASE("HMAC of 56 bytes by words equals HMAC") {
  with_each_implementation([] {
    const HmacKey key{bytes("key")};
    std::array<std::uint64_t, 7> message{};
    for (std::uint64_t i = 0; i < 500; ++i) {
      message[i % 7] ^= (i + 1) * 0x9e37'79b9'7f4a'7c15;
      REQUIRE(key.mac_words(message) == key.mac(bytes_of(message)));
    }
  });
}

TEST_CASE("HKDF refuses more than 255 blocks") {
  std::array<std::byte, 255 * 32 + 1> output;
  CHECK(hkdf_sha256(bytes("k"), {}, {}, output).error() == rvm::Error::bad_argument);
  CHECK(hkdf_sha256(bytes("k"), {}, {}, std::span{output}.first(255 * 32)).has_value());
}

TEST_CASE("constant-time comparison sees every bit") {
  const std::array<std::byte, 40> a{};
  CHECK(equal_constant_time(a, a));
  CHECK_FALSE(equal_constant_time(a, std::span{a}.first(39)));
  for (std::size_t bit = 0; bit < a.size() * 8; ++bit) {
    auto b = a;
    b[bit / 8] ^= static_cast<std::byte>(1u << (bit % 8));
    CHECK_FALSE(equal_constant_time(a, b));
  }
}

TEST_CASE("wipe leaves zeros") {
  std::array<std::byte, 33> secret;
  secret.fill(std::byte{0xa5});
  wipe(secret);
  CHECK(secret == std::array<std::byte, 33>{});
  wipe({});
}
