// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <array>
#include <cstddef>
#include <memory>

#include "rvm/cap/space.hpp"

namespace rvm::cap {

inline constexpr auto ignore_removed = [](CapabilityRef, Capability&) -> Budget { return 0; };
inline constexpr Object some_region{42, 1, ObjectType::region};

/// A capability space whose tables lie in this object.
template <std::size_t Partitions>
struct TestSpace {
  struct alignas(64) Block {
    std::array<std::byte, table_bytes> bytes{};
  };

  TestSpace() {
    for (std::size_t i = 0; i < Partitions; ++i) {
      open(static_cast<std::uint16_t>(i));
    }
  }
  void open(std::uint16_t partition) {
    (*blocks)[partition] = Block{};
    REQUIRE(space->open(PartitionIndex{partition}, (*blocks)[partition].bytes));
  }
  [[nodiscard]] Result<Placed> mint(unsigned partition, Object object, Rights rights, std::uint64_t badge) {
    return space->mint(index(partition), object, rights, badge, object_capabilities);
  }
  template <typename Visitor = decltype(ignore_removed)>
  [[nodiscard]] Status revoke(CapabilityRef root, Visitor visitor = ignore_removed) {
    Budget budget = unlimited;
    const Result<Progress> progress = space->revoke(root, budget, visitor);
    if (!progress) return fail(progress.error());
    REQUIRE(*progress == Progress::done);
    return {};
  }
  CapabilityTable& table(unsigned partition) { return *space->table(index(partition)); }
  static PartitionIndex index(unsigned partition) { return PartitionIndex{static_cast<std::uint16_t>(partition)}; }

  ObjectCapabilities object_capabilities;
  std::unique_ptr<std::array<Block, Partitions>> blocks = std::make_unique<std::array<Block, Partitions>>();
  std::unique_ptr<CapabilitySpace<Partitions>> space = std::make_unique<CapabilitySpace<Partitions>>();
};

}  // namespace rvm::cap
