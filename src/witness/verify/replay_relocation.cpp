// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Agents that change partitions. One record says who; what goes with them follows from the rule in rvm/witness/placement.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "rvm/witness/placement.hpp"
#include "rvm/witness_verify/replay.hpp"
#include "wrong.hpp"

namespace rvm::witness {

namespace {

std::uint32_t high(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }
std::uint32_t low(std::uint64_t word) { return static_cast<std::uint32_t>(word); }

}  // namespace

/// Those that live, in ascending order of their index.
std::vector<std::uint32_t> Replay::agents_of(std::uint32_t partition) const {
  std::vector<std::uint32_t> agents;
  for (const auto& [id, agent] : state_.agents) {
    if (agent.partition == partition) agents.push_back(id);
  }
  std::ranges::sort(agents, {}, [](std::uint32_t id) { return id & 0xffffu; });
  return agents;
}

template <typename Visit>
void Replay::each_capability_of(std::uint32_t agent, Visit visit) {
  for (auto c = state_.capabilities.lower_bound({agent, 0}); c != state_.capabilities.end() && c->first.agent == agent;
       ++c)
    visit(c->first, c->second);
}

void Replay::relocate(std::uint32_t from, std::uint32_t to, const std::vector<std::uint32_t>& movers) {
  const std::vector<std::uint32_t> all = agents_of(from);
  std::map<std::uint32_t, RegionUses> uses;
  for (const std::uint32_t agent : all) {
    const bool moving = std::ranges::find(movers, agent) != movers.end();
    each_capability_of(agent, [&](CapabilityPlace, const CapabilityState& c) {
      if (c.type == RVM_OBJECT_REGION) uses[c.object].add(moving, c.mapped_at != 0);
    });
  }
  for (const std::uint32_t region : std::vector{state_.partitions[from].regions}) {
    const auto found = uses.find(region);
    if (found == uses.end() || !moves(found->second, state_.regions[region].pages)) continue;
    std::erase(state_.partitions[from].regions, region);
    state_.partitions[to].regions.push_back(region);
    state_.regions[region].owner = to;
  }
  for (const std::uint32_t agent : movers) {
    state_.agents[agent].partition = to;
    each_capability_of(agent, [&](CapabilityPlace at, CapabilityState& c) {
      if (!is_own_partition(c.type, c.object, c.rights, c.parent.slot == 0, from)) return;
      std::erase(roots_[{c.type, c.object}], at);
      c.object = to;
      roots_[{c.type, c.object}].push_back(at);
    });
  }
  for (const std::uint32_t agent : all) {
    each_capability_of(agent, [&](CapabilityPlace, CapabilityState& c) {
      const auto found = c.type == RVM_OBJECT_REGION ? uses.find(c.object) : uses.end();
      if (found == uses.end() || !found->second.shared()) return;
      c.rights &= RVM_RIGHT_READ;
      c.mapped_access = c.mapped_at != 0 ? std::uint8_t{RVM_MAP_READ} : std::uint8_t{0};
    });
  }
}

Replay::Applied Replay::apply_split(const Record& r) {
  const std::uint32_t made = high(r.payload);
  const std::uint32_t quota = low(r.payload);
  const auto from = state_.partitions.find(r.target_object);
  if (from == state_.partitions.end()) return wrong(fmt::format("there is no partition {}", r.target_object));
  if (state_.partitions.contains(made)) return wrong(fmt::format("partition {} exists already", made));
  const std::vector<std::uint32_t> all = agents_of(r.target_object);
  std::vector<std::uint32_t> movers;
  for (std::size_t i = 0; i < all.size() && i < 64; ++i) {
    if ((r.aux >> i & 1) != 0) movers.push_back(all[i]);
  }
  if (movers.size() != static_cast<std::size_t>(std::popcount(r.aux)) || movers.empty() || movers.size() == all.size())
    return wrong(fmt::format("partition {} has {} agents, which that cannot split", r.target_object, all.size()));
  PartitionRecordState& old = from->second;
  PartitionRecordState fresh = old;
  fresh.regions.clear();
  fresh.page_quota = quota;
  fresh.record_quota = split_record_quota(old.record_quota, static_cast<std::uint32_t>(movers.size()),
                                          static_cast<std::uint32_t>(all.size()));
  if (old.page_quota < quota) return wrong("gives away more pages than there were");
  old.page_quota -= quota;
  old.record_quota = rest_of_record_quota(old.record_quota, fresh.record_quota);
  state_.partitions[made] = std::move(fresh);
  relocate(r.target_object, made, movers);
  return {};
}

Replay::Applied Replay::apply_merge(const Record& r) {
  const std::uint32_t absorbed = low(r.payload);
  if (!state_.partitions.contains(r.target_object) || !state_.partitions.contains(absorbed) ||
      absorbed == r.target_object)
    return wrong(fmt::format("partitions {} and {} cannot become one", r.target_object, absorbed));
  const std::vector<std::uint32_t> movers = agents_of(absorbed);
  if (movers.size() != r.aux) return wrong(fmt::format("says {} agents moved, there were {}", r.aux, movers.size()));
  relocate(absorbed, r.target_object, movers);
  PartitionRecordState& left = state_.partitions[r.target_object];
  const PartitionRecordState& gone = state_.partitions[absorbed];
  left.page_quota = left.page_quota != 0 && gone.page_quota != 0 ? left.page_quota + gone.page_quota : 0;
  left.record_quota += gone.record_quota;
  if (!gone.regions.empty()) return wrong(fmt::format("partition {} still had regions", absorbed));
  state_.partitions.erase(absorbed);
  return {};
}

Replay::Applied Replay::apply_migrate(const Record& r) {
  const auto agent = state_.agents.find(r.target_object);
  if (agent == state_.agents.end()) return wrong(fmt::format("there is no agent {}", r.target_object));
  if (agent->second.partition != high(r.payload))
    return wrong(fmt::format("agent {} is in partition {}", r.target_object, agent->second.partition));
  if (!state_.partitions.contains(low(r.payload)))
    return wrong(fmt::format("there is no partition {}", low(r.payload)));
  relocate(high(r.payload), low(r.payload), {r.target_object});
  return {};
}

}  // namespace rvm::witness
