// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs a manifest for a microcontroller (target = "seed"): boots the board's image in the emulator, shows what its agents print, and
// verifies the log on its flash with the verifier that every log gets.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/common/failure.hpp"
#include "host/run/run.hpp"

namespace rvm::host {

struct SeedManifest {
  std::filesystem::path path;
  std::string board;
  std::uint64_t flash_bytes = 0;  ///< of the part that holds the log
};

/// None when PATH is something else, which others look at.
[[nodiscard]] std::optional<SeedManifest> find_seed_manifest(const RunOptions& options);

/// Boots a built image on erased flash under a key of zeros: what its agents print, for measurements.
[[nodiscard]] Outcome<std::vector<std::string>> boot_board(const std::filesystem::path& image,
                                                           const std::string& board);

[[nodiscard]] ExitCode run_seed(const SeedManifest& manifest, const RunOptions& options);

}  // namespace rvm::host
