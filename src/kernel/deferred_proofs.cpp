// SPDX-License-Identifier: MIT OR Apache-2.0
#include "deferred_proofs.hpp"

#include "rvm/hal/port.hpp"
#include "rvm/hal/vector_scope.hpp"

namespace rvm::kernel {

constinit DeferredProofs the_deferred_proofs;

DeferredProofs::State DeferredProofs::ask(std::size_t place, const Request& request) {
  Place& p = places_[place];
  const Phase phase = p.phase.load(std::memory_order_acquire);
  const bool stale = request.epoch - p.asked > patience_epochs;
  if (phase == Phase::verified && p.by == request.by && p.hash == request.hash) {
    p.phase.store(Phase::free, std::memory_order_relaxed);
    p.asked = request.epoch;
    return p.holds ? State::holds : State::fails;
  }
  if (p.next.value == 0 || stale) {
    p.next = request.by;
    p.asked = request.epoch;
  }
  // Free, or a verdict that nobody waits for: its agent has ended, or means something else now.
  const bool abandoned = phase == Phase::verified && (stale || p.by == request.by);
  if ((phase == Phase::free || abandoned) && p.next == request.by) return State::free;
  return State::waiting;
}

void DeferredProofs::file(std::size_t place, const Request& request, const proof::Act& act) {
  Place& p = places_[place];
  p.by = request.by;
  p.next = AgentId{};
  p.asked = request.epoch;
  p.hash = request.hash;
  p.act = act;
  p.phase.store(Phase::filed, std::memory_order_release);
  filed_.fetch_add(1, std::memory_order_release);
}

bool DeferredProofs::verify_one() {
  if (filed_.load(std::memory_order_acquire) == 0) return false;
  for (std::size_t i = 0; i < places_.size(); ++i) {
    cursor_ = (cursor_ + 1) % places_.size();
    Place& p = places_[cursor_];
    Phase expected = Phase::filed;
    if (!p.phase.compare_exchange_strong(expected, Phase::taken, std::memory_order_acquire)) continue;
    const std::uint64_t unix_ns = wall_clock_ns_ + hal::Port::now().value;
    {
      const hal::VectorScope vectors;
      p.holds = proof::evidence_holds(p.evidence, p.act, machine_, unix_ns);
    }
    filed_.fetch_sub(1, std::memory_order_relaxed);
    p.phase.store(Phase::verified, std::memory_order_release);
    return true;
  }
  return false;
}

}  // namespace rvm::kernel
