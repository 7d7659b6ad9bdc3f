// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/volume.hpp"

#include <doctest/doctest.h>
#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <iterator>
#include <string>

using namespace rvm::host;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("rvm-volume-test-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

constexpr std::uint64_t size = 1 << 20;

}  // namespace

TEST_CASE("a new volume is sparse, and goes unless it is kept") {
  const Folder folder;
  const fs::path file = folder.path / "log.img";
  {
    auto volume = Volume::open(file, size);
    REQUIRE(volume);
    CHECK(fs::file_size(file) == size);
    CHECK_FALSE(volume->temporary());
  }
  CHECK_FALSE(fs::exists(file));
  {
    auto volume = Volume::open(file, size);
    REQUIRE(volume);
    volume->keep();
  }
  CHECK(fs::exists(file));
  CHECK(Volume::open(file, 2 * size).has_value());  // continued, as it is
  CHECK(fs::file_size(file) == size);
}

TEST_CASE("a file that is something else is left alone") {
  const Folder folder;
  const fs::path file = folder.path / "letter.txt";
  std::ofstream(file) << "dear reader";
  const auto volume = Volume::open(file, size);
  REQUIRE_FALSE(volume);
  CHECK(volume.error().cause.contains("letter.txt"));
  CHECK_FALSE(volume.error().cure.empty());
  CHECK(fs::file_size(file) == 11);
  CHECK_FALSE(Volume::open(folder.path, size));
  CHECK_FALSE(Volume::open("/dev/null", size));
  CHECK_FALSE(Volume::open(folder.path / "none/log.img", size));
}

TEST_CASE("a volume that does not fit is refused and leaves nothing") {
  const Folder folder;
  const fs::path file = folder.path / "log.img";
  const auto huge = Volume::open(file, std::uint64_t{1} << 60);
  REQUIRE_FALSE(huge);
  CHECK(huge.error().code == ExitCode::environment);
  CHECK_FALSE(fs::exists(file));
}

TEST_CASE("a temporary volume has no name and reads as zeros") {
  std::string path;
  {
    const auto volume = Volume::open({}, size);
    REQUIRE(volume);
    CHECK(volume->temporary());
    path = volume->path();
    CHECK(fs::file_size(path) == size);
  }
  CHECK_FALSE(fs::exists(path));
}
