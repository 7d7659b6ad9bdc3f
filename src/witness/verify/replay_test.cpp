// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/replay.hpp"

#include <doctest/doctest.h>

#include "rvm/abi.h"
#include "rvm/witness/effects.hpp"

namespace rvm::witness {
namespace {

constexpr std::uint8_t region = RVM_OBJECT_REGION;
constexpr std::uint8_t all_rights = RVM_RIGHT_ALL;
constexpr std::uint16_t failed = record_failed;

constexpr std::uint64_t pair(std::uint32_t high, std::uint32_t low) { return std::uint64_t{high} << 32 | low; }

/// Two partitions with an agent each, and region 1 of partition 1 under the capability in slot 1.
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
    add({.kind = Kind::capability_grant, .flags = 1, .target = 1, .payload = authority(region, all_rights, 1, 1)});
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
  /// From slot `parent` of partition 1 into its slot `slot`.
  void derive(std::uint16_t parent, std::uint16_t slot, std::uint8_t rights = all_rights) {
    add({.kind = Kind::capability_attenuated,
         .flags = slot,
         .actor = PartitionId{1},
         .target = 1,
         .payload = authority(region, rights, 1, parent)});
  }
  [[nodiscard]] const CapabilityState* at(std::uint32_t partition, std::uint16_t slot) const {
    const auto found = replay.state().capabilities.find({partition, slot});
    return found == replay.state().capabilities.end() ? nullptr : &found->second;
  }
  [[nodiscard]] std::size_t capabilities() const { return replay.state().capabilities.size(); }
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

TEST_CASE("replay: a derivation knows its parent, its depth, and uses up GRANT_ONCE") {
  Log log;
  log.derive(1, 2, RVM_RIGHT_READ | RVM_RIGHT_GRANT_ONCE);
  log.derive(2, 3, RVM_RIGHT_READ);
  REQUIRE(log.at(1, 3) != nullptr);
  CHECK(log.at(1, 3)->depth == 2);
  CHECK(log.at(1, 3)->parent == CapabilityPlace{1, 2});
  CHECK(log.at(1, 2)->rights == RVM_RIGHT_READ);
}

TEST_CASE("replay: the parts of a long revocation remove in the kernel's order") {
  Log log;
  log.derive(1, 2);
  log.derive(2, 3);
  log.derive(1, 4);
  log.derive(4, 5);
  const Fields part{.kind = Kind::capability_revoke,
                    .flags = 1 | record_unfinished,
                    .actor = PartitionId{1},
                    .target = 1,
                    .payload = authority(region, all_rights, 1, 1),
                    .aux = 3};
  log.add(part);  // the newest child and what hangs on it, then the leaf of the other
  CHECK(log.at(1, 5) == nullptr);
  CHECK(log.at(1, 4) == nullptr);
  CHECK(log.at(1, 3) == nullptr);
  CHECK(log.at(1, 2) != nullptr);
  Fields rest = part;
  rest.flags = 1;
  CHECK_FALSE(log.try_add({rest}));  // says three, there are two
  CHECK(log.capabilities() == 0);
}

TEST_CASE("replay: a capability that moves keeps its place in the tree") {
  Log log;
  log.derive(1, 2);
  log.derive(2, 3);
  log.add({.kind = Kind::capability_delegate,
           .flags = 9,
           .actor = PartitionId{1},
           .target = 1,
           .payload = authority(region, all_rights, 7, 2),
           .aux = pair(1, 2)});
  REQUIRE(log.at(2, 9) != nullptr);
  CHECK(log.at(1, 2) == nullptr);
  CHECK(log.at(2, 9)->generation == 7);
  CHECK(log.at(1, 3)->parent == CapabilityPlace{2, 9});
  log.add({.kind = Kind::region_unshare, .flags = 1, .actor = PartitionId{1}, .target = 1, .payload = 2});
  CHECK(log.capabilities() == 1);
}

TEST_CASE("replay: a region moves with its capability, and is shared under one") {
  Log log;
  log.add({.kind = Kind::region_share,
           .flags = RVM_RIGHT_READ,
           .actor = PartitionId{1},
           .target = 1,
           .payload = pair(1, 2),
           .aux = pack({.generation = 1, .to_slot = 4, .from_slot = 1, .edge = 1})});
  REQUIRE(log.at(2, 4) != nullptr);
  CHECK(log.at(2, 4)->rights == RVM_RIGHT_READ);
  log.add({.kind = Kind::region_unshare, .flags = 1, .actor = PartitionId{1}, .target = 1, .payload = 1});
  log.add({.kind = Kind::region_map,
           .flags = RVM_MAP_READ,
           .actor = PartitionId{1},
           .target = 1,
           .payload = (std::uint64_t{1} << 28) + 0x200000,
           .aux = pair(1, 4)});
  log.add({.kind = Kind::region_transfer,
           .actor = PartitionId{1},
           .target = 1,
           .payload = pair(1, 2),
           .aux = pack({.generation = 2, .to_slot = 4, .from_slot = 1, .edge = 1})});
  CHECK(log.at(1, 1) == nullptr);
  REQUIRE(log.at(2, 4) != nullptr);
  CHECK(log.at(2, 4)->mapped_at == 0);  // the mover's mapping stays behind
  CHECK(log.replay.state().regions.at(1).owner == 2);
  log.add({.kind = Kind::task_terminate, .target = 2});
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
           .aux = pair(1, 4)});
  CHECK(log.at(1, 1)->mapped_at == in_slot_1);
  log.add({.kind = Kind::task_terminate, .target = 1});
  CHECK(log.at(1, 1)->mapped_at == 0);
  CHECK(log.replay.state().edges.at(1).sender == 0);
  log.add({.kind = Kind::task_terminate, .target = 2});
  CHECK(log.replay.state().edges.empty());
}

TEST_CASE("replay: the parts of a partition's end remove what they say, the last the rest") {
  Log log;
  log.derive(1, 2);
  log.add({.kind = Kind::capability_grant, .flags = 3, .target = 2, .payload = authority(RVM_OBJECT_AGENT, 1, 1, 1)});
  log.add({.kind = Kind::task_terminate, .target = 1});
  log.add({.kind = Kind::partition_destroy, .flags = record_unfinished, .target = 1, .aux = pair(1, 0)});
  CHECK(log.replay.state().partitions.at(1).phase == PartitionPhase::destroyed);
  CHECK(log.at(1, 2) == nullptr);
  CHECK(log.at(1, 1) != nullptr);
  log.add({.kind = Kind::partition_destroy, .flags = record_unfinished, .target = 1, .aux = pair(2, 1)});
  CHECK(log.capabilities() == 0);
  CHECK(log.replay.state().regions.empty());
  log.add({.kind = Kind::partition_destroy, .target = 1});
  CHECK_FALSE(log.replay.state().partitions.contains(1));
}

TEST_CASE("replay: a record about what does not exist is a finding, not a crash") {
  for (unsigned kind = 0; kind < 256; ++kind) {
    for (const std::uint16_t flags : {std::uint16_t{0}, std::uint16_t{0x4005}, std::uint16_t{0x1000}}) {
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
