// SPDX-License-Identifier: MIT OR Apache-2.0
#include "capabilities.hpp"
#include "evidence.hpp"
#include "hypercalls.hpp"
#include "objects.hpp"
#include "rvm/hal/vector_scope.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {

/// Rights a capability must have to map with these permissions.
constexpr Rights rights_for(std::uint64_t permissions) {
  return Rights{(permissions & RVM_MAP_READ ? RVM_RIGHT_READ : 0u) |
                (permissions & RVM_MAP_WRITE ? RVM_RIGHT_WRITE : 0u) |
                (permissions & RVM_MAP_EXECUTE ? RVM_RIGHT_EXECUTE : 0u)};
}

/// One step of revoking what was derived from the capability in x1, witnessed as RegionUnshare.
Step unshare_step(const Request& r) {
  Step step;
  step.status = perform(r.s, r.authority, witness::Kind::region_unshare,
                        [&](const security::Permit&) -> Result<security::Effect> {
                          security::Effect effect{.target = r.object_id(), .flags = r.object_ref().slot};
                          cap::Budget budget = revocation_step;
                          Remover remover{r.s};
                          const auto revoked = r.s.capabilities.revoke_children(r.object_ref(), budget, remover);
                          if (!revoked) return fail(revoked.error());
                          effect.payload = remover.removed;
                          effect.aux = pair_word(r.caller.id.value, remover.mappings);
                          step.progress = *revoked;
                          if (step.progress == cap::Progress::more) effect.flags |= security::record_unfinished;
                          return effect;
                        });
  return step;
}

std::uint64_t places_word(const cap::Placed& to, cap::CapabilityRef from, const Edge& edge) {
  return witness::pack({.generation = to.handle.generation.value,
                        .to_slot = static_cast<std::uint8_t>(to.ref.slot),
                        .from_slot = static_cast<std::uint8_t>(from.slot),
                        .edge = edge.id.value});
}

}  // namespace

Channel channel_of(const Request& r) {
  const auto capability = r.second(2, ObjectType::edge, rights::write);
  if (!capability) return {nullptr, capability.error()};
  Edge* const edge = r.s.edges.find(EdgeId{(*capability)->object_id()});
  if (edge == nullptr || edge->receiver == nullptr) return {nullptr, Error::peer_gone};
  if (edge->sender != &r.caller) return {nullptr, Error::rights};
  // It has ended, and the core that executes it has not let go of it yet.
  if (edge->receiver->state == AgentState::terminated) return {nullptr, Error::peer_gone};
  if (!has_room(*edge)) return {nullptr, Outcome::queue_full()};
  return {edge, Error::ok};
}

Outcome region_create(const Request& r) {
  if (r.object_partition() != &r.partition) return Error::wrong_type;
  const std::uint64_t pages = r.argument(2);
  if (pages == 0 || pages > maximum_region_pages) return Error::bad_argument;
  if (!slot_ready(r.s, r.s.regions)) return Outcome::repeat(r.registers);
  RegionObject* region = nullptr;
  const Status done = perform(
      r.s, r.authority, witness::Kind::region_create, [&](const security::Permit& permit) -> Result<security::Effect> {
        auto made = create_region(r.s, permit, r.partition, static_cast<std::uint32_t>(pages));
        if (!made) return fail(made.error());
        region = *made;
        return security::Effect{region->id.value, pair_word(r.partition.id.value, static_cast<std::uint32_t>(pages))};
      });
  if (!done) return done;
  const auto placed = mint(r.s, r.authority, r.caller, ObjectType::region, region->id.value, rights::all);
  if (!placed) {
    (void)perform(
        r.s, r.authority, witness::Kind::region_destroy,
        [&](const security::Permit&) -> Result<security::Effect> {
          const std::uint32_t id = region->id.value;
          destroy_region(r.s, *region);
          return security::Effect{id, pair_word(r.partition.id.value, static_cast<std::uint32_t>(pages))};
        },
        witness::Lane::reserved);
    return placed.error();
  }
  r.result(1, placed->handle.to_abi());
  return Error::ok;
}

Outcome region_destroy(const Request& r) {
  RegionObject* const region = r.object_region();
  if (region == nullptr) return Error::peer_gone;
  // Only from the root of its derivations, so that no capability to it is left over.
  if (r.capability().depth() != 0 || region->owner != index_of(r.partition).value) return Error::rights;
  if (r.capability().has_children()) {
    const auto [status, progress] = unshare_step(r);
    if (!status) return status;
    if (progress == cap::Progress::more) return Outcome::repeat(r.registers);
  }
  const cap::CapabilityRef root = r.object_ref();
  return perform(
      r.s, r.authority, witness::Kind::region_destroy, [&](const security::Permit&) -> Result<security::Effect> {
        const security::Effect effect{region->id.value, pair_word(r.partition.id.value, region->region.pages())};
        const Status dropped = r.s.capabilities.drop(root, Remover{r.s});
        if (!dropped) return fail(dropped.error());
        destroy_region(r.s, *region);
        return effect;
      });
}

Outcome region_map(const Request& r) {
  RegionObject* const region = r.object_region();
  if (region == nullptr) return Error::peer_gone;
  const GuestAddress at{r.argument(2)};
  const std::uint64_t permissions = r.argument(3);
  if (permissions == 0 || permissions > 7 || (permissions & RVM_MAP_READ) == 0) return Error::bad_argument;
  const auto access = static_cast<Access>(permissions);
  if (!write_xor_execute(access)) return Error::write_execute;
  if (!r.capability().rights().contains(rights_for(permissions))) return Error::rights;
  if (!page_aligned(at)) return Error::unaligned;
  const std::uint64_t bytes = std::uint64_t{region->region.pages()} * page_bytes;
  const std::uint64_t slot_end = r.caller.slot.value + hal::Port::geometry().slot_bytes;
  if (at.value < r.caller.map_base.value || at.value >= slot_end || bytes > slot_end - at.value)
    return Error::bad_address;
  if (r.capability().mapped_at() != 0) return Error::bad_state;
  return perform(r.s, r.authority, witness::Kind::region_map, [&](const security::Permit&) -> Result<security::Effect> {
    std::uint64_t mapped = 0;
    for (const memory::Extent& extent : region->region.extents()) {
      const Status status = r.partition.space.map(offset(at, mapped * page_bytes), extent.base(), extent.pages(),
                                                  access, memory::MemoryType::normal);
      if (!status) {
        // Only what was mapped here: behind it may lie what was in the way.
        if (mapped != 0) unmap_pages(r.s, r.partition, at, mapped);
        return fail(status.error());
      }
      if (allows(access, Access::execute))
        hal::Port::synchronise_instructions(extent.base(), extent.pages() * page_bytes);
      mapped += extent.pages();
    }
    hal::Port::publish_tables();
    r.capability().set_mapping(static_cast<std::uint32_t>(at.value >> page_shift), access);
    return security::Effect{region->id.value, at.value,
                            pair_word(r.object_ref().slot, static_cast<std::uint32_t>(mapped)),
                            static_cast<std::uint16_t>(permissions)};
  });
}

Outcome region_unmap(const Request& r) {
  RegionObject* const region = r.object_region();
  if (region == nullptr) return Error::peer_gone;
  if (r.capability().mapped_at() == 0) return Error::bad_state;
  return perform(
      r.s, r.authority, witness::Kind::region_unmap, [&](const security::Permit&) -> Result<security::Effect> {
        const std::uint64_t at = std::uint64_t{r.capability().mapped_at()} << page_shift;
        unmap_region(r.s, r.partition, r.capability());
        return security::Effect{region->id.value, at, pair_word(r.object_ref().slot, region->region.pages())};
      });
}

Outcome region_share(const Request& r) {
  RegionObject* const region = r.object_region();
  if (region == nullptr) return Error::peer_gone;
  const std::uint64_t bits = r.argument(3);
  if (bits == 0 || (bits & ~std::uint64_t{RVM_RIGHT_ALL}) != 0) return Error::bad_argument;
  const Rights wanted{bits};
  if (!r.capability().rights().contains(wanted)) return Error::rights;
  if (r.capability().depth() >= cap::max_depth) return Error::delegation_depth;
  const Channel channel = channel_of(r);
  if (channel.edge == nullptr) return channel.refusal;
  Agent& receiver = *channel.edge->receiver;
  const cap::CapabilityRef source = r.object_ref();
  return perform(
      r.s, r.authority, witness::Kind::region_share, [&](const security::Permit&) -> Result<security::Effect> {
        const hal::VectorScope vectors;  // a capability carries a hash
        if (auto ready = prepare_queue(r.s, *channel.edge); !ready) return fail(ready.error());
        if (auto room = make_room(r.s, receiver); !room) return fail(room.error());
        const auto placed = r.s.capabilities.derive(source, table_of(receiver), wanted, r.capability().badge());
        if (!placed) return fail(placed.error());
        const rvm_capability_message message{placed->handle.to_abi(), RVM_OBJECT_REGION, wanted.bits(),
                                             region->region.pages()};
        enqueue_capability(r.s, *channel.edge, RVM_MESSAGE_REGION, message);
        return security::Effect{region->id.value, pair_word(r.partition.id.value, r.s.partition_of(receiver).id.value),
                                places_word(*placed, source, *channel.edge),
                                r.s.capabilities.find(placed->ref)->rights().bits()};
      });
}

Outcome region_unshare(const Request& r) {
  RegionObject* const region = r.object_region();
  if (region == nullptr) return Error::peer_gone;
  const auto [status, progress] = unshare_step(r);
  return status && progress == cap::Progress::more ? Outcome::repeat(r.registers) : Outcome{status};
}

Outcome region_transfer(const Request& r) {
  RegionObject* const region = r.object_region();
  if (region == nullptr) return Error::peer_gone;
  if (r.capability().depth() != 0 || region->owner != index_of(r.partition).value) return Error::rights;
  const Channel channel = channel_of(r);
  if (channel.edge == nullptr) return channel.refusal;
  Agent& receiver = *channel.edge->receiver;
  Partition& destination = r.s.partition_of(receiver);
  // The mover keeps nothing: what it shared is revoked, its own mapping goes, then the root moves.
  if (r.capability().has_children()) {
    const auto [status, progress] = unshare_step(r);
    if (!status) return status;
    if (progress == cap::Progress::more) return Outcome::repeat(r.registers);
  }
  const cap::CapabilityRef root = r.object_ref();
  return perform(
      r.s, r.authority, witness::Kind::region_transfer, [&](const security::Permit&) -> Result<security::Effect> {
        // All that can fail comes first, so that a refused transfer has moved and unmapped nothing.
        if (auto ready = prepare_queue(r.s, *channel.edge); !ready) return fail(ready.error());
        if (auto room = make_room(r.s, receiver); !room) return fail(room.error());
        if (&destination != &r.partition) {
          if (auto moved =
                  region->region.transfer(r.s.pages, page_owner(destination), r.partition.account, destination.account);
              !moved) {
            return fail(moved.error());
          }
        }
        if (r.capability().mapped_at() != 0) unmap_region(r.s, r.partition, r.capability());
        const hal::VectorScope vectors;  // a capability carries a hash
        const auto placed = r.s.capabilities.transfer(root, table_of(receiver));
        ensure(placed.has_value());
        const rvm_capability_message message{placed->handle.to_abi(), RVM_OBJECT_REGION,
                                             r.s.capabilities.find(placed->ref)->rights().bits(),
                                             region->region.pages()};
        enqueue_capability(r.s, *channel.edge, RVM_MESSAGE_REGION, message);
        r.partition.regions.remove(*region);
        destination.regions.push_back(*region);
        region->owner = index_of(destination).value;
        return security::Effect{region->id.value, pair_word(r.partition.id.value, destination.id.value),
                                places_word(*placed, root, *channel.edge)};
      });
}

}  // namespace rvm::kernel
