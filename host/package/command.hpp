// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <filesystem>
#include <optional>

#include "host/common/failure.hpp"
#include "host/run/prepare.hpp"

namespace rvm::host {

/// `rvm package build`: the package that `rvm run` would boot, as a file.
[[nodiscard]] ExitCode package_build_command(const RunOptions& options, const std::filesystem::path& output);
/// `rvm package verify`: structure, digest and authenticator.
[[nodiscard]] ExitCode package_verify_command(const std::filesystem::path& file,
                                              const std::optional<std::filesystem::path>& key);
/// `rvm package inspect`: what is in it; needs no key.
[[nodiscard]] ExitCode package_inspect_command(const std::filesystem::path& file, bool json);

}  // namespace rvm::host
