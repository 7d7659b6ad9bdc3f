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

/// A capability space whose tables lie in this object. They are as large as they can be, unless opened otherwise.
template <std::size_t Agents>
struct TestSpace {
  struct alignas(page_bytes) Page {
    std::array<std::byte, page_bytes> bytes{};
  };
  using Pages = std::array<std::array<Page, table_pages>, Agents>;

  TestSpace() {
    space->use(*tables);
    for (std::size_t i = 0; i < Agents; ++i) {
      open(static_cast<std::uint16_t>(i));
    }
  }
  void open(std::uint16_t agent, unsigned size = table_pages) {
    (*pages)[agent] = {};
    REQUIRE(space->open(AgentIndex{agent}, (*pages)[agent][0].bytes));
    while (table(agent).pages().size() < size) REQUIRE(grow(agent));
  }
  [[nodiscard]] Status grow(std::uint16_t agent) {
    return space->grow(AgentIndex{agent}, (*pages)[agent][table(agent).pages().size() % table_pages].bytes);
  }
  /// In steps of `step`; how many were removed.
  unsigned close(unsigned agent, Children children, Budget step = unlimited) {
    unsigned removed = 0;
    const auto count = [&](CapabilityRef, Capability&) -> Budget {
      ++removed;
      return 0;
    };
    std::uint32_t handed_up = 0;
    Budget budget = step;
    while (space->close(index(agent), children, budget, handed_up, count) == Progress::more) budget = step;
    while (space->reclaim(index(agent)) != nullptr) {
    }
    return removed;
  }
  [[nodiscard]] Result<Placed> mint(unsigned agent, Object object, Rights rights, std::uint64_t badge) {
    return space->mint(index(agent), object, rights, badge, object_capabilities);
  }
  template <typename Visitor = decltype(ignore_removed)>
  [[nodiscard]] Status revoke(CapabilityRef root, Visitor visitor = ignore_removed) {
    Budget budget = unlimited;
    const Result<Progress> progress = space->revoke(root, budget, visitor);
    if (!progress) return fail(progress.error());
    REQUIRE(*progress == Progress::done);
    return {};
  }
  CapabilityTable& table(unsigned agent) { return *space->table(index(agent)); }
  static AgentIndex index(unsigned agent) { return AgentIndex{static_cast<std::uint16_t>(agent)}; }

  ObjectCapabilities object_capabilities;
  std::unique_ptr<Pages> pages = std::make_unique<Pages>();
  std::unique_ptr<std::array<CapabilityTable, Agents>> tables = std::make_unique<std::array<CapabilityTable, Agents>>();
  std::unique_ptr<CapabilityTree> space = std::make_unique<CapabilityTree>();
};

}  // namespace rvm::cap
