// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/witness/replay.hpp"

#include <doctest/doctest.h>

using namespace rvm;
using namespace rvm::host;

namespace {

witness::ObjectState sample() {
  witness::ObjectState s;
  s.partitions[3] = {.type = 1,
                     .phase = witness::PartitionPhase::running,
                     .page_quota = 9,
                     .record_quota = 4,
                     .name = 5,
                     .regions = {}};
  s.agents[4] = {.partition = 3, .image = 1, .priority = 100, .name = 7, .suspended = true};
  s.edges[6] = {.sender = 4, .receiver = 0, .capacity = 8, .badge = UINT64_MAX};
  s.regions[2] = {.owner = 3, .pages = 4};
  auto& c = s.capabilities[{3, 17}];
  c.object = 2;
  c.type = 3;
  c.parent = {3, 16};
  return s;
}

std::string dump_of(const ObjectTable& table) {
  std::string text;
  for (const auto& [name, object] : table) {
    text += object.dump() + "\n";
  }
  return text + R"({"t":"state","of":"end","objects":)" + std::to_string(table.size()) + "}\n";
}

}  // namespace

TEST_CASE("replay: a dump that says the same does not differ") {
  const ObjectTable table = objects_of(sample());
  const auto dump = parse_dump(dump_of(table));
  REQUIRE(dump);
  CHECK(differences(table, *dump).empty());
}

TEST_CASE("replay: each field that differs is named") {
  const ObjectTable table = objects_of(sample());
  for (const auto& [name, object] : table) {
    for (const auto& [key, value] : object.items()) {
      if (key == "t" || key == "of") {
        continue;
      }
      ObjectTable changed = table;
      changed[name][key] = value.is_string() ? nlohmann::ordered_json("destroyed")
                                             : nlohmann::ordered_json(value.get<std::uint64_t>() ^ 1U);
      const auto found = differences(table, changed);
      REQUIRE(found.size() == 1);
      CHECK(found[0].contains(name));
      CHECK(found[0].contains(key));
    }
  }
}

TEST_CASE("replay: what only one of them has is a difference") {
  const ObjectTable table = objects_of(sample());
  ObjectTable fewer = table;
  fewer.erase("region 2");
  CHECK(differences(table, fewer).at(0).contains("not in the machine"));
  CHECK(differences(fewer, table).at(0).contains("not in the log"));
}

TEST_CASE("replay: a dump that is cut, doubled or foreign is refused") {
  const std::string whole = dump_of(objects_of(sample()));
  CHECK_FALSE(parse_dump(""));
  CHECK_FALSE(parse_dump(whole.substr(0, whole.rfind("{\"t\""))));
  CHECK_FALSE(parse_dump(whole.substr(whole.find('\n') + 1)));
  CHECK_FALSE(parse_dump(whole.substr(0, whole.find('\n') + 1) + whole));
  CHECK_FALSE(parse_dump("something else\n"));
}
