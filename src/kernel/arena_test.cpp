// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include "test/simulated_kernel.hpp"

namespace rvm::kernel::test {
namespace {

constexpr std::uint32_t heap_pages = 8;

/// A forger that may fork "original" into two partitions; the original waits for messages.
PackageBuilder forge(std::uint32_t image_flags, std::uint32_t rights = RVM_RIGHT_EXECUTE) {
  PackageBuilder b;
  b.heap_pages = heap_pages;
  b.image_flags = image_flags;
  b.partition("control");
  const auto home = b.partition("home", 200);
  const auto away = b.partition("away", 200);
  const auto forger = b.agent("forger", home, 100, false);
  const auto original = b.agent("original", home);
  b.agent("stranger", away);
  b.edge("orders", forger, original);
  b.grant("home", forger, RVM_OBJECT_PARTITION, home, RVM_RIGHT_EXECUTE);
  b.grant("away", forger, RVM_OBJECT_PARTITION, away, RVM_RIGHT_EXECUTE);
  b.grant("template", forger, RVM_OBJECT_AGENT, original, rights);
  return b;
}

struct Forge {
  SimulatedKernel k;
  Agent* original;

  explicit Forge(std::uint32_t image_flags = 0, std::uint32_t rights = RVM_RIGHT_EXECUTE)
      : k(forge(image_flags, rights)), original(&k.agent("original")) {}

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
  /// The original waits for a message from now on; the forger runs.
  void wait() {
    k.run_until("original");
    k.call(RVM_HVC_RECEIVE, {0, k.heap(), 4096, never.value});
    k.run_until("forger");
  }
  Error fork(std::string_view into) {
    const Error e = k.call(RVM_HVC_AGENT_FORK, {k.handle(into), k.handle("template"), 100, 7});
    k.check_invariants();
    return e;
  }
  /// The one that the last fork made.
  Agent& made() {
    Agent* const agent = k.state().agents.find(AgentId{static_cast<std::uint32_t>(k.current->reg(2))});
    REQUIRE(agent != nullptr);
    return *agent;
  }
  /// Starts the one that the last fork made and lets it run.
  Agent& resume() {
    Agent& agent = made();
    REQUIRE(k.call(RVM_HVC_AGENT_RESUME, {k.current->reg(1)}) == Error::ok);
    run(agent);
    return agent;
  }
  void run(const Agent& agent) {
    for (int i = 0; i < 1000 && &k.running() != &agent; ++i) k.call(RVM_HVC_YIELD);
    REQUIRE(&k.running() == &agent);
  }
};

}  // namespace

TEST_CASE("a fork begins with the original's memory, and neither sees what the other writes") {
  for (const char* into : {"home", "away"}) {
    Forge f;
    f.run(*f.original);
    f.write(5, 11);
    f.write(page_bytes, 22);
    const std::uint32_t pages = f.original->partition->account.used;
    f.wait();
    REQUIRE(f.fork(into) == Error::ok);
    Agent& made = f.made();
    CHECK(made.state == AgentState::suspended);
    CHECK(made.information->forked_from == f.original->id.value);
    CHECK(made.information->argument == 7);
    CHECK(made.information->slot_base == made.slot.value);
    if (made.partition != f.original->partition) CHECK(f.original->partition->account.used == pages);
    f.resume();
    CHECK(f.read(5) == 11);
    f.write(5, 33);
    CHECK(f.read(5) == 33);
    f.k.check_invariants();
    // The original is woken and finds what it left.
    f.k.run_until("forger");
    f.k.call(RVM_HVC_SEND, {f.k.handle("orders"), f.k.heap(), 1, 0});
    f.run(*f.original);
    CHECK(f.read(5) == 11);
    CHECK(f.read(page_bytes) == 22);
    f.write(page_bytes, 44);
    f.k.check_invariants();
    f.run(made);
    CHECK(f.read(page_bytes) == 22);
    CHECK(f.read(5) == 33);
  }
}

TEST_CASE("a page that two have is scrubbed and free when both are gone, whoever goes first") {
  for (const bool original_first : {false, true}) {
    Forge f;
    f.run(*f.original);
    f.write(5, 11);
    f.wait();
    REQUIRE(f.fork("away") == Error::ok);
    const std::uint64_t free = f.k.state().pages.free_pages();
    Agent& made = f.resume();
    const auto end = [&](Agent& agent) {
      f.run(agent);
      f.k.call(RVM_HVC_EXIT, {0});
      f.k.run_until("forger");
      for (int i = 0; i < 50; ++i) f.k.advance(1'000'000);
      f.k.run_until("forger");
      f.k.check_invariants();
    };
    f.k.run_until("forger");
    if (original_first) {
      f.k.call(RVM_HVC_SEND, {f.k.handle("orders"), f.k.heap(), 1, 0});
      end(*f.original);
      f.run(made);
      CHECK(f.read(5) == 11);
      f.write(5, 12);  // the last who has it
      f.k.check_invariants();
      end(made);
    } else {
      end(made);
      f.k.call(RVM_HVC_SEND, {f.k.handle("orders"), f.k.heap(), 1, 0});
      end(*f.original);
    }
    CHECK(f.k.state().pages.free_pages() > free);
    State& s = f.k.state();
    for (std::uint64_t at = 0; at < f.k.machine.ram.size(); at += page_bytes)
      REQUIRE(s.pages.sharers(PhysicalAddress{hal::SimulatedMachine::ram_base + at}) == 0);
  }
}

TEST_CASE("what may not be forked") {
  SUBCASE("without the right") {
    Forge f{0, RVM_RIGHT_READ | RVM_RIGHT_WRITE};
    f.wait();
    CHECK(f.fork("home") == Error::rights);
  }
  SUBCASE("an agent that does not wait for a message") {
    Forge f;
    f.k.run_until("forger");
    CHECK(f.fork("home") == Error::bad_state);
  }
  SUBCASE("with more priority than the forger") {
    Forge f;
    f.wait();
    CHECK(f.k.call(RVM_HVC_AGENT_FORK, {f.k.handle("home"), f.k.handle("template"), 101, 0}) == Error::bad_argument);
  }
  SUBCASE("beyond the partition's quota, which leaves nothing behind") {
    Forge f;
    f.wait();
    Partition& away = *f.k.agent("stranger").partition;
    for (std::uint32_t quota = away.account.used; quota < away.account.used + 18; ++quota) {
      away.account.quota = quota;
      const std::uint32_t used = away.account.used;
      const Error e = f.fork("away");
      if (e == Error::ok) break;
      CHECK(e == Error::no_memory);
      CHECK(away.account.used == used);
    }
    // The original still writes its own memory.
    f.k.call(RVM_HVC_SEND, {f.k.handle("orders"), f.k.heap(), 1, 0});
    f.run(*f.original);
    f.write(0, 1);
    f.k.check_invariants();
  }
}

TEST_CASE("forks of forks share on") {
  Forge f;
  f.run(*f.original);
  f.write(5, 11);
  f.wait();
  for (int i = 0; i < 10; ++i) REQUIRE(f.fork(i % 2 == 0 ? "home" : "away") == Error::ok);
  State& s = f.k.state();
  std::uint32_t most = 0;
  for (std::uint64_t at = 0; at < f.k.machine.ram.size(); at += page_bytes)
    most = std::max(most, s.pages.sharers(PhysicalAddress{hal::SimulatedMachine::ram_base + at}));
  CHECK(most == 11);
}

TEST_CASE("an original may write the same word after each of a hundred forks") {
  Forge f;
  f.run(*f.original);
  for (int i = 0; i < 100; ++i) {
    f.run(*f.original);
    if (i != 0) REQUIRE(f.k.call(RVM_HVC_RECEIVE, {0, f.k.heap(), 4096, 0}) == Error::ok);
    f.write(page_bytes, i);
    f.wait();
    REQUIRE(f.fork("home") == Error::ok);
    REQUIRE(f.k.call(RVM_HVC_AGENT_TERMINATE, {f.k.current->reg(1)}) == Error::ok);
    for (int epoch = 0; epoch < 10; ++epoch) f.k.advance(1'000'000);  // its memory is given back
    f.k.run_until("forger");
    REQUIRE(f.k.call(RVM_HVC_SEND, {f.k.handle("orders"), f.k.heap(), 1, 0}) == Error::ok);
  }
  CHECK(f.original->faults == 0);
}

TEST_CASE("what faults although it is permitted is a fault in the end") {
  Forge f;
  f.run(*f.original);
  const std::uint64_t at = f.k.heap();
  int attempts = 0;
  while (f.original->state == AgentState::running && ++attempts < 1000)
    f.k.current = &on_fault(
        *f.k.current,
        {.kind = hal::FaultKind::data_abort, .write = true, .address = GuestAddress{at}, .syndrome = 0x92000046});
  CHECK(attempts > 1);
  CHECK(attempts < 100);
  CHECK(f.original->state == AgentState::terminated);
}

TEST_CASE("memory on demand") {
  Forge f{RVM_IMAGE_ON_DEMAND};
  Partition& home = *f.original->partition;
  f.run(*f.original);
  const std::uint32_t before = home.account.used;
  SUBCASE("is zero and there when it is touched") {
    CHECK(f.read(3 * page_bytes) == 0);
    f.write(4 * page_bytes, 1);
    CHECK(home.account.used == before + 2);
    CHECK(f.read(4 * page_bytes) == 1);
  }
  SUBCASE("is there for the kernel's copies too") {
    f.wait();
    f.write(page_bytes - 8, 0x42);
    f.write(page_bytes + 7, 0x43);
    f.k.call(RVM_HVC_SEND, {f.k.handle("orders"), f.k.heap() + page_bytes - 8, 16, 0});
    f.run(*f.original);
    CHECK(f.k.call(RVM_HVC_RECEIVE, {0, f.k.heap() + 5 * page_bytes - 8, 4096, 0}) == Error::ok);
    CHECK(f.read(5 * page_bytes - 8) == 0x42);
    CHECK(f.read(5 * page_bytes + 7) == 0x43);
  }
  SUBCASE("ends where the heap ends") {
    const std::uint32_t faults = f.original->faults;
    CHECK(f.k.touch(f.k.heap() + heap_pages * page_bytes, Access::read) == nullptr);
    f.k.run_until("forger");
    CHECK(f.original->state == AgentState::terminated);
    CHECK(faults == 0);
  }
  SUBCASE("is another partition's only through its own tables") {
    const std::uint64_t heap = f.k.heap();
    f.k.run_until("stranger");
    Agent& stranger = f.k.running();
    CHECK(f.k.touch(heap, Access::read) == nullptr);
    CHECK(stranger.state == AgentState::terminated);
    CHECK(home.account.used == before);
  }
  SUBCASE("may be used up, which ends who touches it") {
    home.account.quota = home.account.used;
    CHECK(f.k.touch(f.k.heap(), Access::write) == nullptr);
    f.k.run_until("forger");
    CHECK(f.original->state == AgentState::terminated);
    CHECK(f.k.machine.console.find("there is no page for") != std::string::npos);
  }
  SUBCASE("is a hole in a fork as well") {
    f.write(2 * page_bytes, 9);
    f.wait();
    REQUIRE(f.fork("away") == Error::ok);
    Agent& made = f.resume();
    CHECK(f.read(2 * page_bytes) == 9);
    const std::uint32_t used = made.partition->account.used;
    CHECK(f.read(6 * page_bytes) == 0);
    CHECK(made.partition->account.used == used + 1);
  }
  f.k.run_until("forger");
  f.k.check_invariants();
}

TEST_CASE("sealed memory is executed and not written, in forks as well") {
  Forge f;
  f.run(*f.original);
  f.write(page_bytes, 0x5a);
  const std::uint64_t at = f.k.heap() + page_bytes;
  const auto seal = [&](std::uint64_t address, std::uint64_t pages) {
    return f.k.call(RVM_HVC_MEMORY_SEAL, {f.k.handle("self"), address, pages});
  };
  CHECK(seal(at + 8, 1) == Error::unaligned);
  CHECK(seal(at, 0) == Error::bad_argument);
  CHECK(seal(at, maximum_region_pages + 1) == Error::bad_argument);
  CHECK(seal(at, heap_pages) == Error::bad_address);
  CHECK(seal(at - 2 * page_bytes, 1) == Error::bad_address);
  CHECK(seal(f.k.running().information->image_base, 1) == Error::bad_address);
  CHECK(seal(UINT64_MAX & ~(page_bytes - 1), 2) == Error::bad_address);
  REQUIRE(seal(at, 2) == Error::ok);
  CHECK(seal(at, 1) == Error::bad_state);
  CHECK(f.k.touch(at, Access::execute) != nullptr);
  f.wait();
  REQUIRE(f.fork("away") == Error::ok);
  Agent& made = f.resume();
  CHECK(f.k.touch(f.k.heap() + page_bytes, Access::execute) != nullptr);
  CHECK(f.k.touch(f.k.heap() + page_bytes, Access::write) == nullptr);
  CHECK(made.state == AgentState::terminated);
  f.k.run_until("forger");
  f.k.check_invariants();
}

TEST_CASE("only its own memory is an agent's to seal, and a shared page must be made its own first") {
  Forge f;
  f.wait();
  CHECK(f.k.call(RVM_HVC_MEMORY_SEAL, {f.k.handle("template"), f.k.heap(), 1}) == Error::rights);
  REQUIRE(f.fork("home") == Error::ok);
  f.resume();
  CHECK(f.k.call(RVM_HVC_MEMORY_SEAL, {f.k.handle("self"), f.k.heap(), 1}) == Error::bad_state);
  f.write(0, 1);
  CHECK(f.k.call(RVM_HVC_MEMORY_SEAL, {f.k.handle("self"), f.k.heap(), 1}) == Error::ok);
}

}  // namespace rvm::kernel::test
