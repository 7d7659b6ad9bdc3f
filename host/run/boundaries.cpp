// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/boundaries.hpp"

#include <fmt/format.h>

#include "host/common/units.hpp"

namespace rvm::host {

namespace {

using How = MoveReport::How;
using Reason = MoveReport::Reason;

std::string who(const MoveReport& move) {
  if (move.agent.empty()) {
    return format_count(move.agents, "agent", "agents");
  }
  return move.agents == 1 ? move.agent : fmt::format("{} and {} more", move.agent, format_count(move.agents - 1));
}

std::string what(const MoveReport& move) {
  switch (move.how) {
    case How::migrate:
      return fmt::format("{} moved from {} to {}", who(move), move.from_name, move.to_name);
    case How::split:
      return fmt::format("{} split off from {} as {}", who(move), move.from_name, move.to_name);
    case How::merge:
      return fmt::format("{} merged into {} ({})", move.from_name, move.to_name,
                         format_count(move.agents, "agent", "agents"));
  }
  return {};
}

std::string why(const MoveReport& move) {
  const bool one = move.agents == 1;
  switch (move.reason) {
    case Reason::traffic:
      if (move.how == How::merge) {
        return "most of their traffic is between them";
      }
      return fmt::format("most of {} traffic goes {}", one ? "its" : "their",
                         move.how == How::migrate ? "there" : "elsewhere");
    case Reason::cohesion:
      return move.how == How::merge
                 ? "together they are one group"
                 : fmt::format("{} little traffic with the rest of {}", one ? "it has" : "they have", move.from_name);
    case Reason::pressure:
      return fmt::format("most of the traffic of {} crosses its boundary", move.from_name);
    case Reason::trust:
      return move.how == How::merge ? "they are trusted again"
                                    : fmt::format("{} no longer trusted", one ? "it is" : "they are");
    case Reason::request:
      return "somebody asked for it";
  }
  return {};
}

}  // namespace

std::string move_text(const MoveReport& move) { return fmt::format("{}: {}", what(move), why(move)); }

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
