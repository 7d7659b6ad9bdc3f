// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One run of the machine: start QEMU, follow its serial line, end it in good order or by force, and leave no process.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "host/common/failure.hpp"
#include "host/machine/console.hpp"
#include "host/machine/qemu.hpp"

namespace rvm::host {

struct SessionOptions {
  /// Wall-clock limit; zero for none. When it passes the machine is asked to end, then killed.
  std::chrono::milliseconds timeout{0};
  /// How long it may take to end in good order after being asked to.
  std::chrono::milliseconds grace{5000};
};

struct SessionResult {
  MachineReport report;
  std::chrono::milliseconds wall{0};
  bool interrupted = false;
  bool timed_out = false;
  bool killed = false;      ///< it did not end in good order and was killed by us
  int status = 0;           ///< of QEMU, as waitpid gives it
  std::string qemu_errors;  ///< what QEMU wrote to standard error, the first few KiB
};

/// Called for every line as it arrives, and with nothing about ten times a second.
using LineObserver = std::function<void(const std::optional<ConsoleLine>&, const MachineReport&)>;

[[nodiscard]] Outcome<SessionResult> run_session(const MachineParts& parts, const SessionOptions& options,
                                                 const LineObserver& observe);

}  // namespace rvm::host
