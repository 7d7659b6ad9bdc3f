// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the coherence engine did to the boundaries between partitions, in words.
#pragma once

#include <cstdint>
#include <string>

#include "host/machine/coherence_report.hpp"
#include "host/run/layout.hpp"

namespace rvm::host {

/// A move with the names that people know.
struct NamedMove {
  MoveReport::How how = MoveReport::How::migrate;
  MoveReport::Reason reason = MoveReport::Reason::traffic;
  std::uint64_t agents = 0;
  std::string from;
  std::string to;
  std::string who;
};
[[nodiscard]] std::string move_text(const NamedMove& move);
/// "writer-3 moved from cell-1 to cell-4: most of its traffic goes there". `layout` is the one before the move.
[[nodiscard]] std::string move_text(const MoveReport& move, const Layout& layout);
/// "3 splits, 2 merges, 17 migrations; 12 % of 45 MiB crossed them; engine 0.4 % of the time"
[[nodiscard]] std::string boundaries_text(const CoherenceReport& report);

}  // namespace rvm::host
