// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/layout.hpp"

#include <doctest/doctest.h>

using namespace rvm::host;
using How = MoveReport::How;
using Reason = MoveReport::Reason;
using Lines = std::vector<std::string>;

namespace {

/// Four replicas in two cells by turns, and one agent in the control partition.
Swarm swarm() {
  Swarm s;
  s.partitions = {{"control"}, {"cell-0"}, {"cell-1"}};
  s.agents = {{"red-0", 1, {}}, {"red-1", 2, {}}, {"red-2", 1, {}}, {"red-3", 2, {}}, {"control", 0, {}}};
  return s;
}

MoveReport move(How how, std::vector<std::uint64_t> ids, std::uint64_t from, std::uint64_t to,
                const std::string& from_name, const std::string& to_name) {
  return {how, Reason::traffic, ids.size(), from, to, from_name, to_name, {}, std::move(ids)};
}

}  // namespace

TEST_CASE("lists of names are short where replicas follow one another") {
  CHECK(listed({}).empty());
  CHECK(listed(Lines{"solo"}) == "solo");
  CHECK(listed(Lines{"red-0", "red-1", "red-2", "red-4", "blue-3", "blue-4"}) == "red-0..2, red-4, blue-3..4");
  CHECK(listed(Lines{"red-1", "red-0"}) == "red-1, red-0");
  CHECK(listed(Lines{"red-9", "red-10", "red-011"}) == "red-9..10, red-011");
  CHECK(listed(Lines{"7", "8"}) == "7, 8");
  CHECK(listed(Lines{"a-99999999999999999999", "a-0"}) == "a-99999999999999999999, a-0");
}

TEST_CASE("a layout follows the moves") {
  Layout layout(swarm());
  CHECK(layout.lines() == Lines{"cell-0: red-0, red-2", "cell-1: red-1, red-3"});

  MoveReport m = move(How::migrate, {2}, 3, 2, "cell-1", "cell-0");
  CHECK(layout.movers(m) == Lines{"red-1"});
  CHECK(layout.from_name(m) == "cell-1");
  CHECK(layout.to_name(m) == "cell-0");
  layout.apply(m);
  CHECK(layout.lines() == Lines{"cell-0: red-0..2", "cell-1: red-3"});

  // What a split makes has the name of what was split; here it gets one of its own.
  m = move(How::split, {1, 2}, 2, 65540, "cell-0", "cell-0");
  CHECK(layout.from_name(m) == "cell-0");
  CHECK(layout.to_name(m) == "cell-0/2");
  layout.apply(m);
  CHECK(layout.lines() == Lines{"cell-0: red-2", "cell-1: red-3", "cell-0/2: red-0..1"});
  m = move(How::split, {2}, 65540, 5, "cell-0", "cell-0");
  CHECK(layout.from_name(m) == "cell-0/2");
  CHECK(layout.to_name(m) == "cell-0/3");
  layout.apply(m);

  m = move(How::merge, {3}, 2, 5, "cell-0", "cell-0");
  CHECK(layout.from_name(m) == "cell-0");
  CHECK(layout.to_name(m) == "cell-0/3");
  layout.apply(m);
  CHECK(layout.lines() == Lines{"cell-1: red-3", "cell-0/3: red-1..2", "cell-0/2: red-0"});
  REQUIRE(layout.places().size() == 3);
  CHECK(layout.places()[1].partition == "cell-0/3");
  CHECK(layout.places()[1].agents == Lines{"red-1", "red-2"});
}

TEST_CASE("a layout without a manifest knows what it is told") {
  Layout layout;
  CHECK(layout.places().empty());
  const MoveReport m = move(How::split, {7}, 3, 9, "here", "here");
  CHECK(layout.movers(m) == Lines{"agent 7"});
  CHECK(layout.from_name(m) == "here");
  CHECK(layout.to_name(m) == "here");
  layout.apply(m);
  CHECK(layout.lines() == Lines{"here: agent 7"});
  layout.apply(move(How::migrate, {7, 8}, 9, 4, "here", "there"));
  CHECK(layout.lines() == Lines{"partition 4: agent 7..8"});
}
