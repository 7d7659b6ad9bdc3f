// SPDX-License-Identifier: MIT OR Apache-2.0
#include "device_tree.hpp"

#include <doctest/doctest.h>

#include <random>

#include "machine_description.hpp"
#include "test_tree.hpp"

using namespace rvm;
using namespace rvm::hal;
using rvm::hal::test::TreeBuilder;

namespace {

std::vector<std::byte> finished(TreeBuilder t) { return t.end().finish(); }

}  // namespace

TEST_CASE("device tree: nodes come parents first, with depth, properties and addresses") {
  const auto blob = finished(test::virt_machine());
  const auto tree = DeviceTree::open(blob);
  REQUIRE(tree);
  std::vector<std::string_view> names;
  for (const auto& node : *tree) {
    if (node.depth() <= 1) names.push_back(node.name());
  }
  CHECK(names.front().empty());
  CHECK(names[1] == "psci");
  CHECK(names.back() == "chosen");
  for (const auto& node : *tree) {
    if (node.name() != "memory@40000000") continue;
    REQUIRE(node.reg(0));
    CHECK(node.reg(0)->base == PhysicalAddress{0x40000000});
    CHECK(node.reg(0)->bytes == 0x40000000);
    CHECK_FALSE(node.reg(1));
    CHECK(node.property("device_type")->text() == "memory");
    CHECK_FALSE(node.property("reg2"));
  }
}

TEST_CASE("device tree: a bus that translates addresses hides its children's registers") {
  TreeBuilder t;
  t.begin("").cells("#address-cells", {1}).cells("#size-cells", {1});
  t.begin("same").cells("#address-cells", {1}).cells("#size-cells", {1}).property("ranges", {});
  t.begin("a").cells("reg", {0x100, 4}).end().end();
  t.begin("moved").cells("#address-cells", {1}).cells("#size-cells", {1}).cells("ranges", {0, 0x1000, 0x100});
  t.begin("b").cells("reg", {0x100, 4}).end().end();
  const auto blob = finished(t);
  const auto tree = DeviceTree::open(blob);
  REQUIRE(tree);
  for (const auto& node : *tree) {
    if (node.name() == "a") CHECK(node.reg(0)->base == PhysicalAddress{0x100});
    if (node.name() == "b") CHECK_FALSE(node.reg(0));
  }
}

TEST_CASE("device tree: damage is refused") {
  const auto good = finished(test::virt_machine());
  CHECK_FALSE(DeviceTree::open({}));
  CHECK_FALSE(DeviceTree::open(std::span{good}.first(good.size() - 1)));
  auto bad = good;
  bad[0] = std::byte{0};
  CHECK_FALSE(DeviceTree::open(bad));

  TreeBuilder unbalanced;
  unbalanced.begin("").begin("child");
  CHECK_FALSE(DeviceTree::open(finished(unbalanced)));
  TreeBuilder late;
  late.begin("").begin("child").end().cells("after", {1});
  CHECK_FALSE(DeviceTree::open(finished(late)));
  TreeBuilder deep;
  for (int i = 0; i < 20; ++i) deep.begin("d");
  for (int i = 0; i < 19; ++i) deep.end();
  CHECK_FALSE(DeviceTree::open(finished(deep)));
}

TEST_CASE("device tree: no damage makes the reader leave the blob") {
  const auto good = finished(test::virt_machine());
  std::mt19937 random{1};
  std::size_t opened = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::vector<std::byte> blob = good;  // its own allocation, so that the sanitizer sees the end
    for (auto n = random() % 4; n > 0; --n) blob[random() % blob.size()] = static_cast<std::byte>(random());
    if (random() % 4 == 0) blob.resize(random() % blob.size());
    blob.shrink_to_fit();
    const auto tree = DeviceTree::open(blob);
    if (!tree) continue;
    ++opened;
    static_cast<void>(describe_machine(*tree));
  }
  CHECK(opened > 1000);
}

TEST_CASE("machine description: what a virt board has") {
  const auto blob = finished(test::virt_machine(3, 2));
  const auto machine = describe_machine(*DeviceTree::open(blob));
  REQUIRE(machine);
  CHECK(machine->memory.size() == 1);
  REQUIRE(machine->reserved.size() == 1);
  CHECK(machine->reserved[0].base == PhysicalAddress{0x7f000000});
  REQUIRE(machine->cores.size() == 2);
  CHECK(machine->cores[1] == 1);
  CHECK(machine->power_calls);
  CHECK(machine->gic.version == 3);
  CHECK(machine->gic.redistributors.size() == 1);
  CHECK(machine->timer.number == 26);
  CHECK_FALSE(machine->timer.edge);
  CHECK(machine->uart.base == PhysicalAddress{0x09000000});
  CHECK(machine->firmware_config.base == PhysicalAddress{0x09020000});
  REQUIRE(machine->transports.size() == 1);
  CHECK(machine->transports[0].line.number == 48);
  CHECK(machine->transports[0].line.edge);
  CHECK(machine->initial_ramdisk.base == PhysicalAddress{0x48000000});
  CHECK(machine->initial_ramdisk.bytes == 0x123);
}

TEST_CASE("machine description: GICv2, more cores than supported, reservations") {
  auto t = test::virt_machine(2, 12);
  t.reserve(0x50000000, 0x2000);
  const auto blob = finished(t);
  const auto machine = describe_machine(*DeviceTree::open(blob));
  REQUIRE(machine);
  CHECK(machine->gic.version == 2);
  CHECK(machine->gic.cpu_interface.base == PhysicalAddress{0x08010000});
  CHECK(machine->cores.size() == MachineDescription::core_limit);
  CHECK(machine->cores_present == 12);
  REQUIRE(machine->reserved.size() == 2);
  CHECK(machine->reserved[1].bytes == 0x2000);
}

TEST_CASE("machine description: what is missing is named") {
  TreeBuilder t;
  t.begin("").cells("#address-cells", {1}).cells("#size-cells", {1});
  const auto nothing = finished(t);
  CHECK(describe_machine(*DeviceTree::open(nothing)).error().starts_with("no memory in device tree"));
  t.begin("memory").text("device_type", "memory").cells("reg", {0, 0x1000}).end();
  const auto memory = finished(t);
  CHECK(describe_machine(*DeviceTree::open(memory)).error().starts_with("no GIC in device tree"));
}
