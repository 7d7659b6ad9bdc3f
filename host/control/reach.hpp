// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What commands that reach a machine have in common: finding it, looking at it, and telling what came of a request.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "host/control/commands.hpp"

namespace rvm::host {

/// A machine, reached.
struct Reached {
  RunningMachine machine;
  Connection connection;
};
[[nodiscard]] Outcome<Reached> reach(const ControlOptions& options);

struct Seen {
  Reached reached;
  Snapshot snapshot;
};
[[nodiscard]] Outcome<Seen> look(const ControlOptions& options);

/// A line: the machine's name, and what else is said.
void print_json(const RunningMachine& machine, const nlohmann::ordered_json& body);

/// What became of a request, for people or as a line of JSON: `details` and the status. `why_not` is reported unless it was done.
ExitCode tell(const ControlOptions& options, const RunningMachine& machine, std::uint32_t status,
              const std::string& done, const Failure& why_not, nlohmann::ordered_json details);

}  // namespace rvm::host
