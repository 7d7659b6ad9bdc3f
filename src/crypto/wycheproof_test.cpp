// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Project Wycheproof vectors for HMAC-SHA-256 and HKDF-SHA-256. The folder comes from the environment variable
// RVM_VECTORS, else from the build configuration; without the files these tests say so and pass.
#include <doctest/doctest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "rvm/crypto/hmac.hpp"
#include "test_support.hpp"

using namespace rvm::crypto;
using namespace rvm::crypto::test;

namespace {

std::optional<nlohmann::json> load(const char* name) {
  const char* given = std::getenv("RVM_VECTORS");
  const auto path = std::filesystem::path{given != nullptr ? given : RVM_VECTORS} / "wycheproof" / name;
  std::ifstream file{path};
  if (!file) {
    MESSAGE("NOT RUN: no vectors at " << path.string() << " (set RVM_VECTORS)");
    return std::nullopt;
  }
  return nlohmann::json::parse(file);
}

}  // namespace

TEST_CASE("HMAC-SHA-256: Wycheproof") {
  const auto vectors = load("hmac_sha256_test.json");
  if (!vectors) return;
  with_each_implementation([&] {
    std::size_t run = 0;
    for (const auto& group : vectors->at("testGroups")) {
      const auto tag_bytes = group.at("tagSize").get<std::size_t>() / 8;
      for (const auto& test : group.at("tests")) {
        CAPTURE(test.at("tcId").get<int>());
        const Digest mac =
            HmacKey{unhex(test.at("key").get<std::string>())}.mac(unhex(test.at("msg").get<std::string>()));
        const bool equal =
            equal_constant_time(std::span{mac}.first(tag_bytes), unhex(test.at("tag").get<std::string>()));
        CHECK(equal == (test.at("result") == "valid"));
        ++run;
      }
    }
    CHECK(run == vectors->at("numberOfTests").get<std::size_t>());
  });
}

TEST_CASE("HKDF-SHA-256: Wycheproof") {
  const auto vectors = load("hkdf_sha256_test.json");
  if (!vectors) return;
  with_each_implementation([&] {
    std::size_t run = 0;
    for (const auto& group : vectors->at("testGroups")) {
      for (const auto& test : group.at("tests")) {
        CAPTURE(test.at("tcId").get<int>());
        std::vector<std::byte> output(test.at("size").get<std::size_t>());
        const auto status =
            hkdf_sha256(unhex(test.at("ikm").get<std::string>()), unhex(test.at("salt").get<std::string>()),
                        unhex(test.at("info").get<std::string>()), output);
        CHECK(status.has_value() == (test.at("result") == "valid"));
        if (status) CHECK(hex(output) == test.at("okm").get<std::string>());
        ++run;
      }
    }
    CHECK(run == vectors->at("numberOfTests").get<std::size_t>());
  });
}
