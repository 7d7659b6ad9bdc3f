// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <filesystem>
#include <string>

#include "host/common/failure.hpp"

namespace rvm::host {

enum class Language : std::uint8_t { cpp, c };

/// Makes the folder `place` with an agent's source, Makefile, manifest and README, all or nothing: a folder that
/// exists is left alone, and a half-written one is removed.
[[nodiscard]] Outcome<void> create_project(const std::filesystem::path& place, Language language);

/// `rvm new`.
[[nodiscard]] ExitCode new_command(const std::filesystem::path& place, Language language);

}  // namespace rvm::host
