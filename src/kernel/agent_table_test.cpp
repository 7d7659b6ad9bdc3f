// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What an agent holds is its own: from its beginning, against its neighbours, and until its end.
#include <doctest/doctest.h>

#include <utility>

#include "agents.hpp"
#include "capabilities.hpp"
#include "objects.hpp"
#include "test/simulated_kernel.hpp"

namespace rvm::kernel::test {
namespace {

/// Two agents in one partition, which a third looks after from another.
PackageBuilder neighbours() {
  PackageBuilder b;
  b.partition("control");
  const auto home = b.partition("home", 600);
  const auto keeper = b.agent("keeper", 0);
  const auto left = b.agent("left", home);
  const auto right = b.agent("right", home);
  b.agent("busy", 0, 100, false);
  b.edge("to-right", left, right, 16);
  b.edge("to-keeper", left, keeper, 16);
  b.edge("on-to-keeper", right, keeper, 16);
  b.grant("home", keeper, RVM_OBJECT_PARTITION, home, RVM_RIGHT_ALL);
  b.grant("left", keeper, RVM_OBJECT_AGENT, left, RVM_RIGHT_ALL);
  b.grant("right", keeper, RVM_OBJECT_AGENT, right, RVM_RIGHT_ALL);
  return b;
}

struct Neighbours {
  SimulatedKernel k{neighbours()};

  void run(std::string_view name) {
    while (k.state().partition_of(k.running()).flooding) k.advance(400'000'000);
    k.run_until(name);
  }
  std::uint64_t made(std::uint64_t operation, std::initializer_list<std::uint64_t> arguments) {
    REQUIRE(k.call(operation, arguments) == Error::ok);
    return k.current->reg(1);
  }
  std::uint64_t region(std::uint64_t pages = 1) { return made(RVM_HVC_REGION_CREATE, {k.handle("partition"), pages}); }
  /// The handle in the message that the running agent receives.
  std::uint64_t received() {
    REQUIRE(k.call(RVM_HVC_RECEIVE, {0, k.heap(), 64, 0}) == Error::ok);
    rvm_capability_message message;
    std::memcpy(&message, k.peek(k.heap(), sizeof message).data(), sizeof message);
    return message.handle;
  }
  Error inspect(std::uint64_t handle) { return k.call(RVM_HVC_CAP_INSPECT, {handle}); }
  void terminate(std::string_view name) {
    run("keeper");
    REQUIRE(k.call(RVM_HVC_AGENT_TERMINATE, {k.handle(name)}) == Error::ok);
  }
  /// Everything that is nobody's any more is given back.
  void bury() {
    while (bury_step(k.state()) == Burial::step) {
    }
    k.check_invariants();
  }
};

std::uint64_t standard_handle(unsigned slot) { return slot | 1u << 16; }

}  // namespace

TEST_CASE("every agent finds console, partition and itself in the first three slots, under the same handles") {
  Neighbours n;
  for (const char* const name : {"keeper", "left", "right", "busy"}) {
    n.run(name);
    CHECK(n.k.handle("console") == standard_handle(1));
    CHECK(n.k.handle("partition") == standard_handle(2));
    CHECK(n.k.handle("self") == standard_handle(3));
    REQUIRE(n.inspect(standard_handle(2)) == Error::ok);
    CHECK(n.k.current->reg(3) == n.k.running().partition->id.value);
    REQUIRE(n.inspect(standard_handle(3)) == Error::ok);
    CHECK(n.k.current->reg(3) == n.k.running().id.value);
  }
}

TEST_CASE("a handle of a neighbour in the same partition names nothing, or something of one's own") {
  Neighbours n;
  n.run("left");
  std::vector<std::uint64_t> handles;
  for (int i = 0; i < 10; ++i) handles.push_back(n.region());
  n.run("right");
  for (const std::uint64_t handle : handles) {
    const Error e = n.k.call(RVM_HVC_REGION_MAP, {handle, n.k.running().information->map_base, RVM_MAP_READ});
    CHECK((e == Error::bad_capability || e == Error::wrong_type));
    CHECK(n.k.call(RVM_HVC_REGION_DESTROY, {handle}) != Error::ok);
    CHECK(n.k.call(RVM_HVC_CAP_DROP, {handle}) ==
          (handle >> 16 == 1 && (handle & 0xff) <= 5 ? Error::ok : Error::bad_capability));
  }
  n.run("left");
  for (const std::uint64_t handle : handles) CHECK(n.inspect(handle) == Error::ok);
}

TEST_CASE("a table grows at its partition's cost, up to 255 capabilities, and where that has no page it does not") {
  Neighbours n;
  n.run("left");
  Agent& left = n.k.running();
  memory::PageAccount& account = left.partition->account;
  const std::uint64_t root = n.region();
  const std::uint32_t used = account.used;
  const auto derive = [&] { return n.k.call(RVM_HVC_CAP_DERIVE, {root, RVM_RIGHT_READ, 0}); };
  while (left.capabilities->used() < 63) {
    REQUIRE(derive() == Error::ok);
    n.run("left");
  }
  CHECK(account.used == used);
  const std::uint32_t quota = std::exchange(account.quota, account.used);
  CHECK(derive() == Error::no_memory);
  CHECK(left.capabilities->used() == 63);
  account.quota = quota;
  while (left.capabilities->used() < cap::table_slots - 1) {
    n.run("left");
    REQUIRE(derive() == Error::ok);
  }
  CHECK(account.used == used + 3);
  n.run("left");
  CHECK(derive() == Error::resource_limit);
  // The neighbour is not concerned.
  n.run("right");
  CHECK(n.region() != 0);
  n.k.check_invariants();
  n.terminate("left");
  n.bury();
  CHECK(account.used < used);
}

TEST_CASE("what an ended agent had shared stays with those who have it; whoever had it before can still take it back") {
  Neighbours n;
  n.run("left");
  const std::uint64_t root = n.region();
  constexpr std::uint64_t rights = RVM_RIGHT_READ | RVM_RIGHT_GRANT | RVM_RIGHT_REVOKE | RVM_RIGHT_PROVE;
  REQUIRE(n.k.call(RVM_HVC_REGION_SHARE, {root, n.k.handle("to-right"), rights}) == Error::ok);
  n.run("right");
  const std::uint64_t lent = n.received();
  const GuestAddress map{n.k.running().information->map_base};
  REQUIRE(n.k.call(RVM_HVC_REGION_MAP, {lent, map.value, RVM_MAP_READ}) == Error::ok);
  REQUIRE(n.k.call(RVM_HVC_REGION_SHARE, {lent, n.k.handle("on-to-keeper"), RVM_RIGHT_READ | RVM_RIGHT_PROVE}) ==
          Error::ok);
  n.run("keeper");
  const std::uint64_t passed_on = n.received();
  const std::uint64_t own = n.k.running().information->map_base;
  REQUIRE(n.k.call(RVM_HVC_REGION_MAP, {passed_on, own, RVM_MAP_READ}) == Error::ok);
  n.terminate("right");
  n.bury();
  CHECK(!n.k.agent("left").partition->space.translate(map));  // what it had mapped is not
  n.run("keeper");
  CHECK(n.inspect(passed_on) == Error::ok);
  CHECK(n.k.running().partition->space.translate(GuestAddress{own}));
  n.run("left");
  REQUIRE(n.k.call(RVM_HVC_REGION_UNSHARE, {root}) == Error::ok);
  n.run("keeper");
  CHECK(n.inspect(passed_on) == Error::bad_capability);
  CHECK(!n.k.running().partition->space.translate(GuestAddress{own}));
}

TEST_CASE("a region that nothing leads to any more is destroyed; one that somebody still holds is not") {
  Neighbours n;
  State& s = n.k.state();
  n.run("left");
  const std::uint32_t regions = s.regions.live();
  const std::uint64_t shared = n.region(3);
  n.region(5);
  REQUIRE(n.k.call(RVM_HVC_REGION_SHARE, {shared, n.k.handle("to-right"), RVM_RIGHT_ALL}) == Error::ok);
  // One that its holder gives up, while it lives.
  REQUIRE(n.k.call(RVM_HVC_CAP_DROP, {n.region(7)}) == Error::ok);
  const std::uint32_t used = n.k.running().partition->account.used;
  n.bury();
  CHECK(n.k.running().partition->account.used == used - 7);
  n.terminate("left");
  n.bury();
  CHECK(s.regions.live() == regions + 1);
  n.run("right");
  const std::uint64_t lent = n.received();
  CHECK(n.k.call(RVM_HVC_REGION_DESTROY, {lent}) == Error::rights);  // it was made by somebody else
  REQUIRE(n.k.call(RVM_HVC_REGION_MAP, {lent, n.k.running().information->map_base, RVM_MAP_READ}) == Error::ok);
  n.terminate("right");
  n.bury();
  CHECK(s.regions.live() == regions);
}

TEST_CASE("with a destroyed partition goes what was derived from what its agents held") {
  Neighbours n;
  n.run("left");
  const std::uint64_t root = n.region();
  REQUIRE(n.k.call(RVM_HVC_REGION_SHARE, {root, n.k.handle("to-keeper"), RVM_RIGHT_READ | RVM_RIGHT_PROVE}) ==
          Error::ok);
  const std::uint64_t self =
      n.made(RVM_HVC_CAP_DERIVE, {n.k.handle("self"), RVM_RIGHT_READ | RVM_RIGHT_GRANT | RVM_RIGHT_PROVE, 0});
  REQUIRE(n.k.call(RVM_HVC_CAP_TRANSFER, {self, n.k.handle("to-keeper")}) == Error::ok);
  n.run("keeper");
  const std::uint64_t lent = n.received();
  const std::uint64_t of_left = n.received();
  const std::uint64_t own = n.k.running().information->map_base;
  REQUIRE(n.k.call(RVM_HVC_REGION_MAP, {lent, own, RVM_MAP_READ}) == Error::ok);
  const unsigned used = n.k.running().capabilities->used();
  REQUIRE(n.k.call(RVM_HVC_PARTITION_DESTROY, {n.k.handle("home")}) == Error::ok);
  CHECK(n.inspect(lent) == Error::bad_capability);
  CHECK(n.inspect(of_left) == Error::bad_capability);
  CHECK(!n.k.running().partition->space.translate(GuestAddress{own}));
  CHECK(n.k.running().capabilities->used() == used - 3);  // and "home"; those to its agents tell how these ended
  n.k.check_invariants();
}

TEST_CASE("a slot is used again only when the table of its last agent is empty; its handles do not come back") {
  Neighbours n;
  State& s = n.k.state();
  n.terminate("left");
  const auto index = static_cast<std::uint16_t>(s.ended.front()->id.value);
  const cap::CapabilityTable& table = *s.capabilities.table(cap::AgentIndex{index});
  CHECK(table.used() != 0);
  CHECK(s.agents.at(index).id.value != 0);
  REQUIRE(bury_step(s) == Burial::step);
  CHECK(table.used() == 0);
  CHECK(table.open());
  n.bury();
  CHECK(!table.open());
  CHECK(s.agents.at(index).id.value == 0);
}

TEST_CASE("an ended agent leaves what it held in steps, each with its record") {
  Neighbours n;
  n.run("left");
  Agent& left = n.k.running();
  const std::uint64_t root = n.region();
  while (left.capabilities->used() < 200) {
    REQUIRE(n.k.call(RVM_HVC_CAP_DERIVE, {root, RVM_RIGHT_READ, 0}) == Error::ok);
    n.run("left");
  }
  n.terminate("left");
  const std::uint64_t records = log().ring.reserved();
  while (left.capabilities->used() != 0) REQUIRE(bury_step(n.k.state()) == Burial::step);
  std::uint64_t removed = 0;
  std::uint64_t handed_up = 0;
  unsigned steps = 0;
  for (std::uint64_t i = records; i < log().ring.reserved(); ++i) {
    const auto* r = log().ring.committed(i);
    if ((r->flags & security::agents_capabilities) == 0) continue;
    REQUIRE(r->action_kind == witness::Kind::capability_revoke);
    CHECK(r->target_object == left.id.value);
    CHECK(r->payload + r->aux <= revocation_step + 1);
    ++steps;
    removed += r->aux;
    handed_up += r->payload;
  }
  CHECK(removed == 200);
  CHECK(handed_up > 100);  // to nobody: they went next
  CHECK(steps >= (removed + handed_up) / revocation_step);
}

}  // namespace rvm::kernel::test
