// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "rvm/abi.h"
#include "rvm/witness/effects.hpp"
#include "words.hpp"
#include "wrong.hpp"

namespace rvm::witness {

namespace {

constexpr std::uint64_t all = std::numeric_limits<std::uint64_t>::max();

std::unexpected<std::string> no_capability(CapabilityPlace at) {
  return wrong(fmt::format("agent {} has no capability in slot {}", at.agent, at.slot));
}

}  // namespace

Replay::Applied Replay::apply(const Record& r) {
  constexpr unsigned first_phase = 1;
  if (r.action_kind == Kind::boot_attestation && (r.flags & 0xffu) == first_phase) {
    state_ = {};
    roots_.clear();
    indices_.clear();
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
    case Kind::partition_split:
      return apply_split(r);
    case Kind::partition_merge:
      return apply_merge(r);
    case Kind::partition_migrate:
      return apply_migrate(r);
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
  // Of the hypervisor: its coherence engine, which has no state here.
  if (r.target_object == 0 && r.action_kind != Kind::partition_destroy) return {};
  if (found == state_.partitions.end()) return wrong(fmt::format("there is no partition {}", r.target_object));
  if (r.action_kind == Kind::partition_destroy) return destroy_partition(r);
  found->second.phase = r.action_kind == Kind::partition_suspend ? PartitionPhase::suspended : PartitionPhase::running;
  return {};
}

// In the kernel's order: region by region what leads there and the region itself.
Replay::Applied Replay::destroy_partition(const Record& r) {
  PartitionRecordState& p = state_.partitions[r.target_object];
  p.phase = PartitionPhase::destroyed;
  const bool finished = (r.flags & record_unfinished) == 0;
  std::uint64_t capabilities = finished ? all : high(r.aux);
  std::uint64_t regions = finished ? all : low(r.aux);
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
    return begin_agent(r.target_object, high(r.payload));
  }
  if (found == state_.agents.end()) return wrong(fmt::format("there is no agent {}", r.target_object));
  if (r.action_kind == Kind::task_terminate) {
    end_agent(r.target_object);
  } else {
    found->second.suspended = r.action_kind == Kind::task_suspend;
  }
  return {};
}

std::uint32_t Replay::agent_at(std::uint16_t index) const {
  const auto found = indices_.find(index);
  return found == indices_.end() ? 0 : found->second;
}

// What an agent has from its beginning.
Replay::Applied Replay::begin_agent(std::uint32_t agent, std::uint32_t partition) {
  indices_[static_cast<std::uint16_t>(agent)] = agent;
  std::uint16_t slot = 0;
  for (const StandardCapability& standard : standard_capabilities) {
    CapabilityState root;
    root.object = standard_object(standard, partition, agent);
    root.type = standard.type;
    root.rights = standard.rights;
    root.generation = 1;
    if (auto placed = place({agent, ++slot}, std::move(root)); !placed) return placed;
  }
  return {};
}

// What ends with an agent: its leases, what it mapped, and its ends of edges. Its capabilities go with records of their own.
void Replay::end_agent(std::uint32_t agent) {
  std::erase_if(state_.leases, [&](const auto& lease) { return lease.second.agent == agent; });
  for (auto c = state_.capabilities.lower_bound({agent, 0}); c != state_.capabilities.end() && c->first.agent == agent;
       ++c) {
    c->second.mapped_at = c->second.mapped_access = 0;
  }
  for (auto& [id, edge] : state_.edges) {
    if (edge.sender == agent) edge.sender = 0;
    if (edge.receiver == agent) edge.receiver = 0;
  }
  std::erase_if(state_.edges, [](const auto& e) { return e.second.sender == 0 && e.second.receiver == 0; });
  state_.agents.erase(agent);
}

// --- capabilities ---

/// Roots of the same object, or what was derived from the same parent.
std::vector<CapabilityPlace>& Replay::siblings_of(const CapabilityState& c) {
  return c.parent.slot == 0 ? roots_[{c.type, c.object}] : state_.capabilities[c.parent].children;
}

Replay::Applied Replay::place(CapabilityPlace at, CapabilityState capability) {
  if (!state_.agents.contains(at.agent)) return wrong(fmt::format("there is no agent {}", at.agent));
  const auto [placed, fresh] = state_.capabilities.emplace(at, std::move(capability));
  if (!fresh) {
    return wrong(fmt::format("slot {} of agent {} is taken", at.slot, at.agent));
  }
  siblings_of(placed->second).push_back(at);
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
  if (state_.capabilities.contains(to) || !state_.agents.contains(to.agent)) {
    const auto error = wrong(fmt::format("slot {} of agent {} cannot take it", to.slot, to.agent));
    state_.capabilities.insert(std::move(moved));
    return error;
  }
  moved.key() = to;
  CapabilityState& c = moved.mapped();
  c.generation = generation;
  c.revoking = false;
  std::ranges::replace(siblings_of(c), from, to);
  for (const CapabilityPlace child : c.children) state_.capabilities[child].parent = to;
  state_.capabilities.insert(std::move(moved));
  return {};
}

void Replay::erase(CapabilityPlace leaf) {
  const auto found = state_.capabilities.find(leaf);
  const CapabilityState& c = found->second;
  if (c.type == RVM_OBJECT_DEVICE)
    std::erase_if(state_.leases, [&](const auto& lease) { return lease.second.by == leaf; });
  auto& siblings = siblings_of(c);
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

/// The newest child becomes the newest child of whom `parent` was derived from.
void Replay::hand_up_child(CapabilityPlace parent) {
  CapabilityState& leaving = state_.capabilities[parent];
  const CapabilityPlace at = leaving.children.back();
  leaving.children.pop_back();
  CapabilityState& child = state_.capabilities[at];
  child.parent = leaving.parent;
  siblings_of(child).push_back(at);
}

/// One by one from the first slot, as the kernel does: what was derived goes up first, unless it is to go as well.
Replay::Applied Replay::close_table(const Record& r) {
  const bool keep = (r.flags & all_capabilities) == 0;
  std::uint64_t handed_up = r.payload;
  std::uint64_t removed = r.aux;
  const auto first = [&] {
    const auto found = state_.capabilities.lower_bound({r.target_object, 0});
    return found == state_.capabilities.end() || found->first.agent != r.target_object ? CapabilityPlace{}
                                                                                       : found->first;
  };
  for (CapabilityPlace leaving = first(); leaving.slot != 0; leaving = first()) {
    const CapabilityState& c = state_.capabilities[leaving];
    if (keep && !c.revoking && !c.children.empty()) {
      if (handed_up == 0) break;
      --handed_up;
      hand_up_child(leaving);
      continue;
    }
    if (removed == 0) break;
    removed -= remove_subtree(leaving, false, removed);
  }
  if (removed != 0 || handed_up != 0) return wrong(fmt::format("says more went than agent {} had", r.target_object));
  if (((r.flags & record_unfinished) == 0) != (first().slot == 0))
    return wrong(fmt::format("does not say whether agent {} has some left", r.target_object));
  return {};
}

Replay::Applied Replay::revoke(const Record& r) {
  if ((r.flags & agents_capabilities) != 0) return close_table(r);
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
    const auto rest = state_.capabilities.find(root);
    left = rest != state_.capabilities.end();
    if (left) rest->second.revoking = true;
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
    case Kind::capability_attenuated: {
      const std::uint32_t agent = agent_at(static_cast<std::uint16_t>(high(r.payload) >> 16));
      return derive({agent, static_cast<std::uint16_t>(high(r.payload))}, {agent, slot_of(r.flags)}, rights, generation,
                    r.aux);
    }
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
      const auto edge = state_.edges.find(places.edge);
      if (edge == state_.edges.end()) return wrong(fmt::format("there is no edge {}", places.edge));
      const CapabilityPlace at{edge->second.receiver, places.to_slot};
      if (auto moved = move({edge->second.sender, places.from_slot}, at, places.generation); !moved) return moved;
      // What the mover had mapped goes with it.
      CapabilityState& root = state_.capabilities.at(at);
      root.mapped_at = 0;
      root.mapped_access = 0;
      std::erase(state_.partitions[found->second.owner].regions, r.target_object);
      state_.partitions[to].regions.push_back(r.target_object);
      found->second.owner = to;
      return {};
    }
    case Kind::region_share: {
      const auto edge = state_.edges.find(places.edge);
      if (edge == state_.edges.end()) return wrong(fmt::format("there is no edge {}", places.edge));
      const CapabilityPlace parent{edge->second.sender, places.from_slot};
      const auto from = state_.capabilities.find(parent);
      if (from == state_.capabilities.end()) return no_capability(parent);
      return derive(parent, {edge->second.receiver, places.to_slot}, static_cast<std::uint8_t>(r.flags),
                    places.generation, from->second.badge);
    }
    case Kind::region_unshare: {
      const CapabilityPlace root{high(r.aux), slot_of(r.flags)};
      const auto shared = state_.capabilities.find(root);
      if (shared == state_.capabilities.end()) return no_capability(root);
      const std::uint64_t removed = remove_subtree(root, true, r.payload);
      shared->second.revoking = (r.flags & record_unfinished) != 0;
      if (removed != r.payload)
        return wrong(fmt::format("says {} capabilities went, there were {}", r.payload, removed));
      return {};
    }
    default: {
      // The address tells in whose slot it is mapped, and so through whose capability.
      const CapabilityPlace at{agent_at(static_cast<std::uint16_t>(r.payload / slot_bytes_)),
                               static_cast<std::uint16_t>(high(r.aux))};
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
    const CapabilityPlace by{high(r.payload), slot_of(r.flags)};
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
