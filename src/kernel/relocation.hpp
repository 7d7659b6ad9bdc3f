// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Agents that change partitions: one migrates, some split off into a new partition, all merge into another. Under the kernel
// lock. All of it happens or nothing, under one record.
//
// An agent that executes on another core has to leave it first. So a relocation is begun, and carried out by whichever core
// brings the last of those that move to rest; until then they do not run. One is under way at a time.
#pragma once

#include <optional>

#include "state.hpp"

namespace rvm::kernel {

/// How long a relocation may take before it is given up (system specification, DC-7).
inline constexpr Nanoseconds relocation_limit{100'000'000};

/// The living agents of `p` in ascending order of their index, as bit i of `members` chooses the i-th; all with UINT64_MAX.
void choose_members(const Partition& p, std::uint64_t members, Relocation& into);

/// Whether it could begin, as far as can be told now. Errors as those of begin_relocation.
[[nodiscard]] Status check_relocation(State& s, const Relocation& request);

/// Stops those that are to move; carried out at once when none of them executes elsewhere. Errors, without effect: peer_gone,
/// bad_state (another is under way, an agent cannot move now, or nobody would be left), lease_conflict, capability_conflict (others
/// have power over a partition that would end, or too many capabilities would lose rights), region_overlap, resource_limit (agents,
/// edges, capabilities to look through, or a record quota that cannot be divided), and those of carrying it out.
[[nodiscard]] Status begin_relocation(State& s, const Relocation& request);
/// Whether both ask for the same. Only what was named counts: who lives where may have changed since, by this very relocation.
[[nodiscard]] bool is_same_request(const Relocation& a, const Relocation& b);
/// The verdict on what an agent asked for, if there is one; taken. Of another relocation than `wanted`, which it then does not ask about any
/// more, it is dropped. The partition that a split made in `made`.
[[nodiscard]] std::optional<Status> take_verdict(Agent& requester, const Relocation& wanted, PartitionId& made);
/// Carries out what is under way if all have come to rest. Called where an agent left a core.
void settle_relocation(State& s);
/// The verdict on a relocation of the adviser that is finished; after this another can begin. The partition that a split made in `made`.
[[nodiscard]] Status take_verdict(State& s, PartitionId& made);
/// Lets those go on that were stopped; nothing has happened.
void abandon_relocation(State& s);
/// At an epoch: what takes too long is given up, and MigrationTimeout says so.
void expire_relocation(State& s, Nanoseconds now);

}  // namespace rvm::kernel
