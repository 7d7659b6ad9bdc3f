// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Records of decisions in words: what was done to whom, by whom and why.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>

#include "host/control/connection.hpp"

namespace rvm::host {

/// Records that tell what was decided about partitions and agents.
[[nodiscard]] std::span<const witness::Kind> decision_kinds();

/// Names by id of partitions that were seen, for those that ended since.
using PartitionNames = std::map<std::uint32_t, std::string>;

/// "pong moved from right to left: most of its traffic goes there". Agents are named as in `now`.
[[nodiscard]] std::string decision_text(const witness::Record& r, const Snapshot& now, const PartitionNames& names);

}  // namespace rvm::host
