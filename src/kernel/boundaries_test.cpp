// SPDX-License-Identifier: MIT OR Apache-2.0
#include "boundaries.hpp"

#include <doctest/doctest.h>

#include <array>
#include <string>

#include "relocation.hpp"
#include "rvm/advice/advisor.hpp"
#include "test/simulated_kernel.hpp"

namespace rvm::kernel::test {
namespace {

constexpr std::uint64_t epoch = 1'000'000;  // nanoseconds

/// Pairs of partitions, of which the first holds "aN" and "bN" and the second "cN"; aN has an edge to either.
PackageBuilder pairs(unsigned count) {
  PackageBuilder builder;
  builder.coherence.flags = RVM_COHERENCE_ENABLED;
  builder.coherence.merge_mutual = 10'000;  // never
  builder.partition("control");
  for (unsigned i = 0; i < count; ++i) {
    const std::string number = std::to_string(i);
    std::array<std::uint32_t, 2> partitions{};
    for (std::uint32_t& partition : partitions) {
      partition = builder.partition("p" + number + (&partition == &partitions[0] ? "-left" : "-right"));
      builder.last_partition().flags = RVM_PARTITION_LIVE;
    }
    const auto a = builder.agent("a" + number, partitions[0], 100, false);
    const auto b = builder.agent("b" + number, partitions[0]);
    const auto c = builder.agent("c" + number, partitions[1]);
    builder.edge("b", a, b, 16);
    builder.edge("c", a, c, 16);
  }
  return builder;
}

struct Talk {
  SimulatedKernel k;
  unsigned count;

  explicit Talk(unsigned pairs_count) : k(pairs(pairs_count)), count(pairs_count) { REQUIRE(advice::present()); }

  [[nodiscard]] bool moved(unsigned pair) {
    const std::string number = std::to_string(pair);
    return k.agent("a" + number).partition == k.agent("c" + number).partition;
  }
  /// Others rest until it is this one's turn, whatever their priority.
  void reach(const std::string& name) {
    for (int i = 0; i < 1000 && name != k.running().name.data(); ++i)
      k.call(RVM_HVC_SLEEP_UNTIL, {hal::Port::now().value + epoch / 100});
    REQUIRE(name == k.running().name.data());
  }
  /// Every aN sends 1000 bytes to its `peer`, and an epoch passes.
  void talk(const std::string& peer) {
    for (unsigned i = 0; i < count; ++i) {
      const std::string number = std::to_string(i);
      reach("a" + number);
      REQUIRE(k.call(RVM_HVC_SEND, {k.handle(peer), k.heap(), 1000, 0}) == Error::ok);
      reach(peer + number);
      REQUIRE(k.call(RVM_HVC_RECEIVE, {0, k.heap(), 4096, 0}) == Error::ok);
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
  t.k.check_invariants();
}

TEST_CASE("a verdict waits for the adviser however late it gets time") {
  Talk t{1};
  State& s = t.k.state();
  s.relocation = {.phase = Relocation::Phase::finished};
  expire_relocation(s, Nanoseconds{2 * relocation_limit.value});
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
