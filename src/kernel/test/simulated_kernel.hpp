// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The whole kernel on the simulated machine: a boot package made in memory, and a test that plays the agents. `current` is the
// context the kernel resumed; a test sets its registers and traps.
#pragma once

#include <array>
#include <cstring>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include "../appliance/state.hpp"
#include "package_builder.hpp"
#include "rvm/crypto/hmac.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/hal/entry.hpp"

namespace rvm::kernel::test {

/// Boots a package. One per process at a time; the kernel's global state starts afresh with each.
class SimulatedKernel {
 public:
  /// For a quote of the boot: the nonce, and by what kind of machine.
  struct Asked {
    std::vector<std::byte> nonce;
    hal::SimulatedMachine::TrustedEnvironment tee;
  };
  explicit SimulatedKernel(const PackageBuilder& builder, std::size_t ram_bytes = std::size_t{64} << 20,
                           std::vector<hal::SimulatedMachine::Device> devices = {}, const Asked& asked = {});

  hal::SimulatedMachine machine;
  hal::Context* current = nullptr;
  std::uint64_t entries = 0;  ///< how often a hypercall entered the kernel; long ones enter several times

  /// The current agent makes a hypercall; afterwards `current` is whoever runs next. Returns x0 of the caller as it is then,
  /// which is the result only if the call did not wait.
  Error call(std::uint64_t operation, std::initializer_list<std::uint64_t> arguments = {});
  bool prove_calls = true;       ///< each call that needs one carries a proof
  std::uint64_t proof_tier = 2;  ///< that these proofs say they are
  /// Sets x8-x15 to a proof of what x0-x7 of the current agent say; 0: the next nonce.
  void prove(std::uint64_t nonce = 0);
  void fault(hal::FaultKind kind = hal::FaultKind::data_abort);
  /// The running agent reads or writes its memory. What it may not reach faults; the kernel may have it try again. nullptr: it was
  /// stopped, or something else runs now.
  std::byte* touch(std::uint64_t address, Access access);
  /// Lets time pass; a timer that became due interrupts the current agent.
  void advance(std::uint64_t ns);
  /// Calls yield until the agent of this name runs.
  void run_until(std::string_view name);

  [[nodiscard]] std::span<const std::byte, 32> device_key() const { return key_; }
  [[nodiscard]] State& state() { return *Guard{the_state}; }
  [[nodiscard]] Agent& agent(std::string_view name);
  [[nodiscard]] Agent& running() { return *state().cores[0].current; }
  /// Handle under this name in the directory of the running agent.
  [[nodiscard]] std::uint32_t handle(std::string_view name);
  /// Writes into the running agent's heap and returns the guest address.
  std::uint64_t poke(std::span<const std::byte> bytes);
  [[nodiscard]] std::vector<std::byte> peek(std::uint64_t address, std::size_t bytes);
  [[nodiscard]] std::uint64_t heap();

  /// Conditions that must hold between any two hypercalls; stops the test otherwise.
  void check_invariants();

 private:
  std::array<std::byte, 32> key_{};
  std::vector<std::byte> package_;
  std::uint64_t next_nonce_ = 0;
};

}  // namespace rvm::kernel::test
