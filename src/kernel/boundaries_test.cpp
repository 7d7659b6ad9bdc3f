// SPDX-License-Identifier: MIT OR Apache-2.0
#include "boundaries.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "relocation.hpp"
#include "rvm/advice/advisor.hpp"
#include "scheduler.hpp"
#include "test/simulated_kernel.hpp"

namespace rvm::kernel::test {
namespace {

constexpr std::uint64_t epoch = 1'000'000;  // nanoseconds

/// Pairs of partitions. In the first live "aN", "bN" and "dN", in the second "cN" and "eN". aN has an edge to bN and to cN; bN
/// talks to dN and cN to eN, so that nothing speaks for merging the two. Without `company`, aN lives alone.
PackageBuilder pairs(unsigned count, bool company) {
  PackageBuilder builder;
  builder.coherence.flags = RVM_COHERENCE_ENABLED;
  builder.partition("control");
  for (unsigned i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    const auto home = [&](const char* side) {
      const std::uint32_t partition = builder.partition("p" + number + side);
      builder.last_partition().flags = RVM_PARTITION_LIVE;
      return partition;
    };
    const std::uint32_t left = home("-left");
    const std::uint32_t right = home("-right");
    const std::uint32_t alone = company ? left : home("-alone");
    const auto a = builder.agent("a" + number, alone, 100, false);
    const auto b = builder.agent("b" + number, left);
    const auto c = builder.agent("c" + number, right);
    const auto d = builder.agent("d" + number, left);
    const auto e = builder.agent("e" + number, right);
    builder.edge("b", a, b, 16);
    builder.edge("c", a, c, 16);
    builder.edge("d", b, d, 16);
    builder.edge("e", c, e, 16);
  }
  return builder;
}

struct Talk {
  SimulatedKernel k;
  unsigned count;

  explicit Talk(unsigned pairs_count, bool company = true) : Talk(pairs(pairs_count, company), pairs_count) {}
  Talk(PackageBuilder builder, unsigned pairs_count) : k(std::move(builder)), count(pairs_count) {
    REQUIRE(advice::present());
  }

  [[nodiscard]] bool moved(unsigned pair) {
    const std::string number = std::to_string(pair);
    return k.agent("a" + number).partition == k.agent("c" + number).partition;
  }
  /// All get their turns, whatever their partitions' pressure.
  void relax() {
    k.state().agents.for_each([&](Agent& agent) {
      agent.partition->pressure = 0;
      feel_pressure(k.state(), agent);
    });
  }
  void send(const std::string& sender, const std::string& receiver, const std::string& edge, std::uint64_t bytes) {
    relax();
    k.run_until(sender);
    REQUIRE(k.call(RVM_HVC_SEND, {k.handle(edge), k.heap(), bytes, 0}) == Error::ok);
    k.run_until(receiver);
    REQUIRE(k.call(RVM_HVC_RECEIVE, {0, k.heap(), 4096, 0}) == Error::ok);
  }
  /// Every aN sends 1000 bytes to its `peer`, and those who live together talk; then an epoch passes.
  void talk(const std::string& peer) {
    for (unsigned i = 0; i < count; ++i) {
      const std::string number = std::to_string(i);
      send("a" + number, peer + number, peer, 1000);
      send("b" + number, "d" + number, "d", 2000);
      send("c" + number, "e" + number, "e", 2000);
    }
    k.advance(epoch);
  }
  /// What is left of the epoch's work, and at most one move.
  void work() {
    do (void)work_on_boundaries();
    while (advice::has_work());
  }
};

}  // namespace

TEST_CASE("an agent goes where its traffic goes, and back when that changes") {
  Talk t{1};
  for (int i = 0; i < 40 && !t.moved(0); ++i) {
    t.talk("c");
    t.work();
  }
  CHECK(t.moved(0));
  CHECK(t.k.state().boundaries.migrations == 1);
  for (int i = 0; i < 200 && t.moved(0); ++i) {
    t.talk("b");
    t.work();
  }
  CHECK_FALSE(t.moved(0));
  CHECK(t.k.state().boundaries.migrations == 2);
  CHECK(t.k.state().boundaries.aborted == 0);
  t.k.check_invariants();
}

TEST_CASE("the last agent of a partition goes where its traffic goes, and the partition ends") {
  Talk t{1, false};
  const std::uint32_t before = t.k.state().partitions.live();
  for (int i = 0; i < 60 && !t.moved(0); ++i) {
    t.talk("c");
    t.work();
  }
  CHECK(t.moved(0));
  CHECK(t.k.state().boundaries.merges == 1);
  CHECK(t.k.state().boundaries.aborted == 0);
  CHECK(t.k.state().partitions.live() == before - 1);
  t.k.check_invariants();
}

TEST_CASE("the engine is paused with WRITE and EXECUTE on the hypervisor, and moves nothing until it is resumed") {
  PackageBuilder builder = pairs(1, true);
  builder.grant("weak", 0, RVM_OBJECT_PARTITION, UINT32_MAX, RVM_RIGHT_WRITE);
  builder.grant("strong", 0, RVM_OBJECT_PARTITION, UINT32_MAX, RVM_RIGHT_WRITE | RVM_RIGHT_EXECUTE);
  Talk t{std::move(builder), 1};
  const auto call = [&](std::uint64_t operation, std::string_view handle) {
    t.relax();
    t.k.run_until("a0");
    return t.k.call(operation, {t.k.handle(handle)});
  };
  CHECK(call(RVM_HVC_PARTITION_SUSPEND, "weak") == Error::rights);
  CHECK(call(RVM_HVC_PARTITION_RESUME, "strong") == Error::bad_state);
  CHECK_FALSE(advice::paused());
  REQUIRE(call(RVM_HVC_PARTITION_SUSPEND, "strong") == Error::ok);
  CHECK(call(RVM_HVC_PARTITION_SUSPEND, "strong") == Error::bad_state);
  for (int i = 0; i < 60; ++i) {
    t.talk("c");
    t.work();
  }
  CHECK_FALSE(t.moved(0));
  CHECK(call(RVM_HVC_PARTITION_RESUME, "weak") == Error::rights);
  REQUIRE(call(RVM_HVC_PARTITION_RESUME, "strong") == Error::ok);
  for (int i = 0; i < 60 && !t.moved(0); ++i) {
    t.talk("c");
    t.work();
  }
  CHECK(t.moved(0));
  t.k.check_invariants();
}

TEST_CASE("a verdict waits for the adviser however late that gets time") {
  Talk t{1};
  State& s = t.k.state();
  t.k.run_until("b0");
  Relocation request{.from = t.k.agent("a0").partition->id, .to = t.k.agent("c0").partition->id, .count = 1};
  request.agents[0] = t.k.agent("a0").id;
  REQUIRE(begin_relocation(s, request));
  REQUIRE(t.moved(0));
  const Nanoseconds late = t.k.machine.now + Nanoseconds{1000 * epoch};
  expire_relocation(s, late);
  CHECK(s.relocation.phase == Relocation::Phase::finished);
}

TEST_CASE("moves that wait for others are not forgotten when the next epoch begins") {
  constexpr unsigned count = 4;
  Talk t{count};
  for (int i = 0; i < 60; ++i) {
    t.talk("c");
    t.work();
  }
  for (unsigned i = 0; i < count; ++i) CHECK(t.moved(i));
  CHECK(t.k.state().boundaries.migrations == count);
  CHECK(t.k.state().boundaries.aborted == 0);
  t.k.check_invariants();
}

}  // namespace rvm::kernel::test
