// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The simulated machine: RAM is an array of the host process, cores are an index, time moves when a test says so. For unit
// tests, fuzzing and deterministic simulation of the core; never a product.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "rvm/hal/machine.hpp"

namespace rvm::hal {

struct Context {
  std::array<std::uint64_t, 31> x{};
  std::uint64_t pc = 0;
  std::uint64_t system_registers = 0;  ///< stands for everything switch_context moves, to detect leaks

  [[nodiscard]] std::uint64_t& reg(unsigned i) { return x[i]; }
  [[nodiscard]] std::uint64_t program_counter() const { return pc; }
  void initialise(GuestAddress entry, std::uint64_t argument) {
    *this = Context{};
    pc = entry.value;
    x[0] = argument;
  }
  void rewind_call() { pc -= 4; }
  void skip_instruction() { pc += 4; }
};

/// One simulated machine. Tests create it, set it current, and read what the core did.
struct SimulatedMachine {
  static constexpr std::uint64_t ram_base = 0x4000'0000;

  explicit SimulatedMachine(std::size_t ram_bytes, std::uint32_t cores = 1, std::size_t disk_bytes = 1 << 20);

  struct Core {
    Nanoseconds timer = never;
    bool reschedule = false;
    const Context* loaded = nullptr;  ///< whose system registers the core holds
    std::uint64_t registers = 0;
    StageTwoRoot root{};
  };

  struct Free {
    void operator()(std::byte* p) const { std::free(p); }
  };
  std::unique_ptr<std::byte, Free> ram_storage;
  std::span<std::byte> ram;  ///< aligned as on a machine, to the largest page block
  std::vector<Core> cores;
  std::uint32_t current_core = 0;
  Nanoseconds now{0};
  TranslationGeometry geometry{
      .address_bits = 40, .start_level = 1, .root_pages = 2, .vmid_bits = 8, .slot_bytes = std::uint64_t{256} << 20};
  std::string console;
  std::string console_input;
  std::vector<std::byte> disk;
  BlockStatus block = BlockStatus::idle;
  std::uint64_t page_invalidations = 0;
  std::uint64_t vmid_invalidations = 0;
  std::uint64_t full_invalidations = 0;
  bool secondary_cores_started = false;
  bool powered_off = false;
};

/// Thrown out of the kernel when nothing can ever happen again: the machine is off, or a core waits without a timer.
struct MachineStopped {};

class Port {
 public:
  /// The machine that every other function acts on.
  static void use(SimulatedMachine& machine) { machine_ = &machine; }
  [[nodiscard]] static SimulatedMachine& machine() { return *machine_; }

  [[nodiscard]] static std::uint32_t core_count() { return static_cast<std::uint32_t>(machine_->cores.size()); }
  [[nodiscard]] static CoreIndex current_core() { return CoreIndex{machine_->current_core}; }
  [[nodiscard]] static Nanoseconds now() { return machine_->now; }
  static void set_timer(Nanoseconds at) { core().timer = at; }
  static void send_reschedule(CoreIndex target) { machine_->cores[target.value].reschedule = true; }
  /// Moves time to the next event of this core; with none, throws MachineStopped.
  static void wait_for_interrupt();
  [[nodiscard]] static InterruptEvent acknowledge_interrupt();

  [[nodiscard]] static const TranslationGeometry& geometry() { return machine_->geometry; }
  static void force_vmid8() { machine_->geometry.vmid_bits = 8; }
  [[nodiscard]] static std::byte* to_pointer(PhysicalAddress a) {
    return machine_->ram.data() + (a.value - SimulatedMachine::ram_base);
  }
  [[nodiscard]] static PhysicalAddress to_physical(const void* p) {
    return PhysicalAddress{static_cast<std::uint64_t>(static_cast<const std::byte*>(p) - machine_->ram.data()) +
                           SimulatedMachine::ram_base};
  }
  static void zero_page(PhysicalAddress page);
  static void publish_tables() {}
  static void invalidate_page(StageTwoRoot, GuestAddress) { ++machine_->page_invalidations; }
  static void invalidate_vmid(StageTwoRoot) { ++machine_->vmid_invalidations; }
  static void invalidate_all() { ++machine_->full_invalidations; }
  static void synchronise_instructions(PhysicalAddress, std::size_t) {}
  static void switch_context(Context* from, Context& to, StageTwoRoot root);
  static void deactivate(Context* from = nullptr);

  [[nodiscard]] static std::uint64_t block_sectors() { return machine_->disk.size() / 512; }
  static void block_submit_read(std::uint64_t sector, PhysicalAddress to, std::size_t bytes);
  static void block_submit_write(std::uint64_t sector, PhysicalAddress from, std::size_t bytes);
  static void block_submit_flush() { machine_->block = BlockStatus::done; }
  [[nodiscard]] static BlockStatus block_poll();

  static void start_secondary_cores() { machine_->secondary_cores_started = true; }
  static void power_off() { machine_->powered_off = true; }
  static constexpr bool has_worker = false;
  [[nodiscard]] static Context& begin_worker(void (*entry)());
  static void switch_to_worker(Context* from, Context& worker);
  struct [[maybe_unused]] InterruptMask {};
  static void console_write(std::span<const char> text) { machine_->console.append(text.data(), text.size()); }
  [[nodiscard]] static int console_read();
  static void relax() {}

 private:
  static SimulatedMachine::Core& core() { return machine_->cores[machine_->current_core]; }
  static inline SimulatedMachine* machine_ = nullptr;
};

}  // namespace rvm::hal
