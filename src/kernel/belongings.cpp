// SPDX-License-Identifier: MIT OR Apache-2.0
#include "belongings.hpp"

#include "capabilities.hpp"
#include "objects.hpp"
#include "rvm/hal/vector_scope.hpp"
#include "rvm/witness/placement.hpp"

namespace rvm::kernel {
namespace {

template <typename Visit>
void each_queue(Agent& agent, Visit visit) {
  for (Edge* e = agent.outbound.front(); e != nullptr; e = partition::List<Edge, &Edge::outbound_link>::after(*e)) {
    if (e->slots != nullptr) visit(*e);
  }
}

/// The pages of a queue: its slots in one run, and those of long messages.
template <typename Visit>
void each_run(Edge& edge, Visit visit) {
  visit(hal::Port::to_physical(edge.slots), partition::queue_pages(edge.capacity));
  for (std::uint32_t i = 0; i < edge.count; ++i) {
    const PhysicalAddress page = edge.slots[(edge.head + i) & (edge.capacity - 1)].page;
    if (page.value != 0) visit(page, std::uint32_t{1});
  }
}

/// Capabilities of an agent to regions.
template <typename Visit>
void each_region_of(State& s, const Agent& agent, Visit visit) {
  each_capability(s, agent, [&](cap::CapabilityRef ref, cap::Capability& c) {
    if (c.type() != ObjectType::region) return;
    if (RegionObject* const region = s.regions.find(RegionId{c.object_id()})) visit(ref, c, *region);
  });
}

/// What the kernel keeps of an agent (charged_page).
std::uint64_t kernel_pages(const Agent& agent) {
  return 1 + (agent.latency != nullptr ? 1 : 0) + agent.capabilities->pages().size();
}

/// What its partition pays for an agent's sake, but for regions.
std::uint32_t pages_of(State& s, Agent& agent) {
  const Partition& p = s.partition_of(agent);
  const memory::SlotContents contents = p.space.slot_contents(agent.slot, hal::Port::geometry().slot_bytes);
  std::uint64_t pages = contents.pages + contents.tables + kernel_pages(agent);
  const rvm_package_image& image = s.package.images()[agent.image];
  for (const rvm_package_segment& segment : s.package.segments().subspan(image.first_segment, image.segment_count)) {
    if (!allows(static_cast<Access>(segment.permissions), Access::write)) pages -= pages_for(segment.memory_bytes);
  }
  each_region_of(s, agent, [&](cap::CapabilityRef, const cap::Capability& c, const RegionObject& region) {
    if (c.mapped_at() != 0) pages -= region.region.pages();
  });
  each_queue(agent, [&](Edge& edge) { each_run(edge, [&](PhysicalAddress, std::uint32_t count) { pages += count; }); });
  return static_cast<std::uint32_t>(pages);
}

template <typename Visit>
void each_region_that_goes(Partition& from, bool all, Visit visit) {
  for (RegionObject* region = from.regions.front(); region != nullptr;) {
    RegionObject* const next = partition::List<RegionObject, &RegionObject::partition_link>::after(*region);
    if (all || witness::moves(region->uses, region->region.pages())) visit(*region);
    region = next;
  }
}

/// What an agent knows as its partition is the one that it is in.
void rename_partition(State& s, const Agent& agent, Partition& from, Partition& to) {
  each_capability(s, agent, [&](cap::CapabilityRef ref, const cap::Capability& c) {
    const bool alone = c.parent().empty() && !c.has_children();
    if (witness::is_own_partition(static_cast<std::uint8_t>(c.type()), c.object_id(), c.rights().bits(), alone,
                                  from.id.value))
      s.capabilities.rename(ref, to.id.value, to.holders);
  });
}

// --- what both sides can reach ---

bool reached_by_both(const State& s, const RegionObject& region) {
  return region.census == s.census && region.uses.shared();
}

/// Whether permissions are taken away when READ is all that is left.
bool mapped_beyond_read(const cap::Capability& c) { return c.mapped_at() != 0 && c.mapped_access() != Access::read; }

cap::Budget protection_cost(const RegionObject& region) { return 1 + region.region.pages() / pages_per_budget_unit; }

/// What is mapped through a capability can be read and nothing else. `from` is invalidated in the end.
void protect_mapping(State& s, const Partition& from, cap::CapabilityRef ref, cap::Capability& c,
                     const RegionObject& region) {
  if (!mapped_beyond_read(c)) return;
  Partition& p = s.partition_of(holder_of(s, ref));
  p.space.protect(GuestAddress{std::uint64_t{c.mapped_at()} << page_shift}, region.region.pages(), Access::read);
  c.set_mapping(c.mapped_at(), Access::read);
  if (&p == &from) return;
  hal::Port::publish_tables();
  invalidate(s, p);
}

/// Mappings of those that ended, which stay until they are buried. What the movers have is not written through them.
template <typename Visit>
void each_left_behind(State& s, const Partition& p, Visit visit) {
  for (Agent* a = p.agents.front(); a != nullptr; a = partition::List<Agent, &Agent::partition_link>::after(*a)) {
    if (a->state != AgentState::terminated) continue;
    each_region_of(s, *a, [&](cap::CapabilityRef ref, cap::Capability& c, const RegionObject& region) {
      if (region.census == s.census && region.uses.moving != 0 && mapped_beyond_read(c)) visit(ref, c, region);
    });
  }
}

/// Returns how many capabilities lost rights.
std::uint32_t restrict_shared(State& s, const Partition& from) {
  std::uint32_t restricted = 0;
  each_living(from, [&](const Agent& agent) {
    each_region_of(s, agent, [&](cap::CapabilityRef root, const cap::Capability&, const RegionObject& region) {
      if (!reached_by_both(s, region)) return;
      s.capabilities.each_beyond(root, rights::read, [&](cap::CapabilityRef ref, cap::Capability& c) {
        ++restricted;
        s.capabilities.restrict(ref, rights::read);
        protect_mapping(s, from, ref, c, region);
        return true;
      });
    });
  });
  each_left_behind(s, from, [&](cap::CapabilityRef ref, cap::Capability& c, const RegionObject& region) {
    protect_mapping(s, from, ref, c, region);
  });
  return restricted;
}

}  // namespace

std::uint32_t capabilities_of(const Partition& p) {
  std::uint32_t count = 0;
  each_living(p, [&](const Agent& agent) { count += agent.capabilities->used(); });
  return count;
}

std::uint32_t edge_ends_of(const Agent& agent) {
  std::uint32_t ends = 0;
  for (const Edge* e = agent.outbound.front(); e != nullptr; e = partition::List<Edge, &Edge::outbound_link>::after(*e))
    ++ends;
  for (const Edge* e = agent.inbound.front(); e != nullptr; e = partition::List<Edge, &Edge::inbound_link>::after(*e))
    ++ends;
  return ends;
}

std::uint32_t hand_over_queue(State& s, Edge& edge, Partition& to) {
  edge.payer = index_of(to).value;
  std::uint32_t all = 0;
  each_run(edge, [&](PhysicalAddress run, std::uint32_t pages) {
    ensure(s.pages.set_owner(run, pages, page_owner(to)).has_value());
    all += pages;
  });
  return all;
}

Census::Census(State& s, Partition& from, std::span<Agent* const> movers) : s_(s), movers_(movers) {
  ++s.census;
  for (Agent* const agent : movers) {
    agent->moving = true;
    pages_ += pages_of(s, *agent);
  }
  for (RegionObject* r = from.regions.front(); r != nullptr;
       r = partition::List<RegionObject, &RegionObject::partition_link>::after(*r))
    r->uses = {};
  each_living(from, [&](const Agent& agent) {
    ++agents_;
    each_capability(s, agent, [&](cap::CapabilityRef, const cap::Capability& c) {
      if (c.type() != ObjectType::region) return;
      RegionObject* const region = s.regions.find(RegionId{c.object_id()});
      if (region == nullptr) return;
      if (region->census != s.census) region->uses = {};
      region->census = s.census;
      region->uses.add(agent.moving, c.mapped_at() != 0);
    });
  });
  each_region_that_goes(from, everybody_goes(), [&](const RegionObject& region) { pages_ += region.region.pages(); });
  count_restriction(from);
}

void Census::count_restriction(const Partition& from) {
  // What was derived from a capability that is counted is counted with it.
  const auto covered = [&](const cap::Capability& c) {
    for (cap::CapabilityRef up = c.parent(); !up.empty(); up = s_.capabilities.find(up)->parent()) {
      const Agent& holder = holder_of(s_, up);
      if (holder.partition == &from && holder.state != AgentState::terminated) return true;
    }
    return false;
  };
  each_living(from, [&](const Agent& agent) {
    each_region_of(s_, agent, [&](cap::CapabilityRef root, const cap::Capability& top, const RegionObject& region) {
      if (!reached_by_both(s_, region) || restriction_ > maximum_restriction || covered(top)) return;
      s_.capabilities.each_beyond(root, rights::read, [&](cap::CapabilityRef, const cap::Capability& c) {
        restriction_ += 1 + (mapped_beyond_read(c) ? protection_cost(region) : 0);
        return restriction_ <= maximum_restriction;
      });
    });
  });
  each_left_behind(s_, from, [&](cap::CapabilityRef, const cap::Capability&, const RegionObject& region) {
    restriction_ += protection_cost(region);
  });
}

Census::~Census() {
  for (Agent* const agent : movers_) agent->moving = false;
}

Status Census::machine_has_room() const {
  return s_.pages.free_pages() < movers_.size() ? fail(Error::no_memory) : Status{};
}

Status Census::room_in(const Partition& to) const {
  const std::uint64_t wanted = std::uint64_t{to.account.used} + pages_ + movers_.size();
  if (to.account.quota != 0 && to.account.quota < wanted) return fail(Error::no_memory);
  return machine_has_room();
}

Moved move_belongings(State& s, const security::Permit&, Partition& from, Partition& to, std::span<Agent* const> movers,
                      const Census& census) {
  const hal::VectorScope vectors;  // a capability carries a hash
  const std::uint32_t restricted = restrict_shared(s, from);
  each_region_that_goes(from, census.everybody_goes(), [&](RegionObject& region) {
    ensure(region.region.transfer(s.pages, page_owner(to), from.account, to.account).has_value());
    from.regions.remove(region);
    to.regions.push_back(region);
    region.owner = index_of(to).value;
  });
  for (Agent* const agent : movers) {
    const std::uint32_t pages = pages_of(s, *agent);
    ensure(to.account.charge(pages).has_value());
    from.account.credit(pages);
    ensure(from.space.relink(agent->slot, hal::Port::geometry().slot_bytes, to.space).has_value());
    each_queue(*agent, [&](Edge& edge) { hand_over_queue(s, edge, to); });
    const std::uint32_t ends = edge_ends_of(*agent);
    from.edge_count -= ends;
    to.edge_count += ends;
    from.agents.remove(*agent);
    --from.agent_count;
    to.agents.push_back(*agent);
    ++to.agent_count;
    agent->partition = &to;
    agent->information->partition_id = to.id.value;
    rename_partition(s, *agent, from, to);
  }
  hal::Port::publish_tables();
  invalidate(s, from);
  from.space.release_retired();
  return {census.pages(), restricted};
}

}  // namespace rvm::kernel
