// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <filesystem>
#include <optional>
#include <string_view>

#include "host/common/failure.hpp"

namespace rvm::host {

/// The repository (or installation) root: $RVM_ROOT, else the nearest folder above the program that holds
/// include/rvm/abi.h. Empty when there is none.
[[nodiscard]] std::filesystem::path root_folder();

/// build/appliance/rvm.img (or rvm.elf) under the root.
[[nodiscard]] std::filesystem::path default_kernel_image();
[[nodiscard]] std::filesystem::path default_kernel_elf();

/// The agent program that a manifest in `folder` means by `module`: a path relative to `folder`, or the bare name of a
/// program beside the manifest, in its build folder, or among those that RVM was built with.
/// The control agent's program.
[[nodiscard]] std::filesystem::path control_program();
/// Where machines that run are to be found, a folder each: $XDG_RUNTIME_DIR/rvm, else `run` in the state folder.
[[nodiscard]] std::optional<std::filesystem::path> runs_folder();
/// The agent program that runs WebAssembly.
[[nodiscard]] std::filesystem::path wasm_runtime();
/// A WebAssembly module: as named, or in the folder's `build`, or among the examples that the build makes.
[[nodiscard]] Outcome<std::filesystem::path> find_wasm(const std::filesystem::path& folder, std::string_view module);
[[nodiscard]] Outcome<std::filesystem::path> find_module(const std::filesystem::path& folder, std::string_view module);

/// ${XDG_STATE_HOME:-$HOME/.local/state}/rvm; nothing when neither variable is set.
[[nodiscard]] std::optional<std::filesystem::path> state_folder();

/// The program `name` as the shell would find it.
[[nodiscard]] std::optional<std::filesystem::path> find_program(std::string_view name);

}  // namespace rvm::host
