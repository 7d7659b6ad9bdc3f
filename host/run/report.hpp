// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a run prints: for people while it runs and at its end, or one line of JSON.
#pragma once

#include <cstdio>
#include <string>

#include "host/run/layout.hpp"
#include "host/run/verdict.hpp"

namespace rvm::host {

struct ReportStyle {
  bool json = false;     ///< one line at the end on stdout; what agents print goes to stderr
  bool quiet = false;    ///< no agent output, no summary
  bool verbose = false;  ///< every kernel line, and a table of agents
};

/// Prints lines as they arrive, agents' names in colour and a status line below them on a terminal. Moves of the coherence
/// engine are told in words, with the names that `layout` has for who and what moves; it is the one before each move.
class LivePrinter {
 public:
  /// Prints to `out`; if there is none, to stdout, or with `json` to stderr. The layout must outlive it.
  LivePrinter(ReportStyle style, const Layout& layout, std::FILE* out = nullptr);
  ~LivePrinter() { clear_status(); }
  LivePrinter(const LivePrinter&) = delete;
  LivePrinter& operator=(const LivePrinter&) = delete;

  void line(const ConsoleLine& line);
  /// At most ten times a second.
  void status(const MachineReport& report, std::chrono::milliseconds elapsed);
  void clear_status();

 private:
  void boundary(const ConsoleLine& line);
  ReportStyle style_;
  const Layout& layout_;
  std::FILE* out_;
  bool colour_;
  bool status_wanted_;
  bool status_shown_ = false;
  std::chrono::milliseconds last_status_{0};
};

struct RunOutcome {
  const Swarm& swarm;
  const SessionResult& session;
  const std::optional<LogCheck>& log;
  const Verdict& verdict;
  const Layout& layout;  ///< at the end
};

/// The line of `rvm run --json`.
[[nodiscard]] std::string json_line(const RunOutcome& outcome, ReportStyle style);
/// The same when the machine was never started.
[[nodiscard]] std::string json_line(const Failure& failure);
/// The closing summary for people.
[[nodiscard]] std::string summary_text(const RunOutcome& outcome, ReportStyle style);

/// True when colour is wanted on this stream: a terminal, and NO_COLOR unset (https://no-color.org).
[[nodiscard]] bool colour_wanted(std::FILE* stream);

}  // namespace rvm::host
