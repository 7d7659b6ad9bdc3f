// SPDX-License-Identifier: MIT OR Apache-2.0
#include "capabilities.hpp"

#include "agents.hpp"
#include "evidence.hpp"
#include "leases.hpp"
#include "objects.hpp"
#include "rvm/hal/vector_scope.hpp"

namespace rvm::kernel {

std::uint64_t authority_word(const cap::Capability& capability, std::uint32_t holder) {
  return witness::authority(static_cast<std::uint8_t>(capability.type()), capability.rights().bits(),
                            capability.generation().value, holder);
}

cap::ObjectCapabilities& holders_of(State& s, ObjectType type, std::uint32_t object) {
  switch (type) {
    case ObjectType::partition:
      if (Partition* const p = s.partitions.find(PartitionId{object})) return p->holders;
      break;
    case ObjectType::agent:
      if (Agent* const agent = s.agents.find(AgentId{object})) return agent->holders;
      break;
    case ObjectType::edge:
      if (Edge* const edge = s.edges.find(EdgeId{object})) return edge->holders;
      break;
    case ObjectType::region:
      if (RegionObject* const region = s.regions.find(RegionId{object})) return region->holders;
      break;
    case ObjectType::device:
      if (Device* const device = device_of(s, object)) return device->holders;
      break;
    default:
      break;
  }
  return s.permanent;
}

Status make_room(State& s, Agent& agent) {
  if (!agent.capabilities->full()) return {};
  if (agent.capabilities->pages().size() == cap::table_pages) return fail(Error::resource_limit);
  const auto page = charged_page(s, agent);
  if (!page) return fail(page.error());
  const Status grown = s.capabilities.grow(table_of(agent), {*page, page_bytes});
  if (!grown) free_charged_page(s, agent, *page);
  return grown;
}

Result<cap::Placed> mint(State& s, const security::Authority& by, Agent& holder, ObjectType type, std::uint32_t object,
                         Rights rights, std::uint64_t badge) {
  Result<cap::Placed> placed = fail(Error::internal);
  const Status done =
      perform(s, by, witness::Kind::capability_grant, [&](const security::Permit&) -> Result<security::Effect> {
        if (auto room = make_room(s, holder); !room) return fail(room.error());
        const hal::VectorScope vectors;  // a capability carries a hash
        placed = s.capabilities.mint(table_of(holder), cap::Object{object, 0, type}, rights, badge,
                                     holders_of(s, type, object));
        if (!placed) return fail(placed.error());
        const cap::Capability& c = *s.capabilities.find(placed->ref);
        return security::Effect{object, authority_word(c, holder.id.value), badge, placed->ref.slot};
      });
  if (!done) return fail(done.error());
  return placed;
}

namespace {

/// The region whose last capability this is.
void orphan(State& s, RegionObject& region) {
  if (region.orphaned) return;
  region.orphaned = true;
  s.orphans.push_back(region);
}

bool last_of(const cap::ObjectCapabilities& holders, cap::CapabilityRef ref, const cap::Capability& capability) {
  return holders.first_root == ref && capability.next_sibling().empty() && !capability.has_children();
}

}  // namespace

cap::Budget Remover::operator()(cap::CapabilityRef ref, cap::Capability& capability) {
  ++removed;
  if (capability.type() == ObjectType::device) end_leases_by(s, ref);
  if (capability.type() != ObjectType::region) return 0;
  RegionObject& region = *s.regions.find(RegionId{capability.object_id()});
  if (last_of(region.holders, ref, capability)) orphan(s, region);
  if (capability.mapped_at() == 0) return 0;
  ++mappings;
  return 1 + unmap_region(s, s.partition_of(holder_of(s, ref)), capability) / pages_per_budget_unit;
}

Step revoke_step(State& s, const security::Authority& by, cap::CapabilityRef root, witness::Lane lane) {
  Step step;
  step.status = perform(
      s, by, witness::Kind::capability_revoke,
      [&](const security::Permit&) -> Result<security::Effect> {
        const cap::Capability& c = *s.capabilities.find(root);
        security::Effect effect{c.object_id(), authority_word(c, holder_of(s, root).id.value), 0, root.slot};
        cap::Budget budget = revocation_step;
        Remover remover{s};
        const auto revoked = s.capabilities.revoke(root, budget, remover);
        if (!revoked) return fail(revoked.error());
        effect.aux = remover.removed;
        step.progress = *revoked;
        if (step.progress == cap::Progress::more) effect.flags |= security::record_unfinished;
        return effect;
      },
      lane);
  return step;
}

bool revoke_holders(State& s, cap::ObjectCapabilities& holders, std::uint32_t object) {
  if (holders.empty()) return true;
  cap::Progress progress = cap::Progress::more;
  // Without room in the log nothing is revoked, and the slot stays as it is.
  (void)perform(
      s, security::Authority::hypervisor(), witness::Kind::capability_revoke,
      [&](const security::Permit&) -> Result<security::Effect> {
        const cap::Capability& first = *s.capabilities.find(holders.first_root);
        security::Effect effect{object, static_cast<std::uint64_t>(first.type()), 0, security::all_capabilities};
        cap::Budget budget = revocation_step;
        Remover remover{s};
        progress = s.capabilities.revoke_all(holders, budget, remover);
        effect.aux = remover.removed;
        if (progress == cap::Progress::more) effect.flags |= security::record_unfinished;
        return effect;
      },
      witness::Lane::reserved);
  return progress == cap::Progress::done;
}

Status open_table(State& s, Agent& agent) {
  Partition& p = s.partition_of(agent);
  const auto page = charged_page(s, agent);
  if (!page) return fail(page.error());
  ensure(s.capabilities.open(table_of(agent), {*page, page_bytes}).has_value());
  agent.capabilities = s.capabilities.table(table_of(agent));
  const hal::VectorScope vectors;  // a capability carries a hash
  for (const witness::StandardCapability& standard : witness::standard_capabilities) {
    const auto type = static_cast<ObjectType>(standard.type);
    const std::uint32_t object = witness::standard_object(standard, p.id.value, agent.id.value);
    const auto placed = s.capabilities.mint(table_of(agent), cap::Object{object, 0, type}, Rights{standard.rights}, 0,
                                            holders_of(s, type, object));
    ensure(placed.has_value());
    add_to_directory(agent, standard.name, placed->handle.to_abi(), type);
  }
  return {};
}

Step close_table_step(State& s, Agent& agent) {
  const bool destroyed = s.partition_of(agent).state == PartitionState::destroyed;
  const auto children = destroyed ? cap::Children::revoked : cap::Children::kept;
  Step step;
  step.progress = cap::Progress::more;
  step.status = perform(
      s, security::Authority::hypervisor(), witness::Kind::capability_revoke,
      [&](const security::Permit&) -> Result<security::Effect> {
        security::Effect effect{.target = agent.id.value, .flags = security::agents_capabilities};
        if (destroyed) effect.flags |= security::all_capabilities;
        cap::Budget budget = revocation_step;
        std::uint32_t handed_up = 0;
        Remover remover{s};
        step.progress = s.capabilities.close(table_of(agent), children, budget, handed_up, remover);
        effect.payload = handed_up;
        effect.aux = remover.removed;
        if (step.progress == cap::Progress::more) effect.flags |= security::record_unfinished;
        return effect;
      },
      witness::Lane::reserved);
  return step;
}

void free_table(State& s, Agent& agent) {
  while (const std::byte* const page = s.capabilities.reclaim(table_of(agent))) free_charged_page(s, agent, page);
}

}  // namespace rvm::kernel
