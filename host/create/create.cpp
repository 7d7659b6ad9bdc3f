// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/create/create.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <expected>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "host/common/file.hpp"
#include "host/common/paths.hpp"
#include "host/create/templates.hpp"
#include "host/manifest/manifest.hpp"

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

struct Template {
  std::string_view option;
  std::string_view title;
  std::string_view suffix;
  std::string_view compiler;
  bool wasm;
};

/// In the order of Language.
constexpr std::array<Template, 6> languages{{
    {"c++", "C++", "cpp", "clang-19, the SDK of the RVM repository", false},
    {"c", "C", "c", "clang-19, the SDK of the RVM repository", false},
    {"wasm-cpp", "C++ for WebAssembly", "cpp", "clang-19, wasi-libc and libc++-19-dev-wasm32", true},
    {"wasm-c", "C for WebAssembly", "c", "clang-19 and wasi-libc", true},
    {"rust", "Rust for WebAssembly", "rs", "rustc and its library for WASI", true},
    {"assemblyscript", "AssemblyScript", "ts", "the compiler that npm fetches", true},
}};

using Holes = std::array<std::pair<std::string_view, std::string>, 4>;

std::string filled(std::string out, const Holes& holes) {
  for (const auto& [hole, value] : holes) {
    for (std::size_t at = out.find(hole); at != std::string::npos; at = out.find(hole, at + value.size())) {
      out.replace(at, hole.size(), value);
    }
  }
  return out;
}

/// What a project consists of: file names and texts.
using Files = std::vector<std::pair<std::string, std::string>>;

Files native_files(Language language, const std::string& source) {
  return {{source, std::string(language == Language::cpp ? templates::cpp_source : templates::c_source)},
          {"swarm.toml", std::string(templates::manifest)},
          {"Makefile", std::string(templates::makefile)},
          {"README.md", std::string(templates::readme)},
          {".gitignore", std::string(templates::ignored)}};
}

/// Those lie in the SDK as they are, so that they can be read, formatted and compiled there.
Outcome<Files> wasm_files(Language language, const std::string& source, std::string_view suffix) {
  std::vector<std::pair<std::string, std::string>> wanted{{fmt::format("actor.{}", suffix), source},
                                                          {fmt::format("driver.{}", suffix), {}},
                                                          {"swarm.toml", {}},
                                                          {"Makefile", {}},
                                                          {"README.md", {}}};
  if (language == Language::assemblyscript) wanted.emplace_back("package.json", "");
  Files files{{".gitignore", std::string(templates::wasm_ignored)}};
  for (const auto& [original, name] : wanted) {
    const auto bytes = read_file(root_folder() / "sdk/wasm/new" / original, "the template of a project");
    if (!bytes) return std::unexpected(bytes.error());
    std::string text(bytes->size(), '\0');
    std::ranges::transform(*bytes, text.begin(), [](std::byte b) { return static_cast<char>(b); });
    files.emplace_back(name.empty() ? original : name, std::move(text));
  }
  return files;
}

}  // namespace

std::vector<std::string> language_options() {
  std::vector<std::string> options;
  options.reserve(languages.size());
  for (const Template& t : languages) options.emplace_back(t.option);
  return options;
}

Language language_of(std::string_view option) {
  const auto found = std::ranges::find(languages, option, &Template::option);
  return static_cast<Language>(found - languages.begin());
}

Outcome<void> create_project(const fs::path& place, Language language) {
  const Template& kind = languages[std::to_underlying(language)];
  const std::string name = place.filename().string();
  if (const auto wrong = check_name(name, RVM_NAME_BYTES - 1)) {
    return failure(ExitCode::usage, *wrong, "rvm new my-agent");
  }
  if (kind.wasm && name == "driver") {
    return failure(ExitCode::usage, "the agent that sends it messages is called driver", "rvm new my-agent");
  }
  if (root_folder().empty()) {
    return failure(ExitCode::environment, "cannot tell where the RVM repository with the SDK is",
                   "set RVM_ROOT to its folder");
  }
  const std::string source = fmt::format("{}.{}", name, kind.suffix);
  const auto files = kind.wasm ? wasm_files(language, source, kind.suffix) : native_files(language, source);
  if (!files) {
    return std::unexpected(files.error());
  }
  std::error_code error;
  if (!fs::create_directory(place, error)) {
    return failure(
        ExitCode::environment,
        fmt::format("cannot make the folder {}: {}", place.string(), error ? error.message() : "it exists already"),
        "choose another name, or a folder that you may write");
  }
  const Holes holes{{{"@NAME@", name},
                     {"@SUFFIX@", std::string(kind.suffix)},
                     {"@COMPILER@", std::string(kind.compiler)},
                     {"@ROOT@", root_folder().string()}}};
  for (const auto& [file, text] : *files) {
    if (auto written = write_file(place / file, as_bytes(filled(text, holes))); !written) {
      fs::remove_all(place, error);
      return written;
    }
  }
  return {};
}

ExitCode new_command(const fs::path& place, Language language) {
  if (const auto created = create_project(place, language); !created) {
    return report(created.error());
  }
  fmt::print("made {0}/: an agent in {1}, its Makefile, manifest and README\nrun it:  rvm run {0}\n", place.string(),
             languages[std::to_underlying(language)].title);
  return ExitCode::ok;
}

}  // namespace rvm::host
