// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a command of `rvm` fails: what went wrong and what to do about it. Every failure that reaches a person carries both.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace rvm::host {

/// Exit codes of the `rvm` program; the one list, repeated in `rvm --help`.
enum class ExitCode : int {
  ok = 0,
  failed = 1,         ///< the run failed or timed out, a log does not verify, a figure regressed
  usage = 2,          ///< bad arguments, or a manifest or agent program that breaks a rule
  environment = 3,    ///< something is missing or unreadable: a file, QEMU, the kernel image, disk space
  interrupted = 130,  ///< ended by Ctrl-C or a signal, in good order; 128 + SIGINT, as shells count
};

struct Failure {
  ExitCode code = ExitCode::failed;
  std::string cause;
  std::string cure;  ///< may be empty when the cause says it all
};

template <typename T>
using Outcome = std::expected<T, Failure>;

[[nodiscard]] inline std::unexpected<Failure> failure(ExitCode code, std::string cause, std::string cure = {}) {
  return std::unexpected<Failure>{Failure{code, std::move(cause), std::move(cure)}};
}

/// `error: CAUSE` and, on a line of its own, `  cure: CURE`, to standard error. Returns the exit code, for `return report(...)`.
ExitCode report(const Failure& failure);

}  // namespace rvm::host
