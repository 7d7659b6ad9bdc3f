// SPDX-License-Identifier: MIT OR Apache-2.0
#include "scheduler.hpp"

#include <algorithm>

#include "agents.hpp"
#include "epoch.hpp"
#include "evidence.hpp"
#include "relocation.hpp"
#include "shutdown.hpp"
#include "traps.hpp"
#include "worker.hpp"

namespace rvm::kernel {
namespace {

Core* sleeping_core(State& s) {
  for (std::uint32_t i = 0; i < s.core_count; ++i) {
    if (s.cores[i].idle) return &s.cores[i];
  }
  return nullptr;
}

/// Whether it is worth waiting a little for the home core: who makes it ready runs there and will often wait for it soon, which costs
/// less than waking another core.
bool waits_at_home(const Core& home, const Agent& agent) {
  if (home.current != nullptr && home.current->effective < agent.effective) return false;
  return home.index == hal::Port::current_core() && home.ready->empty() && agent.latency == nullptr &&
         agent.effective < sched::reflex_base;
}

/// The core whose queue a newly ready agent joins: its partition's, unless that is busy and another one sleeps.
Core& place(State& s, const Agent& agent) {
  if (agent.affinity >= 0) return s.cores[static_cast<std::uint32_t>(agent.affinity) % s.core_count];
  Core& here = s.core(hal::Port::current_core());
  if (agent.core == here.index.value && here.current == nullptr && here.ready->empty()) return here;
  Core& home = s.cores[s.partition_of(agent).home];
  if (home.idle || (home.current == nullptr && home.ready->empty())) return home;
  Core* const other = sleeping_core(s);
  if (other == nullptr) return home;
  if (!waits_at_home(home, agent)) return *other;
  if (home.offer_at == never) {
    home.offer_at = hal::Port::now() + patience_at_home;
    home.timer_stale = true;
  }
  return home;
}

void kick(Core& core) {
  core.reschedule = true;
  if (core.index != hal::Port::current_core()) hal::Port::send_reschedule(core.index);
}

/// VMID and translation root of the partition the agent is in.
hal::StageTwoRoot translation_for(State& s, Core& core, const Agent& agent) {
  Partition& p = s.partition_of(agent);
  if (s.vmids.is_current(p.vmid)) [[likely]] {
    s.vmids.activate(p.vmid, core.index);
  } else {
    const auto assignment = s.vmids.assign(p.vmid, core.index);
    p.vmid = assignment.tag;
    if (assignment.reclaimed) {
      hal::Port::invalidate_all();
      ++s.vmid_reclaims;
      record(s, witness::Lane::reserved,
             {.kind = witness::Kind::vmid_reclaim,
              .flags = p.vmid.vmid(),
              .target = p.id.value,
              .payload = p.vmid.generation()});
    }
  }
  return {p.space.root(), p.vmid.vmid()};
}

/// Makes `agent` the current one of `core`.
void enter(State& s, Core& core, Agent& agent, Nanoseconds now) {
  core.current = &agent;
  agent.executing = true;
  agent.core = core.index.value;
  agent.resumed_at = now;
  if (core.loaded != agent.context) {
    hal::Port::switch_context(core.loaded, *agent.context, translation_for(s, core, agent));
    core.loaded = agent.context;
    ++core.switches;
  }
}

/// An agent with a deadline starts a job: how late is it?
void begin_job(Agent& agent, Nanoseconds now) {
  if (agent.latency != nullptr && agent.timed_job && agent.job_starting) {
    agent.latency->add(now.value - agent.job_release.value);
    agent.job_starting = false;
  }
}

void program_timer(State& s, Core& core, Nanoseconds now) {
  const bool ticking = core.current != nullptr || core.index.value == 0;
  Nanoseconds at = std::min({core.sleepers.earliest(s), core.turn_start, core.turn_end, core.offer_at});
  if (ticking) at = std::min(at, core.next_epoch);
  if (core.current != nullptr && core.current->budget.value != 0) at = std::min(at, now + core.current->budget_left);
  // With a budget the time depends on who runs; otherwise it stays right until the clock or the sleepers change.
  core.timer_stale = core.current != nullptr && core.current->budget.value != 0;
  if (core.timer == at) return;
  core.timer = at;
  hal::Port::set_timer(at);
}

Agent* take_ready(State& s, Core& core) {
  if (!core.ready->empty()) return &s.agents.at(core.ready->take(s));
  // Stealing: the best of the fullest other queue that may move.
  Core* victim = nullptr;
  for (std::uint32_t i = 0; i < s.core_count; ++i) {
    Core& other = s.cores[i];
    if (&other != &core && !other.ready->empty() && (victim == nullptr || other.ready->size() > victim->ready->size()))
      victim = &other;
  }
  if (victim == nullptr) return nullptr;
  const sched::NodeIndex candidate = victim->ready->first(victim->ready->highest());
  Agent& agent = s.agents.at(candidate);
  if (agent.affinity >= 0) return nullptr;
  victim->ready->remove(s, candidate);
  return &agent;
}

bool out_of_budget(const Agent& agent) { return agent.budget.value != 0 && agent.budget_left.value == 0; }

/// The current agent stops executing here; it may be runnable or waiting.
void leave_current(State& s, Core& core, Nanoseconds now) {
  Agent& agent = *core.current;
  charge(core, now);
  agent.executing = false;
  core.current = nullptr;
  if (agent.doomed) {
    core.loaded = nullptr;  // its context goes with it
    finish_doomed(s, agent);
    return;
  }
  if (!agent.runnable() || agent.held) return;
  if (out_of_budget(agent)) {
    agent.wait = Wait::budget;
    core.sleepers.insert(s, index_of(agent), agent.replenish_at);
    core.timer_stale = true;
    return;
  }
  agent.queued_at = core.next_epoch;
  // The rest of its turn, not a new one: who is pre-empted often must not keep its equals waiting.
  agent.turn_left = Nanoseconds{0};
  if (now < core.slice_end && !agent.yielded) {
    agent.turn_left = Nanoseconds{core.slice_end.value - now.value};
    core.ready->push_front(s, index_of(agent), agent.effective);
  } else {
    core.ready->push(s, index_of(agent), agent.effective);
  }
  agent.yielded = false;
}

void start_turn(State& s, Core& core, Agent& next, Nanoseconds now) {
  core.slice_end = now + (next.turn_left.value != 0 ? next.turn_left : whole_turn(s));
  next.turn_left = Nanoseconds{0};
  if (core.interrupted == &next) core.slice_end = core.interrupted_end;
  core.interrupted = nullptr;
  if (next.budget.value != 0 && now >= next.replenish_at) {
    next.budget_left = next.budget;
    next.replenish_at = now + next.period;
  }
  enter(s, core, next, now);
  begin_job(next, now);
  if (core.timer_stale || next.budget.value != 0) program_timer(s, core, now);
}

/// Sleeps until there is something to do. The log is looked after meanwhile.
void idle(Guard& guard, Core& core) {
  State& s = *guard;
  hal::Port::deactivate(core.loaded);
  core.loaded = nullptr;
  s.vmids.deactivate(core.index);
  core.idle = true;
  program_timer(s, core, hal::Port::now());
  const bool worker_exists = s.worker.context != nullptr;
  guard.unlock();
  if (worker_exists || !work_a_little()) hal::Port::wait_for_interrupt();
  guard.relock();
  core.idle = false;
  core.timer_stale = true;
  if (take_interrupts(s, core)) (void)wake_worker(s, core);
}

/// Park this core, or end the machine when this is the boot core.
[[noreturn]] void stop(Guard& guard, Core& core) {
  State& s = *guard;
  if (s.worker.core == &core) leave_worker(s, core);
  if (core.current != nullptr) leave_current(s, core, hal::Port::now());
  hal::Port::deactivate(core.loaded);
  core.loaded = nullptr;
  core.parked = true;
  if (core.index.value == 0) finish_machine(guard);
  guard.unlock();
  for (;;) hal::Port::wait_for_interrupt();
}

/// The worker comes to rest before the machine stops, on the boot core: what it left half done must be whole for the end of
/// the log. True when the boot core is to run it.
bool rest_worker(Guard& guard, Core& core) {
  State& s = *guard;
  while (!worker_at_rest()) {
    if (core.current != nullptr) leave_current(s, core, hal::Port::now());
    if (s.worker.core == nullptr) enter_worker(s, core, sched::Priority{0}, never);
    if (s.worker.core == &core) return true;
    guard.unlock();
    hal::Port::relax();
    guard.relock();
  }
  return false;
}

}  // namespace

sched::Priority base_priority(const Agent& agent) {
  const Partition& p = *agent.partition;
  const std::uint32_t above = p.mode == RVM_MODE_REFLEX ? sched::reflex_base.value : p.pressure;
  return sched::Priority{static_cast<std::uint16_t>(above + agent.urgency)};
}

void feel_pressure(State& s, Agent& agent) {
  const bool inherited = agent.base < agent.effective;
  agent.base = base_priority(agent);
  const sched::Priority effective = inherited ? std::max(agent.effective, agent.base) : agent.base;
  if (effective == agent.effective) return;
  const bool queued = agent.node.queued();
  sched::RunQueue<>& ready = *s.cores[agent.core].ready;
  if (queued) ready.remove(s, index_of(agent));
  agent.effective = effective;
  if (queued) ready.push(s, index_of(agent), effective);
}

void charge(Core& core, Nanoseconds now) {
  Agent& agent = *core.current;
  const std::uint64_t elapsed = now.value - agent.resumed_at.value;
  agent.cpu = agent.cpu + Nanoseconds{elapsed};
  agent.partition->cpu.value += elapsed;
  core.busy = Nanoseconds{core.busy.value + elapsed};
  agent.resumed_at = now;
  if (agent.budget.value != 0)
    agent.budget_left = Nanoseconds{agent.budget_left.value > elapsed ? agent.budget_left.value - elapsed : 0};
}

void make_ready(State& s, Agent& agent) {
  if (agent.held) return;  // its partition or the agent itself is suspended; resuming makes it ready
  Core& core = place(s, agent);
  agent.core = core.index.value;
  agent.queued_at = core.next_epoch;
  core.ready->push(s, index_of(agent), agent.effective);
  if (core.idle || core.current == nullptr || core.current->effective < agent.effective) kick(core);
}

void wake(State& s, Agent& agent, Error error) {
  if (agent.node.timed()) s.cores[agent.core].sleepers.remove(s, index_of(agent));
  agent.wait = Wait::none;
  agent.wait_edge = nullptr;
  agent.context->reg(0) = static_cast<std::uint64_t>(error);
  if (agent.state == AgentState::running) make_ready(s, agent);
}

void wake_to_retry(State& s, Agent& agent) {
  if (agent.node.timed()) s.cores[agent.core].sleepers.remove(s, index_of(agent));
  agent.wait = Wait::none;
  agent.wait_edge = nullptr;
  if (agent.state == AgentState::running) make_ready(s, agent);
}

void block(State& s, Core& core, Wait wait, Nanoseconds deadline) {
  Agent& agent = *core.current;
  agent.wait = wait;
  if (deadline != never) {
    core.sleepers.insert(s, index_of(agent), deadline);
    core.timer_stale = true;
  }
  core.reschedule = true;
}

bool detach(State& s, Agent& agent) {
  if (agent.executing) {
    Core& core = s.cores[agent.core];
    if (core.index == hal::Port::current_core()) {
      core.reschedule = true;
      return true;
    }
    kick(core);
    return false;
  }
  Core& core = s.cores[agent.core];
  if (agent.node.queued()) core.ready->remove(s, index_of(agent));
  if (agent.node.timed()) core.sleepers.remove(s, index_of(agent));
  return true;
}

void switch_directly(State& s, Core& core, Agent& next) {
  const Nanoseconds now = hal::Port::now();
  charge(core, now);
  core.current->executing = false;
  enter(s, core, next, now);
}

bool on_timer(State& s, Core& core, Nanoseconds now) {
  core.timer = never;
  core.timer_stale = true;
  while (!core.sleepers.empty() && core.sleepers.earliest(s) <= now) {
    Agent& agent = s.agents.at(core.sleepers.first());
    core.sleepers.remove(s, index_of(agent));
    end_timed_wait(s, agent, now);
  }
  if (core.current != nullptr && out_of_budget(*core.current)) core.reschedule = true;
  if (core.offer_at <= now) {
    core.offer_at = never;
    Core* const other = core.ready->empty() ? nullptr : sleeping_core(s);
    if (other != nullptr) kick(*other);
  }
  if (core.turn_start <= now) {
    core.turn_start = never;
    core.grant_turn = core.reschedule = true;
  }
  if (now < core.next_epoch) return false;
  core.next_epoch = Nanoseconds{(now.value / s.epoch_length.value + 1) * s.epoch_length.value};
  if (core.current != nullptr && now >= core.slice_end && !core.ready->empty() &&
      !(core.ready->highest() < core.current->effective)) {
    core.reschedule = true;
  }
  age(s, core);
  if (core.current != nullptr) (void)bury_step(s);  // an idle core does it anyway
  if (core.index.value == 0) end_epoch(s, now);
  return true;
}

hal::Context& resume(Guard& guard, Core& core) {
  State& s = *guard;
  for (;;) {
    if (s.stopping != ShutdownReason::none) [[unlikely]] {
      if (core.index.value == 0 && rest_worker(guard, core)) return *s.worker.context;
      stop(guard, core);
    }
    if (s.worker.core == &core && worker_stays(s, core, hal::Port::now())) [[unlikely]] {
      core.reschedule = false;
      if (core.timer_stale) program_timer(s, core, hal::Port::now());
      return *s.worker.context;
    }
    if (core.current != nullptr && !core.reschedule) [[likely]] {
      if (core.timer_stale) program_timer(s, core, hal::Port::now());
      return *core.current->context;
    }
    core.reschedule = false;
    const Nanoseconds now = hal::Port::now();
    if (core.grant_turn) [[unlikely]] {
      const bool wanted = core.current != nullptr && s.worker.ready && s.worker.core == nullptr;
      core.grant_turn = wanted;
      // Not from a reflex agent or one that leaves anyway, nor before somebody better who became ready just now.
      if (wanted && core.current->runnable() && core.current->effective < sched::reflex_base &&
          (core.ready->empty() || !(core.current->effective < core.ready->highest()))) {
        core.grant_turn = false;
        const sched::Priority floor = core.current->effective;
        // Turns change at ticks, not here.
        if (core.slice_end <= now) core.slice_end = core.next_epoch;
        core.interrupted = core.current;
        core.interrupted_end = core.slice_end;
        leave_current(s, core, now);
        enter_worker(s, core, floor, now + Nanoseconds{s.epoch_length.value / log_turns_per_epoch});
        program_timer(s, core, now);
        return *s.worker.context;
      }
    }
    if (core.current != nullptr) {
      Agent& agent = *core.current;
      // Stays if nobody ready is better, or equal with the turn over or given up.
      const bool may_stay = agent.runnable() && !agent.held && !agent.doomed && !out_of_budget(agent);
      if (may_stay) {
        const bool turn_over = now >= core.slice_end || agent.yielded;
        if (core.ready->empty() || core.ready->highest() < agent.effective ||
            (core.ready->highest() == agent.effective && !turn_over)) {
          agent.yielded = false;
          if (turn_over) core.slice_end = now + whole_turn(s);
          if (core.timer_stale) program_timer(s, core, now);
          return *agent.context;
        }
      }
      leave_current(s, core, now);
      settle_relocation(s);
    }
    if (Agent* next = take_ready(s, core)) {
      start_turn(s, core, *next, now);
      return *next->context;
    }
    if (!s.ended.empty() || !s.orphans.empty()) {
      // Whoever was here may be wanted by another core as soon as the lock is free.
      hal::Port::deactivate(core.loaded);
      core.loaded = nullptr;
      s.vmids.deactivate(core.index);
      if (core.timer_stale) program_timer(s, core, now);
      const Burial buried = bury_step(s);
      guard.unlock();
      guard.relock();
      if (take_interrupts(s, core)) (void)wake_worker(s, core);
      if (buried == Burial::step || core.reschedule || !core.ready->empty()) continue;
    }
    if (s.worker.ready && s.worker.core == nullptr) {
      enter_worker(s, core, sched::Priority{0}, never);
      program_timer(s, core, now);
      return *s.worker.context;
    }
    idle(guard, core);
  }
}

void begin_shutdown(State& s, ShutdownReason reason) {
  if (s.stopping != ShutdownReason::none) return;
  s.stopping = reason;
  retire_worker();
  for (std::uint32_t i = 0; i < s.core_count; ++i) kick(s.cores[i]);
}

}  // namespace rvm::kernel
