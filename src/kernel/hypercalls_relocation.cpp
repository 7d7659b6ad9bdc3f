// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <bit>
#include <optional>
#include <span>

#include "agents.hpp"
#include "capabilities.hpp"
#include "hypercalls.hpp"
#include "relocation.hpp"
#include "rvm/advice/advisor.hpp"

namespace rvm::kernel {
namespace {

using Kind = Relocation::Kind;

std::span<const AgentId> agents_of(const Relocation& r) { return std::span{r.agents}.first(r.count); }

/// The verdict on the caller's relocation, or a while longer for it.
Outcome await(const Request& r, const Relocation& wanted, PartitionId& made) {
  settle_relocation(r.s);  // who moves may have handed its core over directly
  const std::optional<Status> verdict = take_verdict(r.caller, wanted, made);
  return verdict ? Outcome{*verdict} : again(r);
}

/// What becomes of the caller's relocation that is under way or over, if that is what it asks for; another of its is given up. The
/// call is repeated until there is a verdict, and until then objects that it names may come to their end. Another one's comes first.
std::optional<Outcome> under_way(const Request& r, const Relocation& wanted, PartitionId& made) {
  if (const auto verdict = take_verdict(r.caller, wanted, made)) return Outcome{*verdict};
  const Relocation& current = r.s.relocation;
  if (current.phase == Relocation::Phase::none) return std::nullopt;
  if (current.requester != r.caller.id) return again(r);
  if (is_same_request(current, wanted)) return await(r, wanted, made);
  abandon_relocation(r.s);
  return std::nullopt;
}

/// Precondition: none is under way.
Outcome relocate(const Request& r, const Relocation& wanted, PartitionId& made) {
  if (std::ranges::find(agents_of(wanted), r.caller.id) != agents_of(wanted).end()) return Error::bad_state;
  if (const Status begun = begin_relocation(r.s, wanted); !begun) return begun;
  return await(r, wanted, made);
}

Outcome split_or_wait(const Request& r, PartitionId& made) {
  Relocation wanted{.kind = Kind::split,
                    .requester = r.caller.id,
                    .by = r.authority,
                    .from = PartitionId{r.object_id()},
                    .members = r.argument(2)};
  if (const auto outcome = under_way(r, wanted, made)) return *outcome;
  const Partition* const from = r.object_partition();
  if (from == nullptr) return Error::peer_gone;
  choose_members(*from, wanted.members, wanted);
  if (wanted.members == 0 || wanted.count != static_cast<std::uint32_t>(std::popcount(wanted.members)))
    return Error::bad_argument;
  if (!slot_ready(r.s, r.s.partitions)) return Outcome::repeat(r.registers);
  if (const Status room = make_room(r.s, r.caller); !room) return room;  // for the handle
  return relocate(r, wanted, made);
}

Outcome merge_or_wait(const Request& r, PartitionId absorbed) {
  Relocation wanted{.kind = Kind::merge,
                    .requester = r.caller.id,
                    .by = r.authority,
                    .from = absorbed,
                    .to = PartitionId{r.object_id()}};
  PartitionId made;
  if (const auto outcome = under_way(r, wanted, made)) return *outcome;
  const Partition* const to = r.object_partition();
  const Partition* const from = r.s.partitions.find(wanted.from);
  if (to == nullptr || from == nullptr) return Error::peer_gone;
  if (auto coherent = advice::may_merge(index_of(*to).value, index_of(*from).value); !coherent) return coherent;
  // Those that ended are buried where they lived.
  if (const Burial buried = bury_step_of(r.s, *from); buried != Burial::nothing)
    return buried == Burial::step ? Outcome::repeat(r.registers) : Outcome{Error::witness_log_full};
  choose_members(*from, UINT64_MAX, wanted);
  return relocate(r, wanted, made);
}

/// What still leads to a partition that ended, the caller's own handle above all. What one step does not reach goes when the slot is
/// used again.
void forget(State& s, PartitionId ended) {
  Partition& slot = s.partitions.at(partition::Pool<Partition>::index_of(ended));
  if (slot.id.value == 0 && s.partitions.last_id(slot) == ended) (void)revoke_holders(s, slot.holders, ended.value);
}

}  // namespace

Outcome agent_migrate(const Request& r) {
  const auto destination = r.second(2, ObjectType::partition, rights::execute);
  if (!destination) return destination.error();
  Relocation wanted{
      .requester = r.caller.id, .by = r.authority, .to = PartitionId{(*destination)->object_id()}, .count = 1};
  wanted.agents[0] = AgentId{r.object_id()};
  PartitionId made;
  if (const auto outcome = under_way(r, wanted, made)) return *outcome;
  const Agent* const agent = r.object_agent();
  if (agent == nullptr || agent->state == AgentState::terminated || r.s.partitions.find(wanted.to) == nullptr)
    return Error::peer_gone;
  wanted.from = agent->partition->id;
  return relocate(r, wanted, made);
}

Outcome partition_split(const Request& r) {
  PartitionId made;
  const Outcome done = split_or_wait(r, made);
  if (!done.done() || done.error() != Error::ok) return done;
  const auto handle = mint(r.s, r.authority, r.caller, ObjectType::partition, made.value, rights::all);
  r.result(1, handle ? handle->handle.to_abi() : RVM_INVALID_HANDLE);
  r.result(2, made.value);
  return Error::ok;
}

Outcome partition_merge(const Request& r) {
  const auto absorbed = r.second(2, ObjectType::partition, Rights{RVM_RIGHT_EXECUTE | RVM_RIGHT_REVOKE});
  if (!absorbed) return absorbed.error();
  const PartitionId from{(*absorbed)->object_id()};
  const Outcome done = merge_or_wait(r, from);
  if (done.done() && done.error() == Error::ok) forget(r.s, from);
  return done;
}

}  // namespace rvm::kernel
