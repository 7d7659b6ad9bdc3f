// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "host/common/failure.hpp"

namespace rvm::host {

/// Native agents in C++ or C, and WebAssembly agents.
enum class Language : std::uint8_t { cpp, c, wasm_cpp, wasm_c, rust, assemblyscript };

/// What `--language` takes: "c++", "wasm-c", ...; in the order of the enumeration.
[[nodiscard]] std::vector<std::string> language_options();
/// The language of an option, of which there is one.
[[nodiscard]] Language language_of(std::string_view option);

/// Makes the folder `place` with an agent's source, Makefile, manifest and README, all or nothing: a folder that
/// exists is left alone, and a half-written one is removed.
[[nodiscard]] Outcome<void> create_project(const std::filesystem::path& place, Language language);

/// `rvm new`.
[[nodiscard]] ExitCode new_command(const std::filesystem::path& place, Language language);

}  // namespace rvm::host
