// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <cstring>
#include <set>
#include <string>
#include <vector>

#include "agents.hpp"
#include "epoch.hpp"
#include "objects.hpp"
#include "rvm/crypto/hmac.hpp"
#include "test/simulated_kernel.hpp"

namespace rvm::kernel::test {
namespace {

constexpr std::uint32_t observing =
    RVM_RIGHT_READ | RVM_RIGHT_WRITE | RVM_RIGHT_REVOKE | RVM_RIGHT_EXECUTE | RVM_RIGHT_PROVE;

/// A watcher in the control partition, and two who talk.
PackageBuilder watched() {
  PackageBuilder b;
  b.partition("control");
  const auto home = b.partition("home", 300);
  const auto watcher = b.agent("watcher", 0);
  b.last_agent().flags |= RVM_AGENT_CONTROL;
  const auto left = b.agent("left", home);
  const auto right = b.agent("right", home);
  b.agent("busy", home, 100, false);
  b.edge("to-right", left, right);
  b.grant("hypervisor", watcher, RVM_OBJECT_PARTITION, UINT32_MAX, observing);
  b.grant("reader", left, RVM_OBJECT_PARTITION, UINT32_MAX, RVM_RIGHT_READ | RVM_RIGHT_WRITE | RVM_RIGHT_PROVE);
  b.grant("blind", left, RVM_OBJECT_PARTITION, UINT32_MAX, RVM_RIGHT_WRITE | RVM_RIGHT_EXECUTE);
  return b;
}

/// Everything of a kind, as the running agent reads it in pieces of `bytes`.
template <typename T>
std::vector<T> read_all(SimulatedKernel& k, std::uint32_t handle, rvm_read what, std::size_t bytes = page_bytes) {
  std::vector<T> all;
  std::uint64_t cursor = 0;
  do {
    REQUIRE(k.call(RVM_HVC_SYSTEM_READ, {handle, what, cursor, k.heap(), bytes}) == Error::ok);
    const std::uint64_t count = k.current->reg(1);
    REQUIRE(count * sizeof(T) <= bytes);
    REQUIRE((k.current->reg(2) == 0 || k.current->reg(2) > cursor));
    cursor = k.current->reg(2);
    const auto raw = k.peek(k.heap(), count * sizeof(T));
    all.resize(all.size() + count);
    if (count != 0) std::memcpy(all.data() + all.size() - count, raw.data(), raw.size());
  } while (cursor != 0);
  return all;
}

}  // namespace

TEST_CASE("the machine, its partitions, agents and edges are read as they are, in pieces of any size") {
  SimulatedKernel k(watched());
  k.run_until("left");
  const auto edge = k.handle("to-right");
  const std::vector<std::byte> text(100);
  for (int i = 0; i < 3; ++i) REQUIRE(k.call(RVM_HVC_SEND, {edge, k.poke(text), text.size(), 0}) == Error::ok);
  k.run_until("watcher");
  const auto hypervisor = k.handle("hypervisor");
  const auto machine = read_all<rvm_machine_status>(k, hypervisor, RVM_READ_MACHINE);
  REQUIRE(machine.size() == 1);
  CHECK(machine[0].agents == 4);
  CHECK(machine[0].partitions == 2);
  CHECK(machine[0].edges == 1);
  CHECK(machine[0].messages == 3);
  CHECK(machine[0].records == log().ring.reserved());
  CHECK(machine[0].pages == k.state().pages.total_pages());
  for (const std::size_t bytes : {sizeof(rvm_agent_status), std::size_t{200}, std::size_t{4096}}) {
    const auto partitions = read_all<rvm_partition_status>(k, hypervisor, RVM_READ_PARTITIONS, bytes);
    REQUIRE(partitions.size() == 2);
    CHECK(std::string(partitions[1].name) == "home");
    CHECK(partitions[1].page_quota == 300);
    CHECK(partitions[1].agents == 3);
    CHECK(partitions[1].pages == k.state().partitions.at(2).account.used);
    CHECK(partitions[1].coherence_bp == RVM_UNKNOWN);
    const auto agents = read_all<rvm_agent_status>(k, hypervisor, RVM_READ_AGENTS, bytes);
    REQUIRE(agents.size() == 4);
    CHECK(std::string(agents[1].name) == "left");
    CHECK(agents[1].messages == 3);
    CHECK(agents[1].partition == partitions[1].id);
    CHECK((agents[0].condition & RVM_AGENT_EXECUTING) != 0);
    const auto edges = read_all<rvm_edge_status>(k, hypervisor, RVM_READ_EDGES, bytes);
    REQUIRE(edges.size() == 1);
    CHECK(edges[0].sender == agents[1].id);
    CHECK(edges[0].receiver == agents[2].id);
    CHECK(edges[0].queued == 3);
    CHECK(edges[0].messages == 3);
    CHECK(edges[0].bytes == 300);
  }
  // What a summary record took from the epoch's counters is not lost.
  {
    State& s = k.state();
    summarise_edge(s, s.edges.at(1));
    CHECK(s.edges.at(1).epoch_messages == 0);
  }
  const auto edges = read_all<rvm_edge_status>(k, hypervisor, RVM_READ_EDGES);
  CHECK(edges.at(0).messages == 3);
  CHECK(edges.at(0).bytes == 300);
}

TEST_CASE("the system is read with READ on the hypervisor and not otherwise, and only into one's own memory") {
  SimulatedKernel k(watched());
  k.run_until("left");
  const std::uint64_t to = k.heap();
  CHECK(k.call(RVM_HVC_SYSTEM_READ, {k.handle("reader"), RVM_READ_MACHINE, 0, to, 4096}) == Error::ok);
  CHECK(k.call(RVM_HVC_SYSTEM_READ, {k.handle("blind"), RVM_READ_MACHINE, 0, to, 4096}) == Error::rights);
  CHECK(k.call(RVM_HVC_SYSTEM_READ, {k.handle("partition"), RVM_READ_MACHINE, 0, to, 4096}) == Error::wrong_type);
  CHECK(k.call(RVM_HVC_SYSTEM_READ, {0, RVM_READ_MACHINE, 0, to, 4096}) == Error::bad_capability);
  for (const std::uint64_t what : {0u, 5u, 255u})
    CHECK(k.call(RVM_HVC_SYSTEM_READ, {k.handle("reader"), what, 0, to, 4096}) == Error::bad_argument);
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{135}, std::uint64_t{4097}, UINT64_MAX})
    CHECK(k.call(RVM_HVC_SYSTEM_READ, {k.handle("reader"), RVM_READ_MACHINE, 0, to, bytes}) == Error::bad_argument);
  for (const std::uint64_t cursor : {std::uint64_t{1} << 16, UINT64_MAX})
    CHECK(k.call(RVM_HVC_SYSTEM_READ, {k.handle("reader"), RVM_READ_AGENTS, cursor, to, 4096}) == Error::bad_argument);
  const std::uint64_t code = k.running().information->image_base;
  const std::uint64_t other = k.agent("right").information->heap_base;
  CHECK(k.call(RVM_HVC_SYSTEM_READ, {k.handle("reader"), RVM_READ_MACHINE, 0, code, 4096}) == Error::bad_address);
  CHECK(k.call(RVM_HVC_SYSTEM_READ, {k.handle("reader"), RVM_READ_MACHINE, 0, UINT64_MAX - 8, 4096}) != Error::ok);
  (void)other;
  k.check_invariants();
}

TEST_CASE(
    "a capability to anything is obtained with EXECUTE on the hypervisor, a proof, and no more rights than that has") {
  SimulatedKernel k(watched());
  k.run_until("watcher");
  const auto hypervisor = k.handle("hypervisor");
  const std::uint32_t home = k.agent("left").partition->id.value;
  const std::uint32_t right = k.agent("right").id.value;
  const std::uint64_t before = log().ring.reserved();
  REQUIRE(k.call(RVM_HVC_CAP_OBTAIN, {hypervisor, RVM_OBJECT_AGENT, right, RVM_RIGHT_WRITE}) == Error::ok);
  const auto handle = static_cast<std::uint32_t>(k.current->reg(1));
  const auto* record = log().ring.committed(before);
  REQUIRE(record != nullptr);
  CHECK(record->action_kind == witness::Kind::capability_grant);
  CHECK(record->target_object == right);
  CHECK(record->actor_partition == k.running().partition->id.value);
  CHECK(k.call(RVM_HVC_AGENT_SUSPEND, {handle}) == Error::ok);
  CHECK(k.agent("right").state == AgentState::suspended);
  CHECK(k.call(RVM_HVC_AGENT_RESUME, {handle}) == Error::ok);
  CHECK(k.call(RVM_HVC_AGENT_TERMINATE, {handle}) == Error::rights);
  CHECK(k.call(RVM_HVC_CAP_DROP, {handle}) == Error::ok);
  REQUIRE(k.call(RVM_HVC_CAP_OBTAIN, {hypervisor, RVM_OBJECT_PARTITION, home, RVM_RIGHT_WRITE}) == Error::ok);
  CHECK(k.call(RVM_HVC_PARTITION_SUSPEND, {k.current->reg(1)}) == Error::ok);
  // Not what the hypervisor's own capability lacks, and nothing that is not there.
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {hypervisor, RVM_OBJECT_AGENT, right, RVM_RIGHT_GRANT}) == Error::rights);
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {hypervisor, RVM_OBJECT_AGENT, right, 0}) == Error::bad_argument);
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {hypervisor, RVM_OBJECT_AGENT, right, 0x80}) == Error::bad_argument);
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {hypervisor, RVM_OBJECT_AGENT, 99, RVM_RIGHT_READ}) == Error::peer_gone);
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {hypervisor, RVM_OBJECT_PARTITION, 0, RVM_RIGHT_READ}) == Error::peer_gone);
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {hypervisor, RVM_OBJECT_WITNESS, 1, RVM_RIGHT_READ}) == Error::bad_argument);
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {hypervisor, RVM_OBJECT_AGENT, std::uint64_t{1} << 32 | right, RVM_RIGHT_READ}) ==
        Error::bad_argument);
  k.prove_calls = false;
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {hypervisor, RVM_OBJECT_AGENT, right, RVM_RIGHT_READ}) == Error::proof);
  k.check_invariants();
}

TEST_CASE("nobody obtains a capability without EXECUTE and PROVE on the hypervisor") {
  SimulatedKernel k(watched());
  k.run_until("left");
  const std::uint32_t right = k.agent("right").id.value;
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {k.handle("reader"), RVM_OBJECT_AGENT, right, RVM_RIGHT_READ}) == Error::rights);
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {k.handle("blind"), RVM_OBJECT_AGENT, right, RVM_RIGHT_WRITE}) == Error::proof);
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {k.handle("partition"), RVM_OBJECT_AGENT, right, RVM_RIGHT_WRITE}) == Error::rights);
  CHECK(k.call(RVM_HVC_CAP_OBTAIN, {k.handle("self"), RVM_OBJECT_AGENT, right, RVM_RIGHT_WRITE}) == Error::wrong_type);
  k.check_invariants();
}

TEST_CASE("the control agent gets its key, from device key and package, and nobody else does") {
  SimulatedKernel k(watched());
  const std::uint64_t salt = k.state().package.header().wall_clock_ns;
  std::array<std::byte, 32> expected{};
  constexpr std::string_view info = RVM_CONTROL_KEY_INFO;
  REQUIRE(crypto::hkdf_sha256(k.device_key(), crypto::bytes_of(salt), std::as_bytes(std::span{info}), expected));
  CHECK(std::memcmp(k.agent("watcher").information->control_key, expected.data(), expected.size()) == 0);
  const std::array<std::uint8_t, 32> none{};
  for (const char* other : {"left", "right", "busy"})
    CHECK(std::memcmp(k.agent(other).information->control_key, none.data(), none.size()) == 0);
}

}  // namespace rvm::kernel::test
