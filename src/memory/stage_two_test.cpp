// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/memory/stage_two.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "test_machine.hpp"

namespace rvm::memory {

namespace {

using Allocator = PageAllocator<TestMachine>;
using Tables = StageTwo<TestMachine>;
constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t mib = 1024 * kib;
constexpr std::uint64_t gib = 1024 * mib;
constexpr hal::TranslationGeometry forty{40, 1, 2, 8, 256 * mib};
constexpr hal::TranslationGeometry forty_four{44, 0, 1, 16, 4 * gib};
constexpr PhysicalAddress backing{0x8'0000'0000};  // mapped pages need not exist: tables never look into them

constexpr auto ignore = [](GuestAddress, PhysicalAddress, std::uint64_t) {};

struct Leaf {
  std::uint64_t raw;
  std::uint64_t output;  // of the byte asked for
  unsigned level;
};

/// What the walker of a CPU does, written from the architecture manual alone: bit numbers, no code of the module.
std::optional<Leaf> hardware_walk(PhysicalAddress root, const hal::TranslationGeometry& g, std::uint64_t ipa) {
  const auto load = [](std::uint64_t address) {
    std::uint64_t raw = 0;
    std::memcpy(&raw, TestMachine::to_pointer(PhysicalAddress{address}), 8);
    return raw;
  };
  REQUIRE(root.value % (g.root_pages * 4096) == 0);
  std::uint64_t table = root.value;
  for (unsigned level = g.start_level;; ++level) {
    const unsigned low = 12 + 9 * (3 - level);
    const std::uint64_t index = level == g.start_level ? ipa >> low : (ipa >> low) & 0x1ff;
    REQUIRE(index < (level == g.start_level ? 512u * g.root_pages : 512u));
    const std::uint64_t raw = load(table + 8 * index);
    if ((raw & 1) == 0 || (level == 3 && (raw & 3) != 3)) {
      return std::nullopt;
    }
    if (level < 3 && (raw & 3) == 3) {
      table = raw & 0x0000'ffff'ffff'f000;
      continue;
    }
    REQUIRE(level != 0);  // no 512 GiB blocks without 52-bit addresses
    const std::uint64_t span = std::uint64_t{1} << low;
    const std::uint64_t base = raw & 0x0000'ffff'ffff'f000;
    REQUIRE(base % span == 0);
    return Leaf{raw, base + ipa % span, level};
  }
}

/// The same where there must be a mapping.
Leaf hardware_leaf(PhysicalAddress root, const hal::TranslationGeometry& g, std::uint64_t ipa) {
  const std::optional<Leaf> leaf = hardware_walk(root, g, ipa);
  REQUIRE(leaf);
  return leaf.value_or(Leaf{});
}

struct Fixture {
  explicit Fixture(const hal::TranslationGeometry& g, std::uint32_t quota = 0) : geometry(g), account{0, quota} {
    const hal::MemoryRange all = ram.all();
    REQUIRE(allocator.init({&all, 1}));
    Result<Tables> created = Tables::create(allocator, geometry, PartitionId{3}, account);
    REQUIRE(created);
    tables = std::move(*created);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;
  ~Fixture() {
    tables.destroy();
    CHECK(account.used == 0);
    CHECK(allocator.free_pages() == allocator.total_pages());
  }
  Status map(std::uint64_t guest, std::uint64_t physical, std::uint64_t pages, Access access = Access::read_write) {
    return tables.map(GuestAddress{guest}, offset(backing, physical), pages, access, MemoryType::normal);
  }
  std::uint32_t tables_used() const { return account.used - geometry.root_pages; }

  hal::TranslationGeometry geometry;
  TestRam ram{16 * mib};
  Allocator allocator;
  PageAccount account;
  Tables tables;
};

}  // namespace

TEST_CASE("stage 2: descriptors have the architecture's bits") {
  Fixture f{forty};
  REQUIRE(f.map(0x1000, 0x5000, 1, Access::read));
  REQUIRE(f.map(0x2000, 0x6000, 1, Access::read_write));
  REQUIRE(f.map(0x3000, 0x7000, 1, Access::read_execute));
  REQUIRE(f.tables.map(GuestAddress{0x4000}, offset(backing, 0x8000), 1, Access::read_write, MemoryType::device));
  const auto raw = [&](std::uint64_t ipa) { return hardware_leaf(f.tables.root(), forty, ipa).raw; };
  // AF = 1, SH = 0b11, type page; S2AP, MemAttr and XN as named.
  const std::uint64_t common = backing.value | 1 << 10 | 3 << 8 | 3;
  const std::uint64_t never_execute = std::uint64_t{1} << 54;
  CHECK(raw(0x1000) == (common + 0x5000 | 0b01 << 6 | 0b1111 << 2 | never_execute));
  CHECK(raw(0x2000) == (common + 0x6000 | 0b11 << 6 | 0b1111 << 2 | never_execute));
  CHECK(raw(0x3000) == (common + 0x7000 | 0b01 << 6 | 0b1111 << 2));
  CHECK(raw(0x4000) == (common + 0x8000 | 0b11 << 6 | 0b0001 << 2 | never_execute));
  CHECK(f.tables.translate(GuestAddress{0x4fff})->type == MemoryType::device);
  CHECK(f.tables.translate(GuestAddress{0x3fff})->access == Access::read_execute);
}

TEST_CASE("stage 2: blocks of 2 MiB and 1 GiB where both addresses allow") {
  for (const hal::TranslationGeometry& g : {forty, forty_four}) {
    Fixture f{g};
    REQUIRE(f.map(4 * gib, 0, gib / page_bytes));
    CHECK(hardware_leaf(f.tables.root(), g, 4 * gib + 5).level == 1);
    CHECK(f.tables_used() == (g.start_level == 0 ? 1 : 0));
    REQUIRE(f.map(6 * gib, 2 * mib, gib / page_bytes));
    CHECK(hardware_leaf(f.tables.root(), g, 6 * gib).level == 2);
    REQUIRE(f.map(8 * gib - page_bytes, 2 * mib - page_bytes, 514));
    CHECK(hardware_leaf(f.tables.root(), g, 8 * gib - 1).level == 3);
    CHECK(hardware_leaf(f.tables.root(), g, 8 * gib).level == 2);
    CHECK(hardware_leaf(f.tables.root(), g, 8 * gib + 2 * mib).level == 3);
    CHECK(hardware_walk(f.tables.root(), g, 8 * gib + 2 * mib + page_bytes) == std::nullopt);
  }
}

TEST_CASE("stage 2: the last page of the guest-physical space can be mapped, the one behind it cannot") {
  for (const hal::TranslationGeometry& g : {forty, forty_four}) {
    Fixture f{g};
    const std::uint64_t limit = std::uint64_t{1} << g.address_bits;
    REQUIRE(f.map(limit - page_bytes, 0, 1));
    CHECK(hardware_leaf(f.tables.root(), g, limit - 1).output == backing.value + page_bytes - 1);
    CHECK(f.map(limit, 0, 1) == fail(Error::bad_address));
    CHECK(f.map(limit - 2 * page_bytes, 0, 3) == fail(Error::bad_address));
    CHECK(f.map(UINT64_MAX - page_bytes + 1, 0, 1) == fail(Error::bad_address));
    CHECK(f.map(page_bytes, 0, UINT64_MAX / page_bytes) == fail(Error::bad_address));
    CHECK(f.tables.translate(GuestAddress{limit}).error() == Error::bad_address);
    CHECK(f.tables.translate(GuestAddress{UINT64_MAX}).error() == Error::bad_address);
  }
}

TEST_CASE("stage 2: refuses unaligned, empty, write-execute, unreadable, and overlap anywhere in the range") {
  Fixture f{forty};
  CHECK(f.map(0x1001, 0, 1) == fail(Error::unaligned));
  CHECK(f.map(0x1000, 8, 1) == fail(Error::unaligned));
  CHECK(f.map(0x1000, 0, 0) == fail(Error::bad_argument));
  CHECK(f.map(0x1000, 0, 1, Access::write | Access::execute) == fail(Error::write_execute));
  CHECK(f.map(0x1000, 0, 1, Access::read_write | Access::execute) == fail(Error::write_execute));
  CHECK(f.map(0x1000, 0, 1, Access::write) == fail(Error::bad_argument));
  CHECK(f.map(0x1000, 0, 1, Access::none) == fail(Error::bad_argument));
  CHECK(f.tables.map(GuestAddress{0}, PhysicalAddress{std::uint64_t{1} << 48}, 1, Access::read, MemoryType::normal) ==
        fail(Error::bad_address));
  CHECK(f.tables_used() == 0);
  REQUIRE(f.map(10 * mib, 0, 512));  // a block
  REQUIRE(f.map(13 * mib, 0, 1));
  const std::uint32_t used = f.account.used;
  CHECK(f.map(10 * mib, 0, 1) == fail(Error::overlap));
  CHECK(f.map(10 * mib, 0, 512) == fail(Error::overlap));
  CHECK(f.map(8 * mib, 0, 513) == fail(Error::overlap));
  CHECK(f.map(12 * mib, 0, 257) == fail(Error::overlap));
  CHECK(f.map(13 * mib, 0, 1) == fail(Error::overlap));
  CHECK(f.map(0, 0, gib / page_bytes) == fail(Error::overlap));
  CHECK(f.map(2 * mib, 2 * mib, 20 * mib / page_bytes) == fail(Error::overlap));
  CHECK(f.account.used == used);
  CHECK(!hardware_walk(f.tables.root(), forty, 8 * mib));
}

TEST_CASE("stage 2: a map without enough tables changes nothing") {
  for (const std::uint32_t quota : {2u, 3u, 4u, 5u}) {
    Fixture f{forty, quota};
    // Needs one level-2 and three level-3 tables.
    CHECK(f.map(2 * mib - page_bytes, 0, 514) == fail(Error::no_memory));
    CHECK(f.tables_used() == 0);
    CHECK(!hardware_walk(f.tables.root(), forty, 2 * mib - page_bytes));
  }
  {
    Fixture f{forty, 6};
    CHECK(f.map(2 * mib - page_bytes, 0, 514));
  }
  // The same when the machine has no page left.
  Fixture g{forty};
  std::vector<PhysicalAddress> taken;
  while (Result<PageBlock> block = g.allocator.allocate(0, PartitionId{1})) {
    taken.push_back(block->release());
  }
  CHECK(g.map(0x1000, 0, 1) == fail(Error::no_memory));
  CHECK(g.tables_used() == 0);
  PageAccount other;
  CHECK(Tables::create(g.allocator, forty, PartitionId{4}, other).error() == Error::no_memory);
  CHECK(other.used == 0);
  for (const PhysicalAddress address : taken) {
    REQUIRE(g.allocator.free_raw(address, 0));
  }
}

TEST_CASE("stage 2: unmap wants the whole range mapped and changes nothing otherwise") {
  Fixture f{forty};
  REQUIRE(f.map(0x1000, 0, 3));
  REQUIRE(f.map(0x5000, 0, 1));
  CHECK(f.tables.unmap(GuestAddress{0x1000}, 5, ignore).error() == Error::bad_address);
  CHECK(f.tables.unmap(GuestAddress{0x0}, 2, ignore).error() == Error::bad_address);
  CHECK(f.tables.unmap(GuestAddress{4 * mib}, 1, ignore).error() == Error::bad_address);
  CHECK(f.tables.unmap(GuestAddress{0x1001}, 1, ignore).error() == Error::unaligned);
  CHECK(f.tables.unmap(GuestAddress{0x1000}, 0, ignore).error() == Error::bad_argument);
  CHECK(f.tables.unmap(GuestAddress{0x1000}, UINT64_MAX / page_bytes, ignore).error() == Error::bad_address);
  for (const std::uint64_t ipa : {0x1000u, 0x2000u, 0x3000u, 0x5000u}) {
    CHECK(f.tables.translate(GuestAddress{ipa}));
  }
  CHECK(!f.tables.unmap(GuestAddress{0x1000}, 3, ignore)->tables_retired);
  CHECK(!f.tables.translate(GuestAddress{0x3000}));
  CHECK(f.tables.translate(GuestAddress{0x5000}));
}

TEST_CASE("stage 2: tables that became empty wait, all entries invalid, until the caller has invalidated") {
  Fixture f{forty};
  REQUIRE(f.map(0x1000, 0, 1));
  CHECK(f.tables_used() == 2);
  const std::uint64_t free_before = f.allocator.free_pages();
  const Result<Unmapped> unmapped = f.tables.unmap(GuestAddress{0x1000}, 1, ignore);
  REQUIRE(unmapped);
  CHECK(unmapped->tables_retired);
  CHECK(f.tables_used() == 2);
  CHECK(f.allocator.free_pages() == free_before);
  f.tables.release_retired();
  CHECK(f.tables_used() == 0);
  CHECK(f.allocator.free_pages() == free_before + 2);
  CHECK(TestMachine::invalidations == 0);
}

TEST_CASE("stage 2: unmapping part of a block splits it, break before make") {
  for (const hal::TranslationGeometry& g : {forty, forty_four}) {
    Fixture f{g};
    REQUIRE(f.map(gib, gib, gib / page_bytes, Access::read_execute));
    const std::uint64_t at = gib + 37 * mib;
    TestMachine::on_invalidate = [&] {
      CHECK_MESSAGE(!hardware_walk(f.tables.root(), g, at), "the block must be gone when the TLBs are invalidated");
    };
    std::vector<std::uint64_t> seen;
    REQUIRE(f.tables.unmap(GuestAddress{at}, 3, [&](GuestAddress, PhysicalAddress output, std::uint64_t pages) {
      seen.push_back(output.value);
      seen.push_back(pages);
    }));
    CHECK(seen == std::vector<std::uint64_t>{backing.value + at, 3});
    CHECK(TestMachine::invalidations == 2);  // the 1 GiB block, then one of its 2 MiB blocks
    for (std::uint64_t ipa = gib; ipa < 2 * gib; ipa += 4096) {
      const std::optional<Leaf> leaf = hardware_walk(f.tables.root(), g, ipa);
      const bool gone = ipa >= at && ipa < at + 3 * page_bytes;
      REQUIRE(leaf.has_value() != gone);
      if (leaf) {
        REQUIRE(leaf->output == backing.value + ipa);
        REQUIRE((leaf->raw >> 54 & 1) == 0);
      }
    }
    // Without room for the tables of the split nothing happens.
    f.account.quota = f.account.used;
    REQUIRE(f.tables.unmap(GuestAddress{gib}, 1, ignore).error() == Error::no_memory);
    CHECK(f.tables.translate(GuestAddress{gib}));
    f.account.quota = 0;
    TestMachine::on_invalidate = nullptr;
  }
}

TEST_CASE("stage 2: random maps and unmaps agree with a model, and every table is accounted for") {
  for (const hal::TranslationGeometry& g : {forty, forty_four}) {
    Fixture f{g};
    struct Page {
      std::uint64_t output;
      Access access;
    };
    std::map<std::uint64_t, Page> model;  // by guest page address
    std::mt19937 random{g.address_bits};
    const auto below = [&](std::uint64_t bound) { return random() % bound; };
    // A few windows, so that ranges meet: around a table boundary, a 1 GiB boundary, the end of the space.
    const std::uint64_t limit = std::uint64_t{1} << g.address_bits;
    const std::vector<std::uint64_t> windows{0, gib - 4 * mib, 512 * gib - 4 * mib, limit - 8 * mib};
    constexpr std::uint64_t window_pages = 8 * mib / page_bytes;
    for (int step = 0; step < 6000; ++step) {
      const std::uint64_t window = windows[below(windows.size())];
      std::uint64_t first = below(window_pages);
      std::uint64_t pages = below(4) == 0 ? 1 + below(1500) : 1 + below(4);
      if (below(3) == 0) {
        first &= ~std::uint64_t{511};
        pages = 512 * (1 + below(2));
      }
      pages = std::min(pages, window_pages - first);
      const std::uint64_t guest = window + first * page_bytes;
      const std::uint64_t end = guest + pages * page_bytes;
      const auto lowest = model.lower_bound(guest);
      const auto count = static_cast<std::uint64_t>(std::distance(lowest, model.lower_bound(end)));
      if (below(2) == 0) {
        const Access access = std::array{Access::read, Access::read_write, Access::read_execute}[below(3)];
        const std::uint64_t physical = below(2) == 0 ? guest % gib : below(1000) * page_bytes;
        const Status status = f.map(guest, physical, pages, access);
        REQUIRE(status.has_value() == (count == 0));
        if (!status) {
          REQUIRE(status.error() == Error::overlap);
          continue;
        }
        for (std::uint64_t i = 0; i < pages; ++i) {
          model[guest + i * page_bytes] = {backing.value + physical + i * page_bytes, access};
        }
      } else {
        std::uint64_t visited = 0;
        const Result<Unmapped> unmapped = f.tables.unmap(
            GuestAddress{guest}, pages, [&](GuestAddress from, PhysicalAddress output, std::uint64_t run) {
              for (std::uint64_t i = 0; i < run; ++i) {
                REQUIRE(model.at(from.value + i * page_bytes).output == output.value + i * page_bytes);
              }
              visited += run;
            });
        REQUIRE(unmapped.has_value() == (count == pages));
        if (!unmapped) {
          REQUIRE(unmapped.error() == Error::bad_address);
          continue;
        }
        REQUIRE(visited == pages);
        model.erase(lowest, model.lower_bound(end));
        if (unmapped->tables_retired) {
          f.tables.release_retired();
        }
      }
      for (int probe = 0; probe < 8; ++probe) {
        const std::uint64_t ipa = window + below(8 * mib);
        const auto expected = model.find(ipa & ~std::uint64_t{0xfff});
        const std::optional<Leaf> leaf = hardware_walk(f.tables.root(), g, ipa);
        const Result<Translation> translation = f.tables.translate(GuestAddress{ipa});
        REQUIRE(leaf.has_value() == (expected != model.end()));
        REQUIRE(translation.has_value() == leaf.has_value());
        if (leaf) {
          REQUIRE(leaf->output == expected->second.output + ipa % page_bytes);
          REQUIRE(translation->address.value == leaf->output);
          REQUIRE(translation->access == expected->second.access);
        }
      }
    }
    while (!model.empty()) {
      REQUIRE(f.tables.unmap(GuestAddress{model.begin()->first}, 1, ignore));
      model.erase(model.begin());
    }
    f.tables.release_retired();
    CHECK_MESSAGE(f.tables_used() == 0, "an empty translation must not keep tables");
  }
}

}  // namespace rvm::memory
