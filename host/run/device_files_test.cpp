// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/device_files.hpp"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

using namespace rvm::host;
namespace fs = std::filesystem;

namespace {

struct Folder {
  fs::path path = fs::temp_directory_path() / ("rvm-device-files-test-" + std::to_string(::getpid()));
  Folder() { fs::create_directories(path); }
  ~Folder() { fs::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
};

DeviceEntry device(const std::string& name, rvm_device_kind kind, const std::string& file = {}) {
  DeviceEntry entry;
  entry.name.value = name;
  entry.kind = kind;
  entry.file = {file, {7, 8}};
  return entry;
}

Manifest manifest(const fs::path& folder, std::vector<DeviceEntry> devices) {
  Manifest m;
  m.folder = folder;
  m.title = "swarm.toml";
  m.devices = std::move(devices);
  return m;
}

}  // namespace

TEST_CASE("files of devices: made beside the manifest, in its order, and gone unless kept") {
  const Folder folder;
  const fs::path image = folder.path / "disk.img";
  const fs::path output = folder.path / "said.txt";
  Manifest m =
      manifest(folder.path, {device("time", RVM_DEVICE_CLOCK), device("out", RVM_DEVICE_CONSOLE, "said.txt"),
                             device("noise", RVM_DEVICE_ENTROPY), device("disk", RVM_DEVICE_BLOCK, "disk.img")});
  m.devices.back().size = 4 << 20;
  {
    const auto files = DeviceFiles::open(m);
    REQUIRE(files);
    REQUIRE(files->devices().size() == 3);
    CHECK(files->devices()[0].kind == RVM_DEVICE_CONSOLE);
    CHECK(files->devices()[0].file == output.string());
    CHECK(files->devices()[1].kind == RVM_DEVICE_ENTROPY);
    CHECK(files->devices()[1].file.empty());
    CHECK(files->devices()[2].kind == RVM_DEVICE_BLOCK);
    CHECK(files->devices()[2].file == image.string());
    CHECK(fs::file_size(image) == 4 << 20);
    struct stat status{};
    REQUIRE(::stat(image.c_str(), &status) == 0);
    CHECK(status.st_blocks == 0);
    CHECK(fs::exists(output));
  }
  CHECK_FALSE(fs::exists(image));
  CHECK_FALSE(fs::exists(output));
  {
    auto files = DeviceFiles::open(m);
    REQUIRE(files);
    files->keep();
  }
  CHECK(fs::exists(image));
  CHECK(fs::exists(output));
  m.devices.back().size = 8 << 20;
  CHECK(DeviceFiles::open(m).has_value());
  CHECK(fs::file_size(image) == 4 << 20);  // as it is, and there still although nobody kept it
  CHECK(fs::exists(output));
}

TEST_CASE("files of devices: one that cannot be used is named with its place, and others made for nothing go") {
  const Folder folder;
  const auto refused = [&](rvm_device_kind kind, const std::string& file) {
    std::string cause;
    if (const auto files = DeviceFiles::open(
            manifest(folder.path, {device("first", RVM_DEVICE_BLOCK, "first.img"), device("second", kind, file)}));
        !files) {
      cause = files.error().cause;
    }
    CHECK_FALSE(fs::exists(folder.path / "first.img"));
    return cause;
  };
  std::ofstream(folder.path / "odd.img") << "odd";
  std::ofstream(folder.path / "empty.img");
  REQUIRE(::mkfifo((folder.path / "pipe").c_str(), 0600) == 0);
  CHECK(refused(RVM_DEVICE_BLOCK, "odd.img").starts_with("swarm.toml:7:8: device 'second': "));
  CHECK(refused(RVM_DEVICE_BLOCK, "odd.img").contains("has 3 bytes"));
  CHECK(refused(RVM_DEVICE_BLOCK, "empty.img").contains("has 0 bytes"));
  CHECK(refused(RVM_DEVICE_BLOCK, "/dev/null").contains("is not a regular file"));
  CHECK(refused(RVM_DEVICE_BLOCK, ".").contains("cannot open or make"));
  CHECK(refused(RVM_DEVICE_BLOCK, "none/disk.img").contains("cannot open or make"));
  CHECK(refused(RVM_DEVICE_CONSOLE, "none/said.txt").contains("cannot open or make"));
  CHECK(refused(RVM_DEVICE_CONSOLE, ".").contains("cannot open or make"));
  CHECK(refused(RVM_DEVICE_CONSOLE, "pipe").contains("cannot open or make"));
  CHECK(refused(RVM_DEVICE_CONSOLE, "/dev/null").empty());
  auto huge = manifest(folder.path, {device("huge", RVM_DEVICE_BLOCK, "huge.img")});
  huge.devices[0].size = std::uint64_t{1} << 60;
  CHECK_FALSE(DeviceFiles::open(huge));
  CHECK_FALSE(fs::exists(folder.path / "huge.img"));
}
