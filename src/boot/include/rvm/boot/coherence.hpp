// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The coherence engine's settings as they stand in a boot package: their defaults, and the check that both readers of
// packages make. The engine itself is above; nothing of it is known here.
#pragma once

#include <cstdint>
#include <string_view>

#include "rvm/boot_package.h"

namespace rvm::boot {

/// The engine is off, and everything is as the table has it.
[[nodiscard]] constexpr rvm_package_coherence coherence_defaults() {
  rvm_package_coherence c{};
  c.budget = RVM_COHERENCE_BUDGET_DEFAULT;
#define RVM_X(type, name, least, greatest, fallback, doc) c.name = fallback;
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
  constexpr std::uint16_t intervals[] = RVM_COHERENCE_INTERVAL_DEFAULT;
  for (unsigned i = 0; i < RVM_COHERENCE_INTERVALS; ++i) c.interval[i] = intervals[i];
  return c;
}

/// What is wrong with the settings, as PackageError; empty: nothing.
[[nodiscard]] constexpr std::string_view check_coherence(const rvm_package_coherence& c) {
  constexpr std::uint32_t known = RVM_COHERENCE_ENABLED | RVM_COHERENCE_FROZEN;
  if ((c.flags & ~known) != 0) return "unknown coherence flags are set";
  if (c.budget < 1 || c.budget > RVM_COHERENCE_BUDGET_MAX) return "the coherence setting budget is outside 1..1000000";
  // As 64 bits, so that a least value of 0 and a greatest one of the whole type make no comparison that is always true.
#define RVM_X(type, name, least, greatest, fallback, doc) \
  if (std::int64_t{c.name} < (least) || std::int64_t{c.name} > (greatest)) \
    return "the coherence setting " #name " is outside " #least ".." #greatest;
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
  std::uint16_t before = 1;
  for (const std::uint16_t epochs : c.interval) {
    if (epochs < before || epochs > RVM_COHERENCE_INTERVAL_MAX)
      return "the coherence intervals are outside 1..1000 or do not ascend";
    before = epochs;
  }
  for (const std::uint16_t reserved : c.reserved) {
    if (reserved != 0) return "a reserved field of the coherence settings is not 0";
  }
  return {};
}

/// What the manifest may make live: elsewhere real time, devices or the control partition rely on where agents are.
[[nodiscard]] constexpr bool may_be_live(std::uint32_t type, std::uint32_t mode) {
  return type == RVM_PARTITION_AGENT && mode == RVM_MODE_FLOW;
}

}  // namespace rvm::boot
