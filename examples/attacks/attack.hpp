// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One hostile agent tries one attack. Every attack is a function in one of the tables below; the manifest selects it by
// name. It returns a verdict if it survives; many do not, because the kernel stops the agent with a fault.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <span>
#include <string_view>

#include "rvm/agent.hpp"

namespace attacks {

using namespace rvm::agent;

struct Verdict {
  bool contained;
  std::string_view detail;  ///< the error that refused it, or what was observed
};

[[nodiscard]] constexpr Verdict contained(std::string_view detail) { return {true, detail}; }
[[nodiscard]] constexpr Verdict escaped(std::string_view detail) { return {false, detail}; }
[[nodiscard]] inline Verdict contained(rvm_error e) { return {true, rvm_error_name(e)}; }

struct Attack {
  std::string_view name;
  Verdict (*run)();
};

extern const std::span<const Attack> memory_attacks;
extern const std::span<const Attack> machine_attacks;
extern const std::span<const Attack> register_attacks;
extern const std::span<const Attack> vector_attacks;
extern const std::span<const Attack> argument_attacks;
extern const std::span<const Attack> region_attacks;
extern const std::span<const Attack> authority_attacks;
extern const std::span<const Attack> proof_attacks;
extern const std::span<const Attack> message_attacks;
extern const std::span<const Attack> exhaustion_attacks;
extern const std::span<const Attack> device_attacks;
extern const std::span<const Attack> fork_attacks;

/// Several tries of one attack: contained only if every one was refused with an error that fits.
class Tries {
 public:
  /// `got` must be one of `expected`.
  void refused(std::string_view what, rvm_error got, std::initializer_list<rvm_error> expected) {
    last_ = got;
    for (const rvm_error e : expected)
      if (e == got) return;
    wrong(what, got);
  }
  void check(std::string_view what, bool holds) {
    if (!holds) wrong(what, RVM_ERROR_OK);
  }
  [[nodiscard]] Verdict verdict() const { return wrong_ == 0 ? contained(last_) : escaped("see above"); }

 private:
  void wrong(std::string_view what, rvm_error got) {
    // A broken kernel may get all of them wrong; a few lines say enough.
    if (wrong_++ < 8) say("unexpected: ", what, " -> ", static_cast<Error>(got));
  }
  rvm_error last_ = RVM_ERROR_OK;
  std::uint32_t wrong_ = 0;
};

inline constexpr std::uint64_t millisecond = 1'000'000;  ///< in nanoseconds

/// The victim is the first agent of the manifest.
inline constexpr std::uint64_t victim_id = 1;
[[nodiscard]] inline std::uint64_t slot_of(std::uint64_t agent) { return agent * info().slot_size; }
[[nodiscard]] inline std::uint64_t victim_image() { return slot_of(victim_id) + 0x10000; }

/// Where QEMU's virt machine has its devices and the kernel its image (guest-physical = machine addresses there).
inline constexpr std::uint64_t gic_distributor = 0x08000000;
inline constexpr std::uint64_t gic_redistributor = 0x080a0000;
inline constexpr std::uint64_t uart = 0x09000000;
inline constexpr std::uint64_t fw_cfg = 0x09020000;
inline constexpr std::uint64_t virtio_mmio = 0x0a000000;
inline constexpr std::uint64_t kernel_image = 0x40200000;
inline constexpr std::uint64_t machine_memory = 0x40000000;

/// Loads and stores that the compiler neither removes nor changes in size.
inline std::uint32_t peek(std::uint64_t address) {
  std::uint32_t value;
  asm volatile("ldr %w0, [%1]" : "=r"(value) : "r"(address) : "memory");
  return value;
}
inline void poke(std::uint64_t address, std::uint32_t value) {
  asm volatile("str %w0, [%1]" ::"r"(value), "r"(address) : "memory");
}
inline void jump(std::uint64_t address) { asm volatile("blr %0" ::"r"(address) : "x30", "memory"); }

[[nodiscard]] inline rvm_handle self_handle() { return rvm_find(RVM_DIRECTORY_SELF, RVM_OBJECT_AGENT); }
[[nodiscard]] inline rvm_handle partition_handle() { return rvm_find(RVM_DIRECTORY_PARTITION, RVM_OBJECT_PARTITION); }
[[nodiscard]] inline rvm_handle console_handle() { return rvm_find(RVM_DIRECTORY_CONSOLE, RVM_OBJECT_CONSOLE); }

/// True if the address is in this agent's own slot, where the attack would be none.
[[nodiscard]] inline bool own_slot(std::uint64_t address) {
  return address >= info().slot_base && address - info().slot_base < info().slot_size;
}

}  // namespace attacks
