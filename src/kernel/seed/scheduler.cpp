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

/// Back into the queue, or asleep until its budget is replenished. It was charged.
[[gnu::always_inline]] inline void put_aside(State& s, Core& core, Agent& agent, Nanoseconds now) {
  core.current = nullptr;
  if (!agent.runnable()) return;
  if (out_of_budget(agent)) {
    agent.wait = Wait::budget;
    core.sleepers.insert(s, index_of(agent), agent.replenish_at);
    interrupt_by(core, agent.replenish_at);
  } else if (!turn_over(core, now)) {
    agent.turn_left.value = core.slice_end.value - now.value;
    core.ready->push_front(s, index_of(agent), agent.effective);
  } else {
    core.ready->push(s, index_of(agent), agent.effective);
  }
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
  core.ready->push(s, index_of(agent), agent.effective);
  if (core.current == nullptr || core.current->effective < agent.effective || core.slice_end < core.timer)
    core.reschedule = true;
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

void leave(State& s, Core& core) {
  const Nanoseconds now = hal::Port::now();
  charge(*core.current, now);
  put_aside(s, core, *core.current, now);
}

void on_timer(State& s, Core& core, Nanoseconds now) {
  Nanoseconds earliest = core.sleepers.earliest(s);
  for (; earliest <= now; earliest = core.sleepers.earliest(s)) {
    Agent& agent = agent_at(s, core.sleepers.first());
    core.sleepers.remove(s, index_of(agent));
    end_timed_wait(s, agent, now);
  }
  const bool epoch_over = now >= core.next_epoch;
  if (epoch_over) core.next_epoch.value = now.value + s.epoch_length.value;
  core.timer = std::min(earliest, core.next_epoch);
  core.timer_changed = true;
  if (Agent* const agent = core.current; agent != nullptr) {
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
  const bool hurry = log().urgent();
  Agent* next = core.current;
  if (next != nullptr) {
    charge(*next, now);
    const bool outranked = !core.ready->empty() && !(core.ready->highest() < next->effective);
    if (!next->runnable() || out_of_budget(*next) || s.stopping || (hurry && next->deadline.value == 0) ||
        (outranked && (next->effective < core.ready->highest() || turn_over(core, now)))) {
      put_aside(s, core, *next, now);
    } else if (turn_over(core, now)) {
      core.slice_end.value = now.value + seed::turn.value;
    }
    next = core.current;
  }
  if (next == nullptr && !core.ready->empty() && !s.stopping) {
    Agent& best = agent_at(s, core.ready->first());
    if (!hurry || best.deadline.value != 0) {
      (void)core.ready->take(s);
      start_turn(core, best, now);
      next = &best;
    }
  }
  if (next == nullptr) {
    program_timer(core);
    hal::Port::switch_context(s.worker);
    return s.worker;
  }
  if (!core.ready->empty()) interrupt_by(core, core.slice_end);
  if (next->budget.value != 0) interrupt_by(core, Nanoseconds{now.value + next->budget_left.value});
  program_timer(core);
  return *next->context;
}

}  // namespace rvm::kernel
