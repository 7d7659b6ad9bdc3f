// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How the kernel leaves evidence: the gate bound to the log, with emission quotas. Under the kernel lock.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// Appends a record that belongs to no mutation (a summary, a refusal, a fault). Not lost silently: returns false when the
/// log is full, and the caller must make the cause happen again later.
bool record(State& s, witness::Lane lane, witness::Fields fields);

/// What an edge carried since its last summary. Returns false when the log is full.
[[nodiscard]] bool record_traffic(State& s, const Edge& edge);

/// Counts a record that `actor` caused against its quota; exceeding it is recorded once per episode, and the partition's
/// agents pause until the debt is paid (see throttle).
void charge_record(State& s, PartitionId actor);

/// The gate, and the record counted against the actor's quota.
template <typename Mutate>
[[nodiscard]] Status perform(State& s, const security::Authority& authority, witness::Kind kind, Mutate&& mutate,
                             witness::Lane lane = witness::Lane::ordinary) {
  security::Gate gate{log().ring};
  const Status status = gate.perform(authority, kind, lane, &hal::Port::now, mutate);
  charge_record(s, authority.actor());
  return status;
}

/// ProofRejected: `agent` asked for `operation` and got `error`. False when the log is full.
[[nodiscard]] bool record_refusal(State& s, Agent& agent, std::uint64_t operation, Error error,
                                  std::uint64_t first_argument, std::uint64_t second_argument);

}  // namespace rvm::kernel
