// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the kernel says about the coherence engine: `rvm# {"t":"moved",...}` when agents changed their partition, and once, at
// an orderly end, `rvm# {"t":"coherence",...}` if an engine ran. Both are taken strictly: every key once, no other, each of
// its type, and nothing that contradicts itself.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace rvm::host {

struct CoherenceReport {
  std::uint64_t splits = 0;
  std::uint64_t merges = 0;
  std::uint64_t migrations = 0;
  std::uint64_t aborted = 0;      ///< moves that were begun and undone
  std::uint64_t cross_bytes = 0;  ///< of messages between partitions
  std::uint64_t total_bytes = 0;  ///< of all messages
  std::uint64_t epochs = 0;
  std::uint64_t degraded_epochs = 0;
  std::uint64_t budget_exceeded = 0;  ///< epochs in which the engine had more to do than its budget allows
  std::uint64_t engine_ns = 0;
  std::uint64_t longest_ns = 0;  ///< that the engine computed in one epoch
  std::uint64_t busy_ns = 0;     ///< of all cores, the engine included

  /// The engine's part of the time that the cores were busy; 0 when they never were.
  [[nodiscard]] double engine_share() const {
    return busy_ns == 0 ? 0.0 : static_cast<double>(engine_ns) / static_cast<double>(busy_ns);
  }
};

struct MoveReport {
  enum class How : std::uint8_t { migrate, split, merge };
  enum class Reason : std::uint8_t { traffic, cohesion, pressure, trust, request };
  How how = How::migrate;
  Reason reason = Reason::traffic;
  std::uint64_t agents = 0;  ///< that moved; at least one, but for a merge
  std::uint64_t from = 0;    ///< partition ids, which differ
  std::uint64_t to = 0;
  std::string from_name;  ///< printable, as are the next
  std::string to_name;
  std::string agent;               ///< one that moved; may be empty
  std::vector<std::uint64_t> ids;  ///< of all that moved, each once
};

/// Nothing when `json`, the text after `rvm# `, is not exactly such a report.
[[nodiscard]] std::optional<CoherenceReport> parse_coherence_report(std::string_view json);
[[nodiscard]] std::optional<MoveReport> parse_move_report(std::string_view json);
/// The text begins like a report of a move.
[[nodiscard]] inline bool is_move_report(std::string_view json) { return json.starts_with(R"({"t":"moved",)"); }

}  // namespace rvm::host
