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

TEST_CASE("stage 2: visit, replace and next_mapped agree with a model, across holes and the edges of tables") {
  for (const hal::TranslationGeometry& g : {forty, forty_four}) {
    Fixture f{g};
    struct Page {
      std::uint64_t output;
      Access access;
    };
    std::map<std::uint64_t, Page> model;  // by guest page address
    std::mt19937 random{g.address_bits + 1000};
    const auto below = [&](std::uint64_t bound) { return random() % bound; };
    // Single pages around the edge of a last-level table, of a 1 GiB table, and at the end of the space.
    const std::uint64_t limit = std::uint64_t{1} << g.address_bits;
    const std::vector<std::uint64_t> windows{0, 2 * mib - 64 * page_bytes, gib - 300 * page_bytes, limit - 8 * mib};
    constexpr std::uint64_t window_pages = 8 * mib / page_bytes;
    const auto any_access = [&] {
      return std::array{Access::read, Access::read_write, Access::read_execute}[below(3)];
    };
    for (int step = 0; step < 8000; ++step) {
      const std::uint64_t window = windows[below(windows.size())];
      const std::uint64_t first = below(window_pages);
      const std::uint64_t pages = std::min(window_pages - first, below(3) == 0 ? 1 + below(1500) : 1 + below(40));
      const std::uint64_t guest = window + first * page_bytes;
      const std::uint64_t end = guest + pages * page_bytes;
      switch (below(6)) {
        case 0:
        case 1: {  // a page more, clustered so that runs form
          const std::uint64_t at = below(2) == 0 || model.empty() ? guest : std::prev(model.end())->first - page_bytes;
          if (model.contains(at) || at >= limit) break;
          const Page page{below(1 << 20) * page_bytes, any_access()};
          REQUIRE(f.map(at, page.output, 1, page.access));
          model[at] = page;
          break;
        }
        case 2: {  // a page less
          const auto gone = model.lower_bound(guest);
          if (gone == model.end()) break;
          const Result<Unmapped> unmapped = f.tables.unmap(GuestAddress{gone->first}, 1, ignore);
          REQUIRE(unmapped);
          if (unmapped->tables_retired) f.tables.release_retired();
          model.erase(gone);
          break;
        }
        case 3: {
          auto expected = model.lower_bound(guest);
          const bool stop = below(4) == 0;
          std::uint64_t left = stop ? below(10) : UINT64_MAX;
          const Status visited = f.tables.visit(
              GuestAddress{guest}, pages, [&](GuestAddress at, const Translation& page) -> Result<Access> {
                REQUIRE(expected != model.end());
                REQUIRE(at.value == expected->first);
                REQUIRE(page.address.value == backing.value + expected->second.output);
                REQUIRE(page.access == expected->second.access);
                REQUIRE(page.type == MemoryType::normal);
                if (left-- == 0) return fail(Error::resource_limit);
                if (below(2) == 0) expected->second.access = any_access();
                return (expected++)->second.access;
              });
          if (visited) REQUIRE((expected == model.end() || expected->first >= end));
          if (!visited) REQUIRE((stop && visited.error() == Error::resource_limit));
          break;
        }
        case 4: {
          const auto next = model.lower_bound(guest);
          const bool found = next != model.end() && next->first < end;
          REQUIRE(f.tables.next_mapped(GuestAddress{guest}, pages) ==
                  (found ? (next->first - guest) / page_bytes : pages));
          break;
        }
        default: {
          const auto there = model.lower_bound(guest);
          if (there == model.end()) break;
          bool invalidated = false;
          const Page page{below(1 << 20) * page_bytes, any_access()};
          const std::uint64_t published = TestMachine::publications;
          REQUIRE(f.tables.replace(GuestAddress{there->first}, offset(backing, page.output), page.access, [&] {
            CHECK_MESSAGE(!hardware_walk(f.tables.root(), g, there->first), "break before make");
            invalidated = true;
          }));
          REQUIRE(invalidated);
          REQUIRE(TestMachine::publications > published);
          there->second = page;
          break;
        }
      }
      if (step % 16 != 0) continue;
      for (const auto& [at, page] : model) {
        const std::optional<Leaf> leaf = hardware_walk(f.tables.root(), g, at);
        REQUIRE(leaf);
        REQUIRE(leaf->output == backing.value + page.output);
        REQUIRE(f.tables.translate(GuestAddress{at})->access == page.access);
      }
    }
    // The tables' counts of live entries survived all of it: what is empty now goes.
    while (!model.empty()) {
      REQUIRE(f.tables.unmap(GuestAddress{model.begin()->first}, 1, ignore));
      model.erase(model.begin());
    }
    f.tables.release_retired();
    CHECK(f.tables_used() == 0);
  }
}

TEST_CASE("stage 2: share maps in another place what is mapped here, page by page, or stops with nothing lost") {
  for (const hal::TranslationGeometry& g : {forty, forty_four}) {
    std::mt19937 random{g.address_bits + 2000};
    const auto below = [&](std::uint64_t bound) { return random() % bound; };
    for (int round = 0; round < 300; ++round) {
      Fixture f{g};
      constexpr std::uint64_t window_pages = 6 * mib / page_bytes;
      const std::uint64_t from = gib - 3 * mib;  // across an edge of a 1 GiB table
      const std::uint64_t to = 8 * gib - 3 * mib;
      std::map<std::uint64_t, Access> here;  // by page of the window
      const std::uint64_t clusters = 1 + below(5);
      for (std::uint64_t c = 0; c < clusters; ++c) {
        const std::uint64_t first = below(window_pages);
        for (std::uint64_t i = first; i < std::min(window_pages, first + 1 + below(40)); ++i) {
          const Access access = std::array{Access::read, Access::read_write, Access::read_execute}[below(3)];
          if (here.emplace(i, access).second) REQUIRE(f.map(from + i * page_bytes, i * page_bytes, 1, access));
        }
      }
      const std::uint64_t begin = below(window_pages);
      const std::uint64_t pages = 1 + below(window_pages - begin);
      const std::uint32_t tables_before = f.tables_used();
      // Sometimes the visitor stops it, sometimes there is no memory for a table.
      std::uint64_t most = below(3) == 0 ? below(60) : UINT64_MAX;
      if (below(3) == 0) f.account.quota = f.account.used + static_cast<std::uint32_t>(below(4));
      std::uint64_t taken = 0;
      std::uint64_t given_back = 0;
      const Status shared = f.tables.share(
          GuestAddress{from + begin * page_bytes}, pages, f.tables, GuestAddress{to + begin * page_bytes},
          [&](const Translation& page) -> Result<Access> {
            REQUIRE(here.contains((page.address.value - backing.value) / page_bytes));
            if (taken == most) return fail(Error::resource_limit);
            ++taken;
            return page.access == Access::read_write ? Access::read : page.access;
          },
          [&](const Translation&) { ++given_back; });
      f.account.quota = 0;
      REQUIRE(given_back == (!shared && shared.error() == Error::no_memory ? 1u : 0u));
      std::uint64_t there = 0;
      std::uint64_t seen = 0;
      for (const auto& [i, access] : here) {
        const bool asked = i >= begin && i < begin + pages;
        const bool was_taken = asked && seen++ < taken;
        const Access now = was_taken && access == Access::read_write ? Access::read : access;
        REQUIRE(f.tables.translate(GuestAddress{from + i * page_bytes})->access == now);
        const auto copy = f.tables.translate(GuestAddress{to + i * page_bytes});
        REQUIRE(copy.has_value() == (was_taken && seen <= taken - given_back));
        if (!copy) continue;
        ++there;
        REQUIRE(copy->access == now);
        REQUIRE(copy->address.value == backing.value + i * page_bytes);
        // What was counted is taken off again.
        const Result<Unmapped> gone = f.tables.unmap(GuestAddress{to + i * page_bytes}, 1, ignore);
        REQUIRE(gone);
        if (gone->tables_retired) f.tables.release_retired();
      }
      REQUIRE(there == taken - given_back);
      REQUIRE(f.tables_used() == tables_before);
      for (const auto& [i, access] : here) {
        const Result<Unmapped> gone = f.tables.unmap(GuestAddress{from + i * page_bytes}, 1, ignore);
        REQUIRE(gone);
        if (gone->tables_retired) f.tables.release_retired();
      }
      REQUIRE(f.tables_used() == 0);
    }
  }
}

TEST_CASE("stage 2: relink hands a slot to another address space, and nothing else") {
  for (const hal::TranslationGeometry& g : {forty, forty_four}) {
    std::mt19937 random{g.address_bits + 3000};
    const auto below = [&](std::uint64_t bound) { return random() % bound; };
    for (int round = 0; round < 200; ++round) {
      Fixture f{g};
      PageAccount account;
      Tables other = std::move(*Tables::create(f.allocator, g, PartitionId{4}, account));
      const std::uint32_t root_pages = account.used;
      std::map<std::uint64_t, std::uint64_t> here;  // page -> pages of its mapping
      std::map<std::uint64_t, std::uint64_t> there;
      std::map<std::uint64_t, std::uint64_t>* lists[] = {&here, &there};
      Tables* spaces[] = {&f.tables, &other};
      // Slots 1 to 4, of which odd ones may begin here and even ones there; pages, and blocks of 2 MiB.
      for (int i = 0; i < 60; ++i) {
        const std::uint64_t slot = 1 + below(4);
        const std::uint64_t pages = below(6) == 0 ? 512 : 1;
        const std::uint64_t at = slot * g.slot_bytes + (below(g.slot_bytes / (2 * mib)) % 5) * 2 * mib +
                                 (pages == 1 ? below(512) * page_bytes : 0);
        if (spaces[slot & 1 ? 0 : 1]->map(GuestAddress{at}, offset(backing, at), pages, Access::read,
                                          MemoryType::normal))
          lists[slot & 1 ? 0 : 1]->emplace(at, pages);
      }
      for (int move = 0; move < 8; ++move) {
        const std::uint64_t slot = 1 + below(4);
        const GuestAddress base{slot * g.slot_bytes};
        const auto in_slot = [&](std::uint64_t at) { return at / g.slot_bytes == slot; };
        const int from = std::ranges::any_of(here, [&](const auto& m) { return in_slot(m.first); }) ? 0 : 1;
        std::uint64_t pages = 0;
        for (const auto& [at, n] : *lists[from]) pages += in_slot(at) ? n : 0;
        const SlotContents contents = spaces[from]->slot_contents(base, g.slot_bytes);
        REQUIRE(contents.pages == pages);
        PageAccount& giver = from == 0 ? f.account : account;
        PageAccount& taker = from == 0 ? account : f.account;
        // Without room for a table above the slot's entries nothing happens; there may be one already.
        if (below(3) == 0) taker.quota = taker.used;
        const Result<Unmapped> moved = spaces[from]->relink(base, g.slot_bytes, *spaces[1 - from]);
        taker.quota = 0;
        if (!moved) {
          REQUIRE(moved.error() == Error::no_memory);
          REQUIRE(spaces[from]->slot_contents(base, g.slot_bytes).pages == pages);
          REQUIRE(spaces[1 - from]->slot_contents(base, g.slot_bytes).pages == 0);
          continue;
        }
        giver.credit(contents.tables);
        REQUIRE(taker.charge(contents.tables));
        for (auto m = lists[from]->begin(); m != lists[from]->end();) {
          if (!in_slot(m->first)) {
            ++m;
            continue;
          }
          lists[1 - from]->insert(*m);
          m = lists[from]->erase(m);
        }
        if (moved->tables_retired) spaces[from]->release_retired();
        for (int side : {0, 1}) {
          for (const auto& [at, n] : *lists[side]) {
            const auto leaf = hardware_walk(spaces[side]->root(), g, at + (n - 1) * page_bytes);
            REQUIRE(leaf);
            REQUIRE(leaf->output == backing.value + at + (n - 1) * page_bytes);
            REQUIRE(!hardware_walk(spaces[1 - side]->root(), g, at));
          }
        }
      }
      // All counts of live entries are right: what is empty goes, and every table is found under its owner.
      for (int side : {0, 1}) {
        for (const auto& [at, n] : *lists[side]) REQUIRE(spaces[side]->unmap(GuestAddress{at}, n, ignore));
        spaces[side]->release_retired();
      }
      REQUIRE(f.tables_used() == 0);
      REQUIRE(account.used == root_pages);
      other.destroy();
      REQUIRE(account.used == 0);
    }
  }
}

TEST_CASE("stage 2: protect changes the access of pages and blocks, and of nothing beside them") {
  for (const hal::TranslationGeometry& g : {forty, forty_four}) {
    Fixture f{g};
    // A page before, pages up to a block, the block, pages behind it, and one after.
    REQUIRE(f.map(2 * mib - 4 * page_bytes, 2 * mib - 4 * page_bytes, 520));
    f.tables.protect(GuestAddress{2 * mib - 3 * page_bytes}, 518, Access::read);
    for (std::uint64_t i = 0; i < 520; ++i) {
      const std::uint64_t at = 2 * mib - 4 * page_bytes + i * page_bytes;
      const Access expected = i == 0 || i == 519 ? Access::read_write : Access::read;
      const auto found = f.tables.translate(GuestAddress{at});
      REQUIRE(found);
      REQUIRE(found->access == expected);
      REQUIRE(found->address.value == backing.value + at);
    }
    CHECK(hardware_leaf(f.tables.root(), g, 2 * mib).level == 2);
  }
}

TEST_CASE("stage 2: replace wants a page that is mapped by itself") {
  Fixture f{forty};
  REQUIRE(f.map(0x1000, 0x5000, 1));
  REQUIRE(f.map(2 * mib, 2 * mib, 512));
  const auto never = [] { FAIL("nothing was broken, so nothing is to be invalidated"); };
  const auto replace = [&](std::uint64_t at) {
    return f.tables.replace(GuestAddress{at}, backing, Access::read_write, never);
  };
  CHECK(replace(0x2000) == fail(Error::bad_address));
  CHECK(replace(0x1008) == fail(Error::bad_address));
  CHECK(replace(2 * mib) == fail(Error::bad_address));
  CHECK(replace(2 * mib + 0x1000) == fail(Error::bad_address));
  CHECK(replace(gib) == fail(Error::bad_address));
  CHECK(f.tables.translate(GuestAddress{0x1000})->address == offset(backing, 0x5000));
}

TEST_CASE("stage 2: empty space costs a visit nothing, however large") {
  Fixture f{forty};
  const auto nobody = [](GuestAddress, const Translation&) -> Result<Access> { return fail(Error::internal); };
  CHECK(f.tables.visit(GuestAddress{0}, (std::uint64_t{1} << 40) / page_bytes, nobody));
  CHECK(f.tables.next_mapped(GuestAddress{0}, (std::uint64_t{1} << 40) / page_bytes) ==
        (std::uint64_t{1} << 40) / page_bytes);
  REQUIRE(f.map((std::uint64_t{1} << 40) - page_bytes, 0, 1));
  CHECK(f.tables.next_mapped(GuestAddress{0x1000}, (std::uint64_t{1} << 40) / page_bytes - 1) ==
        (std::uint64_t{1} << 40) / page_bytes - 2);
  CHECK(f.tables.next_mapped(GuestAddress{0x1000}, 1) == 1);
}

}  // namespace rvm::memory
