// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Capabilities as the kernel gives and takes them, with the records that say so. Under the kernel lock.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// The `authority` field of capability records. `holder`: the agent's id.
[[nodiscard]] std::uint64_t authority_word(const cap::Capability& capability, std::uint32_t holder);

/// Everything that leads to an object; the permanent ones' for an id that is in no pool.
[[nodiscard]] cap::ObjectCapabilities& holders_of(State& s, ObjectType type, std::uint32_t object);

/// The next capability that is placed in the agent's table has a slot there, if it can have more; a page of it is its
/// partition's to pay. Errors: resource_limit, no_memory, bad_state (the table is closing).
[[nodiscard]] Status make_room(State& s, Agent& agent);

/// A derivation root, witnessed as CapabilityGrant. With its handle in the holder's table.
[[nodiscard]] Result<cap::Placed> mint(State& s, const security::Authority& by, Agent& holder, ObjectType type,
                                       std::uint32_t object, Rights rights, std::uint64_t badge = 0);

/// Takes away what each capability did before it goes: a region that is mapped through it is unmapped and the TLBs are clean;
/// one to which it is the last capability is left to bury_step. Says what that cost beside the removal.
struct Remover {
  State& s;
  std::uint32_t removed = 0;   ///< capabilities
  std::uint32_t mappings = 0;  ///< of these were mapped

  cap::Budget operator()(cap::CapabilityRef ref, cap::Capability& capability);
};

/// How far one step of a long operation got.
struct Step {
  Status status;
  cap::Progress progress = cap::Progress::done;
};
/// One step of revoking a capability with all that was derived from it, witnessed as CapabilityRevoke.
[[nodiscard]] Step revoke_step(State& s, const security::Authority& by, cap::CapabilityRef root, witness::Lane lane);

/// One step of revoking what still leads to the last occupant of the slot that `pool` hands out next. An object that ended by
/// itself leaves its holders' handles, which answer PEER_GONE, until then. True when the slot can be taken.
template <typename T>
[[nodiscard]] bool slot_ready(State& s, partition::Pool<T>& pool) {
  T* const slot = pool.next();
  return slot == nullptr || slot->holders.empty() || revoke_holders(s, slot->holders, pool.last_id(*slot).value);
}
/// A step of revoking everything that leads to an object that is gone. True when nothing does any more.
[[nodiscard]] bool revoke_holders(State& s, cap::ObjectCapabilities& holders, std::uint32_t object);

/// The agent in whose table a capability lies. It may have ended.
[[nodiscard]] inline Agent& holder_of(State& s, cap::CapabilityRef ref) { return s.agents.at(ref.agent.value); }

// --- the table of an agent ---

/// `visit(CapabilityRef, Capability&)` sees what the agent holds, in the order of the slots.
template <typename Visit>
void each_capability(State& s, const Agent& agent, Visit visit) {
  if (agent.capabilities == nullptr) return;
  unsigned left = agent.capabilities->used();
  for (std::uint16_t slot = 1; left != 0 && slot < cap::table_slots; ++slot) {
    const cap::CapabilityRef ref{table_of(agent), slot};
    cap::Capability* const found = s.capabilities.find(ref);
    if (found == nullptr) continue;
    --left;
    visit(ref, *found);
  }
}

/// A table with the standard capabilities and their names in the directory. The record of the agent's making stands for
/// them (witness::standard_capabilities). Error::no_memory.
[[nodiscard]] Status open_table(State& s, Agent& agent);
/// One step of removing what an ended agent held, witnessed as CapabilityRevoke. What was derived from it goes to whom the
/// agent had it from; with a partition that is being destroyed it goes too. An error: the log has no room, nothing was done.
[[nodiscard]] Step close_table_step(State& s, Agent& agent);
/// Gives back the pages of a table that holds nothing.
void free_table(State& s, Agent& agent);

}  // namespace rvm::kernel
