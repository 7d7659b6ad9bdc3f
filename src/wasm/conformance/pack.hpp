// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace rvm::wasm::conformance {

/// A script of the test suite as commands (stream.hpp). wast2json and wat2wasm (Debian package wabt) read its text; `scratch` is
/// a folder for what they write. Nothing: they could not, or there is a command that this program does not know; it says so.
[[nodiscard]] std::optional<std::vector<std::byte>> pack(const std::filesystem::path& script,
                                                         const std::filesystem::path& scratch);

}  // namespace rvm::wasm::conformance
