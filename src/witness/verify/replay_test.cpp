// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/replay.hpp"

#include <doctest/doctest.h>

#include <algorithm>

#include "rvm/abi.h"
#include "rvm/witness/effects.hpp"

namespace rvm::witness {
namespace {

constexpr std::uint8_t region = RVM_OBJECT_REGION;
constexpr std::uint8_t all_rights = RVM_RIGHT_ALL;
constexpr std::uint16_t failed = record_failed;

constexpr std::uint64_t pair(std::uint32_t high, std::uint32_t low) { return std::uint64_t{high} << 32 | low; }

constexpr std::size_t standard = standard_capabilities.size();

/// Two partitions with an agent each, an edge between these, and region 1 of partition 1 under the capability in slot 11 of
/// agent 1.
struct Log {
  Replay replay;

  Log() {
    add({.kind = Kind::boot_attestation, .flags = 1});
    add({.kind = Kind::partition_create, .target = 1, .payload = pair(4, 100)});
    add({.kind = Kind::partition_create, .target = 2, .payload = pair(4, 100)});
    add({.kind = Kind::task_spawn, .target = 1, .payload = pair(1, 10)});
    add({.kind = Kind::task_spawn, .target = 2, .payload = pair(2, 10)});
    add({.kind = Kind::boot_complete, .flags = 8 | 40 << 8});
    add({.kind = Kind::comm_edge_create, .flags = 8, .target = 1, .payload = pair(1, 2)});
    add({.kind = Kind::region_create, .target = 1, .payload = pair(1, 4)});
    add({.kind = Kind::capability_grant, .flags = 11, .target = 1, .payload = authority(region, all_rights, 1, 1)});
  }
  std::expected<void, std::string> try_add(const Fields& f) {
    Record r{};
    r.action_kind = f.kind;
    r.flags = f.flags;
    r.actor_partition = f.actor.value;
    r.target_object = f.target;
    r.payload = f.payload;
    r.aux = f.aux;
    return replay.apply(r);
  }
  void add(const Fields& f) {
    const auto applied = try_add(f);
    REQUIRE_MESSAGE(applied.has_value(), (applied ? "" : applied.error()));
  }
  /// From slot `parent` of agent 1 into its slot `slot`.
  void derive(std::uint16_t parent, std::uint16_t slot, std::uint8_t rights = all_rights) {
    add({.kind = Kind::capability_attenuated,
         .flags = slot,
         .actor = PartitionId{1},
         .target = 1,
         .payload = authority(region, rights, 1, rvm::witness::place(1, parent))});
  }
  [[nodiscard]] const CapabilityState* at(std::uint32_t agent, std::uint16_t slot) const {
    const auto found = replay.state().capabilities.find({agent, slot});
    return found == replay.state().capabilities.end() ? nullptr : &found->second;
  }
  /// Without those that the agents have from the beginning.
  [[nodiscard]] std::size_t capabilities() const {
    return static_cast<std::size_t>(
        std::ranges::count_if(replay.state().capabilities, [](const auto& c) { return c.first.slot > standard; }));
  }
  /// From slot 11 of agent 1 into slot `slot` of agent 2.
  void share(std::uint16_t slot) {
    add({.kind = Kind::region_share,
         .flags = RVM_RIGHT_READ,
         .actor = PartitionId{1},
         .target = 1,
         .payload = pair(1, 2),
         .aux = pack({.generation = 1, .to_slot = static_cast<std::uint8_t>(slot), .from_slot = 11, .edge = 1})});
  }
  void end(std::uint32_t agent) { add({.kind = Kind::task_terminate, .target = agent}); }
  static Fields close(std::uint32_t agent, std::uint64_t handed_up, std::uint64_t removed, std::uint16_t flags = 0) {
    return {.kind = Kind::capability_revoke,
            .flags = static_cast<std::uint16_t>(agents_capabilities | flags),
            .target = agent,
            .payload = handed_up,
            .aux = removed};
  }
};

}  // namespace

TEST_CASE("replay: a boot begins with nothing") {
  Log log;
  CHECK(log.replay.state().partitions.size() == 2);
  log.add({.kind = Kind::boot_attestation, .flags = 2});
  CHECK(log.replay.state().partitions.size() == 2);
  log.add({.kind = Kind::boot_attestation, .flags = 1});
  CHECK(log.replay.state().partitions.empty());
  CHECK(log.capabilities() == 0);
}

TEST_CASE("replay: an action that failed changed nothing") {
  Log log;
  log.add({.kind = Kind::partition_create, .flags = failed, .payload = 5});
  log.add({.kind = Kind::capability_revoke, .flags = failed, .payload = 5});
  CHECK(log.replay.state().partitions.size() == 2);
  CHECK(log.capabilities() == 1);
}

TEST_CASE("replay: an agent begins with its standard capabilities, and a slot is its own") {
  Log log;
  for (const std::uint32_t agent : {1u, 2u}) {
    REQUIRE(log.at(agent, 1) != nullptr);
    CHECK(log.at(agent, 1)->type == RVM_OBJECT_CONSOLE);
    CHECK(log.at(agent, 1)->object == 1);
    CHECK(log.at(agent, 2)->type == RVM_OBJECT_PARTITION);
    CHECK(log.at(agent, 2)->object == agent);
    CHECK(log.at(agent, 3)->type == RVM_OBJECT_AGENT);
    CHECK(log.at(agent, 3)->object == agent);
    CHECK(log.at(agent, 3)->generation == 1);
  }
  log.add({.kind = Kind::capability_grant, .flags = 11, .target = 1, .payload = authority(region, all_rights, 1, 2)});
  CHECK(log.at(1, 11) != nullptr);
  CHECK(log.at(2, 11) != nullptr);
  CHECK_FALSE(
      log.try_add({.kind = Kind::capability_grant, .flags = 2, .target = 1, .payload = authority(region, 1, 1, 2)}));
}

TEST_CASE("replay: a derivation knows its parent, its depth, and uses up GRANT_ONCE") {
  Log log;
  log.derive(11, 12, RVM_RIGHT_READ | RVM_RIGHT_GRANT_ONCE);
  log.derive(12, 13, RVM_RIGHT_READ);
  REQUIRE(log.at(1, 13) != nullptr);
  CHECK(log.at(1, 13)->depth == 2);
  CHECK(log.at(1, 13)->parent == CapabilityPlace{1, 12});
  CHECK(log.at(1, 12)->rights == RVM_RIGHT_READ);
}

TEST_CASE("replay: the parts of a long revocation remove in the kernel's order") {
  Log log;
  log.derive(11, 12);
  log.derive(12, 13);
  log.derive(11, 14);
  log.derive(14, 15);
  const Fields part{.kind = Kind::capability_revoke,
                    .flags = 11 | record_unfinished,
                    .actor = PartitionId{1},
                    .target = 1,
                    .payload = authority(region, all_rights, 1, 1),
                    .aux = 3};
  log.add(part);  // the newest child and what hangs on it, then the leaf of the other
  CHECK(log.at(1, 15) == nullptr);
  CHECK(log.at(1, 14) == nullptr);
  CHECK(log.at(1, 13) == nullptr);
  CHECK(log.at(1, 12) != nullptr);
  Fields rest = part;
  rest.flags = 11;
  CHECK_FALSE(log.try_add({rest}));  // says three, there are two
  CHECK(log.capabilities() == 0);
}

TEST_CASE("replay: a capability that moves keeps its place in the tree") {
  Log log;
  log.derive(11, 12);
  log.derive(12, 13);
  log.add({.kind = Kind::capability_delegate,
           .flags = 19,
           .actor = PartitionId{1},
           .target = 1,
           .payload = authority(region, all_rights, 7, 2),
           .aux = pair(1, 12)});
  REQUIRE(log.at(2, 19) != nullptr);
  CHECK(log.at(1, 12) == nullptr);
  CHECK(log.at(2, 19)->generation == 7);
  CHECK(log.at(1, 13)->parent == CapabilityPlace{2, 19});
  log.add({.kind = Kind::region_unshare,
           .flags = 11,
           .actor = PartitionId{1},
           .target = 1,
           .payload = 2,
           .aux = pair(1, 0)});
  CHECK(log.capabilities() == 1);
}

TEST_CASE("replay: a region moves with its capability, and is shared under one") {
  Log log;
  log.share(14);
  REQUIRE(log.at(2, 14) != nullptr);
  CHECK(log.at(2, 14)->rights == RVM_RIGHT_READ);
  log.add({.kind = Kind::region_unshare,
           .flags = 11,
           .actor = PartitionId{1},
           .target = 1,
           .payload = 1,
           .aux = pair(1, 1)});
  log.add({.kind = Kind::region_map,
           .flags = RVM_MAP_READ,
           .actor = PartitionId{1},
           .target = 1,
           .payload = (std::uint64_t{1} << 28) + 0x200000,
           .aux = pair(11, 4)});
  log.add({.kind = Kind::region_transfer,
           .actor = PartitionId{1},
           .target = 1,
           .payload = pair(1, 2),
           .aux = pack({.generation = 2, .to_slot = 14, .from_slot = 11, .edge = 1})});
  CHECK(log.at(1, 11) == nullptr);
  REQUIRE(log.at(2, 14) != nullptr);
  CHECK(log.at(2, 14)->mapped_at == 0);  // the mover's mapping stays behind
  CHECK(log.replay.state().regions.at(1).owner == 2);
  log.end(2);
  log.add(Log::close(2, 0, 4));
  log.add({.kind = Kind::region_destroy, .target = 1, .payload = pair(2, 4)});
  log.add({.kind = Kind::partition_destroy, .target = 2});
  CHECK(log.replay.state().regions.empty());
  CHECK(log.capabilities() == 0);
}

TEST_CASE("replay: what an agent mapped and its ends of edges go with it") {
  Log log;
  const std::uint64_t in_slot_1 = (std::uint64_t{1} << 28) + 0x200000;
  log.add({.kind = Kind::region_map,
           .flags = RVM_MAP_READ,
           .actor = PartitionId{1},
           .target = 1,
           .payload = in_slot_1,
           .aux = pair(11, 4)});
  CHECK(log.at(1, 11)->mapped_at == in_slot_1);
  log.end(1);
  CHECK(log.at(1, 11)->mapped_at == 0);
  CHECK(log.replay.state().edges.at(1).sender == 0);
  log.end(2);
  CHECK(log.replay.state().edges.empty());
}

TEST_CASE("replay: what an ended agent had given away goes up to whom it had it from, step by step") {
  Log log;
  log.add({.kind = Kind::comm_edge_create, .flags = 8, .target = 2, .payload = pair(2, 1)});
  log.share(14);
  // The neighbour passes it on, twice, to where it came from; and gives away what it has from nobody.
  for (const std::uint8_t slot : {std::uint8_t{20}, std::uint8_t{21}}) {
    log.add({.kind = Kind::region_share,
             .flags = RVM_RIGHT_READ,
             .actor = PartitionId{2},
             .target = 1,
             .payload = pair(2, 1),
             .aux = pack({.generation = 1, .to_slot = slot, .from_slot = 14, .edge = 2})});
  }
  log.end(2);
  log.add(Log::close(2, 1, 3, record_unfinished));  // its standard ones, and the newer of the two is handed up
  CHECK(log.at(2, 3) == nullptr);
  REQUIRE(log.at(2, 14) != nullptr);
  CHECK(log.at(1, 21)->parent == CapabilityPlace{1, 11});
  CHECK(log.at(1, 20)->parent == CapabilityPlace{2, 14});
  CHECK_FALSE(log.try_add(Log::close(2, 3, 0)));  // says that it had more
  CHECK(log.at(1, 20)->parent == CapabilityPlace{1, 11});
  log.add(Log::close(2, 0, 1));
  CHECK(log.at(2, 14) == nullptr);
  CHECK(log.at(1, 20)->depth == 2);
  CHECK(log.at(1, 11)->children == std::vector{CapabilityPlace{1, 21}, CapabilityPlace{1, 20}});
  log.end(1);
  log.add(Log::close(1, 2, 6));
  CHECK(log.capabilities() == 0);
}

TEST_CASE("replay: a revocation that an ended agent had begun is carried out") {
  Log log;
  log.share(14);
  log.share(15);
  log.add({.kind = Kind::region_unshare,
           .flags = 11 | record_unfinished,
           .actor = PartitionId{1},
           .target = 1,
           .payload = 1,
           .aux = pair(1, 0)});
  log.end(1);
  log.add(Log::close(1, 0, 5));
  CHECK(log.at(2, 14) == nullptr);
  CHECK(log.at(2, 15) == nullptr);
}

TEST_CASE("replay: the parts of a partition's end remove what they say, the last the rest") {
  Log log;
  log.derive(11, 12);
  log.share(14);
  log.add({.kind = Kind::partition_destroy, .flags = record_unfinished, .target = 1});
  CHECK(log.replay.state().partitions.at(1).phase == PartitionPhase::destroyed);
  log.end(1);
  log.add(Log::close(1, 0, 4, all_capabilities | record_unfinished));
  CHECK(log.at(2, 14) == nullptr);  // what was derived goes with it, the newest first
  CHECK(log.at(1, 12) != nullptr);
  log.add(Log::close(1, 0, 2, all_capabilities));
  log.add({.kind = Kind::capability_grant, .flags = 14, .target = 1, .payload = authority(region, 1, 1, 2)});
  log.add({.kind = Kind::capability_grant, .flags = 15, .target = 1, .payload = authority(region, 1, 1, 2)});
  log.add({.kind = Kind::partition_destroy, .flags = record_unfinished, .target = 1, .aux = pair(1, 0)});
  CHECK(log.at(2, 15) == nullptr);
  CHECK(log.at(2, 14) != nullptr);
  log.add({.kind = Kind::partition_destroy, .flags = record_unfinished, .target = 1, .aux = pair(1, 1)});
  CHECK(log.capabilities() == 0);
  CHECK(log.replay.state().regions.empty());
  log.add({.kind = Kind::partition_destroy, .target = 1});
  CHECK_FALSE(log.replay.state().partitions.contains(1));
}

namespace {

/// Agent 3 in partition 1 beside agent 1, which has shared region 1 with it (slot 16, may write) and with agent 2 (slot 15, likewise),
/// and derived one for itself (slot 12).
struct Neighbours : Log {
  Neighbours() {
    add({.kind = Kind::task_spawn, .target = 3, .payload = pair(1, 10)});
    add({.kind = Kind::comm_edge_create, .flags = 8, .target = 2, .payload = pair(1, 3)});
    derive(11, 12);
    give(1, 2, 15);
    give(2, 3, 16);
  }
  void give(std::uint32_t edge, std::uint32_t receiver, std::uint8_t slot) {
    add({.kind = Kind::region_share,
         .flags = RVM_RIGHT_READ | RVM_RIGHT_WRITE,
         .actor = PartitionId{1},
         .target = 1,
         .payload = pair(1, receiver == 2 ? 2 : 1),
         .aux = pack({.generation = 1, .to_slot = slot, .from_slot = 11, .edge = edge})});
  }
  /// Agent 3 leaves partition 1 for partition 3.
  static Fields split(std::uint32_t pages = 40) {
    return {.kind = Kind::partition_split, .target = 1, .payload = pair(3, pages), .aux = 0b10};
  }
  static Fields migrate(std::uint32_t restricted) {
    return {.kind = Kind::partition_migrate, .target = 3, .payload = pair(1, 2), .aux = pair(restricted, 7)};
  }
  void check_all_read() const {
    for (const auto& [agent, slot] : {std::pair{1u, 11}, {1u, 12}, {2u, 15}, {3u, 16}})
      CHECK(at(agent, static_cast<std::uint16_t>(slot))->rights == RVM_RIGHT_READ);
  }
};

}  // namespace

TEST_CASE(
    "replay: a split divides quotas, renames, and leaves READ of what both sides reach, with all that was derived") {
  Neighbours log;
  log.add(Neighbours::split());
  const auto& partitions = log.replay.state().partitions;
  CHECK(partitions.at(1).page_quota == 60);
  CHECK(partitions.at(3).page_quota == 40);
  CHECK(partitions.at(1).record_quota + partitions.at(3).record_quota == 4);
  CHECK(log.replay.state().agents.at(3).partition == 3);
  CHECK(log.replay.state().agents.at(1).partition == 1);
  CHECK(log.at(3, 2)->object == 3);
  CHECK(log.at(1, 2)->object == 1);
  CHECK(log.replay.state().regions.at(1).owner == 1);
  log.check_all_read();
  CHECK_FALSE(log.try_add(Neighbours::split()));  // nobody else could leave
  log.add({.kind = Kind::partition_merge, .target = 1, .payload = 3, .aux = 1});
  CHECK(partitions.at(1).page_quota == 100);
  CHECK(partitions.at(1).record_quota == 4);
  CHECK_FALSE(partitions.contains(3));
  CHECK(log.at(3, 2)->object == 1);
}

TEST_CASE("replay: a quota that cannot be divided was not") {
  Log log;
  log.add({.kind = Kind::partition_create, .target = 5, .payload = pair(1, 100)});
  for (const std::uint32_t agent : {6u, 7u})
    log.add({.kind = Kind::task_spawn, .target = agent, .payload = pair(5, 10)});
  CHECK_FALSE(log.try_add({.kind = Kind::partition_split, .target = 5, .payload = pair(8, 40), .aux = 1}));
  CHECK(log.replay.state().partitions.at(5).page_quota == 100);
}

TEST_CASE("replay: a migration says how many capabilities lost rights, or is left out") {
  Neighbours log;
  CHECK_FALSE(log.try_add(Neighbours::migrate(2)));
  CHECK(log.replay.state().agents.at(3).partition == 1);
  CHECK(log.at(1, 11)->rights == all_rights);
  log.add(Neighbours::migrate(4));
  CHECK(log.replay.state().agents.at(3).partition == 2);
  log.check_all_read();
}

TEST_CASE("replay: a capability to the own partition from which another was derived keeps its object") {
  Neighbours log;
  constexpr std::uint8_t once = RVM_RIGHT_READ | RVM_RIGHT_GRANT_ONCE;
  log.add({.kind = Kind::capability_grant,
           .flags = 20,
           .target = 1,
           .payload = authority(RVM_OBJECT_PARTITION, once, 1, 3)});
  log.add({.kind = Kind::capability_attenuated,
           .flags = 21,
           .target = 1,
           .payload = authority(RVM_OBJECT_PARTITION, RVM_RIGHT_READ, 1, rvm::witness::place(3, 20))});
  REQUIRE(log.at(3, 20)->rights == RVM_RIGHT_READ);
  log.add(Neighbours::split());
  CHECK(log.at(3, 20)->object == 1);
  CHECK(log.at(3, 21)->object == 1);
  CHECK(log.at(3, 2)->object == 3);
}

TEST_CASE("replay: when everybody leaves, so do regions that only others have capabilities to") {
  Log log;
  log.add({.kind = Kind::capability_delegate,
           .flags = 15,
           .target = 1,
           .payload = authority(region, all_rights, 1, 2),
           .aux = pair(1, 11)});
  log.add({.kind = Kind::partition_merge, .target = 2, .payload = 1, .aux = 1});
  CHECK(log.replay.state().regions.at(1).owner == 2);
  CHECK(log.replay.state().partitions.at(2).regions == std::vector<std::uint32_t>{1});
  CHECK_FALSE(log.replay.state().partitions.contains(1));
}

TEST_CASE("replay: a record about what does not exist is a finding, not a crash") {
  for (unsigned kind = 0; kind < 256; ++kind) {
    for (const std::uint16_t flags : {std::uint16_t{0}, std::uint16_t{0x4005}, std::uint16_t{0x1000},
                                      std::uint16_t{0x2000}, std::uint16_t{0x7000}}) {
      Log log;
      const Fields f{.kind = static_cast<Kind>(kind),
                     .flags = flags,
                     .actor = PartitionId{77},
                     .target = 99,
                     .payload = 0x0000'0063'0000'0303,
                     .aux = 5};
      const auto applied = log.try_add(f);
      if (applied) continue;
      CHECK(!applied.error().empty());
      CHECK(log.replay.state().partitions.size() == 2);
    }
  }
}

}  // namespace rvm::witness
