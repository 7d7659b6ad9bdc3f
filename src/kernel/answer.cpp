// SPDX-License-Identifier: MIT OR Apache-2.0
#include "answer.hpp"

#include "evidence.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {

/// Refusals that say nothing about authority: the caller asked for something that is not ready, or too late.
constexpr bool ordinary(Error e) {
  return e == Error::ok || e == Error::would_block || e == Error::timed_out || e == Error::peer_gone ||
         e == Error::truncated || e == Error::witness_log_full;
}

}  // namespace

void answer_call(State& s, Core& core, Agent& caller, const Outcome& outcome, std::uint64_t operation,
                 std::uint64_t first, std::uint64_t second) {
  if (!ordinary(outcome.error()) && !outcome.flow_control() &&
      !record_refusal(s, caller, operation, outcome.error(), first, second)) {
    caller.context->rewind_call();
    return block(s, core, Wait::throttled, hal::Port::now() + whole_turn(s));
  }
  caller.context->reg(0) = static_cast<std::uint64_t>(outcome.error());
  const Partition& partition = s.partition_of(caller);
  if (partition.flooding) [[unlikely]] {
    ++s.throttled;
    block(s, core, Wait::throttled, partition.throttled_until);
  }
}

}  // namespace rvm::kernel
