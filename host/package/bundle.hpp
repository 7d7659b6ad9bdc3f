// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a WebAssembly agent's image has behind the runtime (rvm/wasm_bundle.h): the module, its environment and its files.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "host/common/failure.hpp"
#include "host/common/file.hpp"
#include "host/manifest/manifest.hpp"

namespace rvm::host {

/// Checks that the module is one, and reads the files that the entry names, relative to `folder`. The same entry and files give
/// the same bytes.
[[nodiscard]] Outcome<Bytes> build_bundle(const std::filesystem::path& folder, const std::filesystem::path& module,
                                          const WasmEntry& entry);

}  // namespace rvm::host
