// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Agents that change partitions. One record says who; what goes with them follows from the rule in rvm/witness/placement.hpp.
#include <fmt/format.h>

#include <algorithm>
#include <bit>

#include "rvm/witness/placement.hpp"
#include "rvm/witness_verify/replay.hpp"
#include "words.hpp"
#include "wrong.hpp"

namespace rvm::witness {

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

struct Replay::Move {
  std::uint32_t from = 0, to = 0;
  std::vector<std::uint32_t> movers;
  bool everybody = false;  ///< leaves: then so do all regions, whoever has capabilities to them
  std::map<std::uint32_t, RegionUses> uses;
  std::set<CapabilityPlace> restricted;  ///< to READ
};

/// What has more than READ, of a capability to a region and all that was derived from it.
void Replay::find_beyond_read(CapabilityPlace root, std::set<CapabilityPlace>& found) {
  std::vector<CapabilityPlace> rest{root};
  while (!rest.empty()) {
    const CapabilityPlace at = rest.back();
    rest.pop_back();
    const CapabilityState& c = state_.capabilities[at];
    // What was derived from one has no more than that.
    if ((c.rights & ~unsigned{RVM_RIGHT_READ}) == 0 || !found.insert(at).second) continue;
    rest.insert(rest.end(), c.children.begin(), c.children.end());
  }
}

Replay::Move Replay::plan(std::uint32_t from, std::uint32_t to, std::vector<std::uint32_t> movers) {
  const std::vector<std::uint32_t> members = agents_of(from);
  Move move{.from = from, .to = to, .movers = std::move(movers), .uses = {}, .restricted = {}};
  move.everybody = move.movers.size() == members.size();
  for (const std::uint32_t agent : members) {
    const bool moving = std::ranges::find(move.movers, agent) != move.movers.end();
    each_capability_of(agent, [&](CapabilityPlace, const CapabilityState& c) {
      if (c.type == RVM_OBJECT_REGION) move.uses[c.object].add(moving, c.mapped_at != 0);
    });
  }
  for (const std::uint32_t agent : members) {
    each_capability_of(agent, [&](CapabilityPlace at, const CapabilityState& c) {
      if (c.type == RVM_OBJECT_REGION && move.uses[c.object].shared()) find_beyond_read(at, move.restricted);
    });
  }
  return move;
}

void Replay::relocate(const Move& move) {
  const auto goes = [&](std::uint32_t region) {
    const auto uses = move.uses.find(region);
    return move.everybody || (uses != move.uses.end() && moves(uses->second, state_.regions[region].pages));
  };
  for (const std::uint32_t region : std::vector{state_.partitions[move.from].regions}) {
    if (!goes(region)) continue;
    std::erase(state_.partitions[move.from].regions, region);
    state_.partitions[move.to].regions.push_back(region);
    state_.regions[region].owner = move.to;
  }
  for (const std::uint32_t agent : move.movers) {
    state_.agents[agent].partition = move.to;
    each_capability_of(agent, [&](CapabilityPlace at, CapabilityState& c) {
      const bool alone = c.parent.slot == 0 && c.children.empty();
      if (!is_own_partition(c.type, c.object, c.rights, alone, move.from)) return;
      std::erase(roots_[{c.type, c.object}], at);
      c.object = move.to;
      roots_[{c.type, c.object}].push_back(at);
    });
  }
  for (const CapabilityPlace at : move.restricted) {
    CapabilityState& c = state_.capabilities[at];
    c.rights &= RVM_RIGHT_READ;
    if (c.mapped_at != 0) c.mapped_access = RVM_MAP_READ;
  }
}

Replay::Applied Replay::apply_split(const Record& r) {
  const std::uint32_t made = high(r.payload);
  const std::uint32_t quota = low(r.payload);
  const auto from = state_.partitions.find(r.target_object);
  if (from == state_.partitions.end()) return wrong(fmt::format("there is no partition {}", r.target_object));
  if (state_.partitions.contains(made)) return wrong(fmt::format("partition {} exists already", made));
  const std::vector<std::uint32_t> members = agents_of(r.target_object);
  std::vector<std::uint32_t> movers;
  for (std::size_t i = 0; i < members.size() && i < 64; ++i) {
    if ((r.aux >> i & 1) != 0) movers.push_back(members[i]);
  }
  if (movers.size() != static_cast<std::size_t>(std::popcount(r.aux)) || movers.empty() ||
      movers.size() == members.size())
    return wrong(fmt::format("partition {} has {} agents, which that cannot split", r.target_object, members.size()));
  PartitionRecordState& old = from->second;
  if (old.record_quota < 2) return wrong(fmt::format("divides a record quota of {}", old.record_quota));
  PartitionRecordState fresh = old;
  fresh.regions.clear();
  fresh.page_quota = quota;
  fresh.record_quota = split_record_quota(old.record_quota, static_cast<std::uint32_t>(movers.size()),
                                          static_cast<std::uint32_t>(members.size()));
  if (old.page_quota < quota) return wrong("gives away more pages than there were");
  old.page_quota -= quota;
  old.record_quota -= fresh.record_quota;
  state_.partitions[made] = std::move(fresh);
  relocate(plan(r.target_object, made, movers));
  return {};
}

Replay::Applied Replay::apply_merge(const Record& r) {
  const std::uint32_t absorbed = low(r.payload);
  if (!state_.partitions.contains(r.target_object) || !state_.partitions.contains(absorbed) ||
      absorbed == r.target_object)
    return wrong(fmt::format("partitions {} and {} cannot become one", r.target_object, absorbed));
  const std::vector<std::uint32_t> movers = agents_of(absorbed);
  if (movers.size() != r.aux) return wrong(fmt::format("says {} agents moved, there were {}", r.aux, movers.size()));
  relocate(plan(absorbed, r.target_object, movers));
  PartitionRecordState& left = state_.partitions[r.target_object];
  const PartitionRecordState& gone = state_.partitions[absorbed];
  left.page_quota = left.page_quota != 0 && gone.page_quota != 0 ? left.page_quota + gone.page_quota : 0;
  left.record_quota += gone.record_quota;
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
  const Move move = plan(high(r.payload), low(r.payload), {r.target_object});
  if (move.restricted.size() != high(r.aux)) {
    return wrong(
        fmt::format("says {} capabilities were reduced to READ, there were {}", high(r.aux), move.restricted.size()));
  }
  PartitionRecordState& from = state_.partitions[high(r.payload)];
  const std::uint32_t records =
      migrating_record_quota(from.record_quota, static_cast<std::uint32_t>(agents_of(high(r.payload)).size()));
  from.record_quota -= records;
  state_.partitions[low(r.payload)].record_quota += records;
  relocate(move);
  return {};
}

}  // namespace rvm::witness
