// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/create/create.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "host/common/file.hpp"
#include "host/manifest/swarm.hpp"

using namespace rvm::host;
namespace fs = std::filesystem;

TEST_CASE("a new project is complete and its manifest is right") {
  ::setenv("RVM_ROOT", RVM_SOURCE, 1);
  const fs::path folder = fs::temp_directory_path() / ("rvm-create-test-" + std::to_string(::getpid()));
  fs::create_directories(folder);
  const std::map<std::string, std::vector<std::string>> sources{
      {"c++", {"hello.cpp"}},
      {"c", {"hello.c"}},
      {"wasm-cpp", {"hello.cpp", "driver.cpp"}},
      {"wasm-c", {"hello.c", "driver.c"}},
      {"rust", {"hello.rs", "driver.rs"}},
      {"assemblyscript", {"hello.ts", "driver.ts", "package.json"}}};
  CHECK(language_options().size() == sources.size());
  for (const std::string& option : language_options()) {
    CAPTURE(option);
    const Language language = language_of(option);
    fs::create_directory(folder / option);
    const fs::path place = folder / option / "hello";
    REQUIRE(create_project(place, language));
    for (const std::string& source : sources.at(option)) CHECK(fs::exists(place / source));
    for (const auto& file : fs::directory_iterator(place)) {
      const auto bytes = read_file(file.path(), "this test");
      REQUIRE(bytes);
      const std::string_view text(reinterpret_cast<const char*>(bytes->data()), bytes->size());  // bytes are a text
      CHECK_FALSE(text.empty());
      for (const std::string_view hole : {"@NAME@", "@SUFFIX@", "@ROOT@", "@COMPILER@"})
        CHECK_FALSE(text.contains(hole));
    }
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
  // The WebAssembly projects have an agent of that name already.
  CHECK_FALSE(create_project(folder / "driver", Language::rust));
  CHECK_FALSE(fs::exists(folder / "driver"));
  CHECK(create_project(folder / "driver", Language::cpp));
  fs::remove_all(folder);
}
