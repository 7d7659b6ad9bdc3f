// SPDX-License-Identifier: MIT OR Apache-2.0
#include "fast_path.hpp"

#include <algorithm>

#include "ipc_transfer.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {

/// Hands the core from `from`, which waits now, to `to`. The VMID of `to` is current.
[[gnu::always_inline]] inline hal::Context* hand_over(State& s, Core& core, Agent& from, Agent& to, Partition& partition) {
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

}  // namespace

hal::Context* fast_call(State& s, Core& core, hal::Context& registers) {
  Agent& caller = *core.current;
  const auto capability = caller.partition->capabilities->check(Handle::from_abi(registers.reg(1)), ObjectType::edge, rights::write);
  if (!capability) [[unlikely]] return nullptr;
  Edge* const edge = s.edges.find(EdgeId{(*capability)->object_id()});
  if (edge == nullptr || edge->sender != &caller) [[unlikely]] return nullptr;
  Agent* const callee = edge->receiver;
  if (callee == nullptr || callee->wait != Wait::call || !may_run_here(s, core, *callee)) [[unlikely]] return nullptr;
  Partition& partition = *callee->partition;
  if (core.reschedule || caller.budget.value != 0 || s.witness_each_message || !s.vmids.is_current(partition.vmid)) [[unlikely]] return nullptr;

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

hal::Context* fast_reply_wait(State& s, Core& core, hal::Context& registers) {
  Agent& agent = *core.current;
  Agent* const caller = agent.caller;
  if (caller == nullptr || !agent.callers.empty() || !may_run_here(s, core, *caller)) [[unlikely]] return nullptr;
  Edge* const edge = s.edges.find(EdgeId{agent.call_edge});
  Partition& partition = *caller->partition;
  if (edge == nullptr || core.reschedule || agent.budget.value != 0 || s.witness_each_message || !s.vmids.is_current(partition.vmid)) [[unlikely]] {
    return nullptr;
  }
  if (!core.ready->empty() && caller->effective < core.ready->highest()) [[unlikely]] return nullptr;

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

}  // namespace rvm::kernel
