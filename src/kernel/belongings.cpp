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
    if (witness::is_own_partition(static_cast<std::uint8_t>(c.type()), c.object_id(), c.rights().bits(),
                                  c.parent().empty(), from.id.value))
      s.capabilities.rename(ref, to.id.value, to.holders);
  });
}

/// Both sides can reach the region through this one: from now on to read it.
bool restrict(State& s, cap::CapabilityRef ref, cap::Capability& c, const RegionObject& region) {
  if (rights::read.contains(c.rights())) return false;
  s.capabilities.restrict(ref, rights::read);
  if (c.mapped_at() != 0 && c.mapped_access() != Access::read) {
    Partition& p = s.partition_of(holder_of(s, ref));
    p.space.protect(GuestAddress{std::uint64_t{c.mapped_at()} << page_shift}, region.region.pages(), Access::read);
    c.set_mapping(c.mapped_at(), Access::read);
  }
  return true;
}

std::uint32_t restrict_shared(State& s, Partition& p) {
  std::uint32_t restricted = 0;
  each_living(p, [&](const Agent& agent) {
    each_region_of(s, agent, [&](cap::CapabilityRef ref, cap::Capability& c, const RegionObject& region) {
      if (region.census == s.census && region.uses.shared()&& restrict(s, ref, c, region)) ++restricted;
    });
  });
  return restricted;
}

}  // namespace

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
      ++capabilities_;
      if (c.type() != ObjectType::region) return;
      RegionObject* const region = s.regions.find(RegionId{c.object_id()});
      if (region == nullptr) return;
      if (region->census != s.census) region->uses = {};
      region->census = s.census;
      region->uses.add(agent.moving, c.mapped_at() != 0);
    });
  });
  each_region_that_goes(from, everybody_goes(), [&](const RegionObject& region) { pages_ += region.region.pages(); });
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
  const Moved moved{census.pages(), restrict_shared(s, from) + restrict_shared(s, to)};
  invalidate(s, from);
  from.space.release_retired();
  return moved;
}

}  // namespace rvm::kernel
