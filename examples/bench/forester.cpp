// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What WebAssembly agents cost until they are there: forks of a template, and a module of a mebibyte from its bytes.
#include "measure.hpp"

using namespace bench;

namespace {

constexpr std::size_t count = 16;
constexpr std::uint64_t priority = 100;

void settle() { sleep_for(milliseconds(5)); }

std::uint64_t pages_in_use() {
  const auto machine = information(find<Partition>("machine"));
  require(machine.has_value(), "PARTITION_INFO: ", error_of(machine));
  return machine->pages_used;
}
std::uint64_t cpu_of(AgentRef agent) {
  const auto its = information(agent);
  require(its.has_value(), "AGENT_INFO: ", error_of(its));
  return its->cpu_ns;
}

/// Returns when the template waits: then it can be forked.
void await(AgentRef original) {
  for (;;) {
    const Result<AgentRef> made = fork(find<Partition>("home"), original, priority, 0);
    if (made) {
      require(terminate(*made).has_value(), "a fork is gone");
      return settle();
    }
    require(error_of(made) == Error::bad_state, "AGENT_FORK: ", error_of(made));
    sleep_for(milliseconds(20));
  }
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const auto home = find<Partition>("home");
  const auto original = find<AgentRef>("template");
  const auto large = find<AgentRef>("large");
  await(original);
  await(large);
  report("cold_spawn_1mib", cpu_of(large));
  const std::uint64_t before = pages_in_use();
  std::array<AgentRef, count> forks{};
  std::array<Edge, count> edges{};
  std::array<std::uint64_t, count> calls{};
  std::array<std::uint64_t, count> ready{};
  std::array<std::uint64_t, count> turns{};
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint64_t start = rvm_counter();
    const Result<AgentRef> made = fork(home, original, priority, 0);
    const std::uint64_t forked = rvm_counter();
    require(made.has_value(), "AGENT_FORK: ", error_of(made));
    forks[i] = *made;
    // Unmeasured: an agent whom nobody can send anything ends.
    const auto edge = create_edge(find<AgentRef>(RVM_DIRECTORY_SELF), *made, 4);
    require(edge.has_value(), "EDGE_CREATE: ", error_of(edge));
    edges[i] = Edge{edge->sender};
    settle();
    const std::uint64_t resuming = rvm_counter();
    require(resume(*made).has_value(), "AGENT_RESUME");
    const std::uint64_t resumed = rvm_counter();
    settle();
    const std::uint64_t own = cpu_of(*made);
    require(own != 0, "a fork did not run");
    calls[i] = (forked - start + resumed - resuming) * instructions_per_step;
    ready[i] = calls[i] + own;
  }
  settle();
  const std::uint64_t waiting = pages_in_use();
  for (std::size_t i = 0; i < count; ++i) {
    constexpr std::string_view message = "hello";
    const std::uint64_t cpu = cpu_of(forks[i]);
    require(send(edges[i], std::as_bytes(std::span{message})).has_value(), "SEND");
    settle();
    turns[i] = cpu_of(forks[i]) - cpu;
  }
  settle();
  report("warm_spawn", median(calls));
  report("warm_spawn_ready", median(ready));
  report("wasm_first_turn", median(turns));
  say("bench: warm_spawn bytes=", (waiting - before) * RVM_PAGE_SIZE / count);
  for (const AgentRef agent : forks) require(terminate(agent).has_value(), "a fork is gone");
  return 0;
}
