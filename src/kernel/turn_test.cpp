// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include "capabilities.hpp"
#include "test/simulated_kernel.hpp"

namespace rvm::kernel::test {
namespace {

/// An actor in a partition of its own, with edges to two others, and one that always has something to do.
PackageBuilder actors() {
  PackageBuilder b;
  b.partition("control");
  const auto home = b.partition("home", 200);
  const auto away = b.partition("away", 200);
  const auto actor = b.agent("actor", home);
  const auto near = b.agent("near", home);
  const auto far = b.agent("far", away);
  b.agent("busy", 0, 100, false);
  b.edge("near", actor, near, 2);
  b.edge("far", actor, far, 4);
  b.edge("not-mine", near, far, 4);
  return b;
}

struct Turn {
  SimulatedKernel k{actors()};
  std::vector<rvm_turn_message> messages;
  std::uint64_t text = 0;

  Turn() {
    k.run_until("actor");
    // The messages' bytes lie in the second page of the heap, what is sent in the first.
    text = k.heap() + RVM_PAGE_SIZE;
  }
  void add(std::string_view edge, std::uint32_t length) { messages.push_back({k.handle(edge), length, text}); }
  Error commit(std::uint64_t deadline = 0) {
    const std::uint64_t at = k.poke(std::as_bytes(std::span{messages}));
    const Error e = k.call(RVM_HVC_TURN_COMMIT, {at, messages.size(), deadline, 0x1111, 0x2222});
    k.check_invariants();
    return e;
  }
  /// Messages that an agent can receive now.
  unsigned received(std::string_view agent, std::uint64_t length) {
    k.run_until(agent);
    unsigned count = 0;
    while (k.call(RVM_HVC_RECEIVE, {0, k.heap(), 4096, 0}) == Error::ok) {
      CHECK(k.current->reg(2) == length);
      ++count;
    }
    return count;
  }
  [[nodiscard]] unsigned records(witness::Kind kind) const {
    unsigned count = 0;
    for (std::uint64_t i = 0; i < log().ring.reserved(); ++i) {
      const auto* r = log().ring.committed(i);
      if (r == nullptr || r->action_kind != kind) continue;
      ++count;
      CHECK(r->payload == 0x1111);
      CHECK(r->aux == 0x2222);
    }
    return count;
  }
};

}  // namespace

TEST_CASE("a turn's messages are all sent, under one record") {
  Turn t;
  t.add("near", 10);
  t.add("far", 3000);
  t.add("near", 10);
  t.add("far", 3000);
  const std::uint32_t actor = t.k.agent("actor").id.value;
  CHECK(t.commit() == Error::ok);
  CHECK(t.records(witness::Kind::turn_commit) == 1);
  const auto* record = log().ring.committed(log().ring.reserved() - 1);
  REQUIRE(record != nullptr);
  CHECK(record->target_object == actor);
  CHECK(record->flags == 4);
  CHECK(t.received("near", 10) == 2);
  CHECK(t.received("far", 3000) == 2);
}

TEST_CASE("a turn without messages is recorded") {
  Turn t;
  CHECK(t.commit() == Error::ok);
  CHECK(t.records(witness::Kind::turn_commit) == 1);
}

TEST_CASE("a turn with one message that cannot be sent sends none, leaves no page behind and no record") {
  struct Case {
    const char* edge;
    std::uint32_t length;
    std::uint64_t address;
    Error expected;
  };
  for (const Case& c : {Case{"far", 4097, 0, Error::bad_argument}, Case{"far", 3000, 1, Error::bad_address},
                        Case{"self", 1, 0, Error::wrong_type}, Case{"nothing", 1, 0, Error::bad_capability},
                        Case{"not-mine", 1, 0, Error::bad_capability}}) {
    INFO(c.edge);
    Turn t;
    t.add("near", 10);
    t.add("far", 3000);
    // A first turn gives both queues their memory.
    REQUIRE(t.commit() == Error::ok);
    CHECK(t.received("near", 10) == 1);
    CHECK(t.received("far", 3000) == 1);
    t.k.run_until("actor");
    const std::uint32_t pages = t.k.agent("actor").partition->account.used;
    t.messages.push_back({std::string_view{c.edge} == "nothing" || std::string_view{c.edge} == "not-mine"
                              ? 0x10000 + 200U
                              : t.k.handle(c.edge),
                          c.length, c.address != 0 ? c.address : t.text});
    REQUIRE(t.commit() == c.expected);
    CHECK(t.k.current->reg(1) == 2);
    CHECK(t.records(witness::Kind::turn_commit) == 1);
    CHECK(t.k.agent("actor").partition->account.used == pages);
    CHECK(t.received("near", 10) == 0);
    CHECK(t.received("far", 3000) == 0);
  }
}

TEST_CASE("an edge on which another agent sends is not the actor's, even with a handle that has all rights to it") {
  Turn t;
  t.k.run_until("near");
  const auto others = t.k.handle("not-mine");
  REQUIRE(t.k.call(RVM_HVC_CAP_INSPECT, {others}) == Error::ok);
  const auto edge = static_cast<std::uint32_t>(t.k.current->reg(3));
  t.k.run_until("actor");
  const auto own =
      mint(t.k.state(), security::Authority::hypervisor(), t.k.running(), ObjectType::edge, edge, rights::all);
  t.messages.push_back({own->handle.to_abi(), 1, t.text});
  CHECK(t.commit() == Error::rights);
  CHECK(t.received("far", 1) == 0);
}

TEST_CASE("a turn waits until its last message has room; more than a queue holds is refused at once") {
  Turn t;
  t.add("near", 10);
  t.add("near", 10);
  t.add("near", 10);
  CHECK(t.commit(never.value) == Error::resource_limit);
  t.messages.pop_back();
  CHECK(t.commit() == Error::ok);
  t.messages.pop_back();
  CHECK(t.commit() == Error::resource_limit);  // full, and it does not wait
  t.add("far", 20);
  (void)t.commit(never.value);
  CHECK(t.k.agent("actor").wait == Wait::space);
  CHECK(t.received("far", 20) == 0);
  CHECK(t.received("near", 10) == 2);
  t.k.run_until("actor");
  CHECK(t.k.current->reg(0) == RVM_HVC_TURN_COMMIT);  // it makes the call again
  CHECK(t.k.call(RVM_HVC_TURN_COMMIT, {t.k.heap(), 2, never.value, 0x1111, 0x2222}) == Error::ok);
  t.k.check_invariants();
  CHECK(t.received("near", 10) == 1);
  CHECK(t.received("far", 20) == 1);
}

TEST_CASE("too many messages, or a list that is not there, and nothing happens") {
  Turn t;
  CHECK(t.k.call(RVM_HVC_TURN_COMMIT, {t.k.heap(), RVM_TURN_MESSAGES_MAX + 1, 0, 0, 0}) == Error::bad_argument);
  CHECK(t.k.call(RVM_HVC_TURN_COMMIT, {1, 1, 0, 0, 0}) == Error::bad_address);
  CHECK(t.k.call(RVM_HVC_TURN_COMMIT, {UINT64_MAX - 7, 1, 0, 0, 0}) == Error::bad_address);
  CHECK(t.records(witness::Kind::turn_commit) == 0);
}

TEST_CASE("an aborted turn is recorded with its reason") {
  Turn t;
  CHECK(t.k.call(RVM_HVC_TURN_ABORT, {RVM_TURN_REASON_MAX + 1, 0x1111, 0x2222}) == Error::bad_argument);
  CHECK(t.k.call(RVM_HVC_TURN_ABORT, {7, 0x1111, 0x2222}) == Error::ok);
  CHECK(t.records(witness::Kind::turn_abort) == 1);
  const auto* record = log().ring.committed(log().ring.reserved() - 1);
  REQUIRE(record != nullptr);
  CHECK(record->flags == 7);
}

}  // namespace rvm::kernel::test
