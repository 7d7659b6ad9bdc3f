// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/memory/page_allocator.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <map>
#include <random>
#include <set>
#include <vector>

#include "test_machine.hpp"

namespace rvm::memory {

namespace {

using Allocator = PageAllocator<TestMachine>;
constexpr std::uint64_t mib = 1024 * 1024;
constexpr PartitionId alice{7};
constexpr PartitionId bob{65535};

static_assert(!std::is_copy_constructible_v<PageBlock>, "ownership must not be duplicated");
static_assert(std::is_move_constructible_v<PageBlock>);

Status init(Allocator& allocator, const hal::MemoryRange& range) { return allocator.init({&range, 1}); }

/// How many blocks of 2 MiB can be had.
std::size_t count_largest(Allocator& allocator) {
  std::vector<PageBlock> held;
  while (Result<PageBlock> block = allocator.allocate(max_order, alice)) {
    held.push_back(std::move(*block));
  }
  const std::size_t count = held.size();
  for (PageBlock& block : held) {
    allocator.free(std::move(block));
  }
  return count;
}

}  // namespace

TEST_CASE("page allocator: metadata takes at most four bytes per page, the rest can be allocated") {
  for (const std::uint64_t size : {64 * mib, 64 * mib + 3 * page_bytes, 1024 * mib, 2 * page_bytes}) {
    const TestRam ram(size);
    Allocator allocator;
    REQUIRE(init(allocator, ram.all()));
    const std::uint64_t pages = size / page_bytes;
    const std::uint64_t metadata = pages - allocator.total_pages();
    CHECK(metadata <= pages_for(pages * 4));
    CHECK(metadata * page_bytes >= allocator.total_pages() * 4);
    CHECK(allocator.free_pages() == allocator.total_pages());
    CHECK_MESSAGE(TestMachine::pages_zeroed == metadata, "init must clear its metadata in bulk and nothing else");
  }
}

TEST_CASE("page allocator: 32 GiB can be taken over and used") {
  const std::uint64_t size = 32 * 1024 * mib;
  const TestRam ram(size);
  Allocator allocator;
  REQUIRE(init(allocator, ram.all()));
  CHECK(allocator.total_pages() == size / page_bytes - pages_for(allocator.total_pages() * 4));
  CHECK_MESSAGE(ram.touched() <= size / 1024 + 4 * mib, "memory must not be touched before it is needed");
  Result<PageBlock> block = allocator.allocate(max_order, alice);
  REQUIRE(block);
  CHECK(allocator.owner_of(offset(block->address(), 511 * page_bytes)) == alice);
  allocator.free(std::move(*block));
}

TEST_CASE("page allocator: init refuses what it cannot manage") {
  const TestRam ram(4 * mib);
  Allocator allocator;
  const std::array overlapping{TestRam::part(0, mib), TestRam::part(mib - page_bytes, mib)};
  CHECK(allocator.init(overlapping) == fail(Error::overlap));
  const std::vector<hal::MemoryRange> many(Allocator::max_ranges + 1, TestRam::part(0, 0));
  CHECK(allocator.init(many) == fail(Error::resource_limit));
  CHECK(init(allocator, TestRam::part(0, page_bytes)) == fail(Error::no_memory));
  CHECK(init(allocator, TestRam::part(100, page_bytes + 100)) == fail(Error::no_memory));
  CHECK(init(allocator, TestRam::part(0, mib)));
  CHECK(init(allocator, TestRam::part(mib, mib)) == fail(Error::bad_state));
}

TEST_CASE("page allocator: every page is handed out once, zeroed, and all merge back into the largest blocks") {
  const TestRam ram(16 * mib, 0xa5);  // what boot left behind must not reach anyone
  Allocator allocator;
  const std::array ranges{TestRam::part(100, 5 * mib), TestRam::part(6 * mib, 3 * mib + 7 * page_bytes),
                          TestRam::part(10 * mib, 6 * mib)};
  REQUIRE(allocator.init(ranges));
  const std::size_t largest = count_largest(allocator);
  CHECK(largest >= 3);
  std::vector<PageBlock> held;
  std::set<std::uint64_t> seen;
  while (Result<PageBlock> block = allocator.allocate(0, alice)) {
    CHECK(is_zero(block->address(), 1));
    CHECK(seen.insert(block->address().value).second);
    std::memset(TestMachine::to_pointer(block->address()), 0x5a, page_bytes);
    held.push_back(std::move(*block));
  }
  CHECK(held.size() == allocator.total_pages());
  CHECK(allocator.free_pages() == 0);
  CHECK(allocator.allocate(0, alice).error() == Error::no_memory);
  std::shuffle(held.begin(), held.end(), std::mt19937{1});
  for (PageBlock& block : held) {
    allocator.free(std::move(block));
  }
  CHECK(allocator.free_pages() == allocator.total_pages());
  CHECK(count_largest(allocator) == largest);
}

TEST_CASE("page allocator: freed memory keeps nothing but list links") {
  const TestRam ram(4 * mib);
  Allocator allocator;
  REQUIRE(init(allocator, ram.all()));
  Result<PageBlock> block = allocator.allocate(3, alice);
  REQUIRE(block);
  const PhysicalAddress address = block->address();
  std::memset(TestMachine::to_pointer(address), 0xee, 8 * page_bytes);
  allocator.free(std::move(*block));
  for (std::uint64_t page = 0; page < 8; ++page) {
    const std::byte* const bytes = TestMachine::to_pointer(offset(address, page * page_bytes));
    for (std::size_t i = 16; i < page_bytes; ++i) {
      REQUIRE(bytes[i] == std::byte{0});
    }
  }
}

TEST_CASE("page allocator: wrong frees are refused and change nothing") {
  const TestRam ram(4 * mib);
  Allocator allocator;
  REQUIRE(init(allocator, TestRam::part(mib, 2 * mib)));
  Result<PageBlock> block = allocator.allocate(2, alice);
  REQUIRE(block);
  const PhysicalAddress address = block->release();
  const std::uint64_t free_before = allocator.free_pages();
  CHECK(allocator.free_raw(offset(address, 8), 2) == fail(Error::unaligned));
  CHECK(allocator.free_raw(offset(address, page_bytes), 2) == fail(Error::unaligned));
  CHECK(allocator.free_raw(offset(address, page_bytes), 0) == fail(Error::bad_argument));
  CHECK(allocator.free_raw(address, 1) == fail(Error::bad_argument));
  CHECK(allocator.free_raw(address, 10) == fail(Error::bad_argument));
  CHECK(allocator.free_raw(PhysicalAddress{TestMachine::physical_base}, 0) == fail(Error::bad_address));
  CHECK(allocator.free_raw(TestRam::part(3 * mib, 0).base, 0) == fail(Error::bad_address));
  CHECK(allocator.free_raw(TestRam::part(mib, 0).base, 0) == fail(Error::bad_address));  // its own metadata
  CHECK(allocator.free_run(address, 3) == fail(Error::bad_argument));
  CHECK(allocator.free_run(address, 0) == fail(Error::bad_argument));
  CHECK(allocator.free_pages() == free_before);
  CHECK(allocator.free_raw(address, 2));
  CHECK(allocator.free_raw(address, 2) == fail(Error::bad_state));
  CHECK(allocator.free_raw(offset(address, page_bytes), 0) == fail(Error::bad_state));
  CHECK(allocator.free_pages() == allocator.total_pages());
  CHECK(allocator.allocate(max_order + 1, alice).error() == Error::bad_argument);
  CHECK(allocator.allocate(0, PartitionId{65536}).error() == Error::bad_argument);
  CHECK(allocator.allocate_run(0, alice).error() == Error::bad_argument);
  CHECK(allocator.allocate_run(513, alice).error() == Error::bad_argument);
}

TEST_CASE("page allocator: ownership can be handed over, but not of free or foreign pages") {
  const TestRam ram(4 * mib);
  Allocator allocator;
  REQUIRE(init(allocator, ram.all()));
  const Result<PhysicalAddress> run = allocator.allocate_run(5, alice);
  REQUIRE(run);
  CHECK(allocator.set_owner(*run, 5, bob));
  for (std::uint64_t page = 0; page < 5; ++page) {
    CHECK(allocator.owner_of(offset(*run, page * page_bytes)) == bob);
  }
  CHECK(allocator.set_owner(*run, 6, alice) == fail(Error::bad_state));
  CHECK(allocator.owner_of(*run) == bob);
  CHECK(allocator.set_owner(PhysicalAddress{0x1000}, 1, alice) == fail(Error::bad_address));
  CHECK(allocator.set_owner(offset(*run, 1), 1, alice) == fail(Error::unaligned));
  CHECK(!allocator.owner_of(offset(*run, 5 * page_bytes)).has_value());
  CHECK(allocator.free_run(*run, 5));
  CHECK(!allocator.owner_of(*run).has_value());
}

TEST_CASE("page allocator: a shared page is nobody's, and free when the last mapping of it goes") {
  const TestRam ram(4 * mib);
  Allocator allocator;
  REQUIRE(init(allocator, ram.all()));
  const Result<PhysicalAddress> page = allocator.allocate_run(1, alice);
  REQUIRE(page);
  std::memset(TestMachine::to_pointer(*page), 0x77, page_bytes);
  const std::uint64_t free = allocator.free_pages();
  CHECK(allocator.sharers(*page) == 0);
  CHECK_FALSE(allocator.claim(*page, bob));
  REQUIRE(allocator.share(*page));
  CHECK(allocator.sharers(*page) == 2);
  CHECK(allocator.sharers(offset(*page, 4095)) == 2);  // of any byte in it
  CHECK_FALSE(allocator.owner_of(*page).has_value());
  REQUIRE(allocator.share(*page));
  CHECK(allocator.sharers(*page) == 3);
  CHECK_FALSE(allocator.claim(*page, bob));
  allocator.drop_share(*page);
  CHECK_FALSE(allocator.claim(*page, bob));
  allocator.drop_share(*page);
  CHECK(allocator.sharers(*page) == 1);
  CHECK_MESSAGE(!allocator.owner_of(*page).has_value(), "the last one must claim it to own it");
  CHECK(allocator.free_pages() == free);
  CHECK(*TestMachine::to_pointer(*page) == std::byte{0x77});
  SUBCASE("the last one takes it over") {
    CHECK(allocator.claim(*page, bob));
    CHECK(allocator.owner_of(*page) == bob);
    CHECK(allocator.sharers(*page) == 0);
    CHECK_FALSE(allocator.claim(*page, alice));
    CHECK(*TestMachine::to_pointer(offset(*page, 100)) == std::byte{0x77});
    CHECK(allocator.free_run(*page, 1));
  }
  SUBCASE("the last one goes") {
    allocator.drop_share(*page);
    CHECK(allocator.sharers(*page) == 0);
    for (std::size_t i = 16; i < page_bytes; ++i)  // the first are the links of the free list
      REQUIRE(TestMachine::to_pointer(*page)[i] == std::byte{0});
  }
  CHECK(allocator.free_pages() == free + 1);
  CHECK(allocator.free_pages() == allocator.total_pages());
}

TEST_CASE("page allocator: what cannot be shared, and what cannot be done to what is") {
  const TestRam ram(4 * mib);
  Allocator allocator;
  REQUIRE(init(allocator, TestRam::part(mib, 2 * mib)));
  const Result<PhysicalAddress> run = allocator.allocate_run(5, alice);
  REQUIRE(run);
  const PhysicalAddress single = offset(*run, 4 * page_bytes);  // 5 = 4 + 1
  CHECK(allocator.share(*run) == fail(Error::bad_argument));
  CHECK(allocator.share(offset(*run, page_bytes)) == fail(Error::bad_argument));
  CHECK(allocator.share(offset(*run, 5 * page_bytes)) == fail(Error::bad_state));
  CHECK(allocator.share(PhysicalAddress{0x1000}) == fail(Error::bad_address));
  CHECK(allocator.share(TestRam::part(3 * mib, 0).base) == fail(Error::bad_address));
  CHECK(allocator.share(TestRam::part(mib, 0).base) == fail(Error::bad_address));  // its own metadata
  CHECK(allocator.sharers(PhysicalAddress{0x1000}) == 0);
  CHECK(allocator.sharers(offset(*run, 5 * page_bytes)) == 0);
  REQUIRE(allocator.share(single));
  const std::uint64_t free = allocator.free_pages();
  CHECK(allocator.free_run(single, 1) == fail(Error::bad_argument));
  CHECK(allocator.free_raw(single, 0) == fail(Error::bad_argument));
  CHECK(allocator.free_run(*run, 5) == fail(Error::bad_argument));
  CHECK(allocator.set_owner(single, 1, bob) == fail(Error::bad_state));
  CHECK(allocator.set_owner(*run, 5, bob) == fail(Error::bad_state));
  CHECK(allocator.owner_of(*run) == alice);
  CHECK(allocator.free_pages() == free);
  CHECK(allocator.sharers(single) == 2);
  allocator.drop_share(single);
  REQUIRE(allocator.claim(single, alice));
  CHECK(allocator.free_run(*run, 5));
  CHECK(allocator.free_pages() == allocator.total_pages());
}

TEST_CASE("page allocator: as many mappings share a page as its word can count") {
  const TestRam ram(4 * mib);
  Allocator allocator;
  REQUIRE(init(allocator, ram.all()));
  const Result<PhysicalAddress> page = allocator.allocate_run(1, bob);
  REQUIRE(page);
  for (std::uint32_t sharers = 2; sharers <= PageWord::sharers_max; ++sharers) REQUIRE(allocator.share(*page));
  CHECK(allocator.sharers(*page) == PageWord::sharers_max);
  CHECK(allocator.share(*page) == fail(Error::resource_limit));
  CHECK(allocator.sharers(*page) == PageWord::sharers_max);
  for (std::uint32_t sharers = PageWord::sharers_max; sharers != 0; --sharers) {
    REQUIRE(allocator.sharers(*page) == sharers);
    allocator.drop_share(*page);
  }
  CHECK(allocator.free_pages() == allocator.total_pages());
}

TEST_CASE("page allocator: random sharing agrees with a model") {
  const TestRam ram(4 * mib);
  Allocator allocator;
  REQUIRE(init(allocator, ram.all()));
  struct Page {
    PhysicalAddress address;
    std::uint32_t sharers;  // 0: owned
    std::uint32_t content;
  };
  std::vector<Page> model;
  std::mt19937 random{77};
  for (int step = 0; step < 50'000; ++step) {
    const std::size_t at = model.empty() ? 0 : random() % model.size();
    switch (random() % 5) {
      case 0: {
        if (model.size() > 200) break;
        const Result<PhysicalAddress> page = allocator.allocate_run(1, alice);
        REQUIRE(page);
        REQUIRE(is_zero(*page, 1));
        const auto content = static_cast<std::uint32_t>(random());
        std::memcpy(TestMachine::to_pointer(offset(*page, 2000)), &content, sizeof content);
        model.push_back({*page, 0, content});
        break;
      }
      case 1:
        if (model.empty()) break;
        REQUIRE(allocator.share(model[at].address));
        model[at].sharers = std::max(model[at].sharers, 1u) + 1;
        break;
      case 2:
      case 3:
        if (model.empty()) break;
        if (model[at].sharers == 0) {
          REQUIRE(allocator.free_run(model[at].address, 1));
        } else {
          allocator.drop_share(model[at].address);
          if (--model[at].sharers != 0) break;
        }
        model.erase(model.begin() + static_cast<std::ptrdiff_t>(at));
        break;
      default:
        if (model.empty()) break;
        REQUIRE(allocator.claim(model[at].address, bob) == (model[at].sharers == 1));
        if (model[at].sharers == 1) model[at].sharers = 0;
        break;
    }
    REQUIRE(allocator.free_pages() == allocator.total_pages() - model.size());
    for (const Page& page : model) {
      if (random() % 64 != 0) continue;
      REQUIRE(allocator.sharers(page.address) == page.sharers);
      REQUIRE(allocator.owner_of(page.address).has_value() == (page.sharers == 0));
      std::uint32_t content = 0;
      std::memcpy(&content, TestMachine::to_pointer(offset(page.address, 2000)), sizeof content);
      REQUIRE(content == page.content);
    }
  }
}

TEST_CASE("page allocator: 100 000 random operations agree with a model") {
  const TestRam ram(24 * mib, 0x11);
  Allocator allocator;
  const std::array ranges{TestRam::part(3 * page_bytes, 7 * mib), TestRam::part(9 * mib, 15 * mib - 11 * page_bytes)};
  REQUIRE(allocator.init(ranges));
  struct Run {
    std::uint32_t pages;
    PartitionId owner;
  };
  std::map<std::uint64_t, Run> model;  // by address
  std::mt19937 random{20240817};
  std::uint64_t used = 0;
  for (int step = 0; step < 100'000; ++step) {
    if (random() % 100 < (step / 10'000 % 2 == 0 ? 60u : 40u)) {
      const PartitionId owner{static_cast<std::uint32_t>(random() % 65536)};
      const std::uint32_t pages = random() % 8 == 0 ? 1 + random() % 512 : 1 + random() % 9;
      const Result<PhysicalAddress> run = allocator.allocate_run(pages, owner);
      if (!run) {
        REQUIRE(run.error() == Error::no_memory);
        continue;
      }
      REQUIRE(run->value % (page_bytes * std::bit_ceil(pages)) == 0);
      const auto after = model.lower_bound(run->value);
      REQUIRE((after == model.end() || run->value + pages * page_bytes <= after->first));
      REQUIRE((after == model.begin() ||
               std::prev(after)->first + std::prev(after)->second.pages * page_bytes <= run->value));
      REQUIRE(is_zero(*run, pages));
      std::memset(TestMachine::to_pointer(*run), 0x77, pages * page_bytes);
      model[run->value] = {pages, owner};
      used += pages;
    } else if (!model.empty()) {
      auto victim = model.lower_bound(TestMachine::physical_base + random() % (24 * mib));
      if (victim == model.end()) {
        victim = model.begin();
      }
      const auto [address, run] = *victim;
      const PhysicalAddress last{address + (run.pages - 1) * page_bytes};
      REQUIRE(allocator.owner_of(last) == run.owner);
      REQUIRE(allocator.free_run(PhysicalAddress{address}, run.pages));
      REQUIRE(!allocator.owner_of(last).has_value());
      model.erase(victim);
      used -= run.pages;
    }
    REQUIRE(allocator.free_pages() == allocator.total_pages() - used);
  }
  for (const auto& [address, run] : model) {
    REQUIRE(allocator.free_run(PhysicalAddress{address}, run.pages));
  }
  CHECK(allocator.free_pages() == allocator.total_pages());
  CHECK(count_largest(allocator) >= 8);
}

}  // namespace rvm::memory
