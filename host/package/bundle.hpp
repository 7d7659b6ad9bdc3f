// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an agent's image has behind its program (rvm/wasm_bundle.h): the module, its environment and its files.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "host/common/failure.hpp"
#include "host/common/file.hpp"
#include "host/manifest/manifest.hpp"

namespace rvm::host {

/// Checks that the module is one, and reads the files that the entry names, relative to `folder`. The same entry and files give
/// the same bytes. A native agent's bundle has no module.
[[nodiscard]] Outcome<Bytes> build_bundle(const std::filesystem::path& folder,
                                          const std::optional<std::filesystem::path>& module, const BundleEntry& entry);

}  // namespace rvm::host
