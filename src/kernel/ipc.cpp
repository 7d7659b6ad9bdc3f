// SPDX-License-Identifier: MIT OR Apache-2.0
#include "ipc.hpp"

#include <algorithm>
#include <cstring>

#include "arena.hpp"
#include "evidence.hpp"
#include "ipc_transfer.hpp"
#include "objects.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {

constexpr unsigned inheritance_depth = 16;  // longest chain of nested calls that passes a priority on

void count(State& s, Edge& edge, std::uint64_t bytes) {
  count_delivery(s, edge, static_cast<std::uint32_t>(bytes));
  if (s.witness_each_message) [[unlikely]] {
    record(s, witness::Lane::ordinary,
           {.kind = witness::Kind::ipc_send,
            .actor = edge.sender != nullptr ? s.partition_of(*edge.sender).id : hypervisor_partition,
            .target = edge.id.value,
            .payload = 1,
            .aux = bytes});
  }
}

/// Gives the message of `caller` to `callee`, which becomes runnable and owes a reply.
void deliver(State& s, Agent& caller, Agent& callee, Edge& edge) {
  move_message_registers(*caller.context, *callee.context);
  callee.context->reg(0) = static_cast<std::uint64_t>(Error::ok);
  callee.context->reg(1) = edge.badge;
  callee.caller = &caller;
  callee.call_edge = edge.id.value;
  callee.wait = Wait::none;
  callee.effective = std::max(callee.base, caller.effective);
  caller.callee = &callee;
  caller.wait = Wait::reply;
  ++caller.messages;
  count(s, edge, register_message_bytes);
}

/// Whoever holds up `agent` runs with at least its priority, along the chain of callees.
void inherit(State& s, Agent& agent) {
  const Agent* waiting = &agent;
  for (unsigned i = 0; i < inheritance_depth && waiting->callee != nullptr; ++i) {
    Agent& holder = *waiting->callee;
    if (!(holder.effective < waiting->effective)) return;
    const bool queued = holder.node.queued();
    Core& core = s.cores[holder.core];
    if (queued) core.ready->remove(s, index_of(holder));
    holder.effective = waiting->effective;
    if (queued) core.ready->push(s, index_of(holder), holder.effective);
    waiting = &holder;
  }
}

/// Priority after a reply: its own, or that of the best caller still queued.
void disinherit(Agent& agent) {
  agent.effective = agent.base;
  for (Agent* c = agent.callers.front(); c != nullptr; c = partition::List<Agent, &Agent::caller_link>::after(*c)) {
    agent.effective = std::max(agent.effective, c->effective);
  }
}

/// Sends the reply, if the agent owes one. Returns the former caller, which is runnable but not queued.
Agent* answer(State& s, Agent& agent) {
  Agent* const caller = agent.caller;
  if (caller == nullptr) return nullptr;
  move_message_registers(*agent.context, *caller->context);
  caller->context->reg(0) = static_cast<std::uint64_t>(Error::ok);
  caller->wait = Wait::none;
  caller->callee = nullptr;
  agent.caller = nullptr;
  ++agent.messages;
  if (Edge* edge = s.edges.find(EdgeId{agent.call_edge})) {
    count(s, *edge, register_message_bytes);
  } else {
    ++s.messages;
  }
  return caller;
}

/// Takes the next queued caller of `agent`.
void accept_next(State& s, Agent& agent) {
  Agent& caller = *agent.callers.front();
  agent.callers.remove(caller);
  deliver(s, caller, agent, *caller.wait_edge);
  caller.wait_edge = nullptr;
}

}  // namespace

Outcome call(State& s, Core& core, Edge& edge) {
  Agent& caller = *core.current;
  if (edge.sender != &caller) return Error::rights;
  Agent* const callee = edge.receiver;
  if (callee == nullptr) return Error::peer_gone;
  if (callee->wait == Wait::call && may_run_here(s, core, *callee)) [[likely]] {
    deliver(s, caller, *callee, edge);
    switch_directly(s, core, *callee);
    return Outcome::waiting();
  }
  block(s, core, Wait::accept, never);
  caller.wait_edge = &edge;
  caller.callee = callee;
  callee->callers.push_back(caller);
  if (callee->wait == Wait::call) {
    accept_next(s, *callee);
    if (callee->state == AgentState::running) make_ready(s, *callee);
  } else {
    inherit(s, caller);
  }
  return Outcome::waiting();
}

Outcome reply(State& s, Core& core) {
  Agent& agent = *core.current;
  Agent* const caller = answer(s, agent);
  if (caller == nullptr) return Error::bad_state;
  disinherit(agent);
  make_ready(s, *caller);
  return Error::ok;
}

Outcome reply_wait(State& s, Core& core) {
  Agent& agent = *core.current;
  Agent* const caller = answer(s, agent);
  if (!agent.callers.empty()) {
    disinherit(agent);
    accept_next(s, agent);
    if (caller != nullptr) make_ready(s, *caller);
    return Outcome::waiting();
  }
  agent.effective = agent.base;
  agent.wait = Wait::call;
  if (caller != nullptr && may_run_here(s, core, *caller) && !core.reschedule &&
      (core.ready->empty() || !(caller->effective < core.ready->highest()))) [[likely]] {
    switch_directly(s, core, *caller);
    return Outcome::waiting();
  }
  if (caller != nullptr) make_ready(s, *caller);
  core.reschedule = true;
  return Outcome::waiting();
}

void abandon_caller(State& s, Agent& agent) {
  if (agent.caller == nullptr) return;
  agent.caller->callee = nullptr;
  wake(s, *agent.caller, Error::peer_gone);
  agent.caller = nullptr;
}

void turn_away_callers(State& s, Agent& agent) {
  while (Agent* const waiting = agent.callers.front()) {
    agent.callers.remove(*waiting);
    waiting->callee = nullptr;
    wake(s, *waiting, Error::peer_gone);
  }
}

Status prepare_queue(State& s, Edge& edge) {
  if (edge.slots != nullptr) return {};
  Partition& payer = s.partition_of(*edge.sender);
  const auto memory = charged_run(s, payer, partition::queue_pages(edge.capacity));
  if (!memory) return fail(memory.error());
  edge.payer = index_of(payer).value;
  edge.slots = reinterpret_cast<partition::MessageSlot*>(hal::Port::to_pointer(*memory));  // zeroed: empty slots
  return {};
}

namespace {

/// The first slot that is neither queued nor staged.
partition::MessageSlot& free_slot(Edge& edge) {
  return edge.slots[(edge.head + edge.count + edge.staged) & (edge.capacity - 1)];
}

}  // namespace

Status stage(State& s, Edge& edge, GuestAddress from, std::uint64_t length) {
  if (auto ready = prepare_queue(s, edge); !ready) return ready;
  Partition& p = s.partition_of(*edge.sender);
  partition::MessageSlot& slot = free_slot(edge);
  std::span<std::byte> to{slot.bytes};
  PhysicalAddress page{};
  if (length > partition::MessageSlot::inline_bytes) {
    const auto fresh = charged_run(s, p, 1);
    if (!fresh) return fail(fresh.error());
    page = *fresh;
    to = {hal::Port::to_pointer(page), page_bytes};
  }
  slot.length = static_cast<std::uint16_t>(length);
  slot.kind = RVM_MESSAGE_BYTES;
  slot.page = page;
  ++edge.staged;
  const Status copied = copy_in(s, p, from, to.first(static_cast<std::size_t>(length)));
  if (!copied) unstage(s, edge);
  return copied;
}

void unstage(State& s, Edge& edge) {
  --edge.staged;
  partition::MessageSlot& slot = free_slot(edge);
  if (slot.page.value == 0) return;
  free_charged_run(s, s.partition_of(*edge.sender), slot.page, 1);
  slot.page = {};
}

void publish(State& s, Edge& edge) {
  Agent& receiver = *edge.receiver;
  const std::uint16_t length = edge.slots[(edge.head + edge.count) & (edge.capacity - 1)].length;
  --edge.staged;
  ++edge.count;
  if (!edge.in_pending_list) {
    edge.in_pending_list = true;
    receiver.pending.push_back(edge);
  }
  ++edge.sender->messages;
  count(s, edge, length);
  if (receiver.wait == Wait::receive && (receiver.wait_edge == nullptr || receiver.wait_edge == &edge))
    wake_to_retry(s, receiver);
  if (edge.notify_bit < 64) (void)signal(s, receiver, std::uint64_t{1} << edge.notify_bit);
}

Outcome wait_and_repeat(State& s, Core& core, Wait wait, Edge* edge, Nanoseconds deadline) {
  Agent& agent = *core.current;
  agent.context->rewind_call();
  agent.wait_edge = edge;
  block(s, core, wait, deadline);
  return Outcome::waiting();
}

Outcome wait_for_space(State& s, Core& core, Edge& edge, Nanoseconds deadline) {
  ++edge.epoch_refused;
  if (deadline.value == 0) return Outcome::queue_full();
  if (deadline != never && deadline <= hal::Port::now()) return Error::timed_out;
  return wait_and_repeat(s, core, Wait::space, &edge, deadline);
}

Outcome send(State& s, Core& core, Edge& edge, GuestAddress from, std::uint64_t length, Nanoseconds deadline) {
  Agent& sender = *core.current;
  if (edge.sender != &sender) return Error::rights;
  if (length > RVM_MESSAGE_BYTES_MAX) return Error::bad_argument;
  if (edge.receiver == nullptr) return Error::peer_gone;
  if (!has_room(edge)) return wait_for_space(s, core, edge, deadline);
  if (const Status staged = stage(s, edge, from, length); !staged) return staged;
  publish(s, edge);
  return Error::ok;
}

void enqueue_capability(State& s, Edge& edge, std::uint8_t kind, const rvm_capability_message& message) {
  partition::MessageSlot& slot = free_slot(edge);
  std::memcpy(slot.bytes, &message, sizeof message);
  slot.length = sizeof message;
  slot.kind = kind;
  slot.page = {};
  ++edge.staged;
  publish(s, edge);
}

namespace {

/// Whether anybody is left who could send the agent a message.
bool has_sender(const Agent& agent) {
  const Edge* e = agent.inbound.front();
  while (e != nullptr && e->sender == nullptr) e = partition::List<Edge, &Edge::inbound_link>::after(*e);
  return e != nullptr;
}

}  // namespace

Outcome receive(State& s, Core& core, Edge* edge, GuestAddress to, std::uint64_t size, Nanoseconds deadline) {
  Agent& agent = *core.current;
  if (edge != nullptr && edge->receiver != &agent) return Error::rights;
  Edge* const source = edge != nullptr ? (edge->count != 0 ? edge : nullptr) : agent.pending.front();
  if (source == nullptr) {
    if (edge != nullptr ? edge->sender == nullptr : agent.lost_edge != 0) {
      agent.context->reg(4) = edge != nullptr ? edge->id.value : agent.lost_edge;
      agent.lost_edge = 0;
      return Error::peer_gone;
    }
    if (edge == nullptr && !has_sender(agent)) return Error::peer_gone;
    if (deadline.value == 0) return Error::would_block;
    if (deadline != never && deadline <= hal::Port::now()) return Error::timed_out;
    return wait_and_repeat(s, core, Wait::receive, edge, deadline);
  }
  partition::MessageSlot& slot = source->slots[source->head];
  hal::Context& registers = *agent.context;
  if (slot.length > size) {
    registers.reg(2) = slot.length;
    return Error::truncated;
  }
  const std::byte* const bytes = slot.page.value != 0 ? hal::Port::to_pointer(slot.page) : slot.bytes;
  if (auto copied = copy_out(s, s.partition_of(agent), to, {bytes, slot.length}); !copied) return copied;
  registers.reg(1) = source->badge;
  registers.reg(2) = slot.length;
  registers.reg(3) = slot.kind;
  registers.reg(4) = source->id.value;
  if (slot.page.value != 0) {
    free_charged_run(s, s.partitions.at(source->payer), slot.page, 1);
    slot.page = {};
  }
  source->head = (source->head + 1) & (source->capacity - 1);
  // Another inbound edge comes first next time, so that none starves the others.
  agent.pending.remove(*source);
  if (--source->count != 0) {
    agent.pending.push_back(*source);
  } else {
    source->in_pending_list = false;
  }
  if (Agent* sender = source->sender; sender != nullptr && sender->wait == Wait::space && sender->wait_edge == source) {
    wake_to_retry(s, *sender);
  }
  return Error::ok;
}

Outcome signal(State& s, Agent& target, std::uint64_t bits) {
  target.notification |= bits;
  const std::uint64_t taken = target.notification & target.wait_mask;
  if (target.wait == Wait::signal && taken != 0) {
    target.notification &= ~taken;
    target.context->reg(1) = taken;
    wake(s, target, Error::ok);
  }
  return Error::ok;
}

Outcome wait_for_signal(State& s, Core& core, std::uint64_t mask, Nanoseconds deadline) {
  Agent& agent = *core.current;
  if (mask == 0) return Error::bad_argument;
  if (const std::uint64_t taken = agent.notification & mask; taken != 0) {
    agent.notification &= ~taken;
    agent.context->reg(1) = taken;
    return Error::ok;
  }
  if (deadline.value == 0) return Error::would_block;
  if (deadline != never && deadline <= hal::Port::now()) return Error::timed_out;
  agent.wait_mask = mask;
  block(s, core, Wait::signal, deadline);
  return Outcome::waiting();
}

}  // namespace rvm::kernel
