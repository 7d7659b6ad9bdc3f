// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/sim/simulate.hpp"

#include <sys/time.h>

#include <csetjmp>
#include <csignal>
#include <ctime>
#include <numeric>

#include "simulation.hpp"

namespace rvm::sim {
namespace {

// The kernel stops by trapping (rvm::ensure). Such a stop, a wild access or an endless loop ends the run, not the process.
sigjmp_buf escape;
volatile std::sig_atomic_t caught = 0;
volatile std::sig_atomic_t idle_ticks = 0;
volatile std::uint32_t progress = 0;
volatile std::uint32_t progress_seen = 0;

void on_signal(int signal) {
  if (signal == SIGVTALRM) {
    if (progress != progress_seen) {
      progress_seen = progress;
      idle_ticks = 0;
      return;
    }
    idle_ticks = idle_ticks + 1;
    if (idle_ticks < 20) return;
  }
  caught = signal;
  siglongjmp(escape, 1);
}

constexpr std::array signals{SIGILL, SIGTRAP, SIGSEGV, SIGBUS, SIGFPE, SIGABRT, SIGVTALRM};

/// Handlers and the watchdog while a run lasts.
class Guarded {
 public:
  Guarded() {
    stack_t stack{};
    stack.ss_sp = storage_.data();
    stack.ss_size = storage_.size();
    sigaltstack(&stack, &old_stack_);
    struct sigaction action{};
    action.sa_handler = on_signal;
    action.sa_flags = SA_ONSTACK | SA_NODEFER;
    for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &action, &old_[i]);
    idle_ticks = 0;
    progress_seen = progress;
    tick({.tv_sec = 0, .tv_usec = 250'000});
  }
  Guarded(const Guarded&) = delete;
  Guarded& operator=(const Guarded&) = delete;
  ~Guarded() {
    tick({});
    for (std::size_t i = 0; i < signals.size(); ++i) sigaction(signals[i], &old_[i], nullptr);
    sigaltstack(&old_stack_, nullptr);
  }

 private:
  static void tick(timeval every) {
    const itimerval timer{every, every};
    setitimer(ITIMER_VIRTUAL, &timer, nullptr);
  }
  std::array<char, 65536> storage_{};
  std::array<struct sigaction, signals.size()> old_{};
  stack_t old_stack_{};
};

const char* meaning(int signal) {
  switch (signal) {
    case SIGILL:
    case SIGTRAP:
      return "the kernel stopped: an ensure() does not hold";
    case SIGVTALRM:
      return "the kernel does not return";
    default:
      return "the kernel made a wild access";
  }
}

void run(Simulation& simulation, const Options& options, Result& result) {
  const auto act = [&](std::uint32_t index) {
    progress = progress + 1;
    result.steps = index;
    simulation.step(index);
  };
  simulation.start();
  if (options.only) {
    for (const std::uint32_t index : *options.only) act(index);
  } else {
    for (std::uint32_t index = 0; index < options.steps; ++index) act(index);
  }
  simulation.finish();
  result.digest = simulation.digest();
}

}  // namespace

void Coverage::add(const Coverage& other) {
  for (std::size_t i = 0; i < succeeded.size(); ++i) {
    succeeded[i] += other.succeeded[i];
    refused[i] += other.refused[i];
  }
  records += other.records;
  faults += other.faults;
  boots += other.boots;
  power_cuts += other.power_cuts;
  shutdowns += other.shutdowns;
  torn_tails += other.torn_tails;
  disk_errors += other.disk_errors;
  full_scans += other.full_scans;
  vmid_reclaims += other.vmid_reclaims;
  messages += other.messages;
  forks += other.forks;
  relocations += other.relocations;
  advised += other.advised;
  supplied += other.supplied;
}

Result simulate(const Options& options) {
  const Guarded guarded;
  Result result;
  Simulation simulation{options};
  if (sigsetjmp(escape, 1) != 0) {
    result.violation = Violation{result.steps, caught == SIGVTALRM ? "hang" : "stopped", meaning(caught)};
  } else {
    try {
      run(simulation, options, result);
    } catch (const Broken& broken) {
      result.violation = Violation{result.steps, broken.invariant, broken.detail};
    }
  }
  result.coverage = simulation.coverage;
  return result;
}

std::vector<std::uint32_t> shrink(const Options& failing, const Violation& violation, unsigned budget_seconds) {
  std::vector<std::uint32_t> steps;
  if (failing.only) {
    steps = *failing.only;
  } else {
    steps.resize(violation.step + 1);
    std::iota(steps.begin(), steps.end(), 0u);
  }
  const std::time_t end = std::time(nullptr) + static_cast<std::time_t>(budget_seconds);
  Options trial = failing;
  trial.trace = nullptr;
  const auto breaks = [&](const std::vector<std::uint32_t>& candidate) {
    trial.only = candidate;
    const Result result = simulate(trial);
    return result.violation && result.violation->invariant == violation.invariant;
  };
  for (std::size_t pieces = 2; steps.size() >= 2 && std::time(nullptr) < end;) {
    const std::size_t size = (steps.size() + pieces - 1) / pieces;
    bool smaller = false;
    for (std::size_t at = 0; at < steps.size() && std::time(nullptr) < end; at += size) {
      std::vector<std::uint32_t> rest{steps.begin(), steps.begin() + static_cast<std::ptrdiff_t>(at)};
      rest.insert(rest.end(), steps.begin() + static_cast<std::ptrdiff_t>(std::min(at + size, steps.size())),
                  steps.end());
      if (breaks(rest)) {
        steps = std::move(rest);
        pieces = pieces > 2 ? pieces - 1 : 2;
        smaller = true;
        break;
      }
    }
    if (smaller) continue;
    if (size == 1) break;
    pieces = std::min(pieces * 2, steps.size());
  }
  return steps;
}

}  // namespace rvm::sim
