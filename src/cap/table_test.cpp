// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The P1 check: what resolves, what does not, and with which error.
#include "rvm/cap/table.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

#include "rvm/crypto/sha256.hpp"
#include "test_space.hpp"

namespace rvm::cap {

TEST_CASE("P1: rights contain what is needed, over all pairs") {
  TestSpace<1> s;
  CapabilityTable& table = s.table(0);
  for (unsigned have = 0; have < 128; ++have) {
    const Result<Placed> placed = s.mint(0, some_region, Rights{have}, have);
    REQUIRE(placed);
    for (unsigned need = 0; need < 128; ++need) {
      const Result<Capability*> checked = table.check(placed->handle, ObjectType::region, Rights{need});
      if ((have & need) == need) {
        REQUIRE(checked);
        REQUIRE((*checked)->badge() == have);
      } else {
        REQUIRE(checked.error() == Error::rights);
      }
    }
  }
}

TEST_CASE("P1: the type must match, ANY matches all, and no error tells more than the first that applies") {
  TestSpace<1> s;
  const Handle handle = s.mint(0, some_region, rights::read, 0)->handle;
  for (const ObjectType type : {ObjectType::none, ObjectType::partition, ObjectType::agent, ObjectType::edge,
                                ObjectType::device, ObjectType::witness, ObjectType::console}) {
    CHECK(s.table(0).check(handle, type, rights::read).error() == Error::wrong_type);
    CHECK(s.table(0).check(handle, type, rights::write).error() == Error::wrong_type);
  }
  CHECK(s.table(0).check(handle, ObjectType::region, rights::read));
  CHECK(s.table(0).check(handle, ObjectType::any, rights::read));
  CHECK(s.table(0).check(handle, ObjectType::any, rights::write).error() == Error::rights);
  CHECK(s.table(0).resolve(handle));
  const Handle stale{handle.slot, next(handle.generation)};
  CHECK(s.table(0).check(stale, ObjectType::edge, rights::write).error() == Error::bad_capability);
}

TEST_CASE("P1: no forged handle resolves: every slot number with every generation near, and random ones") {
  TestSpace<2> s;
  const Placed mine = *s.mint(0, some_region, rights::all, 0);
  (void)*s.mint(1, some_region, rights::all, 0);
  const Placed theirs = *s.mint(1, some_region, rights::all, 0);
  // Another agent's handle names nothing here.
  CHECK(s.table(0).resolve(theirs.handle).error() == Error::bad_capability);
  for (std::uint32_t slot = 0; slot < 65536; ++slot) {
    for (const std::uint16_t generation :
         {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{2}, std::uint16_t{65535}}) {
      const Handle handle{static_cast<std::uint16_t>(slot), Generation{generation}};
      REQUIRE(s.table(0).resolve(handle).has_value() == (handle == mine.handle));
    }
  }
  CHECK(s.table(0).resolve(Handle::from_abi(RVM_INVALID_HANDLE)).error() == Error::bad_capability);
  std::mt19937_64 random{5};
  for (int i = 0; i < 100'000; ++i) {
    const Handle handle = Handle::from_abi(random());
    REQUIRE(s.table(0).resolve(handle).has_value() == (handle == mine.handle));
  }
}

TEST_CASE(
    "P1: a handle is dead once its capability is gone, also when the slot is in use again, until generations wrap") {
  TestSpace<1> s;
  const Placed keeper = *s.mint(0, some_region, rights::all, 0);
  for (unsigned i = 2; i < table_slots - 1; ++i) {
    REQUIRE(s.mint(0, some_region, rights::all, 0));
  }
  // One slot is left, so it is used again every time.
  std::vector<bool> seen(65536);
  std::uint16_t slot = 0;
  for (unsigned round = 0; round < 65535; ++round) {
    const Result<Placed> placed = s.space->derive(keeper.ref, s.index(0), rights::read, round);
    REQUIRE(placed);
    CHECK(s.space->derive(keeper.ref, s.index(0), rights::read, 0).error() == Error::resource_limit);
    REQUIRE((round == 0 || placed->handle.slot == slot));
    slot = placed->handle.slot;
    REQUIRE(placed->handle.generation != Generation{0});
    REQUIRE(!seen[placed->handle.generation.value]);
    seen[placed->handle.generation.value] = true;
    REQUIRE(s.revoke(placed->ref, ignore_removed));
    REQUIRE(s.table(0).resolve(placed->handle).error() == Error::bad_capability);
  }
  CHECK(s.space->derive(keeper.ref, s.index(0), rights::read, 0)->handle.generation == Generation{1});
}

TEST_CASE("P1: slots are reused oldest first, so that a generation returns as late as possible") {
  TestSpace<1> s;
  const Placed keeper = *s.mint(0, some_region, rights::all, 0);
  for (unsigned i = 0; i < 3 * (table_slots - 2); ++i) {
    const Placed placed = *s.space->derive(keeper.ref, s.index(0), rights::read, 0);
    CHECK(placed.handle.generation.value == 1 + i / (table_slots - 2));
    REQUIRE(s.revoke(placed.ref));
  }
}

TEST_CASE(
    "P1: a table grows page by page; what is not there yet resolves to nothing, and what is there stays where it is") {
  TestSpace<2> s;
  CHECK(s.close(0, Children::kept) == 0);
  s.open(0, 1);
  std::vector<Placed> placed;
  std::vector<const Capability*> where;
  for (unsigned page = 1; page <= table_pages; ++page) {
    while (!s.table(0).full()) {
      placed.push_back(*s.mint(0, some_region, rights::read, placed.size()));
      where.push_back(s.space->find(placed.back().ref));
    }
    CHECK(placed.size() == page * page_slots - 1);
    CHECK(s.mint(0, some_region, rights::read, 0).error() == Error::resource_limit);
    for (std::uint32_t slot = page * page_slots; slot < 2 * table_slots; ++slot) {
      for (const std::uint16_t generation : {std::uint16_t{0}, std::uint16_t{1}, std::uint16_t{2}})
        REQUIRE(!s.table(0).resolve({static_cast<std::uint16_t>(slot), Generation{generation}}));
      REQUIRE(s.space->find({s.index(0), static_cast<std::uint16_t>(slot)}) == nullptr);
    }
    for (std::size_t i = 0; i < placed.size(); ++i) {
      const Result<Capability*> found = s.table(0).check(placed[i].handle, ObjectType::region, rights::read);
      REQUIRE(found);
      REQUIRE(*found == where[i]);
      REQUIRE((*found)->badge() == i);
      REQUIRE(CapabilityTable::handle_of(**found) == placed[i].handle);
      REQUIRE(CapabilityTree::ref_of(s.index(0), **found) == placed[i].ref);
    }
    CHECK(s.grow(0).has_value() == (page < table_pages));
  }
  CHECK(s.grow(0) == fail(Error::resource_limit));
  // Its neighbour, which has few, is as it was.
  CHECK(s.table(1).used() == 0);
  CHECK(s.close(0, Children::kept, 10) == placed.size());
  CHECK(!s.table(0).open());
  CHECK(s.grow(0) == fail(Error::bad_state));
}

TEST_CASE("a capability's hash is that of its canonical encoding, and changes with each field") {
  TestSpace<1> s;
  const Object object{0x11223344, 0x5566, ObjectType::edge};
  const Placed placed = *s.mint(0, object, Rights{0x7f}, 0x0102030405060708);
  const std::array<std::uint8_t, 19> encoding{0x44, 0x33, 0x22, 0x11, 0x66, 0x55, 4, 0x7f, 8, 7,
                                              6,    5,    4,    3,    2,    1,    1, 0,    0};
  const crypto::Digest digest = crypto::sha256(std::as_bytes(std::span{encoding}));
  const Capability& root = *s.space->find(placed.ref);
  for (unsigned i = 0; i < 4; ++i) {
    CHECK(std::to_integer<unsigned>(digest[i]) == (root.hash() >> (24 - 8 * i) & 0xff));
  }
  const std::uint32_t child =
      s.space->find(s.space->derive(placed.ref, s.index(0), Rights{0x7f}, root.badge())->ref)->hash();
  CHECK(child != root.hash());  // depth
  const std::uint32_t fewer =
      s.space->find(s.space->derive(placed.ref, s.index(0), Rights{0x3f}, root.badge())->ref)->hash();
  CHECK(fewer != child);
}

}  // namespace rvm::cap
