// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/create/create.hpp"

#include <fmt/format.h>

#include <array>
#include <system_error>
#include <utility>

#include "host/common/file.hpp"
#include "host/common/paths.hpp"
#include "host/create/templates.hpp"
#include "host/manifest/manifest.hpp"

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

std::string filled(std::string_view text, const std::string& name, std::string_view suffix) {
  std::string out(text);
  const std::array<std::pair<std::string_view, std::string>, 3> holes{
      {{"@NAME@", name}, {"@SUFFIX@", std::string(suffix)}, {"@ROOT@", root_folder().string()}}};
  for (const auto& [hole, value] : holes) {
    for (std::size_t at = out.find(hole); at != std::string::npos; at = out.find(hole, at + value.size())) {
      out.replace(at, hole.size(), value);
    }
  }
  return out;
}

}  // namespace

Outcome<void> create_project(const fs::path& place, Language language) {
  const std::string name = place.filename().string();
  if (const auto wrong = check_name(name, RVM_NAME_BYTES - 1)) {
    return failure(ExitCode::usage, *wrong, "rvm new my-agent");
  }
  if (root_folder().empty()) {
    return failure(ExitCode::environment, "cannot tell where the RVM repository with the SDK is",
                   "set RVM_ROOT to its folder");
  }
  std::error_code error;
  if (!fs::create_directory(place, error)) {
    return failure(
        ExitCode::environment,
        fmt::format("cannot make the folder {}: {}", place.string(), error ? error.message() : "it exists already"),
        "choose another name, or a folder that you may write");
  }
  const std::string_view suffix = language == Language::cpp ? "cpp" : "c";
  const std::array<std::pair<std::string, std::string_view>, 5> files{
      {{fmt::format("{}.{}", name, suffix), language == Language::cpp ? templates::cpp_source : templates::c_source},
       {"swarm.toml", templates::manifest},
       {"Makefile", templates::makefile},
       {"README.md", templates::readme},
       {".gitignore", templates::ignored}}};
  for (const auto& [file, text] : files) {
    if (auto written = write_file(place / file, as_bytes(filled(text, name, suffix))); !written) {
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
             language == Language::cpp ? "C++" : "C");
  return ExitCode::ok;
}

}  // namespace rvm::host
