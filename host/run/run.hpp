// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "host/run/layout.hpp"
#include "host/run/prepare.hpp"

namespace rvm::host {

/// A run from start to verified end, without printing anything but live lines.
struct FinishedRun {
  BuiltPackage package;
  SessionResult session;
  std::optional<LogCheck> log;
  Verdict verdict;
  std::chrono::nanoseconds verify_time{0};  ///< reading and checking the log
  Layout layout;                            ///< at the end
  std::string dump;                         ///< the kernel's objects at the end, a line each, if they were asked for
};
[[nodiscard]] Outcome<FinishedRun> perform_run(const RunOptions& options);

/// `rvm run`.
[[nodiscard]] ExitCode run_command(const RunOptions& options);

}  // namespace rvm::host
