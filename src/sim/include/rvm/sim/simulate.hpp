// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Deterministic simulation of the whole core: the real kernel on simulated cores, memory, timers and disk, with agents that
// try everything, power cuts, failing disks, and the invariants of the system checked all along. A seed decides everything.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "rvm/abi.h"
#include "rvm/crypto/sha256.hpp"

namespace rvm::sim {

/// What went wrong, and where.
struct Violation {
  std::uint32_t step = 0;
  std::string invariant;  ///< short name, the same for every seed that breaks the same rule
  std::string detail;
};

/// What a run exercised, for the question whether it tested anything.
struct Coverage {
  std::array<std::uint64_t, RVM_HVC_LIMIT> succeeded{};
  std::array<std::uint64_t, RVM_HVC_LIMIT> refused{};
  std::uint64_t records = 0;
  std::uint64_t faults = 0;
  std::uint64_t boots = 0;
  std::uint64_t power_cuts = 0;
  std::uint64_t shutdowns = 0;
  std::uint64_t torn_tails = 0;
  std::uint64_t disk_errors = 0;
  std::uint64_t full_scans = 0;
  std::uint64_t vmid_reclaims = 0;
  std::uint64_t messages = 0;
  std::uint64_t forks = 0;
  std::uint64_t relocations = 0;  ///< agents changed partitions
  std::uint64_t advised = 0;      ///< of these: by the coherence engine's advice
  std::uint64_t supplied = 0;     ///< touches of memory that was not there, or shared

  void add(const Coverage& other);
};

struct Result {
  std::uint32_t steps = 0;  ///< carried out
  std::optional<Violation> violation;
  crypto::Digest digest{};  ///< of the final state, the memory of the agents, and every record of the log
  Coverage coverage;
};

struct Options {
  std::uint64_t seed = 1;
  std::uint32_t steps = 10'000;
  /// Which of the steps to carry out, ascending; nothing: all.
  std::optional<std::vector<std::uint32_t>> only = std::nullopt;
  /// Told what each step does.
  std::function<void(std::uint32_t step, const std::string& text)> trace = nullptr;
};

/// One run. Once at a time in a process, because the kernel's state is global. The same options give the same result.
[[nodiscard]] Result simulate(const Options& options);

/// Fewer steps of `failing` that break the same invariant: delta debugging (Zeller and Hildebrandt 2002) over the list of
/// steps. `budget_seconds` bounds the time; what was reached by then is returned.
[[nodiscard]] std::vector<std::uint32_t> shrink(const Options& failing, const Violation& violation,
                                                unsigned budget_seconds);

}  // namespace rvm::sim
