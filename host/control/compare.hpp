// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two layouts of one machine side by side: as it was when `rvm graph --json` was saved, and as it is. Agents that are in another
// partition now, have come or have ended are pointed out.
#pragma once

#include <string>
#include <string_view>

#include "host/control/graph.hpp"

namespace rvm::host {

/// What `rvm graph --json` or `rvm ps --json` printed of the machine of this name. Failures: usage, when it is nothing of the kind,
/// another machine's, or of a later moment than `now`.
[[nodiscard]] Outcome<Snapshot> saved_snapshot(std::string_view json, const std::string& machine, const Snapshot& now);

struct Moves {
  Marks before;  ///< where to, or that it ended
  Marks now;     ///< where from, or that it is new
};
[[nodiscard]] Moves moves_between(const Snapshot& before, const Snapshot& now);

/// For a terminal, for Graphviz, and a drawing of its own.
[[nodiscard]] std::string compare_text(const Snapshot& before, const Snapshot& now);
[[nodiscard]] std::string compare_dot(const Snapshot& before, const Snapshot& now);
[[nodiscard]] std::string compare_svg(const Snapshot& before, const Snapshot& now);

}  // namespace rvm::host
