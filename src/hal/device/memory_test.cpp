// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <cstdlib>
#include <memory>
#include <random>
#include <vector>

#include "memory_map.hpp"
#include "translation_tables.hpp"

using namespace rvm;
using namespace rvm::hal;

namespace {

MemoryRange range(std::uint64_t base, std::uint64_t bytes) { return {PhysicalAddress{base}, bytes}; }

/// Page-aligned memory for tables.
class Pool {
 public:
  explicit Pool(std::size_t pages)
      : bytes_(pages * page_bytes), memory_(std::aligned_alloc(page_bytes, bytes_), &std::free) {}
  [[nodiscard]] MemoryRange range() const {
    return {PhysicalAddress{reinterpret_cast<std::uint64_t>(memory_.get())}, bytes_};
  }

 private:
  std::size_t bytes_;
  std::unique_ptr<void, decltype(&std::free)> memory_;
};

}  // namespace

TEST_CASE("memory map: against a bitmap of pages") {
  constexpr std::uint64_t pages = 64;
  std::mt19937 random{7};
  for (int round = 0; round < 2000; ++round) {
    MemoryMap map;
    std::vector<bool> free(pages + 2);
    for (int step = 0; step < 12; ++step) {
      const std::uint64_t base = random() % (pages * page_bytes), bytes = random() % (16 * page_bytes);
      const std::uint64_t end = std::min(base + bytes, pages * page_bytes);
      if (random() % 2 == 0) {
        REQUIRE(map.add(range(base, end - base)));
        for (std::uint64_t p = pages_for(base); (p + 1) * page_bytes <= end; ++p) free[p] = true;
      } else {
        REQUIRE(map.remove(range(base, end - base)));
        if (end > base) {
          for (std::uint64_t p = base / page_bytes; p * page_bytes < end; ++p) free[p] = false;
        }
      }
    }
    std::vector<bool> got(pages + 2);
    std::uint64_t last = 0;
    for (const MemoryRange& r : map.ranges()) {
      CHECK(r.base.value >= last);
      last = r.base.value + r.bytes;
      for (std::uint64_t p = r.base.value / page_bytes; p < last / page_bytes; ++p) got[p] = true;
    }
    REQUIRE(got == free);
  }
}

TEST_CASE("memory map: taking comes off the end, never leaves an empty range") {
  MemoryMap map;
  REQUIRE(map.add(range(0x1000, 0x3000)));
  REQUIRE(map.add(range(0x8000, 0x1000)));
  CHECK(map.take(0x2000).base == PhysicalAddress{0x2000});
  CHECK(map.take(0x1000).bytes == 0);
  CHECK(map.ranges().size() == 2);
}

TEST_CASE("memory map: ranges that wrap around are cut, not followed") {
  MemoryMap map;
  REQUIRE(map.add(range(UINT64_MAX - 0x2fff, UINT64_MAX)));
  CHECK(map.ranges().size() == 1);
  REQUIRE(map.remove(range(UINT64_MAX - 0xfff, UINT64_MAX)));
}

TEST_CASE("translation tables: blocks where alignment allows, attributes, no executable data") {
  const Pool pool{16};
  TranslationTables tables{pool.range()};
  constexpr std::uint64_t gib = 1 << 30, mib = 1 << 20;
  REQUIRE(tables.map(range(gib, gib), KernelAccess::read_write));
  REQUIRE(tables.map(range(2 * gib + 2 * mib, 4 * mib), KernelAccess::text));
  REQUIRE(tables.map(range(2 * gib + 6 * mib, 3 * page_bytes), KernelAccess::read_only));
  REQUIRE(tables.map(range(0x9000000, page_bytes), KernelAccess::device));

  constexpr std::uint64_t never_executes = std::uint64_t{1} << 54, read_only = 1 << 7;
  const auto data = tables.lookup(gib + 12345), text = tables.lookup(2 * gib + 5 * mib),
             constants = tables.lookup(2 * gib + 6 * mib);
  const auto device = tables.lookup(0x9000004);
  REQUIRE(data);
  CHECK((*data & 3) == 1);  // a block
  CHECK((*data & never_executes) != 0);
  CHECK((*data & read_only) == 0);
  REQUIRE(text);
  CHECK((*text & 3) == 1);
  CHECK((*text & never_executes) == 0);
  CHECK((*text & read_only) != 0);
  REQUIRE(constants);
  CHECK((*constants & 3) == 3);  // a page
  CHECK((*constants & (never_executes | read_only)) == (never_executes | read_only));
  REQUIRE(device);
  CHECK((*device >> 2 & 7) == memory_type_device);
  CHECK((*device & never_executes) != 0);
  CHECK_FALSE(tables.lookup(2 * gib + 6 * mib + 3 * page_bytes));
  CHECK_FALSE(tables.lookup(0));
}

TEST_CASE("translation tables: refusals") {
  const Pool pool{4};
  TranslationTables tables{pool.range()};
  CHECK_FALSE(tables.map(range(0x1001, page_bytes), KernelAccess::text));
  CHECK_FALSE(tables.map(range(std::uint64_t{1} << 48, page_bytes), KernelAccess::text));
  REQUIRE(tables.map(range(0x1000, page_bytes), KernelAccess::text));
  CHECK_FALSE(tables.map(range(0x1000, page_bytes), KernelAccess::read_write));            // mapped already
  CHECK_FALSE(tables.map(range(std::uint64_t{1} << 40, page_bytes), KernelAccess::text));  // no table left
}
