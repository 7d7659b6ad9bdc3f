// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/prepare.hpp"

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <fstream>

using namespace rvm;
using namespace rvm::host;

TEST_CASE("a package runs on a machine with the devices it was built for") {
  const auto packaged = [](std::string_view name, rvm_device_kind kind) {
    rvm_package_device d{};
    std::ranges::copy(name, d.name);
    d.kind = kind;
    return d;
  };
  const auto described = [](rvm_device_kind kind) {
    DeviceEntry entry;
    entry.kind = kind;
    return entry;
  };
  const DeviceEntry clock = described(RVM_DEVICE_CLOCK);
  const DeviceEntry disk = described(RVM_DEVICE_BLOCK);
  const DeviceEntry noise = described(RVM_DEVICE_ENTROPY);
  Swarm swarm;
  CHECK(check_devices("x.pkg", {}, swarm));
  CHECK(check_devices("x.pkg", {packaged("time", RVM_DEVICE_CLOCK)}, swarm));  // every machine has one
  const auto missing = check_devices("x.pkg", {packaged("disk", RVM_DEVICE_BLOCK)}, swarm);
  REQUIRE_FALSE(missing);
  CHECK(missing.error().cause.contains("x.pkg leases these devices: disk (block)"));
  CHECK(missing.error().cause.contains("would have these: none"));
  CHECK(missing.error().cure.contains("MANIFEST"));

  swarm.devices = {{"time", &clock}, {"disk", &disk}, {"noise", &noise}};
  CHECK(check_devices("x.pkg", {packaged("disk", RVM_DEVICE_BLOCK), packaged("noise", RVM_DEVICE_ENTROPY)}, swarm));
  CHECK_FALSE(
      check_devices("x.pkg", {packaged("noise", RVM_DEVICE_ENTROPY), packaged("disk", RVM_DEVICE_BLOCK)}, swarm));
  CHECK_FALSE(check_devices("x.pkg", {packaged("disk", RVM_DEVICE_BLOCK)}, swarm));
  CHECK_FALSE(check_devices("x.pkg", {}, swarm));
}

TEST_CASE("a run with a static layout differs from another only in that") {
  const auto file = std::filesystem::temp_directory_path() / fmt::format("rvm-prepare-test-{}.toml", ::getpid());
  for (const bool engine : {false, true}) {
    std::ofstream(file) << (engine ? "[coherence]\nalpha = 100\n" : "")
                        << "[[partition]]\nname = \"p\"\n[[agent]]\nname = \"a\"\npartition = \"p\"\nmodule = \"a\"\n";
    RunOptions options;
    options.path = file;
    const auto moving = load_for_run(options);
    REQUIRE(moving);
    CHECK((*moving)->coherence.flags == (engine ? RVM_COHERENCE_ENABLED : 0));
    options.keep_layout = true;
    const auto kept = load_for_run(options);
    REQUIRE(kept);
    rvm_package_coherence expected = (*moving)->coherence;
    expected.flags |= RVM_COHERENCE_FROZEN;
    CHECK(std::memcmp(&(*kept)->coherence, &expected, sizeof expected) == 0);
  }
  std::filesystem::remove(file);
}
