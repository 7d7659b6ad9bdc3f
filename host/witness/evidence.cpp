// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/witness/log.hpp"

namespace rvm::host {

namespace {

constexpr std::uint16_t cause_faulted = 1;  // flags of TaskTerminate (rvm/witness/kinds.hpp)

}  // namespace

LogEvidence collect_evidence(std::span<const witness::Record> records, std::uint64_t first_sequence) {
  LogEvidence out;
  for (const witness::Record& r : records) {
    if (r.sequence < first_sequence) {
      continue;
    }
    if (r.action_kind == witness::Kind::proof_rejected) {
      out.rejected.insert({r.actor_partition, r.target_object});
    } else if (r.action_kind == witness::Kind::task_terminate && r.flags == cause_faulted) {
      out.faulted_agents.insert(r.target_object);
    }
  }
  return out;
}

}  // namespace rvm::host
