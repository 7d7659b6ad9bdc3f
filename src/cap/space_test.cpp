// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Derivation, transfer, revocation, closing of tables: each rule by itself. tree_model_test.cpp mixes them.
#include "rvm/cap/space.hpp"

#include <doctest/doctest.h>

#include <set>
#include <vector>

#include "test_space.hpp"

namespace rvm::cap {

TEST_CASE("derive: exhaustive attenuation, a child never has a right that its parent lacks") {
  TestSpace<1> s;
  for (unsigned have = 0; have < 128; ++have) {
    for (unsigned want = 0; want < 128; ++want) {
      const Placed parent = *s.mint(0, some_region, Rights{have}, 1);
      const Result<Placed> child = s.space->derive(parent.ref, s.index(0), Rights{want}, 2);
      const bool grant = (have & RVM_RIGHT_GRANT) != 0;
      const bool once = !grant && (have & RVM_RIGHT_GRANT_ONCE) != 0;
      const bool subset = (want & ~have) == 0;
      REQUIRE(child.has_value() == ((grant || once) && subset));
      if (child) {
        const Capability& derived = *s.space->find(child->ref);
        REQUIRE(derived.rights().bits() == (once ? want & ~unsigned{RVM_RIGHT_GRANT | RVM_RIGHT_GRANT_ONCE} : want));
        REQUIRE(derived.badge() == 2);
        REQUIRE(derived.depth() == 1);
        REQUIRE(derived.object() == some_region);
        REQUIRE(s.space->find(parent.ref)->rights().bits() == (once ? have & ~unsigned{RVM_RIGHT_GRANT_ONCE} : have));
      } else {
        REQUIRE(child.error() == Error::rights);
        REQUIRE(s.space->find(parent.ref)->rights().bits() == have);
        REQUIRE(s.table(0).used() == 1);
      }
      REQUIRE(s.revoke(parent.ref));
    }
  }
}

TEST_CASE("derive: exhaustive attenuation at every depth, no right ever comes back") {
  TestSpace<1> s;
  for (unsigned have = 0; have < 128; ++have) {
    for (unsigned depth = 0; depth <= max_depth; ++depth) {
      // A chain of `depth` capabilities with GRANT, which the last one alone need not have.
      const bool chained = depth != 0;
      const Placed root = *s.mint(0, some_region, chained ? rights::all : Rights{have}, 1);
      Placed at = root;
      for (unsigned i = 1; i < depth; ++i) at = *s.space->derive(at.ref, s.index(0), rights::all, 1);
      if (chained) at = *s.space->derive(at.ref, s.index(0), Rights{have}, 1);
      REQUIRE(s.space->find(at.ref)->depth() == depth);
      for (unsigned want = 0; want < 128; ++want) {
        const unsigned held = s.space->find(at.ref)->rights().bits();
        const bool may = (held & (RVM_RIGHT_GRANT | RVM_RIGHT_GRANT_ONCE)) != 0 && (want & ~held) == 0;
        const Result<Placed> child = s.space->derive(at.ref, s.index(0), Rights{want}, 2);
        REQUIRE(child.has_value() == (may && depth < max_depth));
        if (!child) continue;
        const Capability& derived = *s.space->find(child->ref);
        REQUIRE((derived.rights().bits() & ~held) == 0);
        REQUIRE(derived.depth() == depth + 1);
        REQUIRE(s.space->drop(child->ref, ignore_removed));
      }
      REQUIRE(s.revoke(root.ref));
    }
  }
}

TEST_CASE("derive: GRANT_ONCE grants once, and a failed grant does not consume it") {
  TestSpace<2> s;
  const Placed root = *s.mint(0, some_region, Rights{RVM_RIGHT_READ | RVM_RIGHT_GRANT_ONCE}, 0);
  const std::uint32_t hash = s.space->find(root.ref)->hash();
  CHECK(s.space->derive(root.ref, s.index(0), rights::write, 0).error() == Error::rights);
  CHECK(s.space->derive(root.ref, s.index(7), rights::read, 0).error() == Error::bad_state);
  CHECK(s.space->find(root.ref)->hash() == hash);
  const Result<Placed> child = s.space->derive(root.ref, s.index(1), Rights{RVM_RIGHT_READ | RVM_RIGHT_GRANT_ONCE}, 0);
  REQUIRE(child);
  CHECK(s.space->find(root.ref)->hash() != hash);
  CHECK(s.space->find(child->ref)->rights() == rights::read);
  CHECK(s.space->derive(root.ref, s.index(1), rights::read, 0).error() == Error::rights);
  CHECK(s.space->derive(child->ref, s.index(1), rights::read, 0).error() == Error::rights);
}

TEST_CASE("derive: depth 8 is the last") {
  TestSpace<3> s;
  Placed at = *s.mint(0, some_region, rights::all, 0);
  for (unsigned depth = 1; depth <= max_depth; ++depth) {
    at = *s.space->derive(at.ref, s.index(depth % 3), rights::all, 0);
    CHECK(s.space->find(at.ref)->depth() == depth);
  }
  CHECK(s.space->derive(at.ref, s.index(0), rights::all, 0).error() == Error::delegation_depth);
}

TEST_CASE("mint and open: refused where there is nothing to hold them") {
  TestSpace<2> s;
  CHECK(s.mint(2, some_region, rights::all, 0).error() == Error::bad_state);
  CHECK(s.mint(0, Object{1, 1, ObjectType::none}, rights::all, 0).error() == Error::bad_argument);
  CHECK(s.mint(0, Object{1, 1, ObjectType::any}, rights::all, 0).error() == Error::bad_argument);
  alignas(page_bytes) std::array<std::byte, page_bytes> block{};
  CHECK(s.space->open(s.index(0), block) == fail(Error::bad_state));
  CHECK(s.space->open(s.index(2), block) == fail(Error::bad_argument));
  CHECK(s.space->open(s.index(1), std::span{block}.first(64)) == fail(Error::bad_argument));
  for (unsigned i = 1; i < table_slots; ++i) {
    REQUIRE(s.mint(0, some_region, rights::all, 0));
  }
  CHECK(s.mint(0, some_region, rights::all, 0).error() == Error::resource_limit);
  CHECK(s.table(0).used() == table_slots - 1);
}

TEST_CASE("revoke: the capability and all descendants in every table, leaves first; siblings and ancestors stay") {
  TestSpace<4> s;
  const Placed root = *s.mint(0, some_region, rights::all, 0);
  const Placed sibling = *s.space->derive(root.ref, s.index(3), rights::all, 0);
  const Placed target = *s.space->derive(root.ref, s.index(1), rights::all, 0);
  std::vector<Placed> below;
  for (unsigned i = 0; i < 3; ++i) {
    below.push_back(*s.space->derive(target.ref, s.index(i), rights::all, 0));
    below.push_back(*s.space->derive(below.back().ref, s.index(i + 1), rights::read, 0));
  }
  std::vector<std::uint8_t> depths;
  REQUIRE(s.revoke(target.ref, [&](CapabilityRef ref, Capability& capability) {
    depths.push_back(capability.depth());
    CHECK(s.space->find(ref) == &capability);
    CHECK(s.table(ref.agent.value).resolve({ref.slot, capability.generation()}).has_value() == (ref == target.ref));
    return Budget{0};
  }));
  CHECK(depths == std::vector<std::uint8_t>{3, 2, 3, 2, 3, 2, 1});
  for (const Placed& gone : below) {
    CHECK(s.table(gone.ref.agent.value).resolve(gone.handle).error() == Error::bad_capability);
  }
  CHECK(s.table(0).resolve(root.handle));
  CHECK(s.table(3).resolve(sibling.handle));
  CHECK(s.table(0).used() + s.table(1).used() + s.table(2).used() + s.table(3).used() == 2);
  CHECK(s.revoke(target.ref) == fail(Error::bad_capability));
}

TEST_CASE("revoke_children: the capability itself stays and can be derived from again") {
  TestSpace<2> s;
  const Placed root = *s.mint(0, some_region, rights::all, 0);
  const Placed child = *s.space->derive(root.ref, s.index(1), rights::all, 0);
  Budget budget = unlimited;
  REQUIRE(s.space->revoke_children(root.ref, budget, ignore_removed) == Progress::done);
  CHECK(s.table(0).resolve(root.handle));
  CHECK(s.table(1).resolve(child.handle).error() == Error::bad_capability);
  CHECK(s.space->derive(root.ref, s.index(1), rights::all, 0));
}

TEST_CASE("revoke in steps: nothing grows below, and it ends after as many removals as planned") {
  TestSpace<2> s;
  for (const bool keep_root : {false, true}) {
    const Placed root = *s.mint(0, some_region, rights::all, 0);
    std::vector<Placed> children;
    children.reserve(100);
    for (unsigned i = 0; i < 100; ++i) children.push_back(*s.space->derive(root.ref, s.index(1), rights::all, i));
    unsigned removed = 0;
    unsigned steps = 0;
    const auto count = [&](CapabilityRef, Capability&) -> Budget {
      ++removed;
      return Budget{0};
    };
    for (Progress progress = Progress::more; progress == Progress::more; ++steps) {
      Budget budget = 7;
      const Result<Progress> result =
          keep_root ? s.space->revoke_children(root.ref, budget, count) : s.space->revoke(root.ref, budget, count);
      REQUIRE(result);
      progress = *result;
      CHECK(removed <= 7 * (steps + 1));
      if (progress == Progress::done) break;
      CHECK(s.table(0).resolve(root.handle));
      REQUIRE(s.space->transfer(root.ref, s.index(1)).error() == Error::bad_state);
      REQUIRE(s.space->derive(root.ref, s.index(1), rights::read, 0).error() == Error::bad_capability);
      for (const Placed& child : children) REQUIRE(!s.space->derive(child.ref, s.index(1), rights::read, 0));
    }
    CHECK(removed == (keep_root ? 100 : 101));
    CHECK(steps == 14);
    CHECK(s.table(1).used() == 0);
    CHECK(s.table(0).resolve(root.handle).has_value() == keep_root);
    if (keep_root) {
      CHECK(s.space->derive(root.ref, s.index(1), rights::read, 0));
      REQUIRE(s.revoke(root.ref));
    }
    CHECK(s.table(0).used() == 0);
    CHECK(s.object_capabilities.empty());
  }
}

TEST_CASE("a revocation that costs its visitor more stops earlier") {
  TestSpace<1> s;
  const Placed root = *s.mint(0, some_region, rights::all, 0);
  for (unsigned i = 0; i < 20; ++i) REQUIRE(s.space->derive(root.ref, s.index(0), rights::all, i));
  Budget budget = 40;
  CHECK(s.space->revoke(root.ref, budget, [](CapabilityRef, Capability&) -> Budget { return 9; }) == Progress::more);
  CHECK(s.table(0).used() == 21 - 4);
}

TEST_CASE("revoke_all: every capability to an object, wherever its roots and their descendants went") {
  TestSpace<4> s;
  ObjectCapabilities other;
  const Placed foreign = *s.space->mint(s.index(1), Object{7, 0, ObjectType::agent}, rights::all, 0, other);
  for (unsigned i = 0; i < 3; ++i) {
    const Placed root = *s.mint(i, some_region, rights::all, i);
    REQUIRE(s.space->derive(root.ref, s.index(3), rights::all, i));
    REQUIRE(s.space->transfer(root.ref, s.index((i + 1) % 3)));
  }
  Budget budget = 2;
  CHECK(s.space->revoke_all(s.object_capabilities, budget, ignore_removed) == Progress::more);
  CHECK(s.mint(0, some_region, rights::all, 0).error() == Error::bad_state);
  for (unsigned p = 0; p < 4; ++p) {
    for (std::uint16_t slot = 1; slot < table_slots; ++slot) {
      const CapabilityRef ref{s.index(p), slot};
      if (s.space->find(ref) == nullptr || ref == foreign.ref) continue;
      CHECK(s.space->derive(ref, s.index(0), rights::read, 0).error() == Error::bad_capability);
    }
  }
  budget = unlimited;
  CHECK(s.space->revoke_all(s.object_capabilities, budget, ignore_removed) == Progress::done);
  CHECK(s.object_capabilities.empty());
  CHECK(s.table(0).used() + s.table(1).used() + s.table(2).used() + s.table(3).used() == 1);
  CHECK(s.table(1).resolve(foreign.handle));
  CHECK(s.mint(0, some_region, rights::all, 0));
}

TEST_CASE("each_beyond: parents first, nothing below what has no more than the rights, and no further than asked for") {
  TestSpace<2> s;
  const Placed root = *s.mint(0, some_region, rights::all, 1);
  const Placed reader = *s.space->derive(root.ref, s.index(1), Rights{RVM_RIGHT_READ | RVM_RIGHT_GRANT}, 2);
  const Placed below = *s.space->derive(reader.ref, s.index(0), rights::read, 3);
  const Placed writer = *s.space->derive(root.ref, s.index(1), Rights{RVM_RIGHT_WRITE}, 4);
  const Placed beside = *s.mint(0, some_region, rights::all, 5);
  std::vector<std::uint64_t> seen;
  s.space->each_beyond(root.ref, rights::read, [&](CapabilityRef ref, Capability& c) {
    seen.push_back(c.badge());
    s.space->restrict(ref, rights::read);
    return true;
  });
  CHECK(seen == std::vector<std::uint64_t>{1, 4, 2});  // the newest child first
  for (const Placed& placed : {root, reader, below}) CHECK(s.space->find(placed.ref)->rights() == rights::read);
  CHECK(s.space->find(writer.ref)->rights() == Rights{0u});
  CHECK(s.space->find(beside.ref)->rights() == rights::all);
  CHECK(s.space->chain_sound(below.ref));
  const auto count = [&](CapabilityRef ref, unsigned limit) {
    unsigned counted = 0;
    s.space->each_beyond(ref, Rights{0u}, [&](CapabilityRef, Capability&) { return ++counted < limit; });
    return counted;
  };
  CHECK(count(root.ref, 100) == 3);
  CHECK(count(root.ref, 2) == 2);
  CHECK(count(reader.ref, 100) == 2);  // and nothing beside it
  CHECK(count(writer.ref, 100) == 0);
}

TEST_CASE("drop: a capability is given up without REVOKE, unless something was derived from it") {
  TestSpace<2> s;
  const Placed root = *s.mint(0, some_region, rights::all, 0);
  const Placed child = *s.space->derive(root.ref, s.index(1), rights::read, 0);
  CHECK(s.space->drop(root.ref, ignore_removed) == fail(Error::bad_state));
  CHECK(s.space->drop(child.ref, ignore_removed));
  CHECK(s.space->drop(child.ref, ignore_removed) == fail(Error::bad_capability));
  CHECK(s.space->drop(root.ref, ignore_removed));
  CHECK(s.object_capabilities.empty());
}

TEST_CASE("transfer: keeps place, rights and badge; the old handle is dead; revocation still finds it") {
  TestSpace<4> s;
  const Placed root = *s.mint(0, some_region, rights::all, 0);
  const Placed first = *s.space->derive(root.ref, s.index(1), rights::all, 11);
  const Placed moving = *s.space->derive(root.ref, s.index(1), rights::all, 12);
  const Placed last = *s.space->derive(root.ref, s.index(1), rights::all, 13);
  const Placed child = *s.space->derive(moving.ref, s.index(2), rights::all, 14);
  const Placed moved = *s.space->transfer(moving.ref, s.index(3));
  CHECK(s.table(1).resolve(moving.handle).error() == Error::bad_capability);
  const Result<Capability*> found = s.table(3).check(moved.handle, ObjectType::region, rights::all);
  REQUIRE(found);
  CHECK((*found)->badge() == 12);
  CHECK((*found)->depth() == 1);
  CHECK((*found)->parent() == root.ref);
  CHECK(s.space->find(child.ref)->parent() == moved.ref);
  REQUIRE(s.revoke(moved.ref));
  CHECK(s.table(2).resolve(child.handle).error() == Error::bad_capability);
  CHECK(s.table(1).resolve(first.handle));
  CHECK(s.table(1).resolve(last.handle));
  // A root can move, too, and a mapped capability cannot.
  const Placed new_root = *s.space->transfer(root.ref, s.index(2));
  s.space->find(new_root.ref)->set_mapping(77, Access::read);
  CHECK(s.space->transfer(new_root.ref, s.index(0)).error() == Error::bad_state);
  s.space->find(new_root.ref)->clear_mapping();
  CHECK(s.space->transfer(new_root.ref, s.index(9)).error() == Error::bad_state);
  CHECK(s.space->transfer(root.ref, s.index(0)).error() == Error::bad_capability);
  REQUIRE(s.revoke(new_root.ref));
  CHECK(s.table(1).used() == 0);
}

TEST_CASE("a chain is sound until an ancestor is being revoked, down to the greatest depth") {
  TestSpace<3> s;
  std::vector<Placed> chain{*s.mint(0, some_region, rights::all, 0)};
  for (unsigned i = 1; i <= max_depth; ++i) {
    chain.push_back(*s.space->derive(chain.back().ref, s.index(i % 3), i < 4 ? rights::all : Rights{7}, 0));
  }
  for (const Placed& link : chain) CHECK(s.space->chain_sound(link.ref));
  for (unsigned i = 0; i < 3; ++i) REQUIRE(s.space->derive(chain[3].ref, s.index(0), rights::all, 0));
  Budget budget = 1;
  REQUIRE(s.space->revoke_children(chain[3].ref, budget, ignore_removed) == Progress::more);
  for (unsigned i = 0; i <= 3; ++i) CHECK(s.space->chain_sound(chain[i].ref));
  for (std::size_t i = 4; i < chain.size(); ++i) CHECK(!s.space->chain_sound(chain[i].ref));
  budget = unlimited;
  REQUIRE(s.space->revoke_children(chain[3].ref, budget, ignore_removed) == Progress::done);
  REQUIRE(s.space->derive(chain[3].ref, s.index(0), rights::all, 0));
  budget = 0;
  REQUIRE(s.space->revoke_all(s.object_capabilities, budget, ignore_removed) == Progress::more);
  for (unsigned i = 0; i <= 3; ++i) CHECK(!s.space->chain_sound(chain[i].ref));
}

TEST_CASE(
    "close, revoking: everything derived from the agent's capabilities goes too, and the index can be used again") {
  TestSpace<3> s;
  std::vector<Placed> outside;
  for (unsigned i = 0; i < 50; ++i) {
    const Placed own = *s.mint(1, some_region, rights::all, i);
    outside.push_back(*s.space->derive(own.ref, s.index(2), rights::all, i));
    outside.push_back(*s.space->derive(outside.back().ref, s.index(1), rights::all, i));
  }
  const Placed foreign = *s.mint(0, some_region, rights::all, 0);
  const Placed lent = *s.space->derive(foreign.ref, s.index(1), rights::all, 0);
  const Placed passed_on = *s.space->derive(lent.ref, s.index(2), rights::all, 0);
  unsigned removed = 0;
  std::uint32_t handed_up = 0;
  const auto count = [&](CapabilityRef, Capability&) -> Budget {
    ++removed;
    return Budget{0};
  };
  Budget budget = 1;
  CHECK(s.space->close(s.index(1), Children::revoked, budget, handed_up, count) == Progress::more);
  CHECK(s.mint(1, some_region, rights::all, 0).error() == Error::bad_state);
  CHECK(s.space->derive(foreign.ref, s.index(1), rights::all, 0).error() == Error::bad_state);
  CHECK(s.space->derive(passed_on.ref, s.index(2), rights::read, 0).error() == Error::bad_capability);
  CHECK(s.space->transfer(lent.ref, s.index(0)).error() == Error::bad_capability);
  do {
    budget = 10;
  } while (s.space->close(s.index(1), Children::revoked, budget, handed_up, count) == Progress::more);
  CHECK(removed == 152);
  CHECK(handed_up == 0);
  for (unsigned i = 0; i < table_pages; ++i) CHECK(s.space->reclaim(s.index(1)) == (*s.pages)[1][3 - i].bytes.data());
  CHECK(s.space->reclaim(s.index(1)) == nullptr);
  CHECK(!s.table(1).open());
  CHECK(s.table(2).used() == 0);
  CHECK(s.table(0).resolve(foreign.handle));
  CHECK(s.space->find(lent.ref) == nullptr);
  CHECK(s.mint(1, some_region, rights::all, 0).error() == Error::bad_state);
  CHECK(s.space->close(s.index(1), Children::revoked, budget, handed_up, count) == Progress::done);
  s.open(1);
  CHECK(s.space->derive(foreign.ref, s.index(1), rights::all, 0));
}

TEST_CASE(
    "close, keeping: who got authority from an agent that ended keeps it, and whoever that had it from can revoke it") {
  TestSpace<4> s;
  const Placed root = *s.mint(0, some_region, rights::all, 0);
  const Placed lent = *s.space->derive(root.ref, s.index(1), rights::all, 1);
  std::vector<Placed> given;
  for (unsigned i = 0; i < 5; ++i) given.push_back(*s.space->derive(lent.ref, s.index(2), rights::all, i));
  const Placed deep = *s.space->derive(given[2].ref, s.index(3), rights::read, 9);
  const Placed own = *s.space->derive(lent.ref, s.index(1), rights::all, 10);
  const Placed through_own = *s.space->derive(own.ref, s.index(3), rights::all, 11);

  // In the smallest steps; meanwhile nobody notices anything.
  std::uint32_t handed_up = 0;
  unsigned removed = 0;
  Progress progress = Progress::more;
  for (unsigned steps = 0; progress == Progress::more; ++steps) {
    REQUIRE(steps < 100);
    Budget budget = 1;
    progress = s.space->close(s.index(1), Children::kept, budget, handed_up, [&](CapabilityRef, Capability&) -> Budget {
      ++removed;
      return 0;
    });
    for (const Placed& kept : given) {
      REQUIRE(s.table(2).check(kept.handle, ObjectType::region, rights::all));
      REQUIRE(s.space->chain_sound(kept.ref));
    }
    const Result<Placed> more = s.space->derive(given[0].ref, s.index(2), rights::read, 0);
    REQUIRE(more);
    REQUIRE(s.space->drop(more->ref, ignore_removed));
  }
  CHECK(removed == 2);
  CHECK(handed_up == 7);  // `own` is handed up itself, and then hands up its child
  CHECK(s.space->find(deep.ref)->parent() == given[2].ref);
  for (const Placed& kept : given) {
    CHECK(s.space->find(kept.ref)->parent() == root.ref);
    CHECK(s.space->find(kept.ref)->depth() == 2);
  }
  CHECK(s.space->find(through_own.ref)->parent() == root.ref);
  CHECK(s.space->chain_sound(deep.ref));
  REQUIRE(s.revoke(root.ref));
  CHECK(s.table(2).used() + s.table(3).used() == 0);
  CHECK(s.object_capabilities.empty());
}

TEST_CASE("close, keeping: what came from the agent's roots is the object's from then on") {
  TestSpace<3> s;
  const Placed root = *s.mint(1, some_region, rights::all, 0);
  const Placed first = *s.space->derive(root.ref, s.index(0), rights::all, 1);
  const Placed second = *s.space->derive(root.ref, s.index(2), Rights{RVM_RIGHT_READ}, 2);
  CHECK(s.close(1, Children::kept) == 1);
  for (const Placed& kept : {first, second}) {
    CHECK(s.space->find(kept.ref)->parent().empty());
    CHECK(s.space->find(kept.ref)->depth() == 1);
    CHECK(s.space->chain_sound(kept.ref));
  }
  CHECK(s.revoke(first.ref));  // which was nobody's parent
  CHECK(s.table(2).resolve(second.handle));
  Budget budget = unlimited;
  CHECK(s.space->revoke_all(s.object_capabilities, budget, ignore_removed) == Progress::done);
  CHECK(s.table(2).used() == 0);
}

TEST_CASE("close, keeping: a revocation that the agent had begun is carried out") {
  TestSpace<3> s;
  const Placed root = *s.mint(0, some_region, rights::all, 0);
  const Placed lent = *s.space->derive(root.ref, s.index(1), rights::all, 0);
  const Placed other = *s.space->derive(root.ref, s.index(1), rights::all, 0);
  const Placed keeps = *s.space->derive(other.ref, s.index(2), rights::all, 0);
  for (unsigned i = 0; i < 10; ++i) {
    const Placed child = *s.space->derive(lent.ref, s.index(2), rights::all, i);
    REQUIRE(s.space->derive(child.ref, s.index(2), rights::all, i));
  }
  Budget budget = 3;
  REQUIRE(s.space->revoke_children(lent.ref, budget, ignore_removed) == Progress::more);
  CHECK(s.close(1, Children::kept, 2) == 17 + 2);
  CHECK(s.table(2).used() == 1);
  CHECK(s.table(2).resolve(keeps.handle));
  CHECK(s.space->chain_sound(keeps.ref));
}

TEST_CASE("close: one that began by keeping can end by revoking") {
  TestSpace<3> s;
  std::vector<Placed> given;
  for (unsigned i = 0; i < 4; ++i) {
    const Placed own = *s.mint(1, some_region, rights::all, i);
    given.push_back(*s.space->derive(own.ref, s.index(2), rights::all, i));
  }
  std::uint32_t handed_up = 0;
  Budget budget = 3;  // one handed up and its parent removed, another handed up
  REQUIRE(s.space->close(s.index(1), Children::kept, budget, handed_up, ignore_removed) == Progress::more);
  CHECK(handed_up == 2);
  CHECK(s.close(1, Children::revoked, 1) == 1 + 2 + 2);
  for (unsigned i = 0; i < 4; ++i) CHECK(s.table(2).resolve(given[i].handle).has_value() == (i < 2));
}

}  // namespace rvm::cap
