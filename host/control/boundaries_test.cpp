// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Boundaries by hand: who leaves, why not, what became of it.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <string>

#include "host/control/compare.hpp"
#include "host/control/cut.hpp"
#include "host/control/decision.hpp"
#include "host/control/describe.hpp"
#include "host/control/refusal.hpp"
#include "rvm/boot_package.h"
#include "rvm/coherence/decisions.hpp"

namespace rvm::host {
namespace {

using Json = nlohmann::ordered_json;

void set_name(char (&field)[RVM_NAME_BYTES], std::string_view text) {
  std::memset(field, 0, sizeof field);
  text.copy(field, RVM_NAME_BYTES - 1);
}

void add_partition(Snapshot& s, std::uint32_t id, std::string_view name) {
  rvm_partition_status p{};
  p.id = id;
  p.state = RVM_PARTITION_STATE_RUNNING;
  p.coherence_bp = p.pressure_bp = p.cohesion_bp = RVM_UNKNOWN;
  set_name(p.name, name);
  s.partitions.push_back(p);
}
void add_agent(Snapshot& s, std::uint32_t id, std::uint32_t partition, std::string_view name) {
  rvm_agent_status a{};
  a.id = id;
  a.partition = partition;
  a.state = RVM_AGENT_STATE_RUNNING;
  set_name(a.name, name);
  s.agents.push_back(a);
}
void add_edge(Snapshot& s, std::uint32_t sender, std::uint32_t receiver, std::uint64_t bytes) {
  rvm_edge_status e{};
  e.id = static_cast<std::uint32_t>(s.edges.size() + 1);
  e.sender = sender;
  e.receiver = receiver;
  e.messages = bytes / 64;
  e.bytes = bytes;
  s.edges.push_back(e);
}

/// In "team", a and b talk, c and d talk; b says a little to c. "x", in another partition, talks most of all to a.
Snapshot team() {
  Snapshot s;
  s.machine.now_ns = 1'000'000;
  add_partition(s, 1, "control");
  s.partitions.back().type = RVM_PARTITION_ROOT;
  add_partition(s, 2, "team");
  add_partition(s, 3, "other");
  for (const auto& [id, name] : {std::pair{10u, "a"}, std::pair{11u, "b"}, std::pair{12u, "c"}, std::pair{13u, "d"}})
    add_agent(s, id, 2, name);
  add_agent(s, 14, 3, "x");
  add_edge(s, 10, 11, 5000);
  add_edge(s, 13, 12, 4000);
  add_edge(s, 11, 12, 100);
  add_edge(s, 14, 10, 1'000'000);
  return s;
}

/// The least weight among all cuts with `least` members on either side.
std::uint64_t least_cut(const Snapshot& s, const Split& split, int least) {
  const auto rank = [&](std::uint32_t id) { return std::ranges::find(split.members, id) - split.members.begin(); };
  const auto n = static_cast<long>(split.members.size());
  std::uint64_t best = UINT64_MAX;
  for (std::uint64_t side = 1; side < (std::uint64_t{1} << n) - 1; ++side) {
    if (std::popcount(side) < least || n - std::popcount(side) < least) continue;
    std::uint64_t weight = 0;
    for (const auto& e : s.edges) {
      const long a = rank(e.sender);
      const long b = rank(e.receiver);
      if (a < n && b < n) weight += ((side >> a ^ side >> b) & 1) != 0 ? e.bytes : 0;
    }
    best = std::min(best, weight);
  }
  return best;
}

Attempt merge_of(const Snapshot& s) {
  return {.seen = &s, .what = "merge team into other", .from = &s.partitions[1], .to = &s.partitions[2]};
}

}  // namespace

TEST_CASE("a partition is split along its minimum cut; nobody is peeled off, and the smaller side leaves") {
  Snapshot s = team();
  const auto split = choose_split(s, s.partitions[1], nullptr);
  REQUIRE(split);
  CHECK(split->members == std::vector<std::uint32_t>{10, 11, 12, 13});
  CHECK(split->leaving == 0b1100);
  CHECK(split->weight == 100);
  CHECK(split->exact);
  // A fifth that hardly talks would be the plain minimum cut.
  add_agent(s, 15, 2, "e");
  add_edge(s, 15, 10, 1);
  const auto of_five = choose_split(s, s.partitions[1], nullptr);
  REQUIRE(of_five);
  CHECK(of_five->leaving == 0b01100);
  CHECK(of_five->weight == 100);
  // What an engine measures counts for more than what was said once.
  for (auto& p : s.partitions) p.coherence_bp = 5000;
  for (auto& e : s.edges) e.weight = e.id == 3 ? 900 : 10;
  const auto measured = choose_split(s, s.partitions[1], nullptr);
  REQUIRE(measured);
  CHECK(measured->leaving == 0b10001);
  CHECK(measured->weight == 10);
}

TEST_CASE("the cut is the least of all on any partition of up to ten agents") {
  std::uint64_t random = 1;
  const auto next = [&] { return random = random * 6364136223846793005u + 1442695040888963407u, random >> 33; };
  for (int round = 0; round < 300; ++round) {
    Snapshot s;
    add_partition(s, 2, "team");
    const auto n = static_cast<std::uint32_t>(4 + next() % 7);
    for (std::uint32_t i = 0; i < n; ++i) add_agent(s, 20 + i, 2, "m");
    for (std::uint64_t e = next() % (3 * n); e != 0; --e) {
      add_edge(s, 20 + static_cast<std::uint32_t>(next() % n), 20 + static_cast<std::uint32_t>(next() % n),
               next() % 10'000);
    }
    const auto split = choose_split(s, s.partitions[0], nullptr);
    REQUIRE(split);
    CHECK(split->exact);
    CHECK(split->weight == least_cut(s, *split, 2));
    const int leaving = std::popcount(split->leaving);
    CHECK(leaving >= 2);
    CHECK(2 * leaving <= static_cast<int>(n));
  }
}

TEST_CASE("an agent is cut off from those that have most to do with each other, with its own friends and nobody else") {
  Snapshot s = team();
  const auto alone = choose_split(s, s.partitions[1], &s.agents[3]);  // d: c says more to d than to b
  REQUIRE(alone);
  CHECK(alone->leaving == 0b1100);
  CHECK(alone->weight == 100);
  CHECK(alone->exact);
  // One that talks to nobody leaves by itself.
  add_agent(s, 15, 2, "mute");
  const auto mute = choose_split(s, s.partitions[1], &s.agents[5]);
  REQUIRE(mute);
  CHECK(mute->leaving == 0b10000);
  CHECK(mute->weight == 0);
  const auto elsewhere = choose_split(s, s.partitions[1], &s.agents[4]);
  REQUIRE(!elsewhere);
  CHECK(elsewhere.error().code == ExitCode::usage);
  CHECK(elsewhere.error().cause == "'x' is in 'other', not in 'team'");
}

TEST_CASE("agents that ended are no members, two can be split, and one cannot") {
  Snapshot s = team();
  s.agents[0].state = s.agents[2].state = RVM_AGENT_STATE_TERMINATED;
  const auto two = choose_split(s, s.partitions[1], nullptr);
  REQUIRE(two);
  CHECK(two->members == std::vector<std::uint32_t>{11, 13});
  CHECK(two->leaving == 0b10);
  const auto one = choose_split(s, s.partitions[2], nullptr);
  REQUIRE(!one);
  CHECK(one.error().code == ExitCode::usage);
  CHECK(one.error().cause == "'other' cannot be split: it has 1 agent");
}

TEST_CASE("traffic beyond 32 bits still finds the thin place") {
  Snapshot s = team();
  for (auto& e : s.edges) e.bytes <<= 30;
  const auto split = choose_split(s, s.partitions[1], nullptr);
  REQUIRE(split);
  CHECK(split->leaving == 0b1100);
  CHECK(split->weight == std::uint64_t{100} << 30);
  CHECK_FALSE(split->exact);  // lowest bits were left out
}

TEST_CASE("a refusal says what is in the way and what to do") {
  Snapshot s = team();
  const auto cause = [&](std::uint32_t status) { return refusal_of(status, merge_of(s)).cause; };
  CHECK(cause(RVM_ERROR_NOT_COHERENT).starts_with("cannot merge team into other: the partitions talk too little"));
  CHECK(refusal_of(RVM_ERROR_NOT_COHERENT, merge_of(s)).cure.contains("merge_mutual"));
  std::vector<std::string> causes;
  for (std::uint32_t status = 24; status <= 28; ++status) causes.push_back(cause(status));
  std::ranges::sort(causes);
  CHECK(std::ranges::adjacent_find(causes) == causes.end());
  CHECK(cause(control::status_members) ==
        "cannot merge team into other: agents of 'team' came or ended in this moment");
  s.partitions[2].condition = RVM_PARTITION_STATIC;
  CHECK(cause(control::status_static) == "cannot merge team into other: 'other' is static");
  s.partitions[2].mode = RVM_MODE_REFLEX;
  CHECK(cause(control::status_static) == "cannot merge team into other: 'other' is in mode \"reflex\"");
  s.partitions[2].type = RVM_PARTITION_INFRASTRUCTURE;
  CHECK(cause(control::status_static) == "cannot merge team into other: 'other' is of type \"infrastructure\"");
  s.partitions[1].state = RVM_PARTITION_STATE_SUSPENDED;
  const Failure states = refusal_of(RVM_ERROR_BAD_STATE, merge_of(s));
  CHECK(states.cause == "cannot merge team into other: 'team' is suspended and 'other' is running");
  CHECK(states.cure == "bring both into one state: rvm resume --partition 2");
  CHECK(states.code == ExitCode::failed);
  const Failure last = refusal_of(RVM_ERROR_BAD_STATE, {.seen = &s,
                                                        .what = "move x to control",
                                                        .agent = &s.agents[4],
                                                        .from = &s.partitions[2],
                                                        .to = &s.partitions[0]});
  CHECK(last.cause == "cannot move x to control: it is the last in 'other'");
  CHECK(last.cure == "make one partition of the two: rvm merge 1 3");
  const Failure there = refusal_of(
      RVM_ERROR_BAD_STATE,
      {.seen = &s, .what = "move x to other", .agent = &s.agents[4], .from = &s.partitions[2], .to = &s.partitions[2]});
  CHECK(there.cause == "cannot move x to other: it is in 'other' already");
}

TEST_CASE("decisions are told with names and reasons") {
  const Snapshot s = team();
  const PartitionNames names{{7, "gone"}};
  const auto told = [&](witness::Kind kind, std::uint16_t flags, std::uint32_t target, std::uint64_t payload,
                        std::uint64_t aux, std::uint32_t actor = 0) {
    witness::Record r{};
    r.action_kind = kind;
    r.flags = flags;
    r.target_object = target;
    r.payload = payload;
    r.aux = aux;
    r.actor_partition = actor;
    return decision_text(r, s, names);
  };
  using witness::Kind;
  const auto pair = [](std::uint64_t high, std::uint64_t low) { return high << 32 | low; };
  CHECK(told(Kind::partition_migrate, RVM_MOVE_TRAFFIC, 14, pair(2, 3), 0) ==
        "x moved from team to other: most of its traffic goes there");
  CHECK(told(Kind::partition_migrate, RVM_MOVE_REQUEST, 14, pair(2, 3), 0, 1) ==
        "x moved from team to other: somebody asked for it, by control");
  CHECK(told(Kind::partition_split, RVM_MOVE_COHESION, 2, pair(9, 100), 0b1100) ==
        "2 agents split off from team as partition 9: they have little traffic with the rest of team");
  CHECK(told(Kind::partition_split, RVM_MOVE_TRUST, 2, pair(3, 100), 0b10) ==
        "x split off from team as other: it is no longer trusted");
  CHECK(told(Kind::partition_split, RVM_MOVE_PRESSURE, 2, pair(2, 0), 0b11)
            .starts_with("2 agents split off from team (2) as team (2)"));
  CHECK(told(Kind::partition_merge, RVM_MOVE_TRAFFIC, 2, 7, 3) ==
        "gone merged into team (3 agents): most of their traffic is between them");
  CHECK(told(Kind::partition_merge, 0x8000, 2, RVM_ERROR_NO_MEMORY, 0) ==
        "PartitionMerge of surviving partition 2 by the hypervisor, failed: no free page within the machine or the "
        "partition's quota");
  CHECK(told(Kind::migration_timeout, 0, 2, 3, 100'000'000) ==
        "a move from team was given up after 100 ms: somebody did not come to rest");
  CHECK(told(Kind::degraded_mode_entered, static_cast<std::uint16_t>(coherence::DegradedReason::over_budget), 2, 5,
             0) == "boundaries stay as they are: the coherence engine is over its budget");
  CHECK(told(Kind::degraded_mode_exited, static_cast<std::uint16_t>(coherence::DegradedReason::over_budget), 2, 5, 0) ==
        "boundaries move again: the coherence engine is within its budget");
}

TEST_CASE("two layouts are compared: who moved, came or ended is pointed out in each drawing") {
  const Snapshot before = team();
  Snapshot now = team();
  now.machine.now_ns = 2'000'000;
  now.machine.epoch = 7;
  now.agents[0].partition = 3;               // a has moved
  now.agents.erase(now.agents.begin() + 1);  // b has ended
  add_agent(now, 16, 3, "y");
  now.edges[3].bytes += 1000;  // x to a, at home now
  now.edges.erase(now.edges.begin() + 2);
  Json saved{{"machine", "m"}};
  saved.update(json_of(before));
  const auto read = saved_snapshot(saved.dump(), "m", now);
  REQUIRE(read);
  CHECK(json_of(*read)["agents"][0]["name"] == "a");
  const Moves moves = moves_between(*read, now);
  CHECK(moves.before == Marks{{10, "to other (3)"}, {11, "ended"}});
  CHECK(moves.now == Marks{{10, "from team (2)"}, {16, "new"}});
  const std::string text = compare_text(*read, now);
  for (const char* part : {"* a (10), to other (3)", "* a (10), from team (2)", "* b (11), ended", "* y (16), new",
                           "before, at epoch 0: 99 % of 985.4 KiB across boundaries",
                           "now, at epoch 7: since then 0 % of 1000 B across boundaries"})
    CHECK_MESSAGE(text.contains(part), text);
  const std::string dot = compare_dot(*read, now);
  CHECK(dot.contains("b10 -> a10 [style=dashed"));
  CHECK(!dot.contains("b12 -> a12"));
  CHECK(dot.contains("cluster_before"));
  CHECK(dot.contains("a -> ") == false);
  const std::string svg = compare_svg(*read, now);
  CHECK(svg.contains("class=\"a m\""));
  CHECK(svg.contains("from team (2)"));
  CHECK(compare_svg(*read, now) == svg);
}

TEST_CASE("what is not a saved layout of this run is refused") {
  const Snapshot now = team();
  Json good{{"machine", "m"}};
  good.update(json_of(now));
  REQUIRE(saved_snapshot(good.dump(), "m", now));
  for (const char* bad : {"", "{", "[]", "7", "{}", R"({"machine":"m"})"}) {
    const auto read = saved_snapshot(bad, "m", now);
    REQUIRE(!read);
    CHECK(read.error().code == ExitCode::usage);
  }
  for (const char* key : {"status", "partitions", "agents", "edges"}) {
    Json without = good;
    without.erase(key);
    CHECK(!saved_snapshot(without.dump(), "m", now));
    without[key] = Json::array({7});
    CHECK(!saved_snapshot(without.dump(), "m", now));
  }
  Json wild = good;
  wild["agents"][0]["state"] = "asleep for ever";
  CHECK(!saved_snapshot(wild.dump(), "m", now));
  wild = good;
  wild["agents"][0]["partition"] = std::uint64_t{1} << 32;
  CHECK(!saved_snapshot(wild.dump(), "m", now));
  wild = good;
  wild["partitions"][0]["name"] = std::string(RVM_NAME_BYTES, 'n');
  CHECK(!saved_snapshot(wild.dump(), "m", now));
  CHECK(saved_snapshot(good.dump(), "n", now).error().cause ==
        "the file to compare with is of the machine 'm', not of 'n'");
  good["status"]["now_ns"] = 2'000'000;
  CHECK(saved_snapshot(good.dump(), "m", now).error().cause == "the file to compare with is of another run of 'm'");
}

}  // namespace rvm::host
