// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The commands that look at a machine that runs, and act upon it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/common/failure.hpp"
#include "host/common/units.hpp"
#include "host/control/connection.hpp"

namespace rvm::host {

struct ControlOptions {
  std::optional<std::string> machine;  ///< name; the only one that runs if left out
  bool json = false;

  bool partitions = false;           ///< `ps`, and what is acted upon
  bool engine = false;               ///< `suspend`, `resume`
  bool machines = false;             ///< `ps`
  bool health = false;               ///< `ps`
  std::vector<std::string> objects;  ///< names or ids
  bool dot = false;                  ///< `graph`
  std::optional<std::filesystem::path> svg;
  std::optional<std::filesystem::path> compare;  ///< `graph`: what it printed as JSON before
  bool once = false;                             ///< `top`
  Nanoseconds interval{1'000'000'000};
  std::optional<std::string> isolate;  ///< `split`: an agent
};

[[nodiscard]] ExitCode ps_command(const ControlOptions& options);
[[nodiscard]] ExitCode inspect_command(const ControlOptions& options);
[[nodiscard]] ExitCode graph_command(const ControlOptions& options);
[[nodiscard]] ExitCode top_command(const ControlOptions& options);
/// suspend, resume, terminate: of one agent or, with `partitions`, one partition, or with `engine` the coherence engine.
[[nodiscard]] ExitCode act_command(const ControlOptions& options, control::Operation operation);
/// Boundaries by hand (boundary_commands.cpp).
[[nodiscard]] ExitCode split_command(const ControlOptions& options);
[[nodiscard]] ExitCode merge_command(const ControlOptions& options);
[[nodiscard]] ExitCode migrate_command(const ControlOptions& options);

}  // namespace rvm::host
