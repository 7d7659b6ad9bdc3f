// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/memory/copy.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "test_machine.hpp"

namespace rvm::memory {

namespace {

constexpr std::uint64_t mib = 1024 * 1024;
constexpr hal::TranslationGeometry geometry{40, 1, 2, 8, 256 * mib};

/// Two partitions. Each has, from 0x10000: two writable pages that are not neighbours in RAM, then a read-only page, then a
/// hole, then a device page.
struct Fixture {
  Fixture() {
    const hal::MemoryRange all = ram.all();
    REQUIRE(allocator.init({&all, 1}));
    for (Side& side : sides) {
      side.tables = *StageTwo<TestMachine>::create(allocator, geometry, PartitionId{1}, account);
      for (int page : {1, 0, 2}) {
        side.pages[page] = allocator.allocate(0, PartitionId{1})->release();
        const Access access = page == 2 ? Access::read : Access::read_write;
        REQUIRE(side.tables.map(GuestAddress{0x10000 + page_bytes * static_cast<unsigned>(page)}, side.pages[page], 1,
                                access, MemoryType::normal));
      }
      REQUIRE(side.tables.map(GuestAddress{0x14000}, side.pages[0], 1, Access::read_write, MemoryType::device));
    }
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() {
    for (Side& side : sides) {
      side.tables.destroy();
    }
  }

  struct Side {
    StageTwo<TestMachine> tables;
    PhysicalAddress pages[3];
    std::byte& at(std::uint64_t guest) {
      return *TestMachine::to_pointer(offset(pages[(guest - 0x10000) / page_bytes], guest % page_bytes));
    }
  };
  TestRam ram{4 * mib};
  PageAllocator<TestMachine> allocator;
  PageAccount account;
  Side sides[2];
};

std::vector<std::byte> pattern(std::size_t bytes, unsigned seed) {
  std::vector<std::byte> made(bytes);
  std::mt19937 random{seed};
  std::ranges::generate(made, [&] { return static_cast<std::byte>(random()); });
  return made;
}

}  // namespace

TEST_CASE("copy: bytes arrive at every offset and length across a page boundary") {
  Fixture f;
  for (const std::uint64_t start : {0x10000u, 0x10001u, 0x10fffu, 0x10800u, 0x11000u}) {
    for (const std::size_t bytes :
         {std::size_t{0}, std::size_t{1}, std::size_t{2}, std::size_t{4095}, std::size_t{4096}}) {
      const std::vector<std::byte> sent = pattern(bytes, static_cast<unsigned>(bytes + start));
      REQUIRE(copy_out(f.sides[0].tables, GuestAddress{start}, std::span{sent}));
      for (std::size_t i = 0; i < bytes; ++i) {
        REQUIRE(f.sides[0].at(start + i) == sent[i]);
      }
      std::vector<std::byte> received(bytes);
      REQUIRE(copy_in(f.sides[0].tables, GuestAddress{start}, std::span{received}));
      CHECK(received == sent);
      for (const std::uint64_t to : {0x10000u, 0x10007u, 0x10fffu}) {
        REQUIRE(copy_between(f.sides[0].tables, GuestAddress{start}, f.sides[1].tables, GuestAddress{to}, bytes));
        for (std::size_t i = 0; i < bytes; ++i) {
          REQUIRE(f.sides[1].at(to + i) == sent[i]);
        }
      }
    }
  }
}

TEST_CASE("copy: refused before any byte moves when some page is unmapped, read-only, device, or the range wraps") {
  Fixture f;
  const std::vector<std::byte> sent = pattern(4096, 1);
  const auto unchanged = [&] {
    return std::ranges::all_of(f.sides, [](const auto& side) {
      return std::ranges::all_of(side.pages, [](PhysicalAddress page) { return is_zero(page, 1); });
    });
  };
  auto& tables = f.sides[0].tables;
  CHECK(copy_out(tables, GuestAddress{0x11800}, std::span{sent}) == fail(Error::bad_address));  // into read-only
  CHECK(copy_out(tables, GuestAddress{0x0f800}, std::span{sent}) == fail(Error::bad_address));  // out of a hole
  CHECK(copy_out(tables, GuestAddress{0x14000}, std::span{sent}) == fail(Error::bad_address));  // device
  CHECK(copy_out(tables, GuestAddress{UINT64_MAX - 10}, std::span{sent}) == fail(Error::bad_address));
  CHECK(copy_out(tables, GuestAddress{(std::uint64_t{1} << 40) - 1}, std::span{sent}) == fail(Error::bad_address));
  std::vector<std::byte> received = pattern(4096, 2);
  const std::vector<std::byte> before = received;
  CHECK(copy_in(tables, GuestAddress{0x12800}, std::span{received}) == fail(Error::bad_address));  // into a hole
  CHECK(copy_in(tables, GuestAddress{0x14000}, std::span{received}) == fail(Error::bad_address));
  CHECK(received == before);
  CHECK(copy_in(tables, GuestAddress{0x12000}, std::span{received}));  // read-only may be read
  auto& other = f.sides[1].tables;
  CHECK(copy_between(tables, GuestAddress{0x12800}, other, GuestAddress{0x10000}, 4096) == fail(Error::bad_address));
  CHECK(copy_between(tables, GuestAddress{0x10000}, other, GuestAddress{0x11800}, 4096) == fail(Error::bad_address));
  CHECK(copy_between(tables, GuestAddress{0x10000}, other, GuestAddress{0x10000}, 4097) == fail(Error::bad_argument));
  std::vector<std::byte> large(4097);
  CHECK(copy_in(tables, GuestAddress{0x10000}, std::span{large}) == fail(Error::bad_argument));
  CHECK(copy_out(tables, GuestAddress{0x10000}, std::span{std::as_const(large)}) == fail(Error::bad_argument));
  CHECK(unchanged());
}

}  // namespace rvm::memory
