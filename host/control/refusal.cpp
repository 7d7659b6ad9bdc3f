// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/refusal.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/control/describe.hpp"
#include "rvm/boot_package.h"

namespace rvm::host {

namespace {

struct Reason {
  std::string cause;
  std::string cure;
};

bool is_static(const rvm_partition_status* p) { return p != nullptr && (p->condition & RVM_PARTITION_STATIC) != 0; }

Reason fixed_boundary(const Attempt& a) {
  const rvm_partition_status& p = is_static(a.to) && !is_static(a.from) ? *a.to : *a.from;
  if (p.type != RVM_PARTITION_AGENT) {
    return {fmt::format("'{}' is of type \"{}\"", p.name, type_name(p.type)),
            "only partitions of type \"agent\" change their boundaries"};
  }
  if (p.mode == RVM_MODE_REFLEX) {
    return {fmt::format("'{}' is in mode \"reflex\"", p.name),
            "hard real time keeps its place: only partitions in mode \"flow\" change their boundaries"};
  }
  return {fmt::format("'{}' is static", p.name),
          "say coherence = \"live\" in its [[partition]]; one that was made while the machine runs is always static"};
}

/// The machine says no more than that things are not as they should be.
Reason wrong_state(const Attempt& a) {
  if (a.to != nullptr && a.to->id == a.from->id) {
    return a.agent != nullptr ? Reason{fmt::format("it is in '{}' already", a.to->name), "rvm ps shows who is where"}
                              : Reason{"they are the same partition", "name two partitions: rvm ps --partitions"};
  }
  if (a.to != nullptr && a.to->state != a.from->state) {
    return {fmt::format("'{}' is {} and '{}' is {}", a.from->name, state_name(*a.from), a.to->name, state_name(*a.to)),
            fmt::format("bring both into one state: rvm {} --partition {}",
                        a.from->state == RVM_PARTITION_STATE_SUSPENDED ? "resume" : "suspend", a.from->id)};
  }
  const auto living = std::ranges::count_if(a.seen->agents, [&](const rvm_agent_status& x) {
    return x.partition == a.from->id && x.state != RVM_AGENT_STATE_TERMINATED;
  });
  if (a.agent != nullptr && living == 1) {
    return {fmt::format("it is the last in '{}'", a.from->name),
            fmt::format("make one partition of the two: rvm merge {} {}", a.to->id, a.from->id)};
  }
  return {"an agent that would move neither runs nor is suspended, or another move is under way",
          "try again; rvm ps shows what agents do"};
}

Reason reason_of(std::uint32_t status, const Attempt& a) {
  switch (status) {
    case control::status_static:
      return fixed_boundary(a);
    case control::status_members:
      return {fmt::format("agents of '{}' came or ended in this moment", a.from->name), "try again"};
    case RVM_ERROR_BAD_STATE:
      return wrong_state(a);
    case RVM_ERROR_NO_SHARED_EDGE:
      return {status_text(status), "merge two between which rvm graph shows traffic"};
    case RVM_ERROR_NOT_COHERENT:
      return {status_text(status),
              "rvm graph shows what they say to whom; [coherence] merge_mutual in the manifest is how much is enough"};
    case RVM_ERROR_LEASE_CONFLICT:
      return {status_text(status), "it can move when it has given its lease back, or that is over"};
    case RVM_ERROR_CAPABILITY_CONFLICT:
      return {status_text(status),
              "a capability to one of them, beyond what each of its agents has, must be given up first"};
    case RVM_ERROR_REGION_OVERLAP:
      return {status_text(status), "an agent that was there left memory behind: unmap it, or choose another partition"};
    case RVM_ERROR_NO_MEMORY:
      return {status_text(status), "the manifest's key `pages` is what a partition may own: rvm ps --partitions"};
    case RVM_ERROR_RESOURCE_LIMIT:
      return {status_text(status), "a partition has 64 agents at most: rvm ps --partitions"};
    case RVM_ERROR_TIMED_OUT:
      return {"an agent did not come to rest in time", "nothing has changed: try again"};
    case RVM_ERROR_PEER_GONE:
      return {"it has ended meanwhile", "rvm ps shows what there is"};
    default:
      return {status_text(status), "rvm ps shows how things are"};
  }
}

}  // namespace

Failure refusal_of(std::uint32_t status, const Attempt& attempt) {
  auto [cause, cure] = reason_of(status, attempt);
  return {ExitCode::failed, fmt::format("cannot {}: {}", attempt.what, cause), std::move(cure)};
}

}  // namespace rvm::host
