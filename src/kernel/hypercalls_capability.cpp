// SPDX-License-Identifier: MIT OR Apache-2.0
#include "capabilities.hpp"
#include "evidence.hpp"
#include "hypercalls.hpp"
#include "leases.hpp"
#include "objects.hpp"
#include "rvm/hal/vector_scope.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {

constexpr bool valid_rights(std::uint64_t bits) { return bits != 0 && (bits & ~std::uint64_t{RVM_RIGHT_ALL}) == 0; }

}  // namespace

Outcome cap_derive(const Request& r) {
  if (!valid_rights(r.argument(2))) return Error::bad_argument;
  const Rights wanted{r.argument(2)};
  const std::uint64_t badge = r.argument(3) != 0 ? r.argument(3) : r.capability().badge();
  const cap::CapabilityRef source = r.object_ref();
  // Refused before anything is reserved: a refusal is ProofRejected, not a failed derivation.
  const Rights have = r.capability().rights();
  if (!have.contains(rights::grant) && !have.contains(rights::grant_once)) return Error::rights;
  if (!have.contains(wanted)) return Error::rights;
  if (r.capability().depth() >= cap::max_depth) return Error::delegation_depth;
  return perform(r.s, r.authority, witness::Kind::capability_attenuated,
                 [&](const security::Permit&) -> Result<security::Effect> {
                   const hal::VectorScope vectors;  // a capability carries a hash
                   if (auto room = make_room(r.s, r.caller); !room) return fail(room.error());
                   const auto placed = r.s.capabilities.derive(source, table_of(r.caller), wanted, badge);
                   if (!placed) return fail(placed.error());
                   const cap::Capability& c = *r.s.capabilities.find(placed->ref);
                   r.result(1, placed->handle.to_abi());
                   const std::uint32_t from = witness::place(source.agent.value, source.slot);
                   return security::Effect{c.object_id(), authority_word(c, from), c.badge(), placed->ref.slot};
                 });
}

Outcome cap_revoke(const Request& r) {
  const auto [status, progress] = revoke_step(r.s, r.authority, r.object_ref(), witness::Lane::ordinary);
  return status && progress == cap::Progress::more ? Outcome::repeat(r.registers) : Outcome{status};
}

Outcome cap_drop(const Request& r) {
  if (r.capability().has_children()) return Error::bad_state;
  const cap::CapabilityRef leaf = r.object_ref();
  return perform(
      r.s, r.authority, witness::Kind::capability_revoke, [&](const security::Permit&) -> Result<security::Effect> {
        const security::Effect effect{r.object_id(), authority_word(r.capability(), r.caller.id.value), 1, leaf.slot};
        const Status dropped = r.s.capabilities.drop(leaf, Remover{r.s});
        if (!dropped) return fail(dropped.error());
        return effect;
      });
}

Outcome cap_transfer(const Request& r) {
  const Channel channel = channel_of(r);
  if (channel.edge == nullptr) return channel.refusal;
  Edge* const edge = channel.edge;
  if (r.capability().mapped_at() != 0 || leased_by(r.s, r.object_ref())) return Error::bad_state;
  Agent& destination = *edge->receiver;
  const cap::CapabilityRef source = r.object_ref();
  return perform(
      r.s, r.authority, witness::Kind::capability_delegate, [&](const security::Permit&) -> Result<security::Effect> {
        const hal::VectorScope vectors;  // a capability carries a hash
        // Before the capability moves: a refused transfer leaves the caller the handle it had.
        if (auto ready = prepare_queue(r.s, *edge); !ready) return fail(ready.error());
        if (auto room = make_room(r.s, destination); !room) return fail(room.error());
        const auto placed = r.s.capabilities.transfer(source, table_of(destination));
        if (!placed) return fail(placed.error());
        const cap::Capability& c = *r.s.capabilities.find(placed->ref);
        const RegionObject* region =
            c.type() == ObjectType::region ? r.s.regions.find(RegionId{c.object_id()}) : nullptr;
        const rvm_capability_message message{placed->handle.to_abi(), static_cast<std::uint32_t>(c.type()),
                                             c.rights().bits(), region != nullptr ? region->region.pages() : 0};
        enqueue_capability(r.s, *edge, RVM_MESSAGE_CAPABILITY, message);
        return security::Effect{c.object_id(), authority_word(c, destination.id.value),
                                pair_word(r.caller.id.value, source.slot), placed->ref.slot};
      });
}

Outcome cap_inspect(const Request& r) {
  r.result(1, static_cast<std::uint64_t>(r.capability().type()));
  r.result(2, r.capability().rights().bits());
  r.result(3, r.object_id());
  r.result(4, r.capability().badge());
  r.result(5, r.capability().depth());
  return Error::ok;
}

Outcome edge_create(const Request& r) {
  const auto receiving = r.second(2, ObjectType::agent, rights::write);
  if (!receiving) return receiving.error();
  const std::uint64_t length = r.argument(3);
  if (length == 0 || length > 64 || (length & (length - 1)) != 0) return Error::bad_argument;
  Agent* const sender = r.object_agent();
  Agent* const receiver = r.s.agents.find(AgentId{(*receiving)->object_id()});
  if (sender == nullptr || receiver == nullptr) return Error::peer_gone;
  if (sender == receiver) return Error::bad_argument;
  if (sender->state == AgentState::terminated || receiver->state == AgentState::terminated) return Error::peer_gone;
  if (!slot_ready(r.s, r.s.edges)) return Outcome::repeat(r.registers);
  Edge* edge = nullptr;
  const Status made = perform(
      r.s, r.authority, witness::Kind::comm_edge_create,
      [&](const security::Permit& permit) -> Result<security::Effect> {
        auto e = create_edge(r.s, permit, {*sender, *receiver, static_cast<std::uint32_t>(length), r.argument(4)});
        if (!e) return fail(e.error());
        edge = *e;
        return security::Effect{edge->id.value, pair_word(sender->id.value, receiver->id.value), edge->badge,
                                static_cast<std::uint16_t>(length)};
      });
  if (!made) return made;
  const std::uint32_t id = edge->id.value;
  const auto own = mint(r.s, r.authority, r.caller, ObjectType::edge, id, rights::all);
  const auto write = own ? mint(r.s, r.authority, *sender, ObjectType::edge, id, rights::write) : own;
  const auto read = write ? mint(r.s, r.authority, *receiver, ObjectType::edge, id, rights::read) : write;
  if (!read) {
    cap::ObjectCapabilities& holders = edge->holders;
    (void)perform(
        r.s, r.authority, witness::Kind::comm_edge_destroy,
        [&](const security::Permit&) -> Result<security::Effect> {
          return security::Effect{id, 0, destroy_edge(r.s, *edge)};
        },
        witness::Lane::reserved);
    (void)revoke_holders(r.s, holders, id);
    return read.error();
  }
  r.result(1, own->handle.to_abi());
  r.result(2, write->handle.to_abi());
  r.result(3, read->handle.to_abi());
  return Error::ok;
}

Outcome edge_destroy(const Request& r) {
  Edge* const edge = r.object_edge();
  if (edge == nullptr) return Error::peer_gone;
  cap::ObjectCapabilities& holders = edge->holders;
  const std::uint32_t id = edge->id.value;
  const Status done = perform(
      r.s, r.authority, witness::Kind::comm_edge_destroy, [&](const security::Permit&) -> Result<security::Effect> {
        const std::uint64_t ends = pair_word(edge->sender != nullptr ? edge->sender->id.value : 0,
                                             edge->receiver != nullptr ? edge->receiver->id.value : 0);
        return security::Effect{id, ends, destroy_edge(r.s, *edge)};
      });
  if (done) (void)revoke_holders(r.s, holders, id);
  return done;
}

}  // namespace rvm::kernel
