// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/memory/region.hpp"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "test_machine.hpp"

namespace rvm::memory {

namespace {

using Allocator = PageAllocator<TestMachine>;
using TestRegion = Region<TestMachine>;
constexpr std::uint64_t mib = 1024 * 1024;
constexpr PartitionId alice{2};
constexpr PartitionId bob{3};

static_assert(!std::is_copy_constructible_v<TestRegion>, "a region has one owner");

}  // namespace

TEST_CASE("region: exactly the pages asked for, zeroed, owned, charged, in at most 16 extents") {
  const TestRam ram(80 * mib, 0x3c);
  Allocator allocator;
  const hal::MemoryRange all = ram.all();
  REQUIRE(allocator.init({&all, 1}));
  PageAccount account;
  for (const std::uint32_t pages : {1u, 2u, 3u, 5u, 511u, 512u, 513u, 1023u, 4097u, 8191u, 8192u}) {
    Result<TestRegion> region = TestRegion::create(allocator, RegionId{9}, pages, alice, account);
    REQUIRE(region);
    CHECK(region->state() == RegionState::live);
    CHECK(region->pages() == pages);
    CHECK(account.used == pages);
    CHECK(allocator.free_pages() == allocator.total_pages() - pages);
    std::uint32_t found = 0;
    std::set<std::uint64_t> seen;
    for (const Extent extent : region->extents()) {
      CHECK(is_zero(extent.base(), extent.pages()));
      for (std::uint32_t i = 0; i < extent.pages(); ++i) {
        const PhysicalAddress page = offset(extent.base(), i * page_bytes);
        REQUIRE(seen.insert(page.value).second);
        REQUIRE(allocator.owner_of(page) == alice);
      }
      found += extent.pages();
    }
    CHECK(found == pages);
    region->destroy(allocator, account);
    CHECK(region->state() == RegionState::empty);
    CHECK(account.used == 0);
    CHECK(allocator.free_pages() == allocator.total_pages());
  }
}

TEST_CASE("region: sizes outside 1..8192, quota and exhaustion are refused without effect") {
  const TestRam ram(8 * mib);
  Allocator allocator;
  const hal::MemoryRange all = ram.all();
  REQUIRE(allocator.init({&all, 1}));
  PageAccount account{0, 100};
  CHECK(TestRegion::create(allocator, RegionId{1}, 0, alice, account).error() == Error::bad_argument);
  CHECK(TestRegion::create(allocator, RegionId{1}, 8193, alice, account).error() == Error::bad_argument);
  CHECK(TestRegion::create(allocator, RegionId{1}, 101, alice, account).error() == Error::no_memory);
  account.quota = 0;
  CHECK(TestRegion::create(allocator, RegionId{1}, 8192, alice, account).error() == Error::no_memory);
  CHECK(account.used == 0);
  CHECK(allocator.free_pages() == allocator.total_pages());
}

TEST_CASE("region: fragmented memory is used in smaller extents, and refused beyond 16 of them") {
  const TestRam ram(8 * mib);
  Allocator allocator;
  const hal::MemoryRange all = ram.all();
  REQUIRE(allocator.init({&all, 1}));
  // Leave free only every other pair of pages.
  std::vector<PhysicalAddress> kept;
  std::vector<PhysicalAddress> holes;
  while (const Result<PhysicalAddress> run = allocator.allocate_run(2, bob)) {
    (run->value / (2 * page_bytes) % 2 == 0 ? kept : holes).push_back(*run);
  }
  while (const Result<PhysicalAddress> run = allocator.allocate_run(1, bob)) {
  }
  for (const PhysicalAddress hole : holes) {
    REQUIRE(allocator.free_run(hole, 2));
  }
  const std::uint64_t free_before = allocator.free_pages();
  PageAccount account;
  Result<TestRegion> region = TestRegion::create(allocator, RegionId{1}, 32, alice, account);
  REQUIRE(region);
  CHECK(region->extents().size() == 16);
  CHECK(TestRegion::create(allocator, RegionId{2}, 33, alice, account).error() == Error::no_memory);
  CHECK(account.used == 32);
  CHECK(allocator.free_pages() == free_before - 32);
  region->destroy(allocator, account);
  CHECK(allocator.free_pages() == free_before);
}

TEST_CASE("region: transfer moves owner and charge, or nothing") {
  const TestRam ram(8 * mib);
  Allocator allocator;
  const hal::MemoryRange all = ram.all();
  REQUIRE(allocator.init({&all, 1}));
  PageAccount from;
  PageAccount to{0, 9};
  Result<TestRegion> created = TestRegion::create(allocator, RegionId{1}, 10, alice, from);
  REQUIRE(created);
  TestRegion region = std::move(*created);
  CHECK(created->state() == RegionState::empty);
  CHECK(region.transfer(allocator, bob, from, to) == fail(Error::no_memory));
  CHECK(region.owner() == alice);
  CHECK(from.used == 10);
  to.quota = 10;
  CHECK(region.transfer(allocator, bob, from, to));
  CHECK(region.owner() == bob);
  CHECK(from.used == 0);
  CHECK(to.used == 10);
  for (const Extent extent : region.extents()) {
    CHECK(allocator.owner_of(extent.base()) == bob);
    CHECK(allocator.owner_of(offset(extent.base(), (extent.pages() - 1) * page_bytes)) == bob);
  }
  region.begin_destroy();
  CHECK(region.transfer(allocator, alice, to, from) == fail(Error::bad_state));
  region.destroy(allocator, to);
  CHECK(to.used == 0);
}

}  // namespace rvm::memory
