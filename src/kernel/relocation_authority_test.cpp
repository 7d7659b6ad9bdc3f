// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Relocations and authority: what both sides can reach is read-only for both and for whoever has it from them, nothing else changes,
// and nobody gains a right, a page or a record.
#include <doctest/doctest.h>

#include <vector>

#include "belongings.hpp"
#include "capabilities.hpp"
#include "objects.hpp"
#include "relocation.hpp"
#include "test/simulated_kernel.hpp"

namespace rvm::kernel::test {
namespace {

constexpr std::uint32_t power = RVM_RIGHT_EXECUTE | RVM_RIGHT_REVOKE | RVM_RIGHT_READ | RVM_RIGHT_PROVE;
constexpr std::uint32_t writing = RVM_RIGHT_READ | RVM_RIGHT_WRITE | RVM_RIGHT_PROVE;
constexpr std::uint32_t passing_on = writing | RVM_RIGHT_GRANT;
constexpr std::uint64_t read_write = RVM_MAP_READ | RVM_MAP_WRITE;

/// A governor with power over two partitions. "one", "two" and "four" live in "left", "three" in "right"; all have edges to all others.
PackageBuilder neighbours(std::uint32_t record_quota, bool once) {
  PackageBuilder b;
  b.partition("control");
  const auto capital = b.partition("capital");
  const auto left = b.partition("left");
  b.last_partition().witness_quota = record_quota;
  const auto right = b.partition("right");
  const auto governor = b.agent("governor", capital, 100, false);
  const std::array<std::uint32_t, 4> agents{b.agent("one", left), b.agent("two", left), b.agent("three", right),
                                            b.agent("four", left)};
  constexpr std::array<std::string_view, 4> names{"one", "two", "three", "four"};
  for (unsigned from = 0; from < agents.size(); ++from) {
    for (unsigned to = 0; to < agents.size(); ++to) {
      if (from != to) b.edge(names[to], agents[from], agents[to]);
    }
  }
  b.grant("left", governor, RVM_OBJECT_PARTITION, left, power);
  b.grant("right", governor, RVM_OBJECT_PARTITION, right, power);
  for (unsigned i = 0; i < agents.size(); ++i) b.grant(names[i], governor, RVM_OBJECT_AGENT, agents[i], power);
  if (once)
    b.grant("once", agents[0], RVM_OBJECT_PARTITION, left, RVM_RIGHT_READ | RVM_RIGHT_WRITE | RVM_RIGHT_GRANT_ONCE);
  return b;
}

struct Neighbours {
  SimulatedKernel k;
  explicit Neighbours(std::uint32_t record_quota = 1'000'000, bool once = false) : k(neighbours(record_quota, once)) {}

  Error govern(std::uint64_t operation, std::string_view object, std::uint64_t argument = 0) {
    k.run_until("governor");
    const Error e = k.call(operation, {k.handle(object), argument});
    k.check_invariants();
    check_tree();
    return e;
  }
  Error migrate(std::string_view agent, std::string_view to) {
    k.run_until("governor");
    return govern(RVM_HVC_AGENT_MIGRATE, agent, k.handle(to));
  }
  std::uint64_t region_of(std::string_view agent, std::uint64_t pages) {
    k.run_until(agent);
    REQUIRE(k.call(RVM_HVC_REGION_CREATE, {k.handle("partition"), pages}) == Error::ok);
    return k.current->reg(1);
  }
  std::uint64_t share(std::string_view from, std::uint64_t region, std::string_view to, std::uint32_t rights) {
    k.run_until(from);
    REQUIRE(k.call(RVM_HVC_REGION_SHARE, {region, k.handle(to), rights}) == Error::ok);
    k.run_until(to);
    REQUIRE(k.call(RVM_HVC_RECEIVE, {0, k.heap(), 4096, 0}) == Error::ok);
    rvm_capability_message message{};
    std::memcpy(&message, k.peek(k.heap(), sizeof message).data(), sizeof message);
    return message.handle;
  }
  std::uint64_t map(std::string_view agent, std::uint64_t region) {
    k.run_until(agent);
    const std::uint64_t at = k.running().map_base.value;
    REQUIRE(k.call(RVM_HVC_REGION_MAP, {region, at, read_write}) == Error::ok);
    return at;
  }
  std::uint64_t rights_of(std::string_view agent, std::uint64_t handle) {
    k.run_until(agent);
    REQUIRE(k.call(RVM_HVC_CAP_INSPECT, {handle}) == Error::ok);
    return k.current->reg(2);
  }
  std::string_view home(std::string_view agent) { return name_of(k.agent(agent).partition->name); }
  /// A capability never has more than the one that it was derived from.
  void check_tree() {
    State& s = k.state();
    s.agents.for_each([&](const Agent& agent) {
      each_capability(s, agent, [&](cap::CapabilityRef, const cap::Capability& c) {
        if (!c.parent().empty()) REQUIRE(s.capabilities.find(c.parent())->rights().contains(c.rights()));
      });
    });
  }
};

}  // namespace

TEST_CASE("relocation: whoever has a shared region from one of the two sides reads it from then on, wherever it is") {
  Neighbours n;
  SimulatedKernel& k = n.k;
  const std::uint64_t own = n.region_of("one", 2);
  const std::uint64_t of_two = n.share("one", own, "two", writing);
  const std::uint64_t of_three = n.share("one", own, "three", writing);
  const std::uint64_t there = n.map("three", of_three);
  REQUIRE(k.touch(there, Access::write) != nullptr);
  REQUIRE(n.govern(RVM_HVC_PARTITION_SPLIT, "left", 0b010) == Error::ok);
  CHECK(n.rights_of("one", own) == RVM_RIGHT_READ);
  CHECK(n.rights_of("two", of_two) == RVM_RIGHT_READ);
  CHECK(n.rights_of("three", of_three) == RVM_RIGHT_READ);
  CHECK(k.touch(there, Access::read) != nullptr);
  CHECK(k.touch(there, Access::write) == nullptr);
}

TEST_CASE("relocation: whose region it is goes on writing it, and gives it to whom it likes") {
  Neighbours n;
  SimulatedKernel& k = n.k;
  const std::uint64_t root = n.region_of("three", 1);
  const std::uint64_t at = n.map("three", root);
  const std::uint64_t of_one = n.share("three", root, "one", passing_on);
  const std::uint64_t of_two = n.share("three", root, "two", passing_on);
  REQUIRE(n.migrate("two", "right") == Error::ok);
  CHECK(n.rights_of("one", of_one) == RVM_RIGHT_READ);
  CHECK(n.rights_of("two", of_two) == RVM_RIGHT_READ);
  // Neither regains what it lost: there is nothing left to derive from.
  k.run_until("one");
  CHECK(k.call(RVM_HVC_CAP_DERIVE, {of_one, writing}) == Error::rights);
  CHECK(k.call(RVM_HVC_REGION_SHARE, {of_one, k.handle("two"), RVM_RIGHT_READ}) == Error::rights);
  CHECK(n.rights_of("three", root) == RVM_RIGHT_ALL);
  CHECK(k.touch(at, Access::write) != nullptr);
  CHECK(n.rights_of("one", n.share("three", root, "one", writing)) == writing);
}

TEST_CASE("relocation: an ended agent's mapping is no way around it") {
  Neighbours n;
  SimulatedKernel& k = n.k;
  const std::uint64_t region = n.region_of("one", 1);
  const std::uint64_t at = n.map("one", region);
  (void)n.share("one", region, "two", writing);
  k.run_until("four");
  REQUIRE(k.touch(at, Access::write) != nullptr);  // one address space
  REQUIRE(n.govern(RVM_HVC_AGENT_TERMINATE, "one") == Error::ok);
  REQUIRE(n.migrate("two", "right") == Error::ok);
  k.run_until("four");
  REQUIRE(k.touch(at, Access::read) != nullptr);  // it is not buried yet
  CHECK(k.touch(at, Access::write) == nullptr);
}

TEST_CASE("relocation: what would take rights from too many is refused, and changes nothing") {
  Neighbours n;
  SimulatedKernel& k = n.k;
  const std::uint64_t own = n.region_of("one", 1);
  const std::uint64_t of_two = n.share("one", own, "two", passing_on);
  k.run_until("one");
  std::uint64_t last = 0;
  while (k.running().capabilities->used() < 250) {
    REQUIRE(k.call(RVM_HVC_CAP_DERIVE, {own, writing}) == Error::ok);
    last = k.current->reg(1);
  }
  k.run_until("two");
  for (std::uint32_t i = 0; i < 16; ++i) REQUIRE(k.call(RVM_HVC_CAP_DERIVE, {of_two, writing}) == Error::ok);
  CHECK(n.govern(RVM_HVC_PARTITION_SPLIT, "left", 0b010) == Error::capability_conflict);
  CHECK(n.migrate("two", "right") == Error::capability_conflict);
  CHECK(n.home("two") == "left");
  CHECK(k.state().partitions.live() == 4);
  CHECK(n.rights_of("one", own) == RVM_RIGHT_ALL);
  CHECK(n.rights_of("one", last) == writing);
  CHECK(n.rights_of("two", of_two) == passing_on);
  // With as many as may be: 256, what is mapped not counted.
  k.run_until("one");
  std::uint32_t beyond = 0;
  State& s = k.state();
  s.agents.for_each([&](const Agent& agent) {
    each_capability(s, agent, [&](cap::CapabilityRef, const cap::Capability& c) {
      beyond += c.type() == ObjectType::region ? 1 : 0;
    });
  });
  REQUIRE(beyond > maximum_restriction);
  REQUIRE(k.call(RVM_HVC_CAP_REVOKE, {last}) == Error::rights);
  for (; beyond > maximum_restriction; --beyond) {
    REQUIRE(k.call(RVM_HVC_CAP_DROP, {last}) == Error::ok);
    std::uint64_t next = 0;
    each_capability(s, k.running(), [&](cap::CapabilityRef ref, const cap::Capability& c) {
      if (c.type() == ObjectType::region && c.depth() == 1) next = ref.slot | std::uint64_t{c.generation().value} << 16;
    });
    last = next;
  }
  CHECK(n.migrate("two", "right") == Error::ok);
  CHECK(n.rights_of("one", own) == RVM_RIGHT_READ);
  CHECK(n.rights_of("two", of_two) == RVM_RIGHT_READ);
}

TEST_CASE("relocation: a capability to the own partition from which another was derived keeps its object") {
  Neighbours n{1'000'000, true};
  SimulatedKernel& k = n.k;
  k.run_until("one");
  const std::uint64_t once = k.handle("once");
  const std::uint32_t left = k.running().partition->id.value;
  REQUIRE(k.call(RVM_HVC_CAP_DERIVE, {once, RVM_RIGHT_READ}) == Error::ok);
  REQUIRE(n.migrate("one", "right") == Error::ok);
  k.run_until("one");
  REQUIRE(k.call(RVM_HVC_CAP_INSPECT, {once}) == Error::ok);
  CHECK(k.current->reg(3) == left);
  REQUIRE(k.call(RVM_HVC_CAP_INSPECT, {k.handle("partition")}) == Error::ok);
  CHECK(k.current->reg(3) == k.agent("three").partition->id.value);
}

TEST_CASE("relocation: a call that is repeated after it was carried out gets that verdict, and nothing happens twice") {
  // As when somebody who moves executes on another core: the call waits, and who lives where has changed when it goes on.
  Neighbours n;
  SimulatedKernel& k = n.k;
  State& s = k.state();
  const Partition& left = *k.agent("one").partition;
  Relocation split{.kind = Relocation::Kind::split, .requester = k.agent("governor").id, .from = left.id, .members = 1};
  choose_members(left, 1, split);
  REQUIRE(begin_relocation(s, split));
  const std::uint32_t made = k.agent("one").partition->id.value;
  REQUIRE(n.govern(RVM_HVC_PARTITION_SPLIT, "left", 1) == Error::ok);
  CHECK(k.current->reg(2) == made);
  const std::uint64_t handle = k.current->reg(1);
  CHECK(n.home("two") == "left");
  CHECK(k.state().partitions.live() == 5);

  Relocation merge{
      .kind = Relocation::Kind::merge, .requester = k.agent("governor").id, .from = PartitionId{made}, .to = left.id};
  choose_members(*k.agent("one").partition, UINT64_MAX, merge);
  REQUIRE(begin_relocation(s, merge));
  CHECK(n.govern(RVM_HVC_PARTITION_MERGE, "left", handle) == Error::ok);
  CHECK(n.govern(RVM_HVC_PARTITION_MERGE, "left", handle) == Error::bad_capability);

  Relocation move{
      .requester = k.agent("governor").id, .from = left.id, .to = k.agent("three").partition->id, .count = 1};
  move.agents[0] = k.agent("two").id;
  REQUIRE(begin_relocation(s, move));
  CHECK(n.migrate("two", "right") == Error::ok);
  CHECK(n.home("two") == "right");
}

TEST_CASE(
    "relocation: an agent that is moved as its core leaves it goes on there under its new partition's translation") {
  Neighbours n;
  SimulatedKernel& k = n.k;
  State& s = k.state();
  for (const std::string_view waiting : {"two", "three", "four"}) {
    k.run_until(waiting);
    (void)k.call(RVM_HVC_RECEIVE, {0, k.heap(), 4096, UINT64_MAX});
  }
  k.run_until("governor");
  (void)k.call(RVM_HVC_WAIT, {1, UINT64_MAX});
  REQUIRE(name_of(k.running().name) == "one");
  std::byte* const before = k.touch(k.heap(), Access::write);
  REQUIRE(before != nullptr);
  *before = std::byte{7};
  Relocation move{.from = k.running().partition->id, .to = k.agent("three").partition->id, .count = 1};
  move.agents[0] = k.running().id;
  REQUIRE(begin_relocation(s, move));
  CHECK(n.home("one") == "left");  // it executes
  (void)k.call(RVM_HVC_YIELD);
  CHECK(n.home("one") == "right");
  REQUIRE(name_of(k.running().name) == "one");
  k.check_invariants();
  const std::byte* const after = k.touch(k.heap(), Access::read);
  REQUIRE(after != nullptr);
  CHECK(*after == std::byte{7});
}

TEST_CASE("relocation: a record quota that cannot be divided is not") {
  Neighbours n{1};
  CHECK(n.govern(RVM_HVC_PARTITION_SPLIT, "left", 1) == Error::resource_limit);
  CHECK(n.k.agent("one").partition->record_quota == 1);
  Neighbours other{2};
  REQUIRE(other.govern(RVM_HVC_PARTITION_SPLIT, "left", 0b011) == Error::ok);
  CHECK(other.k.agent("one").partition->record_quota == 1);
  CHECK(other.k.agent("four").partition->record_quota == 1);
}

}  // namespace rvm::kernel::test
