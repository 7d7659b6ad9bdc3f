// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <array>
#include <bit>
#include <span>

#include "agents.hpp"
#include "capabilities.hpp"
#include "hypercalls.hpp"
#include "relocation.hpp"
#include "rvm/advice/advisor.hpp"

namespace rvm::kernel {
namespace {

using Kind = Relocation::Kind;
using Phase = Relocation::Phase;

std::array<std::uint64_t, 3> call_of(const Request& r) { return {r.argument(0), r.argument(1), r.argument(2)}; }

/// The caller comes back for what it has under way. Then nothing is looked up again: who moved is elsewhere by now.
bool repeated(const Request& r) {
  const Relocation& current = r.s.relocation;
  return current.phase != Phase::none && current.requester == r.caller.id && current.call == call_of(r);
}

/// Goes on with what the caller has under way.
Outcome go_on(const Request& r, PartitionId& made) {
  return r.s.relocation.phase == Phase::finished ? Outcome{take_verdict(r.s, made)} : again(r);
}

/// Begins what the caller asks for, or goes on with it. Another one's comes first.
Outcome relocate(const Request& r, Relocation& wanted, PartitionId& made) {
  State& s = r.s;
  const Relocation& current = s.relocation;
  if (repeated(r)) return go_on(r, made);
  const auto movers = std::span{wanted.agents}.first(wanted.count);
  if (std::ranges::find(movers, r.caller.id) != movers.end()) return Error::bad_state;
  if (current.phase != Phase::none && current.requester != r.caller.id) return again(r);
  if (current.phase != Phase::none) abandon_relocation(s);
  wanted.call = call_of(r);
  if (const Status begun = begin_relocation(s, wanted); !begun) return begun;
  return go_on(r, made);
}

/// What leads to a partition that was absorbed: the caller's own handle. What one step does not reach goes when the slot is used
/// again, before which nothing of this is left.
Outcome end_merge(const Request& r, PartitionId absorbed, const Outcome& done) {
  Partition& slot = r.s.partitions.at(partition::Pool<Partition>::index_of(absorbed));
  if (done.done() && done.error() == Error::ok && slot.id.value == 0)
    (void)revoke_holders(r.s, slot.holders, absorbed.value);
  return done;
}

/// Those that ended are buried where they lived, before their partition is merged into another.
bool bury_first(const Request& r, const Partition& p) { return bury_step_of(r.s, p) != Burial::nothing; }

}  // namespace

Outcome agent_migrate(const Request& r) {
  const auto destination = r.second(2, ObjectType::partition, rights::execute);
  if (!destination) return destination.error();
  const Agent* const agent = r.object_agent();
  const Partition* const to = r.s.partitions.find(PartitionId{(*destination)->object_id()});
  if (agent == nullptr || agent->state == AgentState::terminated || to == nullptr) return Error::peer_gone;
  Relocation wanted{.requester = r.caller.id, .by = r.authority, .from = agent->partition->id, .to = to->id};
  wanted.agents[wanted.count++] = agent->id;
  PartitionId made;
  return relocate(r, wanted, made);
}

Outcome partition_split(const Request& r) {
  const Partition* const from = r.object_partition();
  if (from == nullptr) return Error::peer_gone;
  const std::uint64_t members = r.argument(2);
  Relocation wanted{.kind = Kind::split, .requester = r.caller.id, .by = r.authority, .from = from->id};
  if (!repeated(r)) {
    choose_members(*from, members, wanted);
    if (members == 0 || wanted.count != static_cast<std::uint32_t>(std::popcount(members))) return Error::bad_argument;
    if (!slot_ready(r.s, r.s.partitions)) return Outcome::repeat(r.registers);
  }
  if (const Status room = make_room(r.s, r.caller); !room) return room;  // for the handle
  PartitionId made;
  const Outcome done = relocate(r, wanted, made);
  if (!done.done() || done.error() != Error::ok) return done;
  const auto handle = mint(r.s, r.authority, r.caller, ObjectType::partition, made.value, rights::all);
  r.result(1, handle ? handle->handle.to_abi() : RVM_INVALID_HANDLE);
  r.result(2, made.value);
  return Error::ok;
}

Outcome partition_merge(const Request& r) {
  PartitionId made;
  if (repeated(r)) {
    const PartitionId ending = r.s.relocation.from;
    return end_merge(r, ending, go_on(r, made));
  }
  const auto absorbed = r.second(2, ObjectType::partition, Rights{RVM_RIGHT_EXECUTE | RVM_RIGHT_REVOKE});
  if (!absorbed) return absorbed.error();
  const Partition* const to = r.object_partition();
  Partition* const from = r.s.partitions.find(PartitionId{(*absorbed)->object_id()});
  if (to == nullptr || from == nullptr) return Error::peer_gone;
  if (auto coherent = advice::may_merge(index_of(*to).value, index_of(*from).value); !coherent) return coherent;
  if (bury_first(r, *from)) return Outcome::repeat(r.registers);
  Relocation wanted{.kind = Kind::merge, .requester = r.caller.id, .by = r.authority, .from = from->id, .to = to->id};
  choose_members(*from, UINT64_MAX, wanted);
  return end_merge(r, wanted.from, relocate(r, wanted, made));
}

}  // namespace rvm::kernel
