// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "rvm/abi.h"
#include "rvm/witness/effects.hpp"
#include "wrong.hpp"

namespace rvm::witness {

namespace {

constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();

std::uint32_t high(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }
std::uint32_t low(std::uint64_t word) { return static_cast<std::uint32_t>(word); }

std::unexpected<std::string> no_capability(CapabilityPlace at) {
  return wrong(fmt::format("partition {} has no capability in slot {}", at.partition, at.slot));
}

}  // namespace

Replay::Applied Replay::apply(const Record& r) {
  constexpr unsigned first_phase = 1;
  if (r.action_kind == Kind::boot_attestation && (r.flags & 0xffu) == first_phase) {
    state_ = {};
    roots_.clear();
    ++boots_;
    return {};
  }
  if ((r.flags & record_failed) != 0 && changes_objects(r.action_kind)) return {};
  switch (r.action_kind) {
    case Kind::boot_complete: {
      const unsigned address_bits = r.flags >> 8;
      if (address_bits < 32 || address_bits > 52) return wrong(fmt::format("{} address bits", address_bits));
      slot_bytes_ = agent_slot_bytes(address_bits);
      return {};
    }
    case Kind::partition_create:
    case Kind::partition_destroy:
    case Kind::partition_suspend:
    case Kind::partition_resume:
      return apply_partition(r);
    case Kind::task_spawn:
    case Kind::task_fork:
    case Kind::task_terminate:
    case Kind::task_suspend:
    case Kind::task_resume:
      return apply_agent(r);
    case Kind::capability_grant:
    case Kind::capability_attenuated:
    case Kind::capability_delegate:
    case Kind::capability_revoke:
      return apply_capability(r);
    case Kind::region_create:
    case Kind::region_destroy:
    case Kind::region_transfer:
    case Kind::region_share:
    case Kind::region_unshare:
    case Kind::region_map:
    case Kind::region_unmap:
      return apply_region(r);
    case Kind::comm_edge_create:
    case Kind::comm_edge_destroy:
      return apply_edge(r);
    case Kind::device_lease_grant:
    case Kind::device_lease_renew:
    case Kind::device_lease_revoke:
    case Kind::device_lease_expire:
      return apply_lease(r);
    default:
      return {};
  }
}

// --- partitions and agents ---

Replay::Applied Replay::apply_partition(const Record& r) {
  const auto found = state_.partitions.find(r.target_object);
  if (r.action_kind == Kind::partition_create) {
    if (found != state_.partitions.end()) return wrong(fmt::format("partition {} exists already", r.target_object));
    state_.partitions[r.target_object] = {.type = r.flags,
                                          .phase = PartitionPhase::created,
                                          .page_quota = low(r.payload),
                                          .record_quota = high(r.payload),
                                          .name = r.aux,
                                          .regions = {}};
    return {};
  }
  if (found == state_.partitions.end()) return wrong(fmt::format("there is no partition {}", r.target_object));
  if (r.action_kind == Kind::partition_destroy) return destroy_partition(r);
  found->second.phase = r.action_kind == Kind::partition_suspend ? PartitionPhase::suspended : PartitionPhase::running;
  return {};
}

// In the kernel's order: the table slot by slot, then region by region what leads there and the region itself.
Replay::Applied Replay::destroy_partition(const Record& r) {
  PartitionRecordState& p = state_.partitions[r.target_object];
  p.phase = PartitionPhase::destroyed;
  const bool finished = (r.flags & record_unfinished) == 0;
  std::uint64_t capabilities = finished ? all : high(r.aux);
  std::uint64_t regions = finished ? all : low(r.aux);
  while (capabilities != 0) {
    const auto first = state_.capabilities.lower_bound({r.target_object, 0});
    if (first == state_.capabilities.end() || first->first.partition != r.target_object) break;
    capabilities -= remove_subtree(first->first, false, capabilities);
  }
  while (!p.regions.empty()) {
    const Object region{RVM_OBJECT_REGION, p.regions.front()};
    capabilities -= remove_all(region, capabilities);
    if (regions == 0 || !roots_[region].empty()) break;
    --regions;
    erase_region(region.second);
  }
  if (!finished) return {};
  for (auto agent = state_.agents.begin(); agent != state_.agents.end(); ++agent) {
    if (agent->second.partition == r.target_object) {
      return wrong(fmt::format("agent {} is still in partition {}", agent->first, r.target_object));
    }
  }
  state_.partitions.erase(r.target_object);
  return {};
}

Replay::Applied Replay::apply_agent(const Record& r) {
  const auto found = state_.agents.find(r.target_object);
  if (r.action_kind == Kind::task_spawn || r.action_kind == Kind::task_fork) {
    const bool fork = r.action_kind == Kind::task_fork;
    const auto original = fork ? state_.agents.find(low(r.aux)) : state_.agents.end();
    if (fork && original == state_.agents.end()) return wrong(fmt::format("there is no agent {} to fork", low(r.aux)));
    const auto partition = state_.partitions.find(high(r.payload));
    if (found != state_.agents.end()) return wrong(fmt::format("agent {} exists already", r.target_object));
    if (partition == state_.partitions.end()) return wrong(fmt::format("there is no partition {}", high(r.payload)));
    if (partition->second.phase == PartitionPhase::created) partition->second.phase = PartitionPhase::running;
    const std::uint64_t name = fork ? original->second.name : r.aux;
    state_.agents[r.target_object] = {
        .partition = high(r.payload), .image = r.flags, .priority = low(r.payload), .name = name, .suspended = fork};
    return {};
  }
  if (found == state_.agents.end()) return wrong(fmt::format("there is no agent {}", r.target_object));
  if (r.action_kind == Kind::task_terminate) {
    end_agent(r.target_object);
  } else {
    found->second.suspended = r.action_kind == Kind::task_suspend;
  }
  return {};
}

// What ends with an agent: its leases, what its partition mapped into its slot, and its ends of edges.
void Replay::end_agent(std::uint32_t agent) {
  std::erase_if(state_.leases, [&](const auto& lease) { return lease.second.agent == agent; });
  const std::uint32_t partition = state_.agents[agent].partition;
  const std::uint64_t slot = (agent & 0xffffu) * slot_bytes_;
  for (auto c = state_.capabilities.lower_bound({partition, 0});
       c != state_.capabilities.end() && c->first.partition == partition; ++c) {
    const std::uint64_t at = c->second.mapped_at;
    if (at >= slot && at < slot + slot_bytes_) c->second.mapped_at = c->second.mapped_access = 0;
  }
  for (auto& [id, edge] : state_.edges) {
    if (edge.sender == agent) edge.sender = 0;
    if (edge.receiver == agent) edge.receiver = 0;
  }
  std::erase_if(state_.edges, [](const auto& e) { return e.second.sender == 0 && e.second.receiver == 0; });
  state_.agents.erase(agent);
}

// --- capabilities ---

Replay::Applied Replay::place(CapabilityPlace at, CapabilityState capability) {
  if (!state_.partitions.contains(at.partition)) return wrong(fmt::format("there is no partition {}", at.partition));
  const Object object{capability.type, capability.object};
  const bool root = capability.parent.slot == 0;
  const CapabilityPlace parent = capability.parent;
  if (!state_.capabilities.emplace(at, std::move(capability)).second) {
    return wrong(fmt::format("slot {} of partition {} is taken", at.slot, at.partition));
  }
  (root ? roots_[object] : state_.capabilities[parent].children).push_back(at);
  return {};
}

Replay::Applied Replay::derive(CapabilityPlace parent, CapabilityPlace at, std::uint8_t rights,
                               std::uint16_t generation, std::uint64_t badge) {
  const auto from = state_.capabilities.find(parent);
  if (from == state_.capabilities.end()) return no_capability(parent);
  CapabilityState child;
  child.object = from->second.object;
  child.type = from->second.type;
  child.rights = rights;
  child.depth = static_cast<std::uint8_t>(from->second.depth + 1);
  child.generation = generation;
  child.badge = badge;
  child.parent = parent;
  if (auto placed = place(at, std::move(child)); !placed) return placed;
  // GRANT_ONCE is used up by the first derivation.
  if ((from->second.rights & RVM_RIGHT_GRANT) == 0) {
    from->second.rights = static_cast<std::uint8_t>(from->second.rights & ~unsigned{RVM_RIGHT_GRANT_ONCE});
  }
  return {};
}

Replay::Applied Replay::move(CapabilityPlace from, CapabilityPlace to, std::uint16_t generation) {
  auto moved = state_.capabilities.extract(from);
  if (moved.empty()) return no_capability(from);
  if (state_.capabilities.contains(to) || !state_.partitions.contains(to.partition)) {
    const auto error = wrong(fmt::format("slot {} of partition {} cannot take it", to.slot, to.partition));
    state_.capabilities.insert(std::move(moved));
    return error;
  }
  moved.key() = to;
  CapabilityState& c = moved.mapped();
  c.generation = generation;
  auto& siblings = c.parent.slot == 0 ? roots_[{c.type, c.object}] : state_.capabilities[c.parent].children;
  std::ranges::replace(siblings, from, to);
  for (const CapabilityPlace child : c.children) state_.capabilities[child].parent = to;
  state_.capabilities.insert(std::move(moved));
  return {};
}

void Replay::erase(CapabilityPlace leaf) {
  const auto found = state_.capabilities.find(leaf);
  const CapabilityState& c = found->second;
  if (c.type == RVM_OBJECT_DEVICE)
    std::erase_if(state_.leases, [&](const auto& lease) { return lease.second.by == leaf; });
  auto& siblings = c.parent.slot == 0 ? roots_[{c.type, c.object}] : state_.capabilities[c.parent].children;
  if (siblings.back() == leaf) {
    siblings.pop_back();
  } else {
    std::erase(siblings, leaf);
  }
  state_.capabilities.erase(found);
}

/// Removes at most `count` capabilities; returns how many it found.
std::uint64_t Replay::remove_subtree(CapabilityPlace root, bool keep_root, std::uint64_t count) {
  CapabilityPlace current = root;
  for (std::uint64_t removed = 0; removed < count; ++removed) {
    for (const auto* c = &state_.capabilities[current]; !c->children.empty(); c = &state_.capabilities[current]) {
      current = c->children.back();
    }
    if (current == root && keep_root) return removed;
    const CapabilityPlace parent = state_.capabilities[current].parent;
    erase(current);
    if (current == root) return removed + 1;
    current = parent;
  }
  return count;
}

std::uint64_t Replay::remove_all(Object object, std::uint64_t count) {
  std::uint64_t removed = 0;
  while (removed < count && !roots_[object].empty()) {
    removed += remove_subtree(roots_[object].back(), false, count - removed);
  }
  return removed;
}

Replay::Applied Replay::revoke(const Record& r) {
  const bool finished = (r.flags & record_unfinished) == 0;
  std::uint64_t removed = 0;
  bool left = false;
  if ((r.flags & all_capabilities) != 0) {
    const Object object{static_cast<std::uint8_t>(r.payload), r.target_object};
    removed = remove_all(object, r.aux);
    left = !roots_[object].empty();
  } else {
    const CapabilityPlace root{high(r.payload), slot_of(r.flags)};
    if (!state_.capabilities.contains(root)) return no_capability(root);
    removed = remove_subtree(root, false, r.aux);
    left = state_.capabilities.contains(root);
  }
  if (removed != r.aux) return wrong(fmt::format("says {} capabilities went, there were {}", r.aux, removed));
  if (finished == left) return wrong(finished ? "says all went, some are left" : "says some are left, none is");
  return {};
}

Replay::Applied Replay::apply_capability(const Record& r) {
  const auto rights = static_cast<std::uint8_t>(r.payload >> 8);
  const auto generation = static_cast<std::uint16_t>(r.payload >> 16);
  const CapabilityPlace at{high(r.payload), slot_of(r.flags)};
  switch (r.action_kind) {
    case Kind::capability_grant: {
      CapabilityState root;
      root.object = r.target_object;
      root.type = static_cast<std::uint8_t>(r.payload);
      root.rights = rights;
      root.generation = generation;
      root.badge = r.aux;
      return place(at, std::move(root));
    }
    case Kind::capability_attenuated:
      return derive({r.actor_partition, static_cast<std::uint16_t>(high(r.payload))},
                    {r.actor_partition, slot_of(r.flags)}, rights, generation, r.aux);
    case Kind::capability_delegate:
      return move({high(r.aux), static_cast<std::uint16_t>(low(r.aux))}, at, generation);
    default:
      return revoke(r);
  }
}

// --- regions ---

void Replay::erase_region(std::uint32_t region) {
  std::erase(state_.partitions[state_.regions[region].owner].regions, region);
  state_.regions.erase(region);
}

Replay::Applied Replay::apply_region(const Record& r) {
  const auto found = state_.regions.find(r.target_object);
  if (r.action_kind == Kind::region_create) {
    const auto owner = state_.partitions.find(high(r.payload));
    if (found != state_.regions.end()) return wrong(fmt::format("region {} exists already", r.target_object));
    if (owner == state_.partitions.end()) return wrong(fmt::format("there is no partition {}", high(r.payload)));
    state_.regions[r.target_object] = {.owner = high(r.payload), .pages = low(r.payload)};
    owner->second.regions.push_back(r.target_object);
    return {};
  }
  if (found == state_.regions.end()) return wrong(fmt::format("there is no region {}", r.target_object));
  const RegionPlaces places = region_places(r.aux);
  switch (r.action_kind) {
    case Kind::region_destroy:
      remove_all({RVM_OBJECT_REGION, r.target_object}, all);
      erase_region(r.target_object);
      return {};
    case Kind::region_transfer: {
      const std::uint32_t to = low(r.payload);
      if (auto moved = move({r.actor_partition, places.from_slot}, {to, places.to_slot}, places.generation); !moved)
        return moved;
      // What the mover had mapped goes with it.
      CapabilityState& root = state_.capabilities.at({to, places.to_slot});
      root.mapped_at = 0;
      root.mapped_access = 0;
      std::erase(state_.partitions[found->second.owner].regions, r.target_object);
      state_.partitions[to].regions.push_back(r.target_object);
      found->second.owner = to;
      return {};
    }
    case Kind::region_share: {
      const CapabilityPlace parent{r.actor_partition, places.from_slot};
      const auto from = state_.capabilities.find(parent);
      if (from == state_.capabilities.end()) return no_capability(parent);
      return derive(parent, {low(r.payload), places.to_slot}, static_cast<std::uint8_t>(r.flags), places.generation,
                    from->second.badge);
    }
    case Kind::region_unshare: {
      const CapabilityPlace root{r.actor_partition, slot_of(r.flags)};
      if (!state_.capabilities.contains(root)) return no_capability(root);
      const std::uint64_t removed = remove_subtree(root, true, r.payload);
      if (removed != r.payload)
        return wrong(fmt::format("says {} capabilities went, there were {}", r.payload, removed));
      return {};
    }
    default: {
      const CapabilityPlace at{r.actor_partition, static_cast<std::uint16_t>(high(r.aux))};
      const auto c = state_.capabilities.find(at);
      if (c == state_.capabilities.end()) return no_capability(at);
      const bool map = r.action_kind == Kind::region_map;
      c->second.mapped_at = map ? r.payload : 0;
      c->second.mapped_access = static_cast<std::uint8_t>(map ? r.flags : 0);
      return {};
    }
  }
}

// --- edges ---

Replay::Applied Replay::apply_edge(const Record& r) {
  const auto found = state_.edges.find(r.target_object);
  if (r.action_kind == Kind::comm_edge_create) {
    if (found != state_.edges.end()) return wrong(fmt::format("edge {} exists already", r.target_object));
    if (!state_.agents.contains(high(r.payload)) || !state_.agents.contains(low(r.payload))) {
      return wrong(fmt::format("one of its agents {} and {} does not exist", high(r.payload), low(r.payload)));
    }
    state_.edges[r.target_object] = {
        .sender = high(r.payload), .receiver = low(r.payload), .capacity = r.flags, .badge = r.aux};
    return {};
  }
  if (found == state_.edges.end()) return wrong(fmt::format("there is no edge {}", r.target_object));
  state_.edges.erase(found);
  return {};
}

// --- leases ---

Replay::Applied Replay::apply_lease(const Record& r) {
  const auto found = state_.leases.find(r.target_object);
  if (r.action_kind == Kind::device_lease_grant) {
    const CapabilityPlace by{r.actor_partition, slot_of(r.flags)};
    if (found != state_.leases.end()) return wrong(fmt::format("device {} is leased already", r.target_object));
    if (!state_.agents.contains(high(r.payload))) return wrong(fmt::format("there is no agent {}", high(r.payload)));
    if (!state_.capabilities.contains(by)) return no_capability(by);
    state_.leases[r.target_object] = {.agent = high(r.payload),
                                      .expiry = r.aux,
                                      .mapped_at = std::uint64_t{low(r.payload)} * RVM_PAGE_SIZE,
                                      .by = by};
    return {};
  }
  if (found == state_.leases.end()) return wrong(fmt::format("device {} is not leased", r.target_object));
  if (r.action_kind == Kind::device_lease_renew) {
    found->second.expiry = r.aux;
  } else {
    state_.leases.erase(found);
  }
  return {};
}

}  // namespace rvm::witness
