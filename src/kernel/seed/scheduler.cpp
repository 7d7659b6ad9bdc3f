// SPDX-License-Identifier: MIT OR Apache-2.0
#include "scheduler.hpp"

#include <algorithm>

#include "agents.hpp"
#include "evidence.hpp"
#include "manifest.hpp"

namespace rvm::kernel {
namespace {

bool out_of_budget(const Agent& agent) { return agent.budget.value != 0 && agent.budget_left.value == 0; }

void charge(Core& core, Nanoseconds now) {
  Agent& agent = *core.current;
  const std::uint64_t elapsed = now.value - agent.resumed_at.value;
  agent.cpu.value += elapsed;
  agent.resumed_at = now;
  if (agent.budget.value != 0)
    agent.budget_left.value = agent.budget_left.value > elapsed ? agent.budget_left.value - elapsed : 0;
}

/// Back into the queue, or asleep until its budget is replenished.
void put_aside(State& s, Core& core, Nanoseconds now) {
  Agent& agent = *core.current;
  charge(core, now);
  core.current = nullptr;
  agent.executing = false;
  if (!agent.runnable()) return;
  if (out_of_budget(agent)) {
    agent.wait = Wait::budget;
    core.sleepers.insert(s, index_of(agent), agent.replenish_at);
  } else if (now < core.slice_end && !agent.yielded) {
    agent.turn_left.value = core.slice_end.value - now.value;
    core.ready->push_front(s, index_of(agent), agent.effective);
  } else {
    core.ready->push(s, index_of(agent), agent.effective);
  }
  agent.yielded = false;
}

void enter(Core& core, Agent& agent, Nanoseconds now) {
  core.current = &agent;
  agent.executing = true;
  agent.resumed_at = now;
  ++core.switches;
  hal::Port::switch_context(*agent.context);
}

void start_turn(Core& core, Agent& agent, Nanoseconds now) {
  core.slice_end = now + (agent.turn_left.value != 0 ? agent.turn_left : seed::turn);
  agent.turn_left.value = 0;
  if (agent.budget.value != 0 && now >= agent.replenish_at) {
    agent.budget_left = agent.budget;
    agent.replenish_at = now + agent.period;
  }
  enter(core, agent, now);
}

void program_timer(State& s, Core& core, Nanoseconds now) {
  Nanoseconds at = std::min(core.sleepers.earliest(s), core.next_epoch);
  if (core.current != nullptr) {
    if (!core.ready->empty()) at = std::min(at, std::max(core.slice_end, now));
    if (core.current->budget.value != 0) at = std::min(at, now + core.current->budget_left);
  }
  if (core.timer == at) return;
  core.timer = at;
  hal::Port::set_timer(at);
}

/// As ../epoch.cpp has it for the appliance.
void end_timed_wait(State& s, Agent& agent, Nanoseconds now) {
  switch (agent.wait) {
    case Wait::sleep:
      agent.job_release = agent.node.wake_at;
      agent.timed_job = agent.deadline.value != 0;
      wake(s, agent, Error::ok);
      break;
    case Wait::receive:
    case Wait::space:
      agent.context->skip_instruction();
      wake(s, agent, Error::timed_out);
      break;
    case Wait::signal:
      wake(s, agent, Error::timed_out);
      break;
    case Wait::budget:
      agent.budget_left = agent.budget;
      agent.replenish_at = now + agent.period;
      wake_to_retry(s, agent);
      break;
    default:
      wake_to_retry(s, agent);
      break;
  }
}

void end_epoch(State& s, Core& core) {
  ++s.epoch;
  while (Edge* const edge = s.epoch_edges.front()) {
    if (!record(s, witness::Lane::ordinary,
                {.kind = witness::Kind::ipc_send,
                 .flags = 1,
                 .actor = s.partition_of(*edge->sender).id,
                 .target = edge->id.value,
                 .payload = edge->epoch_messages | std::uint64_t{edge->epoch_refused} << 32,
                 .aux = edge->epoch_bytes})) {
      return;  // kept, and merged with the next summary
    }
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
  if (core.current == nullptr || core.current->effective < agent.effective) core.reschedule = true;
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
  if (deadline != never) core.sleepers.insert(s, index_of(agent), deadline);
  core.reschedule = true;
}

void switch_directly(State&, Core& core, Agent& next) {
  const Nanoseconds now = hal::Port::now();
  charge(core, now);
  core.current->executing = false;
  enter(core, next, now);
}

void leave(State& s, Core& core) { put_aside(s, core, hal::Port::now()); }

void on_timer(State& s, Core& core, Nanoseconds now) {
  core.timer = never;
  while (!core.sleepers.empty() && core.sleepers.earliest(s) <= now) {
    Agent& agent = s.agents.at(core.sleepers.first());
    core.sleepers.remove(s, index_of(agent));
    end_timed_wait(s, agent, now);
  }
  if (Agent* const agent = core.current; agent != nullptr) {
    charge(core, now);
    if (out_of_budget(*agent)) {
      core.reschedule = true;
      // Whoever uses up one budget after another without ever waiting is in a loop.
      if (++agent->fault_repeats > seed::overruns_max) {
        agent->fault_repeats = 0;
        contain(s, core, *agent,
                {hal::FaultKind::overrun, false, GuestAddress{agent->context->program_counter()}, agent->cpu.value});
      }
    } else if (now >= core.slice_end && !core.ready->empty() && !(core.ready->highest() < agent->effective)) {
      core.reschedule = true;
    }
  }
  if (now < core.next_epoch) return;
  core.next_epoch = now + s.epoch_length;
  end_epoch(s, core);
  if ((manifest.run_for_ms != 0 && now.value >= std::uint64_t{manifest.run_for_ms} * 1'000'000) ||
      s.working_agents == 0)
    s.stopping = core.reschedule = true;
}

hal::Context& resume(State& s, Core& core) {
  if (!core.reschedule && core.current != nullptr) [[likely]]
    return *core.current->context;
  core.reschedule = false;
  const Nanoseconds now = hal::Port::now();
  if (Agent* const agent = core.current; agent != nullptr) {
    const bool turn_over = now >= core.slice_end || agent->yielded;
    const bool stays = agent->runnable() && !out_of_budget(*agent) && !s.stopping &&
                       (core.ready->empty() || core.ready->highest() < agent->effective ||
                        (core.ready->highest() == agent->effective && !turn_over));
    if (stays && !(log().urgent() && agent->deadline.value == 0)) {
      agent->yielded = false;
      if (turn_over) core.slice_end = now + seed::turn;
      program_timer(s, core, now);
      return *agent->context;
    }
    put_aside(s, core, now);
  }
  if (!core.ready->empty() && !s.stopping) {
    Agent& best = s.agents.at(core.ready->take(s));
    if (best.deadline.value != 0 || !log().urgent()) {
      start_turn(core, best, now);
      program_timer(s, core, now);
      return *best.context;
    }
    core.ready->push_front(s, index_of(best), best.effective);
  }
  program_timer(s, core, now);
  hal::Port::switch_context(s.worker);
  return s.worker;
}

}  // namespace rvm::kernel
