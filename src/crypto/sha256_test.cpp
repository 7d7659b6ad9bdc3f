// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/crypto/sha256.hpp"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "test_support.hpp"

using namespace rvm::crypto;
using namespace rvm::crypto::test;

// FIPS 180-4 examples and NIST CAVP SHA256ShortMsg/LongMsg entries.
TEST_CASE("SHA-256: NIST examples") {
  with_each_implementation([] {
    CHECK(hex(sha256({})) == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(hex(sha256(bytes("abc"))) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(hex(sha256(bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"))) ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(hex(sha256(bytes("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmnopjklmnopqklmnopqr"
                           "lmnopqrsmnopqrstnopqrstu"))) ==
          "cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1");
    CHECK(hex(sha256(unhex("d3"))) == "28969cdfa74a12c82f3bad960b0b000aca2ac329deea5c2328ebc6f2ba9802c1");
    CHECK(hex(sha256(unhex("11af"))) == "5ca7133fa735326081558ac312c620eeca9970d1e70a4b95533d956f072d1f98");
    CHECK(hex(sha256(bytes(std::string(1000000, 'a')))) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  });
}

// Every length up to eleven blocks, cut at random places, on each implementation, against the portable one-shot.
TEST_CASE("SHA-256: pieces, lengths and implementations agree") {
  std::mt19937_64 random{1};
  std::vector<std::byte> message(700);
  for (auto& b : message) b = static_cast<std::byte>(random());
  std::vector<std::string> expected;
  use_implementation(Implementation::portable);
  for (std::size_t n = 0; n <= message.size(); ++n) expected.push_back(hex(sha256(std::span{message}.first(n))));
  with_each_implementation([&] {
    for (std::size_t n = 0; n <= message.size(); ++n) {
      Sha256 hash;
      std::size_t at = 0;
      while (at < n) {
        const std::size_t piece = std::min<std::size_t>(random() % 130, n - at);
        hash.update(std::span{message}.subspan(at, piece));
        at += piece;
      }
      REQUIRE(hex(hash.finish()) == expected[n]);
    }
  });
}

TEST_CASE("SHA-256: a state at a block boundary can be continued") {
  const std::string text(200, 'x');
  Sha256 first;
  first.update(bytes(text).first(128));
  Sha256 second{first.state(), 128};
  second.update(bytes(text).subspan(128));
  CHECK(second.finish() == sha256(bytes(text)));
}

TEST_CASE("the portable implementation is the default until one is selected") {
  use_implementation(Implementation::portable);
  CHECK(implementation_in_use() == Implementation::portable);
  CHECK(select_implementation() == implementation_in_use());
#if defined(__x86_64__)
  CHECK_FALSE(use_implementation(Implementation::armv8_sha2));
#endif
}
