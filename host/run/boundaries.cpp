// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/boundaries.hpp"

#include <fmt/format.h>

#include "host/common/units.hpp"

namespace rvm::host {

namespace {

using How = MoveReport::How;
using Reason = MoveReport::Reason;

std::string what(const NamedMove& m) {
  switch (m.how) {
    case How::migrate:
      return fmt::format("{} moved from {} to {}", m.who, m.from, m.to);
    case How::split:
      return fmt::format("{} split off from {} as {}", m.who, m.from, m.to);
    case How::merge:
      return fmt::format("{} merged into {} ({})", m.from, m.to, m.who);
  }
  return {};
}

std::string why(const NamedMove& m) {
  const bool one = m.agents == 1;
  const bool merge = m.how == How::merge;
  switch (m.reason) {
    case Reason::traffic:
      if (merge) {
        return "most of their traffic is between them";
      }
      return fmt::format("most of {} traffic goes {}", one ? "its" : "their",
                         m.how == How::migrate ? "there" : "elsewhere");
    case Reason::cohesion:
      return merge ? "together they are one group"
                   : fmt::format("{} little traffic with the rest of {}", one ? "it has" : "they have", m.from);
    case Reason::pressure:
      return fmt::format("most of the traffic of {} crosses its boundary", m.from);
    case Reason::trust:
      return merge ? "they are trusted again" : fmt::format("{} no longer trusted", one ? "it is" : "they are");
    case Reason::request:
      return "somebody asked for it";
  }
  return {};
}

}  // namespace

std::string move_text(const NamedMove& move) { return fmt::format("{}: {}", what(move), why(move)); }

std::string move_text(const MoveReport& move, const Layout& layout) {
  return move_text({.how = move.how,
                    .reason = move.reason,
                    .agents = move.agents,
                    .from = layout.from_name(move),
                    .to = layout.to_name(move),
                    .who = move.agents == 0 ? "nobody" : listed(layout.movers(move))});
}

std::string boundaries_text(const CoherenceReport& r) {
  std::string text =
      fmt::format("{}, {}, {}", format_count(r.splits, "split", "splits"), format_count(r.merges, "merge", "merges"),
                  format_count(r.migrations, "migration", "migrations"));
  if (r.aborted != 0) {
    text += fmt::format(", {} undone", format_count(r.aborted));
  }
  if (r.total_bytes == 0) {
    text += "; no traffic";
  } else {
    const double crossed = 100 * static_cast<double>(r.cross_bytes) / static_cast<double>(r.total_bytes);
    text += fmt::format("; {:.0f} % of {} crossed them", crossed, format_size(r.total_bytes));
  }
  text += fmt::format("; engine {:.1f} % of the time", 100 * r.engine_share());
  if (r.budget_exceeded != 0) {
    text +=
        fmt::format(", over its budget in {} of {} epochs", format_count(r.budget_exceeded), format_count(r.epochs));
  }
  return text;
}

}  // namespace rvm::host
