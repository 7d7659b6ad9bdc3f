// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>

#include "agents.hpp"
#include "capabilities.hpp"
#include "objects.hpp"
#include "scheduler.hpp"
#include "test/simulated_kernel.hpp"

namespace rvm::kernel::test {
namespace {

constexpr std::uint32_t everything = RVM_RIGHT_ALL;

/// Two agents in two partitions, with an edge each way, beside one that always has something to do.
PackageBuilder pair() {
  PackageBuilder b;
  b.partition("control");
  const auto left = b.partition("left", 300);
  const auto right = b.partition("right", 300);
  const auto a = b.agent("a", left);
  const auto c = b.agent("b", right);
  b.agent("busy", 0, 100, false);
  b.edge("to-b", a, c);
  b.edge("to-a", c, a);
  b.grant("hypervisor", a, RVM_OBJECT_PARTITION, UINT32_MAX, everything);
  b.grant("peer", a, RVM_OBJECT_AGENT, c, everything);
  b.grant("log", a, RVM_OBJECT_WITNESS, 0, everything);
  return b;
}

std::uint64_t last_kind(State& s) {
  (void)s;
  auto* record = log().ring.committed(log().ring.reserved() - 1);
  REQUIRE(record != nullptr);
  return static_cast<std::uint64_t>(record->action_kind);
}

/// Ends waits that only another agent could end, so that random agents go on.
void end_endless_waits(State& s) {
  s.agents.for_each([&](Agent& a) {
    if (a.wait == Wait::receive || a.wait == Wait::space) a.context->skip_instruction();
    if (a.wait == Wait::call || a.wait == Wait::signal || a.wait == Wait::receive || a.wait == Wait::space)
      wake(s, a, Error::timed_out);
    if (a.wait == Wait::sleep && a.node.timed() && hal::Port::now() + Nanoseconds{10'000'000} < a.node.wake_at)
      wake(s, a, Error::ok);
    // Whoever owes a reply and waits for ever itself: the random agents never answer on purpose.
    if (a.wait == Wait::none && a.caller != nullptr && a.node.queued()) {
      Agent& caller = *a.caller;
      a.caller = caller.callee = nullptr;
      wake(s, caller, Error::peer_gone);
    }
  });
}

}  // namespace

TEST_CASE("boot: seven phases are attested, then the agents run") {
  SimulatedKernel k(pair());
  k.check_invariants();
  std::uint32_t phases = 0;
  for (std::uint64_t i = 0; i < log().ring.reserved(); ++i) {
    const auto* r = log().ring.committed(i);
    REQUIRE(r != nullptr);
    if (r->action_kind == witness::Kind::boot_attestation) CHECK((r->flags & 0xff) == ++phases);
  }
  CHECK(phases == 7);
  CHECK(k.machine.console.find("rvm# {\"t\":\"boot\"") != std::string::npos);
}

TEST_CASE("call and reply carry 64 bytes each way and the badge, by the straight path and by the general one") {
  for (const bool general : {false, true}) {
    SimulatedKernel k(pair());
    // Witnessing each message is one of the things the straight path declines.
    k.state().witness_each_message = general;
    k.run_until("b");
    k.call(RVM_HVC_REPLY_WAIT);
    k.run_until("a");
    const std::uint64_t messages = k.state().messages;
    k.call(RVM_HVC_CALL, {k.handle("to-b"), 11, 12, 13, 14, 15, 16, 17, 18});
    REQUIRE(name_of(k.running().name) == "b");
    CHECK(k.current->reg(0) == RVM_ERROR_OK);
    CHECK(k.current->reg(1) == k.agent("a").id.value);
    for (unsigned i = 0; i < 8; ++i) CHECK(k.current->reg(2 + i) == 11 + i);
    k.check_invariants();
    k.call(RVM_HVC_REPLY_WAIT, {0, 21, 22, 23, 24, 25, 26, 27, 28});
    k.run_until("a");
    CHECK(k.current->reg(0) == RVM_ERROR_OK);
    for (unsigned i = 0; i < 8; ++i) CHECK(k.current->reg(2 + i) == 21 + i);
    CHECK(k.state().messages == messages + 2);
    CHECK(k.agent("b").wait == Wait::call);
    k.check_invariants();
  }
}

TEST_CASE("a callee runs with its caller's priority and loses it with the reply") {
  PackageBuilder b;
  b.partition("control");
  const auto p = b.partition("p");
  const auto low = b.agent("low", p, 10);
  const auto high = b.agent("high", p, 900);
  b.agent("busy", 0, 10, false);
  b.edge("to-low", high, low);
  SimulatedKernel k(b);
  k.call(RVM_HVC_SLEEP_UNTIL, {5'000'000});  // high
  k.run_until("low");
  k.call(RVM_HVC_REPLY_WAIT);
  k.advance(6'000'000);
  REQUIRE(name_of(k.running().name) == "high");
  k.call(RVM_HVC_CALL, {k.handle("to-low")});
  REQUIRE(name_of(k.running().name) == "low");
  CHECK(k.running().effective.value == 900);
  k.call(RVM_HVC_REPLY);
  CHECK(k.agent("low").effective.value == 10);
  CHECK(name_of(k.running().name) == "high");
}

TEST_CASE("messages arrive once and in order, with the sender's bytes, and a full queue refuses") {
  SimulatedKernel k(pair());
  k.run_until("a");
  const auto edge = k.handle("to-b");
  for (int i = 0; i < 4; ++i) {
    std::vector<std::byte> text(i % 2 == 0 ? 100u : 3000u, static_cast<std::byte>('0' + i));
    CHECK(k.call(RVM_HVC_SEND, {edge, k.poke(text), text.size(), 0}) == Error::ok);
  }
  CHECK(k.call(RVM_HVC_SEND, {edge, k.heap(), 10, 0}) == Error::resource_limit);
  k.run_until("b");
  const std::uint64_t to = k.heap();
  CHECK(k.call(RVM_HVC_RECEIVE, {0, to, 10, 0}) == Error::truncated);
  for (int i = 0; i < 4; ++i) {
    REQUIRE(k.call(RVM_HVC_RECEIVE, {0, to, 4096, 0}) == Error::ok);
    CHECK(k.current->reg(2) == (i % 2 == 0 ? 100u : 3000u));
    CHECK(k.peek(to, 100) == std::vector<std::byte>(100, static_cast<std::byte>('0' + i)));
  }
  CHECK(k.call(RVM_HVC_RECEIVE, {0, to, 4096, 0}) == Error::would_block);
  k.check_invariants();
}

TEST_CASE("a fault ends the agent, is witnessed, and its caller is told; the rest goes on") {
  SimulatedKernel k(pair());
  k.run_until("b");
  k.call(RVM_HVC_REPLY_WAIT);
  k.run_until("a");
  k.call(RVM_HVC_CALL, {k.handle("to-b")});
  REQUIRE(name_of(k.running().name) == "b");
  k.fault();
  k.run_until("a");
  CHECK(k.current->reg(0) == RVM_ERROR_PEER_GONE);
  CHECK(k.state().faults == 1);
  CHECK(k.call(RVM_HVC_CALL, {k.handle("to-b")}) == Error::peer_gone);
  CHECK(k.machine.console.find("\"t\":\"fault\"") != std::string::npos);
  k.check_invariants();
}

TEST_CASE("a region is shared, used and taken back: the receiver's mapping goes before unshare returns") {
  SimulatedKernel k(pair());
  k.run_until("a");
  const std::uint64_t map = k.running().information->map_base;
  REQUIRE(k.call(RVM_HVC_REGION_CREATE, {k.handle("partition"), 3}) == Error::ok);
  const std::uint64_t region = k.current->reg(1);
  REQUIRE(k.call(RVM_HVC_REGION_MAP, {region, map, RVM_MAP_READ | RVM_MAP_WRITE}) == Error::ok);
  CHECK(k.call(RVM_HVC_REGION_MAP, {region, map + 0x100000, RVM_MAP_READ}) == Error::bad_state);
  CHECK(k.call(RVM_HVC_REGION_MAP, {region, map, RVM_MAP_WRITE | RVM_MAP_EXECUTE | RVM_MAP_READ}) ==
        Error::write_execute);
  REQUIRE(k.call(RVM_HVC_REGION_SHARE, {region, k.handle("to-b"), RVM_RIGHT_READ | RVM_RIGHT_PROVE}) == Error::ok);
  k.run_until("b");
  const std::uint64_t to = k.heap();
  REQUIRE(k.call(RVM_HVC_RECEIVE, {0, to, 64, 0}) == Error::ok);
  CHECK(k.current->reg(3) == RVM_MESSAGE_REGION);
  rvm_capability_message message;
  std::memcpy(&message, k.peek(to, sizeof message).data(), sizeof message);
  CHECK(message.pages == 3);
  const std::uint64_t at = k.running().information->map_base;
  CHECK(k.call(RVM_HVC_REGION_MAP, {message.handle, at, RVM_MAP_READ | RVM_MAP_WRITE}) == Error::rights);
  REQUIRE(k.call(RVM_HVC_REGION_MAP, {message.handle, at, RVM_MAP_READ}) == Error::ok);
  CHECK(k.running().partition->space.translate(GuestAddress{at}).has_value());
  k.run_until("a");
  const std::uint64_t invalidations = k.machine.vmid_invalidations;
  REQUIRE(k.call(RVM_HVC_REGION_UNSHARE, {region}) == Error::ok);
  CHECK(!k.agent("b").partition->space.translate(GuestAddress{at}).has_value());
  CHECK(k.machine.vmid_invalidations > invalidations);
  k.run_until("b");
  CHECK(k.call(RVM_HVC_REGION_UNMAP, {message.handle}) == Error::bad_capability);
  k.check_invariants();
}

TEST_CASE("a partition made, filled and destroyed gives back every page") {
  SimulatedKernel k(pair());
  k.run_until("a");
  const std::uint64_t before = k.state().pages.free_pages();
  REQUIRE(k.call(RVM_HVC_PARTITION_CREATE, {k.handle("hypervisor"), 200}) == Error::ok);
  const std::uint64_t partition = k.current->reg(1);
  REQUIRE(k.call(RVM_HVC_AGENT_SPAWN, {partition, 0, 50, 7}) == Error::ok);
  const std::uint64_t agent = k.current->reg(1);
  REQUIRE(k.call(RVM_HVC_AGENT_INFO, {agent}) == Error::ok);
  CHECK(k.current->reg(2) == static_cast<std::uint64_t>(AgentState::running));
  CHECK(k.call(RVM_HVC_AGENT_SPAWN, {partition, 0, 101, 0}) == Error::bad_argument);  // nobody outranks its maker
  REQUIRE(k.call(RVM_HVC_PARTITION_DESTROY, {partition}) == Error::ok);
  CHECK(k.state().pages.free_pages() == before);
  CHECK(k.call(RVM_HVC_PARTITION_INFO, {partition}) == Error::bad_capability);
  k.check_invariants();
}

TEST_CASE("a large revocation is done in steps, each with its record, and nothing of it is left") {
  SimulatedKernel k(pair());
  k.run_until("a");
  REQUIRE(k.call(RVM_HVC_REGION_CREATE, {k.handle("partition"), 1}) == Error::ok);
  const std::uint64_t region = k.current->reg(1);
  const cap::CapabilityTable& table = *k.running().capabilities;
  const unsigned before = table.used();
  std::vector<std::uint64_t> derived{region};
  for (std::size_t i = 0; i < 200; ++i) {
    REQUIRE(k.call(RVM_HVC_CAP_DERIVE, {i < 8 ? derived.back() : derived[i % 8], RVM_RIGHT_ALL, 0}) == Error::ok);
    derived.push_back(k.current->reg(1));
    if (k.state().partition_of(k.running()).flooding) k.advance(400'000'000);
    k.run_until("a");
  }
  REQUIRE(k.call(RVM_HVC_REGION_MAP, {derived.back(), k.running().information->map_base, RVM_MAP_READ}) == Error::ok);
  CHECK(k.call(RVM_HVC_CAP_DROP, {region}) == Error::bad_state);
  const GuestAddress mapped{k.running().information->map_base};
  const std::uint64_t entries = k.entries;
  const std::uint64_t records = log().ring.reserved();
  REQUIRE(k.call(RVM_HVC_REGION_UNSHARE, {region}) == Error::ok);
  CHECK(k.entries - entries == 3);
  CHECK(log().ring.reserved() - records == 3);
  CHECK(table.used() == before);
  CHECK(!k.running().partition->space.translate(mapped).has_value());
  std::uint64_t removed = 0;
  for (std::uint64_t i = records; i < records + 3; ++i) {
    const auto* r = log().ring.committed(i);
    REQUIRE(r->action_kind == witness::Kind::region_unshare);
    CHECK(((r->flags & security::record_unfinished) != 0) == (i < records + 2));
    removed += r->payload;
  }
  CHECK(removed == 200);
  CHECK(k.call(RVM_HVC_CAP_DERIVE, {region, RVM_RIGHT_READ, 0}) == Error::ok);
  k.check_invariants();
}

TEST_CASE("a region whose root was given away goes with its owner, and is mapped nowhere any more") {
  SimulatedKernel k(pair());
  k.run_until("a");
  // a makes a partition with a region of its own: here b, whose region's root goes to a.
  k.run_until("b");
  REQUIRE(k.call(RVM_HVC_REGION_CREATE, {k.handle("partition"), 2}) == Error::ok);
  REQUIRE(k.call(RVM_HVC_CAP_TRANSFER, {k.current->reg(1), k.handle("to-a")}) == Error::ok);
  k.run_until("a");
  REQUIRE(k.call(RVM_HVC_RECEIVE, {0, k.heap(), 64, 0}) == Error::ok);
  rvm_capability_message message;
  std::memcpy(&message, k.peek(k.heap(), sizeof message).data(), sizeof message);
  const std::uint64_t at = k.running().information->map_base;
  REQUIRE(k.call(RVM_HVC_REGION_MAP, {message.handle, at, RVM_MAP_READ | RVM_MAP_WRITE}) == Error::ok);
  Partition& theirs = *k.agent("b").partition;
  const std::uint32_t id = theirs.id.value;
  const auto grant =
      mint(k.state(), security::Authority::hypervisor(), k.running(), ObjectType::partition, id, rights::all);
  const std::uint64_t invalidations = k.machine.vmid_invalidations;
  REQUIRE(k.call(RVM_HVC_PARTITION_DESTROY, {grant->handle.to_abi()}) == Error::ok);
  CHECK(!k.running().partition->space.translate(GuestAddress{at}).has_value());
  CHECK(k.machine.vmid_invalidations > invalidations);
  CHECK(k.call(RVM_HVC_REGION_UNMAP, {message.handle}) == Error::bad_capability);
  CHECK(k.call(RVM_HVC_PARTITION_INFO, {grant->handle.to_abi()}) == Error::bad_capability);
  k.check_invariants();
}

TEST_CASE("whoever receives is told when its last sender is gone, and is not left waiting") {
  PackageBuilder b;
  b.partition("control");
  const auto home = b.partition("home", 100);
  const auto one = b.agent("one", home);
  const auto two = b.agent("two", home);
  const auto reader = b.agent("reader", home);
  b.agent("busy", 0, 100, false);
  b.edge("first", one, reader);
  b.edge("second", two, reader);
  SimulatedKernel k{b};
  const auto receive = [&] {
    k.run_until("reader");
    return k.call(RVM_HVC_RECEIVE, {0, k.heap(), 4096, 1});  // a deadline that has passed: would wait
  };
  k.advance(10);
  CHECK(receive() == Error::timed_out);
  k.run_until("one");
  k.call(RVM_HVC_SEND, {k.handle("first"), k.heap(), 3, 0});
  k.call(RVM_HVC_EXIT, {0});
  CHECK(receive() == Error::ok);
  CHECK(receive() == Error::peer_gone);
  CHECK(receive() == Error::timed_out);
  k.run_until("two");
  k.call(RVM_HVC_EXIT, {0});
  CHECK(receive() == Error::peer_gone);
  CHECK(receive() == Error::peer_gone);
}

TEST_CASE("destroying an edge takes every handle to it; one that both agents left is forgotten too") {
  SimulatedKernel k(pair());
  k.run_until("a");
  const unsigned a_before = k.running().capabilities->used();
  const unsigned b_before = k.agent("b").capabilities->used();
  REQUIRE(k.call(RVM_HVC_EDGE_CREATE, {k.handle("self"), k.handle("peer"), 4, 0}) == Error::ok);
  const std::uint64_t own = k.current->reg(1);
  CHECK(k.running().capabilities->used() == a_before + 2);
  REQUIRE(k.call(RVM_HVC_EDGE_DESTROY, {own}) == Error::ok);
  CHECK(k.running().capabilities->used() == a_before);
  CHECK(k.agent("b").capabilities->used() == b_before);
  CHECK(k.call(RVM_HVC_EDGE_DESTROY, {own}) == Error::bad_capability);
  // An end without REVOKE can be given up.
  REQUIRE(k.call(RVM_HVC_CAP_DROP, {k.handle("to-b")}) == Error::ok);
  CHECK(k.call(RVM_HVC_SEND, {k.handle("to-b"), k.heap(), 1, 0}) == Error::bad_capability);
  CHECK(k.running().capabilities->used() == a_before - 1);
  k.check_invariants();
}

TEST_CASE("an ended agent's handle tells its exit code until its slot is used again, and then goes") {
  SimulatedKernel k(pair());
  k.run_until("a");
  REQUIRE(k.call(RVM_HVC_PARTITION_CREATE, {k.handle("hypervisor"), 300}) == Error::ok);
  const std::uint64_t partition = k.current->reg(1);
  REQUIRE(k.call(RVM_HVC_AGENT_SPAWN, {partition, 0, 50, 7}) == Error::ok);
  const std::uint64_t first = k.current->reg(1);
  const auto id = static_cast<std::uint16_t>(k.current->reg(2));
  REQUIRE(k.call(RVM_HVC_AGENT_TERMINATE, {first}) == Error::ok);
  unsigned spawns = 0;
  for (std::uint64_t reused = 0; reused != id; ++spawns) {
    REQUIRE(k.call(RVM_HVC_AGENT_INFO, {first}) == Error::ok);
    CHECK(k.current->reg(2) == static_cast<std::uint64_t>(AgentState::terminated));
    REQUIRE(k.call(RVM_HVC_AGENT_SPAWN, {partition, 0, 50, 7}) == Error::ok);
    reused = k.current->reg(2) & 0xffff;
    const std::uint64_t next = k.current->reg(1);
    if (reused == id) break;
    REQUIRE(k.call(RVM_HVC_AGENT_TERMINATE, {next}) == Error::ok);
    REQUIRE(k.call(RVM_HVC_CAP_REVOKE, {next}) == Error::ok);
    log().pump(64);
    if (k.state().partition_of(k.running()).flooding) k.advance(400'000'000);
    k.run_until("a");
  }
  CHECK(spawns > 100);
  CHECK(k.call(RVM_HVC_AGENT_INFO, {first}) == Error::bad_capability);
  k.check_invariants();
}

TEST_CASE("P2: an operation that changes what others reach wants a proof of this very request, once") {
  SimulatedKernel k(pair());
  k.run_until("a");
  REQUIRE(k.call(RVM_HVC_REGION_CREATE, {k.handle("partition"), 1}) == Error::ok);
  const std::uint64_t region = k.current->reg(1);
  const std::uint64_t at = k.running().information->map_base;
  k.prove_calls = false;
  // No proof at all; then one of another request; one that repeats a nonce; and the right one.
  for (unsigned i = 8; i < 16; ++i) k.current->reg(i) = 0;
  CHECK(k.call(RVM_HVC_REGION_MAP, {region, at, RVM_MAP_READ}) == Error::proof);
  CHECK(last_kind(k.state()) == static_cast<std::uint64_t>(witness::Kind::proof_rejected));
  const auto prove_map = [&](std::uint64_t permissions, std::uint64_t nonce) {
    k.current->reg(0) = RVM_HVC_REGION_MAP;
    k.current->reg(1) = region;
    k.current->reg(2) = at;
    k.current->reg(3) = permissions;
    for (unsigned i = 4; i < 8; ++i) k.current->reg(i) = 0;
    k.prove(nonce);
  };
  prove_map(RVM_MAP_READ, 5);
  CHECK(k.call(RVM_HVC_REGION_MAP, {region, at, RVM_MAP_READ | RVM_MAP_WRITE}) == Error::proof);
  prove_map(RVM_MAP_READ, 5);  // the refusal did not use the nonce up
  CHECK(k.call(RVM_HVC_REGION_MAP, {region, at, RVM_MAP_READ}) == Error::ok);
  const auto* const record = log().ring.committed(log().ring.reserved() - 1);
  CHECK(record->action_kind == witness::Kind::region_map);
  CHECK(record->proof_tier == 2);
  k.prove_calls = true;
  REQUIRE(k.call(RVM_HVC_REGION_UNMAP, {region}) == Error::ok);
  k.prove_calls = false;
  prove_map(RVM_MAP_READ, 5);
  CHECK(k.call(RVM_HVC_REGION_MAP, {region, at, RVM_MAP_READ}) == Error::proof);
  prove_map(RVM_MAP_READ, 6);
  k.advance(2'000'000'000);
  k.run_until("a");
  CHECK(k.call(RVM_HVC_REGION_MAP, {region, at, RVM_MAP_READ}) == Error::proof);  // too late
  // Outside the caller's part of its slot, and without the right to prove.
  k.prove_calls = true;
  CHECK(k.call(RVM_HVC_REGION_MAP, {region, at - page_bytes, RVM_MAP_READ}) == Error::proof);
  REQUIRE(k.call(RVM_HVC_CAP_DERIVE, {region, RVM_RIGHT_READ, 0}) == Error::ok);
  CHECK(k.call(RVM_HVC_REGION_MAP, {k.current->reg(1), at, RVM_MAP_READ}) == Error::proof);
  k.check_invariants();
}

TEST_CASE("refusals are recorded with the agent that made them") {
  SimulatedKernel k(pair());
  k.run_until("b");
  CHECK(k.call(RVM_HVC_SIGNAL, {0x7fff'0001}) == Error::bad_capability);
  CHECK(last_kind(k.state()) == static_cast<std::uint64_t>(witness::Kind::proof_rejected));
  CHECK(log().ring.committed(log().ring.reserved() - 1)->actor_partition == k.running().partition->id.value);
  CHECK(k.call(9999) == Error::bad_operation);
  CHECK(k.call(RVM_HVC_REPLY) == Error::bad_state);
  CHECK(k.call(RVM_HVC_SEND, {k.handle("to-a"), UINT64_MAX - 3, 64, 0}) == Error::bad_address);
  CHECK(k.running().refused == 4);
}

TEST_CASE("time: sleepers wake when due, equal agents share by turns, nobody holds the core") {
  SimulatedKernel k(pair());
  std::map<std::string, int> ran;
  for (int i = 0; i < 300; ++i) {
    ++ran[std::string{name_of(k.running().name)}];
    k.advance(1'000'000);
  }
  CHECK(ran["a"] == 100);
  CHECK(ran["b"] == 100);
  CHECK(ran["busy"] == 100);
  k.run_until("a");
  const std::uint64_t due = k.machine.now.value + 3'500'000;
  k.call(RVM_HVC_SLEEP_UNTIL, {due});
  CHECK(k.agent("a").wait == Wait::sleep);
  k.advance(3'000'000);
  CHECK(k.agent("a").wait == Wait::sleep);
  k.advance(600'000);
  CHECK(k.agent("a").wait == Wait::none);
}

TEST_CASE("time: an agent that is pre-empted again and again does not keep its equals waiting") {
  PackageBuilder b;
  b.partition("control");
  const auto p = b.partition("p");
  b.agent("first", p, 10, false);
  b.agent("second", p, 10);
  b.agent("often", p, 900);
  SimulatedKernel k(b);
  REQUIRE(name_of(k.running().name) == "often");
  k.call(RVM_HVC_SLEEP_UNTIL, {k.machine.now.value + 400'000});  // often
  std::map<std::string, int> ran;
  for (int i = 0; i < 400; ++i) {
    k.advance(200'000);
    const std::string name{name_of(k.running().name)};
    if (name == "often") {
      k.call(RVM_HVC_SLEEP_UNTIL, {k.machine.now.value + 400'000});
    } else {
      ++ran[name];
    }
  }
  CHECK(ran["first"] >= 80);
  CHECK(ran["second"] >= 80);
}

TEST_CASE("yield answers OK, whether the straight path takes it or the general one") {
  SimulatedKernel k(pair());
  for (int i = 0; i < 12; ++i) {
    hal::Context& caller = *k.current;
    k.call(RVM_HVC_YIELD);
    REQUIRE(k.current != &caller);
    CHECK(caller.reg(0) == RVM_ERROR_OK);
  }
}

TEST_CASE("a hypercall of an agent that another core has just suspended is made when it is resumed") {
  SimulatedKernel k(pair());
  k.run_until("a");
  Agent& agent = k.running();
  hal::Context& registers = *agent.context;
  const std::uint64_t pc = registers.pc;
  hold(k.state(), agent);
  agent.state = AgentState::suspended;
  registers.reg(0) = RVM_HVC_TIME;
  registers.pc += 4;
  k.current = &on_hypercall(registers);
  CHECK(k.current != &registers);
  CHECK(registers.pc == pc);
  CHECK(registers.reg(0) == RVM_HVC_TIME);
  k.check_invariants();
}

TEST_CASE("a transfer that is refused leaves the caller its handle and its mapping") {
  PackageBuilder b;
  b.partition("control");
  const auto left = b.partition("left", 120);
  const auto right = b.partition("right", 40);
  const auto a = b.agent("a", left);
  const auto c = b.agent("b", right);
  b.agent("busy", 0, 100, false);
  b.edge("to-b", a, c);
  SimulatedKernel k(b);
  k.run_until("a");
  const std::uint64_t map = k.running().information->map_base;
  const std::uint64_t edge = k.handle("to-b");
  REQUIRE(k.call(RVM_HVC_REGION_CREATE, {k.handle("partition"), 40}) == Error::ok);
  const std::uint64_t region = k.current->reg(1);
  // The sender has no page left for the queue.
  memory::PageAccount& account = k.running().partition->account;
  account.quota = account.used;
  CHECK(k.call(RVM_HVC_CAP_TRANSFER, {region, edge}) == Error::no_memory);
  CHECK(k.call(RVM_HVC_CAP_INSPECT, {region}) == Error::ok);
  // The receiver has no room for the region.
  account.quota = 0;
  REQUIRE(k.call(RVM_HVC_REGION_MAP, {region, map, RVM_MAP_READ}) == Error::ok);
  CHECK(k.call(RVM_HVC_REGION_TRANSFER, {region, edge}) == Error::no_memory);
  CHECK(k.call(RVM_HVC_CAP_INSPECT, {region}) == Error::ok);
  CHECK(k.running().partition->space.translate(GuestAddress{map}).has_value());
  k.check_invariants();
}

TEST_CASE("a region in several pieces that finds its place taken leaves what is there alone") {
  SimulatedKernel k(pair());
  k.run_until("a");
  const std::uint64_t map = k.running().information->map_base;
  REQUIRE(k.call(RVM_HVC_REGION_CREATE, {k.handle("partition"), 2}) == Error::ok);
  const std::uint64_t there = k.current->reg(1);
  REQUIRE(k.call(RVM_HVC_REGION_MAP, {there, map + page_bytes, RVM_MAP_READ}) == Error::ok);
  // No two free pages side by side: the next region consists of single pages.
  memory::PageAllocator<hal::Port>& pages = k.state().pages;
  std::vector<PhysicalAddress> taken;
  while (const auto page = pages.allocate_run(1, page_owner(*k.running().partition))) taken.push_back(*page);
  for (std::size_t i = 0; i < 64; i += 2) REQUIRE(pages.free_run(taken[i], 1));
  REQUIRE(k.call(RVM_HVC_REGION_CREATE, {k.handle("partition"), 3}) == Error::ok);
  const std::uint64_t pieces = k.current->reg(1);
  CHECK(k.call(RVM_HVC_REGION_MAP, {pieces, map, RVM_MAP_READ}) == Error::overlap);
  CHECK_FALSE(k.running().partition->space.translate(GuestAddress{map}).has_value());
  CHECK(k.running().partition->space.translate(GuestAddress{map + page_bytes}).has_value());
  CHECK(k.call(RVM_HVC_REGION_UNMAP, {there}) == Error::ok);
}

TEST_CASE("random hypercalls by three agents leave the kernel whole") {
  std::uint64_t steps_done = 0;
  for (const unsigned seed : {1u, 2u, 3u, 4u, 5u, 6u, 7u, 8u}) {
    std::mt19937_64 random(seed);
    PackageBuilder b = pair();
    SimulatedKernel k(b);
    const auto pick = [&](std::initializer_list<std::uint64_t> from) { return from.begin()[random() % from.size()]; };
    for (int step = 0; step < 20'000; ++step) {
      if (random() % 8 == 0) k.advance(random() % 700'000);
      if (random() % 500 == 0) log().pump(64);
      Agent& agent = k.running();
      if (name_of(agent.name) == "busy") {
        k.call(RVM_HVC_YIELD);
        if (random() % 4 == 0) end_endless_waits(k.state());
        continue;
      }
      const rvm_agent_info& info = *agent.information;
      const std::uint64_t map = info.map_base;
      const std::uint64_t any_handle = (random() % 24 + 1) | (random() % 3 + 1) << 16;
      const auto argument = [&]() -> std::uint64_t {
        switch (random() % 6) {
          case 0:
            return info.directory[random() % info.directory_count].handle;
          case 1:
            return any_handle;
          case 2:
            return pick({0, 1, 2, 3, 4, 7, 64, 127, 4096, UINT64_MAX, UINT64_MAX - 4095});
          case 3:
            return pick({info.heap_base, info.heap_base + 4000, map, map + 0x1000, info.slot_base, info.image_base});
          case 4:
            return k.machine.now.value + random() % 3'000'000;
          default:
            return random();
        }
      };
      std::uint64_t operation = random() % RVM_HVC_LIMIT;
      // The three must not all end or wait for ever, or there is nobody left to test with.
      if (operation == RVM_HVC_EXIT || operation == RVM_HVC_AGENT_TERMINATE || operation == RVM_HVC_AGENT_SUSPEND ||
          operation == RVM_HVC_PARTITION_DESTROY || operation == RVM_HVC_PARTITION_SUSPEND) {
        if (random() % 3000 != 0) continue;
      }
      k.call(operation, {argument(), argument(), argument(), argument(), argument()});
      if (step % 16 == 0) k.check_invariants();
      if (k.state().agents.live() < 3) break;
    }
    k.check_invariants();
    steps_done += k.state().refused;
  }
  CHECK(steps_done > 5'000);  // refusals: that many calls were made, so the agents lived long enough
}

}  // namespace rvm::kernel::test
