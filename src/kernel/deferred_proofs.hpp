// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Evidence of tier P3 on its way through the worker. A signature takes half a million instructions to verify, too long with
// interrupts masked, so the agent's evidence is copied here, the agent waits and makes its call again each epoch, and the
// worker verifies in between. A verdict is about one request, by its hash, of one agent, and is given once.
//
// There is a place for each device, so that agents who may not lease a device cannot keep those waiting who may; of those who
// wait for one place, who asked first is next.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "rvm/proof/p3.hpp"
#include "rvm/types/ids.hpp"

namespace rvm::kernel {

class DeferredProofs {
 public:
  /// Boot core, before agents run. `wall_clock_ns` is the Unix time when the clock stood at 0.
  void bind(const proof::Machine& machine, std::uint64_t wall_clock_ns) {
    machine_ = machine;
    wall_clock_ns_ = wall_clock_ns;
  }

  struct Request {
    AgentId by;
    crypto::Digest hash;  ///< of the request that the evidence is for
    std::uint64_t epoch;  ///< now
  };
  enum class State : std::uint8_t {
    free,     ///< the place is the caller's: fill it in, or leave it
    waiting,  ///< for the verdict or for the place
    holds,    ///< the verdict; the place is free again
    fails,
  };
  /// Under the kernel lock, as are `leave` and `file`.
  [[nodiscard]] State ask(std::size_t place, const Request& request);
  /// Where the evidence of whom `ask` told that the place is free is copied to, until `file` or `leave`.
  [[nodiscard]] rvm_evidence& evidence(std::size_t place) { return places_[place].evidence; }
  /// There is no evidence to file after all. So who has none to show cannot keep the place from others.
  void leave(std::size_t place) { places_[place].next = AgentId{}; }
  void file(std::size_t place, const Request& request, const proof::Act& act);

  /// Whether verify_one has something to do. From any core.
  [[nodiscard]] bool has_work() const { return filed_.load(std::memory_order_relaxed) != 0; }
  /// The worker, or whoever does its work. False: there is nothing. Cost: proof::evidence_holds.
  bool verify_one();

 private:
  /// A verdict, and a turn that was promised, that nobody comes for are kept no longer than this.
  static constexpr std::uint64_t patience_epochs = 8;
  enum class Phase : std::uint8_t { free, filed, taken, verified };
  struct Place {
    std::atomic<Phase> phase{Phase::free};  ///< filed, taken: the worker's; else the kernel lock's
    bool holds = false;
    AgentId by;
    AgentId next;             ///< who has asked in vain and is to have it next; 0: nobody
    std::uint64_t asked = 0;  ///< epoch in which `by` or, while it is free, `next` was here
    crypto::Digest hash{};
    proof::Act act;
    rvm_evidence evidence{};
  };

  std::array<Place, RVM_PACKAGE_DEVICES_MAX> places_{};
  std::atomic<std::uint32_t> filed_{0};
  std::size_t cursor_ = 0;  ///< the worker's
  proof::Machine machine_;
  std::uint64_t wall_clock_ns_ = 0;
};

extern constinit DeferredProofs the_deferred_proofs;
[[nodiscard]] inline DeferredProofs& deferred_proofs() { return the_deferred_proofs; }

}  // namespace rvm::kernel
