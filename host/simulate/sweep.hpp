// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Many seeds in several processes, because the simulated kernel's state is global, and because a run that goes wrong in a way
// that nobody foresaw then ends a process and not the sweep.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "rvm/sim/simulate.hpp"

namespace rvm::host {

struct Sweep {
  std::uint64_t first_seed = 1;
  std::uint64_t seeds = 1;
  std::uint32_t steps = 10'000;
  std::uint32_t jobs = 1;
};

struct SweepResult {
  std::uint64_t seeds_done = 0;
  std::uint64_t steps_done = 0;
  std::uint64_t digest = 0;  ///< of the digests of all seeds, whatever order they ended in
  sim::Coverage coverage;
  std::optional<std::uint64_t> failed_seed;  ///< the lowest that failed
  sim::Violation violation;
};

/// Runs until all seeds are done or one has failed. `progress` is called about once a second.
[[nodiscard]] SweepResult sweep(const Sweep& what, const std::function<void(const SweepResult&)>& progress);

}  // namespace rvm::host
