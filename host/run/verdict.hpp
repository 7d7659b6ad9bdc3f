// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Was the run a success? Decided from what the manifest expects, what the machine reported and what the log proves.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "host/machine/session.hpp"
#include "host/manifest/swarm.hpp"
#include "host/witness/log.hpp"

namespace rvm::host {

enum class RunResult : std::uint8_t { ok, failed, timeout };
[[nodiscard]] std::string_view name(RunResult result);

struct AttackVerdict {
  std::string agent;
  std::string description;
  bool tried = false;
  bool contained = false;
  std::string detail;  ///< how it was contained, or why it counts as not contained
};

/// Work of an agent with and without attackers beside it, in instructions.
struct VictimVerdict {
  std::uint64_t undisturbed = 0;
  std::uint64_t disturbed = 0;
  [[nodiscard]] double ratio() const {
    return undisturbed == 0 ? 0.0 : static_cast<double>(disturbed) / static_cast<double>(undisturbed);
  }
};
/// A victim may need this much more beside attackers.
inline constexpr double victim_ratio_limit = 1.05;

struct Verdict {
  RunResult result = RunResult::ok;
  std::vector<Failure> problems;  ///< empty exactly when the result is ok
  std::vector<AttackVerdict> attacks;
  std::optional<VictimVerdict> victim;  ///< the most disturbed one
  std::uint64_t deadlines_met = 0;
  std::uint64_t deadlines_missed = 0;

  [[nodiscard]] std::uint64_t tried() const;
  [[nodiscard]] std::uint64_t contained() const;
};

struct RunFacts {
  const Swarm& swarm;
  const SessionResult& session;
  const std::optional<LogCheck>& log;  ///< nothing: the volume could not be read
  const std::optional<LogEvidence>& evidence;
};

[[nodiscard]] Verdict judge(const RunFacts& facts);

}  // namespace rvm::host
