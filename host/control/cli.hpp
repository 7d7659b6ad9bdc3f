// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "host/control/commands.hpp"

namespace rvm::host {

struct ControlTexts {
  std::string interval;
};

/// `rvm ps`, `top`, `graph`, `inspect`, `kill`, `suspend`, `resume`, `split`, `merge`, `migrate`.
void add_control(CLI::App& app, ControlOptions& options, ControlTexts& texts, std::function<ExitCode()>& command);

}  // namespace rvm::host
