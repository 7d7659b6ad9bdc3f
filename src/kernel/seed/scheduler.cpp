// SPDX-License-Identifier: MIT OR Apache-2.0
#include "scheduler.hpp"

#include <algorithm>

#include "agents.hpp"
#include "evidence.hpp"
#include "manifest.hpp"

namespace rvm::kernel {
namespace {

/// As Pool::at; its members are reached from its own address and not, with larger instructions, from that of the pool.
[[gnu::always_inline]] inline Agent& agent_at(State& s, sched::NodeIndex index) {
  Agent* agent = &s.agents.at(index);
  asm("" : "+r"(agent));  // sound: emits nothing
  return *agent;
}

bool out_of_budget(const Agent& agent) { return agent.budget.value != 0 && agent.budget_left.value == 0; }

/// The timer has to interrupt at `at` too. Setting the counter costs more than an interrupt that comes too early now and then: it is
/// set to an earlier time only, and anew when it came.
[[gnu::always_inline]] inline void interrupt_by(Core& core, Nanoseconds at) {
  if (core.timer.value <= at.value) return;
  core.timer = at;
  core.timer_changed = true;
}

/// At least every 250 ms, since the timer has its limits: 32 bits hold what passed.
[[gnu::always_inline]] inline void charge(Agent& agent, Nanoseconds now) {
  const auto elapsed = static_cast<std::uint32_t>(now.value) - static_cast<std::uint32_t>(agent.resumed_at.value);
  agent.cpu.value += elapsed;
  agent.resumed_at = now;
  if (agent.budget.value != 0) [[unlikely]]
    agent.budget_left.value = agent.budget_left.value > elapsed ? agent.budget_left.value - elapsed : 0;
}

[[gnu::always_inline]] inline bool turn_over(const Core& core, Nanoseconds now) {
  return now.value >= core.slice_end.value;
}

/// Back into the queue: first of its level for the rest of its turn, last when that is over.
[[gnu::always_inline]] inline void queue_again(State& s, Core& core, Agent& agent, Nanoseconds now) {
  const auto left = static_cast<std::int64_t>(core.slice_end.value - now.value);
  if (left > 0) {
    agent.turn_left.value = static_cast<std::uint64_t>(left);
    core.ready->push_front(s, index_of(agent), agent.effective);
  } else {
    core.ready->push(s, index_of(agent), agent.effective);
  }
}

/// Out of budget: asleep until that is replenished.
void suspend(State& s, Core& core, Agent& agent) {
  agent.wait = Wait::budget;
  core.sleepers.insert(s, index_of(agent), agent.replenish_at);
  interrupt_by(core, agent.replenish_at);
}

[[gnu::always_inline]] inline void enter(Core& core, Agent& agent, Nanoseconds now) {
  core.current = &agent;
  agent.resumed_at = now;
  ++core.switches;
  hal::Port::switch_context(*agent.context);
}

[[gnu::always_inline]] inline void start_turn(Core& core, Agent& agent, Nanoseconds now) {
  core.slice_end.value = now.value + (agent.turn_left.value != 0 ? agent.turn_left : seed::turn).value;
  agent.turn_left.value = 0;
  if (agent.budget.value != 0 && now >= agent.replenish_at) [[unlikely]] {
    agent.budget_left = agent.budget;
    agent.replenish_at = now + agent.period;
  }
  enter(core, agent, now);
}

[[gnu::always_inline]] inline void program_timer(Core& core) {
  if (!core.timer_changed) return;
  core.timer_changed = false;
  hal::Port::set_timer(core.timer);
}

void end_epoch(State& s, Core& core) {
  ++s.epoch;
  while (Edge* const edge = s.epoch_edges.front()) {
    if (!record_traffic(s, *edge)) return;  // kept, and merged with the next summary
    edge->epoch_messages = edge->epoch_bytes = edge->epoch_refused = 0;
    edge->in_epoch_list = false;
    s.epoch_edges.remove(*edge);
  }
  if (core.switches == s.switches_at_epoch) return;
  if (record(s, witness::Lane::ordinary,
             {.kind = witness::Kind::scheduler_epoch,
              .flags = static_cast<std::uint16_t>(core.ready->size()),
              .target = 1,
              .payload = s.epoch,
              .aux = core.switches - s.switches_at_epoch}))
    s.switches_at_epoch = core.switches;
}

}  // namespace

void make_ready(State& s, Agent& agent) {
  Core& core = s.cores[0];
  const bool better = core.current == nullptr || core.current->effective < agent.effective;
  if (better || core.slice_end < core.timer) core.reschedule = true;
  if (better && core.next == nullptr) {
    core.next = &agent;
    return;
  }
  // Equals run in the order in which they became ready.
  if (core.next != nullptr) core.ready->push(s, index_of(*core.next), core.next->effective);
  core.next = nullptr;
  core.ready->push(s, index_of(agent), agent.effective);
}

void wake_to_retry(State& s, Agent& agent) {
  if (agent.node.timed()) s.cores[0].sleepers.remove(s, index_of(agent));
  agent.wait = Wait::none;
  agent.wait_edge = nullptr;
  if (agent.state == AgentState::running) make_ready(s, agent);
}

void wake(State& s, Agent& agent, Error error) {
  agent.context->reg(0) = static_cast<std::uint64_t>(error);
  wake_to_retry(s, agent);
}

void block(State& s, Core& core, Wait wait, Nanoseconds deadline) {
  Agent& agent = *core.current;
  agent.wait = wait;
  agent.fault_repeats = 0;  // it does not loop
  if (deadline != never) {
    core.sleepers.insert(s, index_of(agent), deadline);
    interrupt_by(core, deadline);
  }
  core.reschedule = true;
}

void switch_directly(State&, Core& core, Agent& next) {
  const Nanoseconds now = hal::Port::now();
  charge(*core.current, now);
  enter(core, next, now);
}

void leave(Core& core) {
  const Nanoseconds now = hal::Port::now();
  charge(*core.current, now);
  core.current = nullptr;
}

void on_timer(State& s, Core& core, Nanoseconds now) {
  Nanoseconds earliest = core.sleepers.earliest(s);
  while (earliest <= now) {
    end_timed_wait(s, agent_at(s, core.sleepers.first()), now);
    earliest = core.sleepers.earliest(s);
  }
  const bool epoch_over = now >= core.next_epoch;
  if (epoch_over) core.next_epoch.value = now.value + s.epoch_length.value;
  core.timer = earliest;
  core.timer_changed = true;
  interrupt_by(core, core.next_epoch);
  if (Agent* const agent = core.current; agent != nullptr && agent->budget.value != 0) {
    charge(*agent, now);
    // Whoever uses up one budget after another without ever waiting is in a loop.
    if (out_of_budget(*agent) && ++agent->fault_repeats > seed::overruns_max) [[unlikely]] {
      agent->fault_repeats = 0;
      contain(s, core, *agent,
              {hal::FaultKind::overrun, false, GuestAddress{agent->context->program_counter()}, agent->cpu.value});
    }
  }
  if (epoch_over) [[unlikely]] {
    end_epoch(s, core);
    if ((manifest.run_for_ms != 0 && now.value >= std::uint64_t{manifest.run_for_ms} * 1'000'000) ||
        s.working_agents == 0)
      s.stopping = true;
  }
}

hal::Context& decide(State& s, Core& core, Nanoseconds now) {
  core.reschedule = false;
  // The worker goes before who has no deadline when the log is in a hurry, and before everybody in the end.
  const bool hurry = s.stopping || log().urgent();
  const auto held_up = [&](const Agent& agent) { return hurry && (s.stopping || agent.deadline.value == 0); };
  Agent* best = core.next;
  core.next = nullptr;
  if (best != nullptr && !core.ready->empty() && !(core.ready->highest() < best->effective)) [[unlikely]] {
    core.ready->push(s, index_of(*best), best->effective);
    best = nullptr;
  }
  const bool woken = best != nullptr;
  if (!woken && !core.ready->empty()) best = &agent_at(s, core.ready->first());
  Agent* const before = core.current;
  if (before != nullptr) charge(*before, now);
  const bool able = before != nullptr && before->runnable() && !out_of_budget(*before);
  if (able && !held_up(*before) &&
      (best == nullptr || best->effective < before->effective ||
       (best->effective == before->effective && !turn_over(core, now)))) {
    if (woken) [[unlikely]]
      core.ready->push(s, index_of(*best), best->effective);
    if (turn_over(core, now)) core.slice_end.value = now.value + seed::turn.value;
    best = before;
  } else {
    if (best != nullptr && held_up(*best)) [[unlikely]] {
      if (woken) core.ready->push(s, index_of(*best), best->effective);
      best = nullptr;
    } else if (best != nullptr && !woken) {
      (void)core.ready->take(s);
    }
    core.current = nullptr;
    if (able) {
      queue_again(s, core, *before, now);
    } else if (before != nullptr && before->runnable()) [[unlikely]] {
      suspend(s, core, *before);
    }
    if (best == nullptr) {
      program_timer(core);
      hal::Port::switch_context(s.worker);
      return s.worker;
    }
    start_turn(core, *best, now);
  }
  if (!core.ready->empty() && !(core.ready->highest() < best->effective)) interrupt_by(core, core.slice_end);
  if (best->budget.value != 0) [[unlikely]]
    interrupt_by(core, Nanoseconds{now.value + best->budget_left.value});
  // Who was woken just now is not kept waiting for that: the next decision sets it, where the counter comes in time by itself.
  if (!woken || core.timer.value - now.value < hal::Port::timer_repeats()) program_timer(core);
  return *best->context;
}

}  // namespace rvm::kernel
