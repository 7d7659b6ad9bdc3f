// SPDX-License-Identifier: MIT OR Apache-2.0
#include "relocation.hpp"

#include <doctest/doctest.h>

#include "test/simulated_kernel.hpp"

namespace rvm::kernel::test {
namespace {

constexpr std::uint32_t power = RVM_RIGHT_EXECUTE | RVM_RIGHT_REVOKE | RVM_RIGHT_READ | RVM_RIGHT_PROVE;

/// A governor with power over two partitions. "one" and "two" live in "left" and talk to each other; "three" lives in "right".
PackageBuilder country(std::uint32_t quota) {
  PackageBuilder b;
  b.partition("control");
  const auto capital = b.partition("capital");
  const auto left = b.partition("left", quota);
  const auto right = b.partition("right", quota);
  const auto governor = b.agent("governor", capital, 100, false);
  const auto one = b.agent("one", left);
  const auto two = b.agent("two", left);
  const auto three = b.agent("three", right);
  b.edge("peer", one, two);
  b.edge("away", one, three);
  b.edge("orders", governor, one);
  b.grant("left", governor, RVM_OBJECT_PARTITION, left, power);
  b.grant("right", governor, RVM_OBJECT_PARTITION, right, power);
  b.grant("one", governor, RVM_OBJECT_AGENT, one, power);
  return b;
}

struct Country {
  SimulatedKernel k;
  explicit Country(std::uint32_t quota = 200) : k(country(quota)) { k.run_until("governor"); }

  Error call(std::uint64_t operation, std::initializer_list<std::uint64_t> arguments) {
    k.run_until("governor");
    const Error e = k.call(operation, arguments);
    k.check_invariants();
    return e;
  }
  /// Of the governor, who runs then.
  std::uint32_t handle(std::string_view name) {
    k.run_until("governor");
    return k.handle(name);
  }
  void write(std::uint64_t offset, int value) {
    std::byte* const at = k.touch(k.heap() + offset, Access::write);
    REQUIRE(at != nullptr);
    *at = static_cast<std::byte>(value);
  }
  int read(std::uint64_t offset) {
    const std::byte* const at = k.touch(k.heap() + offset, Access::read);
    REQUIRE(at != nullptr);
    return std::to_integer<int>(*at);
  }
  std::string_view home(std::string_view agent) {
    const Partition& p = *k.agent(agent).partition;
    return {p.name.data()};
  }
  std::uint32_t used() {
    std::uint32_t used = 0;
    k.state().partitions.for_each([&](const Partition& p) { used += p.account.used; });
    return used;
  }
};

}  // namespace

TEST_CASE("a migrating agent keeps its memory, its handles and its messages") {
  Country c;
  SimulatedKernel& k = c.k;
  k.run_until("one");
  c.write(5, 11);
  const std::uint32_t peer = k.handle("peer");
  REQUIRE(k.call(RVM_HVC_SEND, {peer, k.heap(), 16, 0}) == Error::ok);
  REQUIRE(k.call(RVM_HVC_SEND, {peer, k.heap(), 1000, 0}) == Error::ok);
  const std::uint32_t before = c.used();
  const std::uint32_t records = k.agent("one").partition->record_quota;
  REQUIRE(c.call(RVM_HVC_AGENT_MIGRATE, {c.handle("one"), c.handle("right")}) == Error::ok);
  CHECK(c.home("one") == "right");
  CHECK(k.agent("two").partition->record_quota == records - records / 2);
  CHECK(k.agent("one").partition->record_quota == records + records / 2);
  CHECK(c.home("two") == "left");
  CHECK(c.used() <= before + 4);  // translation tables that were shared with others are not any more
  k.run_until("one");
  CHECK(c.read(5) == 11);
  c.write(5, 12);
  CHECK(k.agent("one").information->partition_id == k.agent("three").partition->id.value);
  // Its own partition is where it is now.
  REQUIRE(k.call(RVM_HVC_CAP_INSPECT, {k.handle("partition")}) == Error::ok);
  CHECK(k.current->reg(3) == k.agent("three").partition->id.value);
  REQUIRE(k.call(RVM_HVC_SEND, {peer, k.heap(), 16, 0}) == Error::ok);
  k.run_until("two");
  for (const std::uint64_t length : {16u, 1000u, 16u}) {
    REQUIRE(k.call(RVM_HVC_RECEIVE, {0, k.heap(), 4096, 0}) == Error::ok);
    CHECK(k.current->reg(2) == length);
  }
  k.check_invariants();
  // And back.
  REQUIRE(c.call(RVM_HVC_AGENT_MIGRATE, {c.handle("one"), c.handle("left")}) == Error::ok);
  k.run_until("one");
  CHECK(c.read(5) == 12);
  CHECK(c.used() == before - 1);  // the long message was read
}

TEST_CASE("an agent that moved reaches nothing of where it was, and is not reached from there") {
  Country c;
  SimulatedKernel& k = c.k;
  k.run_until("two");
  const std::uint64_t of_two = k.heap();
  REQUIRE(k.touch(k.heap(), Access::write) != nullptr);
  k.run_until("one");
  const std::uint64_t of_one = k.heap();
  // Agents of one partition share an address space.
  REQUIRE(k.touch(of_two, Access::write) != nullptr);
  k.run_until("two");
  REQUIRE(k.touch(of_one, Access::write) != nullptr);
  REQUIRE(c.call(RVM_HVC_AGENT_MIGRATE, {c.handle("one"), c.handle("right")}) == Error::ok);
  k.run_until("two");
  CHECK(k.touch(of_one, Access::read) == nullptr);  // and is stopped for it
  k.run_until("one");
  CHECK(k.touch(of_two, Access::read) == nullptr);
}

TEST_CASE("a split makes a partition of its own for some; a merge brings them back; nothing is left over") {
  for (const std::uint32_t quota : {0u, 200u}) {
    Country c{quota};
    SimulatedKernel& k = c.k;
    const std::uint32_t before = c.used();
    const std::uint64_t free = k.state().pages.free_pages();
    const std::uint32_t records = k.agent("one").partition->record_quota;
    std::uint32_t settled = 0;
    for (int round = 0; round < 50; ++round) {
      REQUIRE(c.call(RVM_HVC_PARTITION_SPLIT, {c.handle("left"), 0b10}) == Error::ok);
      const std::uint64_t fresh = k.current->reg(1);
      CHECK(k.current->reg(2) == k.agent("two").partition->id.value);
      CHECK(k.agent("one").partition != k.agent("two").partition);
      Partition& made = *k.agent("two").partition;
      CHECK(made.record_quota + k.agent("one").partition->record_quota == records);
      if (quota != 0) CHECK(made.account.quota + k.agent("one").partition->account.quota == quota);
      REQUIRE(c.call(RVM_HVC_PARTITION_MERGE, {c.handle("left"), fresh}) == Error::ok);
      CHECK(k.agent("one").partition == k.agent("two").partition);
      CHECK(k.agent("one").partition->record_quota == records);
      CHECK(k.agent("one").partition->account.quota == quota);
      if (round == 0) settled = c.used();
      REQUIRE(c.used() == settled);
      REQUIRE(settled <= before + 1);  // the governor's table may have grown
    }
    CHECK(k.state().pages.free_pages() + (settled - before) == free);
    CHECK(k.state().partitions.live() == 4);
  }
}

TEST_CASE("what may not move does not") {
  Country c{0};
  SimulatedKernel& k = c.k;
  const auto left = k.handle("left");
  // Nobody may be left, nobody may be missing, and agents that are not there cannot leave.
  CHECK(c.call(RVM_HVC_PARTITION_SPLIT, {left, 0b11}) == Error::bad_state);
  CHECK(c.call(RVM_HVC_PARTITION_SPLIT, {left, 0}) == Error::bad_argument);
  CHECK(c.call(RVM_HVC_PARTITION_SPLIT, {left, 0b100}) == Error::bad_argument);
  CHECK(c.call(RVM_HVC_PARTITION_MERGE, {left, left}) == Error::bad_state);
  CHECK(c.call(RVM_HVC_AGENT_MIGRATE, {c.handle("one"), left}) == Error::bad_state);
  // Without the right.
  CHECK(c.call(RVM_HVC_AGENT_MIGRATE, {c.handle("self"), c.handle("right")}) == Error::rights);
  // The last one stays: that would be a merge.
  REQUIRE(c.call(RVM_HVC_AGENT_MIGRATE, {c.handle("one"), c.handle("right")}) == Error::ok);
  CHECK(k.agent("two").partition->agent_count == 1);
  // Partitions in different states.
  REQUIRE(c.call(RVM_HVC_PARTITION_MERGE, {c.handle("right"), left}) == Error::ok);
  CHECK(c.home("two") == "right");
  CHECK(c.call(RVM_HVC_PARTITION_MERGE, {c.handle("right"), left}) == Error::bad_capability);
}

TEST_CASE("who asked for a move that had to wait for another core is told what became of it") {
  const auto outcome = [](std::uint64_t operation, auto second) {
    Country c{0};
    SimulatedKernel& k = c.k;
    State& s = k.state();
    k.run_until("governor");
    const std::uint64_t first = k.handle(operation == RVM_HVC_PARTITION_MERGE   ? "right"
                                         : operation == RVM_HVC_PARTITION_SPLIT ? "left"
                                                                                : "one");
    hal::Context& governor = *k.current;
    // As if another core had it.
    Agent& mover = k.agent("one");
    s.cores[mover.core].ready->remove(s, index_of(mover));
    mover.executing = true;
    (void)k.call(operation, {first, second(c)});
    REQUIRE(&governor != k.current);
    REQUIRE(s.relocation.phase == Relocation::Phase::stopping);
    const PartitionId before = mover.partition->id;
    mover.executing = false;
    settle_relocation(s);
    CHECK(mover.partition->id != before);
    k.advance(1'000'000);
    k.run_until("governor");
    governor.pc += 4;
    k.current = &on_hypercall(governor);
    k.run_until("governor");
    k.check_invariants();
    CHECK(s.relocation.phase == Relocation::Phase::none);
    const auto told = static_cast<Error>(governor.reg(0));
    if (operation == RVM_HVC_PARTITION_SPLIT) CHECK(governor.reg(2) == mover.partition->id.value);
    if (operation == RVM_HVC_PARTITION_MERGE)
      CHECK(k.call(RVM_HVC_CAP_INSPECT, {k.handle("left")}) == Error::bad_capability);
    return told;
  };
  CHECK(outcome(RVM_HVC_AGENT_MIGRATE, [](Country& c) { return c.handle("right"); }) == Error::ok);
  CHECK(outcome(RVM_HVC_PARTITION_SPLIT, [](Country&) { return 0b01; }) == Error::ok);
  CHECK(outcome(RVM_HVC_PARTITION_MERGE, [](Country& c) { return c.handle("left"); }) == Error::ok);
}

TEST_CASE("a quota that cannot take an agent keeps it out, with nothing changed") {
  PackageBuilder b = country(200);
  SimulatedKernel k{b};
  k.run_until("governor");
  Partition& right = *k.agent("three").partition;
  right.account.quota = right.account.used + 3;
  const std::uint32_t used = right.account.used;
  CHECK(k.call(RVM_HVC_AGENT_MIGRATE, {k.handle("one"), k.handle("right")}) == Error::no_memory);
  k.check_invariants();
  CHECK(right.account.used == used);
  CHECK(std::string_view{k.agent("one").partition->name.data()} == "left");
  k.run_until("one");
}

TEST_CASE("a region that both sides can reach can be written by neither afterwards") {
  Country c{0};
  SimulatedKernel& k = c.k;
  k.run_until("one");
  REQUIRE(k.call(RVM_HVC_REGION_CREATE, {k.handle("partition"), 2}) == Error::ok);
  const std::uint64_t own = k.current->reg(1);
  REQUIRE(k.call(RVM_HVC_REGION_CREATE, {k.handle("partition"), 1}) == Error::ok);
  const std::uint64_t secret = k.current->reg(1);
  const std::uint64_t at = k.agent("one").map_base.value;
  REQUIRE(k.call(RVM_HVC_REGION_MAP, {own, at, RVM_MAP_READ | RVM_MAP_WRITE}) == Error::ok);
  REQUIRE(k.call(RVM_HVC_REGION_MAP, {secret, at + 16 * page_bytes, RVM_MAP_READ | RVM_MAP_WRITE}) == Error::ok);
  REQUIRE(k.call(RVM_HVC_REGION_SHARE, {own, k.handle("peer"), RVM_RIGHT_READ | RVM_RIGHT_WRITE | RVM_RIGHT_PROVE}) ==
          Error::ok);
  k.run_until("two");
  REQUIRE(k.call(RVM_HVC_RECEIVE, {0, k.heap(), 4096, 0}) == Error::ok);
  rvm_capability_message message{};
  std::memcpy(&message, k.peek(k.heap(), sizeof message).data(), sizeof message);
  const std::uint64_t there = k.agent("two").map_base.value;
  REQUIRE(k.call(RVM_HVC_REGION_MAP, {message.handle, there, RVM_MAP_READ | RVM_MAP_WRITE}) == Error::ok);
  REQUIRE(k.touch(there, Access::write) != nullptr);
  const std::uint32_t owner = k.agent("one").partition->id.value;

  REQUIRE(c.call(RVM_HVC_PARTITION_SPLIT, {c.handle("left"), 0b10}) == Error::ok);
  k.run_until("one");
  REQUIRE(k.call(RVM_HVC_CAP_INSPECT, {own}) == Error::ok);
  CHECK(k.current->reg(2) == RVM_RIGHT_READ);
  REQUIRE(k.call(RVM_HVC_CAP_INSPECT, {secret}) == Error::ok);
  CHECK(k.current->reg(2) == RVM_RIGHT_ALL);
  CHECK(k.agent("one").partition->id.value == owner);
  CHECK(k.touch(at, Access::read) != nullptr);
  CHECK(k.touch(at + 16 * page_bytes, Access::write) != nullptr);
  CHECK(k.touch(at + page_bytes, Access::write) == nullptr);
  k.run_until("two");
  REQUIRE(k.call(RVM_HVC_CAP_INSPECT, {message.handle}) == Error::ok);
  CHECK(k.current->reg(2) == RVM_RIGHT_READ);
  CHECK(k.touch(there, Access::read) != nullptr);
  CHECK(k.touch(there, Access::write) == nullptr);
}

}  // namespace rvm::kernel::test
