// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Attempts to use up what everyone needs: table slots, memory, edges, the log, processor time.
#include "attack.hpp"

namespace attacks {

namespace {

Verdict fill_capability_table() {
  Tries tries;
  std::uint64_t made = 0;
  for (; made < 5000; ++made) {
    rvm_handle child = 0;
    const rvm_error e = rvm_cap_derive(self_handle(), RVM_RIGHT_READ, made, &child);
    if (e == RVM_ERROR_OK) continue;
    tries.refused("derive", e, {RVM_ERROR_RESOURCE_LIMIT, RVM_ERROR_NO_MEMORY});
    break;
  }
  tries.check("the table is bounded", made < 256);
  return tries.verdict();
}
Verdict take_all_memory() {
  Tries tries;
  std::uint64_t pages = 0;
  for (std::uint64_t size = 4096; size != 0;) {
    rvm_handle region = 0;
    const rvm_error e = rvm_region_create(partition_handle(), size, &region);
    if (e == RVM_ERROR_OK) {
      pages += size;
      if (pages > 4096) break;
      continue;
    }
    tries.refused("region_create", e, {RVM_ERROR_NO_MEMORY, RVM_ERROR_RESOURCE_LIMIT, RVM_ERROR_BAD_ARGUMENT});
    size /= 2;
  }
  const Result<rvm_partition_state> state = information(Partition{partition_handle()});
  tries.check("information", state.has_value());
  if (state) tries.check("within the quota", state->pages_used <= state->page_quota);
  return tries.verdict();
}
/// Regions of one page at addresses far apart: each needs tables of its own, which count too.
Verdict take_all_tables() {
  Tries tries;
  std::uint64_t address = (info().map_base + 0x1fffff) & ~std::uint64_t{0x1fffff};
  const std::uint64_t end = info().slot_base + info().slot_size;
  for (; address < end; address += 0x200000) {
    rvm_handle region = 0;
    rvm_error e = rvm_region_create(partition_handle(), 1, &region);
    if (e == RVM_ERROR_OK) e = rvm_region_map(region, address, RVM_MAP_READ | RVM_MAP_WRITE);
    if (e == RVM_ERROR_OK) continue;
    tries.refused("map", e, {RVM_ERROR_NO_MEMORY, RVM_ERROR_RESOURCE_LIMIT});
    break;
  }
  const Result<rvm_partition_state> state = information(Partition{partition_handle()});
  if (state) tries.check("within the quota", state->pages_used <= state->page_quota);
  return tries.verdict();
}
Verdict take_all_edges() {
  Tries tries;
  const rvm_handle bystander = rvm_find("bystander", RVM_OBJECT_AGENT);
  int made = 0;
  for (; made < 1000; ++made) {
    rvm_new_edge edge{};
    const rvm_error e = rvm_edge_create(self_handle(), bystander, 64, 0, &edge);
    if (e == RVM_ERROR_OK) continue;
    tries.refused("edge_create", e, {RVM_ERROR_RESOURCE_LIMIT, RVM_ERROR_NO_MEMORY});
    break;
  }
  tries.check("edges are bounded", made <= 128);
  return tries.verdict();
}
/// Refusals as fast as it can: each is worth a record, and the log must neither stop nor forget anyone else's.
Verdict flood_log() {
  Tries tries;
  for (int i = 0; i < 1000; ++i)
    tries.refused("refusal", rvm_agent_terminate(0), {RVM_ERROR_BAD_CAPABILITY, RVM_ERROR_WITNESS_LOG_FULL});
  return tries.verdict();
}
Verdict flood_scheduler() {
  const Nanoseconds end = now() + milliseconds(20);
  for (int i = 0; i < 20000 && now() < end; ++i) yield();
  return contained("only its own time");
}
/// An agent with 1 ms of processor time per 10 ms that wants all of it.
Verdict overrun_budget() {
  const Nanoseconds start = now();
  const Nanoseconds used = cpu_time();
  while (now() < start + milliseconds(100)) {
  }
  const std::uint64_t spent = (cpu_time() - used).count;
  const std::uint64_t elapsed = (now() - start).count;
  // 10 % of the time, and one period's budget of slack at each end.
  return spent <= elapsed / 10 + 2'000'000 ? contained("stopped at its budget") : escaped("ran past its budget");
}
/// Maps and unmaps in a loop: every unmap interrupts all cores for their TLBs.
Verdict shootdown_storm() {
  rvm_handle region = 0;
  if (rvm_region_create(partition_handle(), 16, &region) != RVM_ERROR_OK) return escaped("cannot create a region");
  Tries tries;
  for (int i = 0; i < 300; ++i) {
    const rvm_error mapped = rvm_region_map(region, info().map_base, RVM_MAP_READ | RVM_MAP_WRITE);
    if (mapped == RVM_ERROR_WITNESS_LOG_FULL) continue;
    tries.check("map", mapped == RVM_ERROR_OK);
    rvm_error unmapped = rvm_region_unmap(region);
    while (unmapped == RVM_ERROR_WITNESS_LOG_FULL) unmapped = rvm_region_unmap(region);
    tries.check("unmap", unmapped == RVM_ERROR_OK);
  }
  return tries.verdict();
}

constexpr Attack exhaustion_table[] = {
    {"fill-capability-table", fill_capability_table},
    {"take-all-memory", take_all_memory},
    {"take-all-tables", take_all_tables},
    {"take-all-edges", take_all_edges},
    {"flood-log", flood_log},
    {"flood-scheduler", flood_scheduler},
    {"overrun-budget", overrun_budget},
    {"shootdown-storm", shootdown_storm},
};

}  // namespace

constexpr std::span<const Attack> exhaustion_attacks{exhaustion_table};

}  // namespace attacks
