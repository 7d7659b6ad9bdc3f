// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Measures what the kernel's operations cost in instructions; docs/performance.md says what each figure covers. Runs on
// one core, so that every partner is there when it is called.
#include "measure.hpp"

using namespace bench;

namespace {

/// The record of a refusal is hashed later, by the idle core: let it, so that no batch pays for another's records.
void settle() { sleep_for(milliseconds(2)); }

/// Two yielding agents hand the core to and fro: one round is two switches and the other's loop of three instructions.
std::uint64_t partition_switch() {
  const auto yielder = find<AgentRef>("yielder");
  constexpr std::uint64_t rounds = 64;
  constexpr std::uint64_t partner_loop = 3;
  const std::uint64_t round = cost(
      {.operation = RVM_HVC_YIELD}, rounds,
      [&] {
        require(signal(yielder, begin).has_value(), "cannot signal the yielder");
        for (int i = 0; i < 4; ++i) yield();  // it is in its loop now
      },
      [] { settle(); });
  return (round - partner_loop) / 2;
}

std::uint64_t region_map() {
  constexpr std::uint64_t count = 16;
  std::array<Region, count> regions{};
  // One page stays mapped in the same table, so that no table is made or freed on the way.
  const Result<Region> anchor = create_region(1);
  require(anchor && map(*anchor, map_base() + count * RVM_PAGE_SIZE, Access::read_write), "cannot map a region");
  for (Region& r : regions) {
    const Result<Region> made = create_region(1);
    require(made.has_value(), "region_create: ", error_of(made));
    r = *made;
  }
  // The loop adds a constant to x1 from call to call, which suits the handles if their slots are consecutive.
  const std::uint64_t step = regions[1].raw - regions[0].raw;
  for (std::size_t i = 1; i < count; ++i)
    require(regions[i].raw - regions[i - 1].raw == step, "handles are not consecutive");
  std::array<rvm_proof, count> proofs{};
  return cost(
      {.operation = RVM_HVC_REGION_MAP,
       .x1 = regions[0].raw,
       .x2 = map_base(),
       .x3 = RVM_MAP_READ | RVM_MAP_WRITE,
       .x1_step = step,
       .x2_step = RVM_PAGE_SIZE,
       .proofs = proofs.data()},
      count,
      [&] {
        for (std::size_t i = 0; i < count; ++i)
          proofs[i] = rvm_prove(RVM_HVC_REGION_MAP, regions[i].raw, map_base() + i * RVM_PAGE_SIZE,
                                RVM_MAP_READ | RVM_MAP_WRITE, 0, rvm_time());
      },
      [&] {
        for (const Region r : regions) require(unmap(r).has_value(), "a region was not mapped");
        settle();
      });
}

/// Two spinners in two partitions on one core. Each notes when it last saw the clock before somebody else had the core
/// and when it saw it again; the time between the one's last look and the other's first is the switch.
std::uint64_t timer_preempt() {
  const Result<Region> region = create_region(1);
  static_assert(sizeof(Logs) <= RVM_PAGE_SIZE);
  require(region && map(*region, map_base(), Access::read_write), "cannot map a region");
  Logs& logs = memory_at<Logs>(map_base(), 1)[0];
  const Status shared = share(*region, find_edge("rival"), Rights::read | Rights::write | Rights::prove);
  require(shared.has_value(), "region_share: ", error_of(shared));
  watch(logs.bench);
  finish(logs.bench_done, logs.rival_done);
  const auto& mine = logs.bench;
  const auto& theirs = logs.rival;

  std::array<std::uint64_t, 2 * gaps> costs{};
  std::size_t count = 0;
  const auto switched = [&](const Gap& from, const Gap& to) {
    // Taken at the step after from.last; back `reads` reads before the step after to.first.
    costs[count++] = (to.first - from.last) * instructions_per_step - to.reads * instructions_per_read;
  };
  for (const Gap& a : mine) {
    for (std::size_t i = 0; i + 1 < theirs.size(); ++i) {
      // Their turn between their gaps i and i + 1 lies inside my gap.
      if (theirs[i].first <= a.last || theirs[i + 1].last >= a.first) continue;
      switched(a, theirs[i]);
      switched(theirs[i + 1], a);
    }
  }
  require(count >= gaps, "too few switches seen: ", count);
  const std::span seen = std::span{costs}.first(count);
  std::ranges::sort(seen);
  return seen[count / 2];
}

std::uint64_t pages_in_use() {
  const auto machine = information(find<Partition>("machine"));
  require(machine.has_value(), "PARTITION_INFO: ", error_of(machine));
  return machine->pages_used;
}

/// A fork of an agent that waits, from AGENT_FORK to where it waits in turn: our two calls, and all that it executes itself, the
/// kernel's work for it included.
std::uint64_t fork_cost(AgentRef original) {
  const auto home = find<Partition>("peer");
  std::array<std::uint64_t, batches> costs{};
  for (std::uint64_t& cost : costs) {
    settle();
    const std::uint64_t begin_at = rvm_counter();
    const Result<AgentRef> made = fork(home, original, 0, 0);
    require(made.has_value(), "AGENT_FORK: ", error_of(made));
    require(resume(*made).has_value(), "a fork does not start");
    const std::uint64_t end_at = rvm_counter();
    settle();
    const auto its = information(*made);
    require(its && its->cpu_ns != 0, "a fork did not run");
    cost = (end_at - begin_at) * instructions_per_step + its->cpu_ns;
    require(terminate(*made).has_value(), "a fork is gone");
  }
  return median(costs);
}

/// Memory of the machine that a fork takes once it waits, in bytes.
std::uint64_t fork_bytes(AgentRef original) {
  constexpr std::size_t count = 16;
  std::array<AgentRef, count> made{};
  const std::uint64_t before = pages_in_use();
  for (AgentRef& agent : made) {
    const Result<AgentRef> fresh = fork(find<Partition>("peer"), original, 0, 0);
    require(fresh && resume(*fresh), "AGENT_FORK: ", error_of(fresh));
    agent = *fresh;
  }
  settle();
  const std::uint64_t after = pages_in_use();
  for (const AgentRef agent : made) require(terminate(agent).has_value(), "a fork is gone");
  settle();
  return (after - before) * RVM_PAGE_SIZE / count;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const rvm_handle self = find<AgentRef>(RVM_DIRECTORY_SELF).raw;
  const std::uint64_t null = cost({.operation = RVM_HVC_NULL}, 64);
  report("hypercall_null", null);
  // "self" resolves, but carries no REVOKE.
  report("hypercall_denied", cost({.operation = RVM_HVC_AGENT_TERMINATE, .x1 = self}, 32, [] {}, settle));
  report("partition_switch", partition_switch());
  report("ipc_call_reply", cost({.operation = RVM_HVC_CALL, .x1 = find_edge("server").raw}, 64));
  report("ipc_signal", cost({.operation = RVM_HVC_SIGNAL, .x1 = find<AgentRef>("server-agent").raw, .x2 = 2}, 64));
  report("region_map_page", region_map());
  // The same call, refused with a record (no bits to wait for) and turned away without one (none set, do not block).
  const std::uint64_t witnessed = cost({.operation = RVM_HVC_WAIT, .x1 = 0, .x2 = 0}, 32, [] {}, settle);
  const std::uint64_t unwitnessed = cost({.operation = RVM_HVC_WAIT, .x1 = std::uint64_t{1} << 63, .x2 = 0}, 32);
  require(witnessed > unwitnessed, "a record costs nothing");
  report("witness_emit", witnessed - unwitnessed);
  report("timer_preempt", timer_preempt());
  report("fork", fork_cost(find<AgentRef>("template")));
  say("bench: fork bytes=", fork_bytes(find<AgentRef>("template")));
  return 0;
}
