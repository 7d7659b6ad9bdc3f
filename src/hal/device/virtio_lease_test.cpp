// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A leased device that lies, or does not answer.
#include "virtio_lease.hpp"

#include <doctest/doctest.h>

#include <map>

using namespace rvm;
using namespace rvm::hal;

namespace {

/// An entropy source of two queues, that does what a test makes it do.
struct FakeDevice {
  std::map<std::uint64_t, std::uint32_t> registers{{0x000, 0x74726976}, {0x004, 2}, {0x008, 4}, {0x034, 256}};
  bool resets = true;
  unsigned reads = 0;
  unsigned queues = 2;       ///< that let themselves be set up
  unsigned queues_left = 2;  ///< since the last reset

  std::uint32_t read(std::uint64_t at) {
    ++reads;
    if (at == 0x010) return registers[0x014] != 0 ? 1 : 0;
    if (at == 0x034 && queues_left == 0) return 3;
    return registers[at];
  }
  void write(std::uint64_t at, std::uint32_t value) {
    if (at == 0x070 && value == 0) {
      if (!resets) return;
      queues_left = queues;
    }
    if (at == 0x044) {
      --queues_left;
      return;  // each queue has a register of its own
    }
    registers[at] = value;
  }
};

struct FakeRegisters {
  FakeDevice* device = nullptr;
  template <typename Word>
  Word read(std::uint64_t at) const {
    return static_cast<Word>(device->read(at));
  }
  void write(std::uint64_t at, std::uint32_t value) const { device->write(at, value); }
  static void order() {}
};

struct Fixture {
  FakeDevice device;
  VirtioLeaseMemory memory{};
  VirtioLease<FakeRegisters> lease;

  bool begin() { return lease.begin({&device}, memory, PhysicalAddress{0x4000'1000}); }
  std::uint16_t submit(std::uint32_t readable, std::uint32_t writable) {
    const std::array buffers{DeviceBuffer{PhysicalAddress{0x4000'2000}, readable, false},
                             DeviceBuffer{PhysicalAddress{0x4000'3000}, writable, true}};
    const auto request = lease.submit(0, buffers);
    REQUIRE(request.has_value());
    return *request;
  }
  /// The device says that it is done with the chain that begins at `id`.
  void use(std::uint32_t id, std::uint32_t bytes) {
    auto& used = memory.queues[0].used;
    used.ring[used.index % VirtioLeaseMemory::length] = {id, bytes};
    ++used.index;
  }
  DeviceCompletion::Status status() { return lease.complete(0).status; }
};
using enum DeviceCompletion::Status;

}  // namespace

TEST_CASE("virtio lease: requests come back in the device's order, each once") {
  Fixture f;
  REQUIRE(f.begin());
  const std::uint16_t first = f.submit(16, 64), second = f.submit(16, 32);
  CHECK(f.status() == none);
  f.use(second * 8u, 32);
  f.use(first * 8u, 10);
  const DeviceCompletion a = f.lease.complete(0), b = f.lease.complete(0);
  CHECK((a.status == done && a.request == second && a.bytes == 32));
  CHECK((b.status == done && b.request == first && b.bytes == 10));
  CHECK(f.status() == none);
  CHECK(f.lease.complete(1).status == none);
  CHECK(f.lease.complete(2).status == none);
  for (int i = 0; i < 8; ++i) f.submit(1, 1);
  const std::array buffers{DeviceBuffer{PhysicalAddress{0x4000'2000}, 1, false}};
  CHECK(f.lease.submit(0, buffers).error() == Error::would_block);
  CHECK(f.lease.submit(2, buffers).error() == Error::would_block);
  CHECK(f.lease.submit(0, {}).error() == Error::would_block);
  CHECK(f.lease.end());
  CHECK(f.lease.submit(0, buffers).error() == Error::would_block);
  CHECK(f.status() == none);
}

TEST_CASE("virtio lease: a device that lies is believed nothing after that") {
  const auto lie = [](auto tell) {
    Fixture f;
    REQUIRE(f.begin());
    REQUIRE(f.submit(16, 64) == 0);
    tell(f);
    CHECK(f.status() == failed);
    f.memory.queues[0].used.index = 1;  // the truth comes too late
    f.memory.queues[0].used.ring[0] = {0, 64};
    CHECK(f.status() == failed);
    const std::array buffers{DeviceBuffer{PhysicalAddress{0x4000'2000}, 1, false}};
    CHECK(f.lease.submit(0, buffers).error() == Error::device_failed);
    CHECK(f.lease.end());
    REQUIRE(f.begin());  // the next lease begins anew
    CHECK(f.status() == none);
    f.submit(1, 1);
  };
  lie([](Fixture& f) { f.use(8, 0); });           // another request, which nobody made
  lie([](Fixture& f) { f.use(1, 0); });           // the middle of a chain
  lie([](Fixture& f) { f.use(64, 0); });          // beyond the queue
  lie([](Fixture& f) { f.use(UINT32_MAX, 0); });  // far beyond
  lie([](Fixture& f) { f.use(0, 65); });          // more than there was room for
  lie([](Fixture& f) { f.use(0, UINT32_MAX); });
  lie([](Fixture& f) {
    f.use(0, 1);
    f.use(0, 1);  // more answers than requests
  });
  lie([](Fixture& f) { f.memory.queues[0].used.index = 0x8000; });  // a jump
  lie([](Fixture& f) { f.memory.queues[0].used.index = 0xffff; });  // backwards
}

TEST_CASE("virtio lease: what the driver knows does not come from memory that the device writes") {
  Fixture f;
  REQUIRE(f.begin());
  REQUIRE(f.submit(16, 64) == 0);
  f.memory.queues[0].available.index = 1000;
  for (auto& d : f.memory.queues[0].descriptors) d = {0, UINT32_MAX, 2, 0};
  REQUIRE(f.submit(16, 64) == 1);
  CHECK(f.memory.queues[0].available.index == 2);
  CHECK(f.memory.queues[0].available.ring[1] == 8);
  f.use(8, 65);  // the descriptors say that there is room for it
  CHECK(f.status() == failed);
}

TEST_CASE("virtio lease: nobody waits for a device that does not reset") {
  Fixture f;
  f.device.registers[0x070] = 15;
  f.device.resets = false;
  CHECK_FALSE(f.begin());
  CHECK_FALSE(f.lease.end());
  CHECK(f.device.reads < 10'000);
  const std::array buffers{DeviceBuffer{PhysicalAddress{0x4000'2000}, 1, false}};
  CHECK(f.lease.submit(0, buffers).error() == Error::would_block);

  Fixture later;  // it was well when it began
  REQUIRE(later.begin());
  later.submit(1, 1);
  later.device.resets = false;
  CHECK_FALSE(later.lease.end());
  CHECK(later.status() == none);
  later.use(0, 1);
  CHECK(later.status() == none);  // and what it does is nobody's concern
}

TEST_CASE("virtio lease: a device whose second queue cannot be set up is not used at all") {
  Fixture f;
  f.device.queues = 1;
  CHECK_FALSE(f.begin());
  const std::array buffers{DeviceBuffer{PhysicalAddress{0x4000'2000}, 1, false}};
  CHECK(f.lease.submit(0, buffers).error() == Error::would_block);
  CHECK(f.lease.end());
  CHECK(f.device.registers[0x070] == 0);
}
