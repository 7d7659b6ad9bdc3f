// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "firmware_config.hpp"
#include "pl011.hpp"
#include "virtio_block.hpp"

using namespace rvm;
using namespace rvm::hal;

namespace {

/// A virtio block device as the driver sees it. Completes a request when told to.
struct FakeDisk {
  std::vector<std::byte> content = std::vector<std::byte>(64 * 512);
  std::map<std::uint64_t, std::uint32_t> registers{{0x000, 0x74726976}, {0x004, 2}, {0x008, 2},
                                                   {0x034, 1024},       {0x0fc, 0}, {0x100, 64}};
  std::uint64_t offered = (std::uint64_t{1} << 32) | 1 << 9;
  std::uint64_t accepted = 0;
  bool refuses_features = false;
  std::uint8_t answer = 0;
  unsigned notified = 0;
  std::uint16_t next = 0;

  std::uint32_t read(std::uint64_t at) {
    if (at == 0x010) return static_cast<std::uint32_t>(offered >> (registers[0x014] != 0 ? 32 : 0));
    if (at == 0x070 && refuses_features) return registers[at] & ~8u;
    return registers[at];
  }
  void write(std::uint64_t at, std::uint32_t value) {
    if (at == 0x020) accepted |= std::uint64_t{value} << (registers[0x024] != 0 ? 32 : 0);
    if (at == 0x050) ++notified;
    registers[at] = value;
  }
  [[nodiscard]] std::uint64_t address(std::uint64_t at) {
    return std::uint64_t{registers[at + 4]} << 32 | registers[at];
  }

  void complete() {
    auto* descriptors = reinterpret_cast<VirtioDescriptor*>(address(0x080));
    auto* available = reinterpret_cast<std::uint16_t*>(address(0x090));
    auto* used = reinterpret_cast<std::uint16_t*>(address(0x0a0));
    REQUIRE(available[1] == static_cast<std::uint16_t>(next + 1));
    const auto head = descriptors[available[2 + next % 4]];
    REQUIRE(head.bytes == 16);
    REQUIRE((head.flags & 2) == 0);
    std::uint32_t type = 0;
    std::uint64_t sector = 0;
    std::memcpy(&type, reinterpret_cast<void*>(head.address), 4);
    std::memcpy(&sector, reinterpret_cast<char*>(head.address) + 8, 8);
    auto part = descriptors[head.next];
    if (type != 4) {
      auto* data = reinterpret_cast<std::byte*>(part.address);
      REQUIRE(((part.flags & 2) != 0) == (type == 0));
      if (type == 0) std::memcpy(data, content.data() + sector * 512, part.bytes);
      if (type == 1) std::memcpy(content.data() + sector * 512, data, part.bytes);
      part = descriptors[part.next];
    }
    REQUIRE(part.bytes == 1);
    REQUIRE((part.flags & 1) == 0);
    *reinterpret_cast<std::uint8_t*>(part.address) = answer;
    ++next;
    used[1] = next;
  }
};

struct FakeRegisters {
  FakeDisk* disk = nullptr;
  template <typename Word>
  Word read(std::uint64_t at) const {
    return static_cast<Word>(disk->read(at));
  }
  void write(std::uint64_t at, std::uint32_t value) const { disk->write(at, value); }
  static void order() {}
};
using Block = VirtioBlock<FakeRegisters>;

struct Fixture {
  FakeDisk disk;
  VirtioQueueMemory memory{};
  Block block;
  [[nodiscard]] auto begin() {
    return block.initialise({&disk}, memory, PhysicalAddress{reinterpret_cast<std::uint64_t>(&memory)});
  }
};
PhysicalAddress physical(const void* p) { return PhysicalAddress{reinterpret_cast<std::uint64_t>(p)}; }

/// A firmware configuration device with named files.
struct FakeConfig {
  std::vector<std::vector<std::byte>> streams;
  std::size_t selected = 0, position = 0;
};
struct ConfigRegisters {
  FakeConfig* config;
  template <typename Word>
  Word read(std::uint64_t) const {
    auto& stream = config->streams[config->selected];
    return config->position < stream.size() ? std::to_integer<Word>(stream[config->position++]) : Word{0};
  }
  void write(std::uint64_t at, std::uint16_t key) const {
    CHECK(at == 8);
    const auto selector = static_cast<unsigned>(key >> 8 | (key & 0xff) << 8);
    config->selected = selector == 0x19 ? 1 : selector == 0x21 ? 2 : 0;
    config->position = 0;
  }
};
std::vector<std::byte> bytes(std::string_view text) {
  std::vector<std::byte> v;
  for (const char c : text) v.push_back(static_cast<std::byte>(c));
  return v;
}

}  // namespace

TEST_CASE("virtio block: what a write stores a read returns, completion reported once") {
  Fixture f;
  REQUIRE(f.begin());
  CHECK(f.block.sectors() == 64);
  CHECK(f.disk.accepted == ((std::uint64_t{1} << 32) | 1 << 9));
  std::vector<std::byte> out(1024, std::byte{7}), in(1024);
  CHECK(f.block.poll() == BlockStatus::idle);
  for (int round = 0; round < 9; ++round) {  // past the end of the ring
    f.block.submit_write(3, physical(out.data()), out.size());
    CHECK(f.block.poll() == BlockStatus::busy);
    f.disk.complete();
    CHECK(f.block.poll() == BlockStatus::done);
    CHECK(f.block.poll() == BlockStatus::idle);
  }
  f.block.submit_flush();
  f.disk.complete();
  CHECK(f.block.poll() == BlockStatus::done);
  f.block.submit_read(3, physical(in.data()), in.size());
  f.disk.complete();
  CHECK(f.block.poll() == BlockStatus::done);
  CHECK(in == out);
  CHECK(f.disk.notified == 11);
}

TEST_CASE("virtio block: failures") {
  Fixture f;
  REQUIRE(f.begin());
  std::vector<std::byte> data(1024);
  const auto refused = [&](std::uint64_t sector, std::size_t size) {
    f.block.submit_read(sector, physical(data.data()), size);
    return f.block.poll() == BlockStatus::failed && f.block.poll() == BlockStatus::idle;
  };
  CHECK(refused(63, 1024));
  CHECK(refused(UINT64_MAX, 512));
  CHECK(refused(0, 511));
  CHECK(refused(0, 0));
  CHECK(f.disk.notified == 0);
  f.disk.answer = 1;
  f.block.submit_read(0, physical(data.data()), 512);
  f.disk.complete();
  CHECK(f.block.poll() == BlockStatus::failed);
  Block none;
  none.submit_write(0, physical(data.data()), 512);
  CHECK(none.poll() == BlockStatus::failed);
}

TEST_CASE("virtio block: devices that cannot be used say why") {
  Fixture legacy;
  legacy.disk.registers[0x004] = 1;
  CHECK(Block::probe({&legacy.disk}) == Block::Kind::legacy_block);
  Fixture read_only;
  read_only.disk.offered |= 1 << 5;
  CHECK(read_only.begin().error().find("read-only") != std::string_view::npos);
  CHECK(read_only.disk.registers[0x070] == 128);
  Fixture refuses;
  refuses.disk.refuses_features = true;
  CHECK_FALSE(refuses.begin());
  Fixture no_flush;
  no_flush.disk.offered = std::uint64_t{1} << 32;
  REQUIRE(no_flush.begin());
  no_flush.block.submit_flush();  // such a device completes writes only when they are durable
  CHECK(no_flush.block.poll() == BlockStatus::done);
  CHECK(no_flush.disk.notified == 0);
}

TEST_CASE("firmware configuration: finds a file by its whole name") {
  FakeConfig config;
  std::vector<std::byte> directory = bytes(std::string_view{"\0\0\0\2", 4});
  const auto add = [&](std::string_view name, unsigned selector, unsigned size) {
    for (const unsigned b : {0u, 0u, 0u, size, 0u, selector, 0u, 0u}) directory.push_back(static_cast<std::byte>(b));
    auto text = bytes(name);
    text.resize(56);
    directory.insert(directory.end(), text.begin(), text.end());
  };
  add("opt/rvm/device-key-old", 0x20, 3);
  add("opt/rvm/device-key", 0x21, 4);
  config.streams = {bytes("QEMU"), directory, bytes("abcd")};
  const FirmwareConfig device{ConfigRegisters{&config}};
  CHECK(device.present());
  CHECK_FALSE(device.find("opt/rvm"));
  const auto file = device.find("opt/rvm/device-key");
  REQUIRE(file);
  CHECK(file->bytes == 4);
  std::vector<std::byte> content(4);
  device.read(*file, content);
  CHECK(content == bytes("abcd"));
  config.streams[0] = bytes("none");
  CHECK_FALSE(device.present());
}

TEST_CASE("registers: fields keep to themselves") {
  struct Sample : Register<Sample, std::uint32_t> {
    static Field<Sample> low() { return {4, 3}; }
    static Field<Sample> all() { return {0, 32}; }
  };
  const Sample s = Sample{{.raw = 0xffff'ffff}}.with(Sample::low(), 0xa);
  CHECK(s.raw == 0xffff'ffaf);
  CHECK(s.get(Sample::low()) == 2);
  CHECK(Sample{}.with(Sample::all(), 0x1234'5678).raw == 0x1234'5678);
}
