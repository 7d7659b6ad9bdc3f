// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Entry of every hypercall, and call, reply-wait and yield when nothing stands in the way: straight-line code for what ipc.cpp
// and scheduler.cpp do in general (kernel_test.cpp holds both to the same result).
#include "fast_path.hpp"

#include <algorithm>

#include "ipc_transfer.hpp"
#include "rvm/hal/entry.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {

/// Hands the core from `from`, which waits now, to `to`. The VMID of `to` is current.
[[gnu::always_inline]] inline hal::Context* hand_over(State& s, Core& core, Agent& from, Agent& to,
                                                      Partition& partition) {
  const Nanoseconds now = hal::Port::now();
  from.cpu = Nanoseconds{from.cpu.value + now.value - from.resumed_at.value};
  from.executing = false;
  to.executing = true;
  to.resumed_at = now;
  to.core = core.index.value;
  core.current = &to;
  hal::Context* const context = to.context;
  s.vmids.activate(partition.vmid, core.index);
  hal::Port::switch_context(core.loaded, *context, {partition.space.root(), partition.vmid.vmid()});
  core.loaded = context;
  ++core.switches;
  return context;
}

// Each of the following changes nothing unless every precondition holds; then it completes the hypercall and returns the
// context to resume. Otherwise nullptr, and the general path does the same thing or refuses.

[[gnu::always_inline]] inline hal::Context* fast_call(State& s, Core& core, hal::Context& registers) {
  Agent& caller = *core.current;
  const auto capability =
      caller.capabilities->check(Handle::from_abi(registers.reg(1)), ObjectType::edge, rights::write);
  if (!capability) [[unlikely]]
    return nullptr;
  Edge* const edge = s.edges.find(EdgeId{(*capability)->object_id()});
  if (edge == nullptr || edge->sender != &caller) [[unlikely]]
    return nullptr;
  Agent* const callee = edge->receiver;
  if (callee == nullptr || callee->wait != Wait::call || !may_run_here(s, core, *callee)) [[unlikely]]
    return nullptr;
  Partition& partition = *callee->partition;
  if (core.reschedule || caller.budget.value != 0 || s.witness_each_message || !s.vmids.is_current(partition.vmid))
      [[unlikely]]
    return nullptr;

  hal::Context& to = *callee->context;
  move_message_registers(registers, to);
  to.reg(0) = static_cast<std::uint64_t>(Error::ok);
  to.reg(1) = edge->badge;
  callee->caller = &caller;
  callee->call_edge = edge->id.value;
  callee->wait = Wait::none;
  callee->effective = std::max(callee->base, caller.effective);
  caller.callee = callee;
  caller.wait = Wait::reply;
  ++caller.messages;
  count_delivery(s, *edge, register_message_bytes);
  return hand_over(s, core, caller, *callee, partition);
}

[[gnu::always_inline]] inline hal::Context* fast_reply_wait(State& s, Core& core, hal::Context& registers) {
  Agent& agent = *core.current;
  Agent* const caller = agent.caller;
  if (caller == nullptr || !agent.callers.empty() || !may_run_here(s, core, *caller)) [[unlikely]]
    return nullptr;
  Edge* const edge = s.edges.find(EdgeId{agent.call_edge});
  Partition& partition = *caller->partition;
  if (edge == nullptr || core.reschedule || agent.budget.value != 0 || s.witness_each_message ||
      !s.vmids.is_current(partition.vmid)) [[unlikely]] {
    return nullptr;
  }
  if (!core.ready->empty() && caller->effective < core.ready->highest()) [[unlikely]]
    return nullptr;

  hal::Context& to = *caller->context;
  move_message_registers(registers, to);
  to.reg(0) = static_cast<std::uint64_t>(Error::ok);
  caller->wait = Wait::none;
  caller->callee = nullptr;
  agent.caller = nullptr;
  agent.effective = agent.base;
  agent.wait = Wait::call;
  ++agent.messages;
  count_delivery(s, *edge, register_message_bytes);
  return hand_over(s, core, agent, *caller, partition);
}

/// Yield to an agent of the same priority in this core's queue.
[[gnu::always_inline]] inline hal::Context* fast_yield(State& s, Core& core) {
  Agent& agent = *core.current;
  sched::RunQueue<>& ready = *core.ready;
  if (core.reschedule || core.timer_stale || ready.empty() || agent.budget.value != 0 ||
      ready.highest() != agent.effective) [[unlikely]]
    return nullptr;
  const sched::NodeIndex index = ready.first(agent.effective);
  Agent& next = s.agents.at(index);
  Partition& partition = *next.partition;
  if (next.budget.value != 0 || next.latency != nullptr || !s.vmids.is_current(partition.vmid)) [[unlikely]]
    return nullptr;
  // The head of the level runs and the one that yields takes the tail: the ring only turns.
  ready.replace_first(s, index, index_of(agent));
  agent.queued_at = core.next_epoch;
  agent.context->reg(0) = static_cast<std::uint64_t>(Error::ok);
  hal::Context* const context = hand_over(s, core, agent, next, partition);
  core.slice_end = next.resumed_at + whole_turn(s);
  return context;
}

}  // namespace

hal::Context& on_hypercall(hal::Context& context) {
  Locked<State>::Hold hold{the_state};
  Core& core = hold->core(hal::Port::current_core());
  hal::Context* next = nullptr;
  switch (context.reg(0)) {
    case RVM_HVC_CALL:
      next = fast_call(*hold, core, context);
      break;
    case RVM_HVC_REPLY_WAIT:
      next = fast_reply_wait(*hold, core, context);
      break;
    case RVM_HVC_YIELD:
      next = fast_yield(*hold, core);
      break;
    default:
      break;
  }
  if (next != nullptr) [[likely]]
    return *next;
  Guard guard{std::move(hold)};
  return general_path(guard, core, context);
}

}  // namespace rvm::kernel
