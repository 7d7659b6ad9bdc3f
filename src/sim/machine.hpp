// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The simulated machine with the kernel on it. Each core stands at one of a few places; whoever drives the simulation chooses
// which core goes on.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "fiber.hpp"
#include "rvm/hal/entry.hpp"
#include "state.hpp"

namespace rvm::sim {

/// A rule that does not hold. Thrown outside the kernel only.
struct Broken {
  std::string invariant;
  std::string detail;
};

enum class Standing : std::uint8_t {
  off,       ///< not started
  kernel,    ///< executing kernel code
  agent,     ///< executing an agent
  waiting,   ///< in the idle loop, or stopped
  spinning,  ///< in a loop that waits for the disk or for another core
};

class Machine {
 public:
  static constexpr std::size_t ram_bytes = std::size_t{16} << 20;
  static constexpr std::size_t disk_bytes = std::size_t{4} << 20;

  explicit Machine(std::uint32_t cores);
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine() = default;

  /// Memory as after power-on, the package in it, the kernel's globals afresh; core 0 stands before its first instruction.
  void power_on(std::span<const std::byte> package, std::span<const std::byte, 32> device_key);

  /// Lets a core that waits or spins go on, or starts it.
  void resume(std::uint32_t core);
  void hypercall(std::uint32_t core);
  void fault(std::uint32_t core, const hal::Fault& fault);
  void interrupt(std::uint32_t core);

  [[nodiscard]] Standing standing(std::uint32_t core) const { return seats_[core].standing; }
  /// The registers of the agent that a core executes.
  [[nodiscard]] hal::Context& context(std::uint32_t core) const { return *seats_[core].context; }
  [[nodiscard]] std::uint32_t core_count() const { return static_cast<std::uint32_t>(hardware.cores.size()); }
  [[nodiscard]] bool interrupt_pending(std::uint32_t core) const {
    const auto& c = hardware.cores[core];
    return c.reschedule || c.device || c.timer <= hardware.now || hardware.device_pending(core);
  }
  [[nodiscard]] kernel::State& state() const;
  [[nodiscard]] hal::MemoryRange package_memory() const { return package_; }

  hal::SimulatedMachine hardware;

 private:
  enum class Entry : std::uint8_t { none, hypercall, fault, interrupt };
  struct Seat {
    Machine* machine = nullptr;
    std::uint32_t core = 0;
    Fiber fiber;
    Standing standing = Standing::off;
    Entry entry = Entry::none;
    hal::Fault fault{};
    hal::Context* context = nullptr;
  };

  static void body(void* seat);
  static void pause_here(hal::SimulatedMachine& hardware, Standing standing);
  void enter(std::uint32_t core, Entry entry);

  std::array<Seat, kernel::maximum_cores> seats_;
  hal::BootInformation boot_{};
  std::array<hal::MemoryRange, 2> ranges_{};
  hal::MemoryRange package_{};
  std::array<std::byte, 32> key_{};
  std::span<const std::byte, 32> key_span_{key_};
  static inline Machine* running_ = nullptr;
};

}  // namespace rvm::sim
