// SPDX-License-Identifier: MIT OR Apache-2.0
#include "translation.hpp"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <vector>

using namespace rvm::window;

namespace {

constexpr std::uint64_t page = Translation::page;
constexpr std::uint64_t megabyte = std::uint64_t{1} << 20;
constexpr std::uint64_t gigabyte = std::uint64_t{1} << 30;
constexpr std::uint64_t distance = std::uint64_t{1}
                                   << 44;  // from pointers, which have 47 bits, to guest-physical addresses
constexpr Entry output_bits = 0x0000'ffff'ffff'f000;

std::uint64_t last_invalidated = 0;

struct Tables {
  alignas(4096) Entry root[64]{};
  std::vector<Table> tables;
  std::uint64_t to_guest = distance;
  Translation translation{root, to_guest, [](std::uint64_t address) { last_invalidated = address; }};

  explicit Tables(std::size_t count) : tables(count) { translation.give(tables); }

  /// What a walk finds for a page: 0, or the guest-physical address with its permission.
  [[nodiscard]] std::uint64_t walk(std::uint64_t address) const {
    const Entry* entry = &root[address >> 30];
    for (unsigned level = 1;; ++level) {
      if ((*entry & 1) == 0) return 0;
      const unsigned shift = 12 + 9 * (3 - level);
      const bool leaf = level == 3 || (*entry & 2) == 0;
      if (leaf) {
        CHECK((level != 3 || (*entry & 2) != 0));  // a page's entry has both bits
        CHECK((*entry & (std::uint64_t{1} << 10)) != 0);
        CHECK((*entry & output_bits & ((std::uint64_t{1} << shift) - 1)) == 0);
        const std::uint64_t within = address & ((std::uint64_t{1} << shift) - 1) & ~(page - 1);
        return (*entry & output_bits) + within + ((*entry & Translation::read_only) != 0 ? 1 : 0);
      }
      const auto* const below = reinterpret_cast<const Table*>((*entry & output_bits) - to_guest);
      entry = &below->entries[address >> (shift - 9) & 511];
    }
  }
};

}  // namespace

TEST_CASE("stage 1: a slot takes a block a gigabyte, or two megabytes where it is smaller") {
  Tables large{0};
  CHECK(large.translation.map(16 * gigabyte, 128 * gigabyte, 4 * gigabyte, Permission::all));
  CHECK(large.walk(16 * gigabyte) == 128 * gigabyte);
  CHECK(large.walk(20 * gigabyte - page) == 132 * gigabyte - page);
  CHECK(large.walk(20 * gigabyte) == 0);
  CHECK(large.walk(0) == 0);
  Tables small{1};
  CHECK(small.translation.map(16 * gigabyte, 3 * gigabyte + 256 * megabyte, 256 * megabyte, Permission::all));
  CHECK(small.walk(16 * gigabyte + 255 * megabyte) == 3 * gigabyte + 511 * megabyte);
  CHECK(small.walk(16 * gigabyte + 256 * megabyte) == 0);
  // No table is left for a page.
  CHECK(!small.translation.map(32 * gigabyte, 3 * gigabyte, page, Permission::write));
}

namespace {

void map_and_unmap(unsigned seed) {
  Tables t{600};
  std::map<std::uint64_t, std::uint64_t> model;  // page: where, and whether it is read-only
  std::mt19937_64 random{seed};
  constexpr std::uint64_t base = 32 * gigabyte - 4 * megabyte;  // across a boundary of level 1
  constexpr std::uint64_t pages = 8 * megabyte / page;
  const auto check = [&] {
    for (std::uint64_t i = 0; i < pages + 2; ++i) {
      const std::uint64_t address = base + i * page;
      const auto known = model.find(address);
      if (t.walk(address) != (known == model.end() ? 0 : known->second)) {
        CHECK_MESSAGE(false, "page ", i, " is ", t.walk(address));
        return;
      }
    }
  };
  for (int round = 0; round < 25; ++round) {
    std::uint64_t first = random() % pages;
    if (round % 3 == 0) first &= ~std::uint64_t{511};
    const std::uint64_t count =
        1 + random() % (round % 2 == 0 ? pages - first : std::min<std::uint64_t>(pages - first, 9));
    const std::uint64_t address = base + first * page;
    if (random() % 3 == 0) {
      CHECK(t.translation.unmap(address, count * page));
      for (std::uint64_t i = 0; i < count; ++i) model.erase(address + i * page);
    } else if (random() % 4 == 0) {
      // One page becomes writable, as in a turn.
      Entry* const entry = t.translation.find_page(address);
      const auto known = model.find(address);
      CHECK((entry != nullptr) == (known != model.end()));
      if (entry != nullptr) {
        *entry &= ~Translation::read_only;
        known->second &= ~std::uint64_t{1};
        CHECK((t.translation.find(address) & output_bits) == known->second);
      }
    } else {
      // Half of them so that blocks are possible.
      const std::uint64_t guest =
          5 * gigabyte + (random() % 2 == 0 ? address & (2 * megabyte - 1) : page * (random() % 9999));
      const bool read_only = random() % 2 == 0;
      CHECK(t.translation.map(address, guest, count * page, read_only ? Permission::read : Permission::write));
      for (std::uint64_t i = 0; i < count; ++i) model[address + i * page] = guest + i * page + (read_only ? 1 : 0);
    }
    check();
  }
}

}  // namespace

TEST_CASE("stage 1: what is mapped and unmapped in any order is what a walk finds") {
  // A table that is there stays, so blocks are seen at the begin only.
  for (unsigned seed = 1; seed <= 40; ++seed) map_and_unmap(seed);
}

TEST_CASE("stage 1: a block that becomes a table is nothing in between") {
  Tables t{2};
  CHECK(t.translation.map(32 * gigabyte, 2 * gigabyte, 2 * megabyte, Permission::read));
  last_invalidated = 0;
  CHECK(t.translation.find_page(32 * gigabyte + 5 * page) != nullptr);
  CHECK(last_invalidated == 32 * gigabyte + 5 * page);
  CHECK(t.translation.find_page(34 * gigabyte) == nullptr);
}

TEST_CASE("stage 1: tables move with what they map") {
  Tables t{20};
  constexpr std::uint64_t slot = 8 * gigabyte;
  CHECK(t.translation.map(16 * gigabyte, slot, gigabyte, Permission::all));
  CHECK(t.translation.map(32 * gigabyte + 5 * page, slot + 5 * page, 700 * page, Permission::read));
  // As if a copy of the tables lay elsewhere: the same pointers mean other guest-physical addresses.
  constexpr std::uint64_t moved = 3 * gigabyte;
  Translation copy{t.root, t.to_guest + moved, nullptr};
  copy.move(moved, 0, 64);
  t.to_guest += moved;
  CHECK(t.walk(16 * gigabyte + 9 * page) == slot + moved + 9 * page);
  CHECK(t.walk(32 * gigabyte + 5 * page) == slot + moved + 5 * page + 1);
  CHECK(t.walk(32 * gigabyte + 704 * page) == slot + moved + 704 * page + 1);
  CHECK(t.walk(32 * gigabyte + 705 * page) == 0);
}
