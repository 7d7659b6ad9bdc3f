// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <string>

#include "host/witness/command.hpp"

using namespace rvm;
using namespace rvm::host;

namespace {

witness::Record record() {
  witness::Record r{};
  r.sequence = 17;
  r.timestamp_ns = 5'000'000;
  r.action_kind = witness::Kind::proof_rejected;
  r.proof_tier = 1;
  r.actor_partition = 3;
  r.target_object = 4;
  r.payload = UINT64_MAX;
  r.prev_hash = 0xab;
  return r;
}

}  // namespace

TEST_CASE("a record as JSON has all its fields") {
  const auto o = nlohmann::json::parse(record_json(record()));
  CHECK(o["sequence"] == 17);
  CHECK(o["kind"] == "ProofRejected");
  CHECK(o["actor_partition_id"] == 3);
  CHECK(o["target_object_id"] == 4);
  CHECK(o["payload"] == UINT64_MAX);
  CHECK(o["prev_hash"] == "00000000000000ab");
  CHECK(o.size() == 13);
}

TEST_CASE("a record for people names its fields") {
  const std::string text = record_text(record());
  CHECK(text.contains("ProofRejected"));
  CHECK(text.contains("partition 3"));
  CHECK(text.contains("calling agent 4"));
}

TEST_CASE("a known tree is SIZE:ROOT") {
  const auto tree = parse_known_tree("12:" + std::string(62, '0') + "ff");
  REQUIRE(tree);
  CHECK(tree->size == 12);
  CHECK(tree->root[31] == std::byte{0xff});
  CHECK_FALSE(parse_known_tree("12"));
  CHECK_FALSE(parse_known_tree("12:abc"));
  CHECK_FALSE(parse_known_tree("x:" + std::string(64, '0')));
  CHECK_FALSE(parse_known_tree("12:" + std::string(63, '0') + "g"));
}

TEST_CASE("a log that is not there is the surroundings' fault") {
  CHECK_FALSE(check_volume("/nonexistent/log.img", Key{}));
  CHECK(check_raw("/nonexistent/log.raw", Key{}, false).error().code == ExitCode::environment);
}
