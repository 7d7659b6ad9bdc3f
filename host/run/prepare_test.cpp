// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/prepare.hpp"

#include <doctest/doctest.h>

#include <algorithm>

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
