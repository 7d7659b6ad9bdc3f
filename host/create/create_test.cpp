// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/create/create.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

#include "host/manifest/swarm.hpp"

using namespace rvm::host;
namespace fs = std::filesystem;

TEST_CASE("a new project is complete and its manifest is right") {
  ::setenv("RVM_ROOT", RVM_SOURCE, 1);
  const fs::path folder = fs::temp_directory_path() / ("rvm-create-test-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  for (const Language language : {Language::cpp, Language::c}) {
    const fs::path place = folder / (language == Language::cpp ? "hello" : "counter");
    REQUIRE(create_project(place, language));
    CHECK(fs::exists(place / (language == Language::cpp ? "hello.cpp" : "counter.c")));
    CHECK(fs::exists(place / "Makefile"));
    CHECK(fs::exists(place / "README.md"));
    const auto manifest = load_manifest(place / "swarm.toml");
    REQUIRE(manifest);
    CHECK(manifest->build_with_make);
    CHECK(expand(*manifest).has_value());
    const auto again = create_project(place, language);
    REQUIRE_FALSE(again);
    CHECK(again.error().cause.contains("exists already"));
  }
  CHECK_FALSE(create_project(folder / "bad name", Language::cpp));
  CHECK_FALSE(fs::exists(folder / "bad name"));
  CHECK_FALSE(create_project(folder / "none/hello", Language::cpp));
  fs::remove_all(folder);
}
