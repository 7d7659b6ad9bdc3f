// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/common/paths.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <string>
#include <system_error>

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

std::string_view environment(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): the program has one thread here
  return value == nullptr ? std::string_view{} : std::string_view{value};
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

}  // namespace

fs::path root_folder() {
  if (const auto root = environment("RVM_ROOT"); !root.empty()) {
    return root;
  }
  std::error_code error;
  fs::path folder = fs::read_symlink("/proc/self/exe", error).parent_path();
  while (!folder.empty()) {
    if (is_file(folder / "include/rvm/abi.h")) {
      return folder;
    }
    if (folder == folder.root_path()) {
      break;
    }
    folder = folder.parent_path();
  }
  return {};
}

fs::path default_kernel_image() { return root_folder() / "build/appliance/rvm.img"; }
fs::path default_kernel_elf() { return root_folder() / "build/appliance/rvm.elf"; }

Outcome<fs::path> find_module(const fs::path& folder, std::string_view module) {
  const fs::path name(module);
  const std::string with_suffix = std::string(module) + ".elf";
  const std::array candidates{folder / name, folder / with_suffix, folder / "build" / name,
                              folder / "build" / with_suffix, root_folder() / "build/appliance/agents" / with_suffix};
  for (const fs::path& candidate : candidates) {
    if (is_file(candidate)) {
      return candidate;
    }
  }
  return failure(
      ExitCode::environment,
      fmt::format("there is no agent program '{}': looked for {}, {} and {}", module, candidates[0].string(),
                  candidates[3].string(), candidates[4].string()),
      "build it (`make` in the agent's folder, or `make` at the root for the examples), or correct `module`");
}

fs::path control_program() { return root_folder() / "build/appliance/agents/control.elf"; }
fs::path wasm_runtime() { return root_folder() / "build/appliance/agents/wasm.elf"; }

Outcome<fs::path> find_wasm(const fs::path& folder, std::string_view module) {
  const fs::path name(module);
  const std::array candidates{folder / name, folder / "build" / name, root_folder() / "build/appliance/wasm" / name};
  for (const fs::path& candidate : candidates) {
    if (is_file(candidate)) {
      return candidate;
    }
  }
  return failure(ExitCode::environment,
                 fmt::format("there is no WebAssembly module '{}': looked for {}, {} and {}", module,
                             candidates[0].string(), candidates[1].string(), candidates[2].string()),
                 "compile it, or correct `wasm`");
}

std::optional<fs::path> state_folder() {
  if (const auto state = environment("XDG_STATE_HOME"); !state.empty()) {
    return fs::path(state) / "rvm";
  }
  if (const auto home = environment("HOME"); !home.empty()) {
    return fs::path(home) / ".local/state/rvm";
  }
  return std::nullopt;
}

std::optional<fs::path> runs_folder() {
  if (const auto runtime = environment("XDG_RUNTIME_DIR"); !runtime.empty()) {
    return fs::path(runtime) / "rvm";
  }
  if (const auto state = state_folder()) {
    return *state / "run";
  }
  return std::nullopt;
}

std::optional<fs::path> find_program(std::string_view name) {
  if (name.contains('/')) {
    const fs::path path(name);
    return ::access(path.c_str(), X_OK) == 0 && is_file(path) ? std::optional{path} : std::nullopt;
  }
  std::string_view path = environment("PATH");
  while (!path.empty()) {
    const auto colon = path.find(':');
    fs::path candidate = fs::path(path.substr(0, colon)) / name;
    if (is_file(candidate) && ::access(candidate.c_str(), X_OK) == 0) {
      return candidate;
    }
    path = colon == std::string_view::npos ? std::string_view{} : path.substr(colon + 1);
  }
  return std::nullopt;
}

}  // namespace rvm::host
