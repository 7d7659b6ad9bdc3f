// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <optional>

#include "host/common/failure.hpp"

namespace rvm::host {

struct SimulateOptions {
  std::optional<std::uint64_t> seed;   ///< exactly this one; otherwise 1 and up
  std::optional<std::uint64_t> seeds;  ///< how many from there on; default 1 with a seed, else 16
  std::uint32_t steps = 10'000;        ///< of each seed
  std::uint32_t jobs = 0;              ///< processes; 0: one per CPU
  std::uint32_t shrink_seconds = 60;   ///< how long to look for a shorter run that fails in the same way
  bool trace = false;                  ///< print every step
  bool json = false;
};

/// `rvm simulate`: exit code 1 when an invariant does not hold.
[[nodiscard]] ExitCode simulate_command(const SimulateOptions& options);

}  // namespace rvm::host
