// SPDX-License-Identifier: MIT OR Apache-2.0
#include "worker.hpp"

#include <atomic>

#include "boundaries.hpp"
#include "deferred_proofs.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {

constinit std::atomic<bool> at_rest{true};
constinit std::atomic<bool> retired{false};

/// Not inlined: the core must be asked for anew each time, for the worker may have moved since.
[[gnu::noinline, maybe_unused]] void interrupt_this_core() { hal::Port::send_reschedule(hal::Port::current_core()); }

/// The log first, for everybody waits when it is full; but it does not keep those waiting for ever who have shown evidence. The
/// adviser gets a piece of its time after each batch: it has little to do, but a log that never comes to its end must not stop it.
[[maybe_unused]] bool work_through() {
  bool worked = false;
  bool sealed = true;
  for (std::uint32_t i = 0; i < batches_per_proof && sealed; ++i) {
    sealed = log().pump(seal_batch);
    worked = work_on_boundaries() || sealed || worked;
  }
  return deferred_proofs().verify_one() || worked || log().sign_head();
}

/// What the worker executes, for ever. The core it is on may change at every instruction.
[[noreturn, maybe_unused]] void work() {
  for (;;) {
    if (!retired.load(std::memory_order_relaxed) && work_through()) continue;
    // Gives the core back: the kernel finds it at rest when the interrupt that it sends itself arrives, or any other.
    at_rest.store(true, std::memory_order_release);
    interrupt_this_core();
    while (at_rest.load(std::memory_order_acquire)) hal::Port::relax();
  }
}

}  // namespace

void start_worker(State& s) {
  if constexpr (hal::Port::has_worker) s.worker.context = &hal::Port::begin_worker(&work);
}

bool wake_worker(State& s, Core& core) {
  if (s.worker.context == nullptr) return true;
  if (!log().has_work() && !deferred_proofs().has_work() && !boundaries_have_work(s)) return false;
  s.worker.ready = true;
  if (s.worker.core != nullptr || core.current == nullptr) return false;  // it is at it, or about to be
  for (std::uint32_t i = 0; i < s.core_count; ++i) {
    if (s.cores[i].idle) {
      hal::Port::send_reschedule(s.cores[i].index);
      return false;
    }
  }
  if (s.worker.last == &core && s.core_count > 1) {
    s.worker.last = nullptr;  // if no other core gives it a turn, this one will at the next epoch
  } else if (core.current->effective < sched::reflex_base) {
    core.turn_start = hal::Port::now() + Nanoseconds{s.epoch_length.value / 2};
    core.timer_stale = true;
  }
  return false;
}

bool work_a_little() {
  const bool sealed = log().pump(seal_batch);
  const bool advised = work_on_boundaries();
  return deferred_proofs().verify_one() || sealed || advised;
}

void enter_worker(State& s, Core& core, sched::Priority floor, Nanoseconds turn_end) {
  if constexpr (hal::Port::has_worker) hal::Port::switch_to_worker(core.loaded, *s.worker.context);
  core.loaded = s.worker.context;
  s.vmids.deactivate(core.index);
  s.worker.core = &core;
  if (turn_end != never) s.worker.last = &core;
  core.turn_floor = floor;
  core.turn_end = turn_end;
  core.idle = turn_end == never;
  core.timer_stale = true;
  at_rest.store(false, std::memory_order_release);
}

bool worker_stays(State& s, Core& core, Nanoseconds now) {
  bool stays = true;
  if (worker_at_rest()) {
    s.worker.ready = false;
    stays = false;
  } else if (core.turn_end == never) {
    stays = core.ready->empty();
  } else {
    stays = now < core.turn_end && (core.ready->empty() || !(core.turn_floor < core.ready->highest()));
  }
  if (!stays) leave_worker(s, core);
  return stays;
}

void leave_worker(State& s, Core& core) {
  s.worker.core = nullptr;
  core.turn_end = never;
  core.idle = false;
  core.timer_stale = true;
}

bool worker_at_rest() { return at_rest.load(std::memory_order_acquire); }
void retire_worker() { retired.store(true, std::memory_order_relaxed); }

}  // namespace rvm::kernel
