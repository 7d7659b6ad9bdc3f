// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [coherence] of a manifest, and the key `coherence` of a [[partition]].
#include <fmt/format.h>

#include <array>

#include "host/manifest/reader.hpp"

namespace rvm::host {

namespace {

constexpr std::array liveness{Choice{"static", 0}, Choice{"live", RVM_PARTITION_LIVE}};

}  // namespace

rvm_package_coherence parse_coherence(const toml::table& table, Diagnostics& diagnostics) {
  TableReader t(table, "[coherence]", diagnostics);
  rvm_package_coherence c = boot::coherence_defaults();
  c.flags = t.flag("enabled", true) ? RVM_COHERENCE_ENABLED : 0;
  constexpr std::uint64_t unit = RVM_COHERENCE_UNIT_NS;
  c.budget = static_cast<std::uint32_t>(
      t.duration("budget", Nanoseconds{c.budget * unit}, {unit, RVM_COHERENCE_BUDGET_MAX * unit}).value / unit);
  t.ascending_numbers("interval", c.interval, {1, RVM_COHERENCE_INTERVAL_MAX});
#define RVM_X(type, name, least, greatest, fallback, doc) \
  c.name = static_cast<type>(t.number(#name, c.name, {least, greatest}));
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
  t.finish();
  return c;
}

bool parse_liveness(TableReader& t, const PartitionEntry& partition) {
  const bool possible = boot::may_be_live(partition.type, partition.mode);
  const bool live = t.choice("coherence", possible ? RVM_PARTITION_LIVE : 0, liveness) != 0;
  if (live && !possible) {
    t.report(t.at("coherence"), "only partitions of type \"agent\" in mode \"flow\" can be live: others are static");
  }
  return live && possible;
}

}  // namespace rvm::host
