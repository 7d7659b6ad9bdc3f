// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The port to Cortex-M: one core, agents unprivileged behind the memory protection unit, hypercalls by SVC. The kernel runs in
// exceptions of one priority, which do not nest, and in one privileged thread, the worker, which they pre-empt.
//
// There is no translation here, so of the machine contract (machine.hpp) what is about translation tables, leased devices, blocks
// and more cores has no definition: nothing that uses it links.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/hal/machine.hpp"
#include "rvm/hal/mpu.hpp"

namespace rvm::hal {

/// What an agent's registers x0-x15 of the hypercall interface are on a machine with sixteen of 32 bits: words in its own memory.
using CallRegisters = std::array<std::uint64_t, 16>;

/// Saved state of an agent, or of the worker. The first four members are known to vectors.S.
struct Context {
  std::uint32_t stack = 0;  ///< where the hardware put r0-r3, r12, lr, pc and xpsr
  std::array<std::uint32_t, 8> r4_r11{};
  std::uint32_t exception_return = 0;
  std::uint32_t control = 0;  ///< CONTROL: 1 unprivileged, 0 the worker
  CallRegisters* registers = nullptr;
  mpu::Table regions{};
  mpu::Range program;
  mpu::Range data;  ///< where its stack has to be

  [[nodiscard]] std::uint64_t& reg(unsigned i) { return (*registers)[i]; }
  /// Of an agent whose stack pointer leads out of its memory: 0.
  [[nodiscard]] std::uint64_t program_counter() const { return stack_in_bounds() ? frame()[6] : 0; }
  /// Computes `regions` from the ranges. Errors: as mpu::encode.
  [[nodiscard]] Status protect();
  /// Begins at `entry`, with `argument` in r0 and an empty stack below `stack_top`.
  void initialise(std::uint32_t entry, std::uint32_t argument, std::uint32_t stack_top, bool privileged);
  void rewind_call() { frame()[6] -= svc_bytes; }
  void skip_instruction() { frame()[6] += svc_bytes; }

 private:
  static constexpr std::uint32_t svc_bytes = 2;
  static constexpr std::uint32_t frame_bytes = 32;
  [[nodiscard]] bool stack_in_bounds() const { return data.contains(stack, frame_bytes); }
  // Sound: an exception that put nothing there is a fault, after which nobody asks, or is checked above.
  [[nodiscard]] std::uint32_t* frame() const { return reinterpret_cast<std::uint32_t*>(stack); }
};
static_assert(offsetof(Context, r4_r11) == 4 && offsetof(Context, exception_return) == 36 &&
              offsetof(Context, control) == 40);

/// Whom the exceptions save and load.
extern "C" Context* rvm_current_context;
/// As Port::now; a plain number comes back in registers, a structure does not (Arm IHI 0042, 6.4).
extern "C" std::uint64_t rvm_now();

class Port {
 public:
  static constexpr bool has_worker = true;
  using TrustedEnvironment = NoTrustedEnvironment;

  [[nodiscard]] static constexpr std::uint32_t core_count() { return 1; }
  [[nodiscard]] static constexpr CoreIndex current_core() { return CoreIndex{0}; }
  static void relax() {}

  /// Monotonic since boot, in steps of the processor's clock.
  [[nodiscard]] static Nanoseconds now() { return Nanoseconds{rvm_now()}; }
  /// One interrupt at `at` or up to 300 ms before it; `never` disarms.
  static void set_timer(Nanoseconds at);
  /// How long after an interrupt the next one comes at the latest, if the timer is not set: the counter starts anew by itself. ns;
  /// UINT32_MAX: it must be set, since it would come too soon and too often.
  [[nodiscard]] static std::uint32_t timer_repeats();
  /// Returns when an interrupt is pending. `deep`: clocks may stop meanwhile, but for what wakes.
  static void wait_for_interrupt(bool deep);
  /// Makes `to` the context that the exception returns to.
  static void switch_context(Context& to);

  static void console_write(std::span<const char> text);
  [[noreturn]] static void power_off();

  /// The worker is not pre-empted while one lives. Nests.
  class InterruptMask {
   public:
    [[nodiscard]] InterruptMask();
    ~InterruptMask();
    InterruptMask(const InterruptMask&) = delete;
    InterruptMask& operator=(const InterruptMask&) = delete;

   private:
    std::uint32_t before_;
  };

  // What the types of the core are declared with; see above.
  [[nodiscard]] static const TranslationGeometry& geometry();
  [[nodiscard]] static std::byte* to_pointer(PhysicalAddress at) {
    return reinterpret_cast<std::byte*>(static_cast<std::uintptr_t>(at.value));  // sound: all memory is where it is
  }
  [[nodiscard]] static PhysicalAddress to_physical(const void* at);
  static void zero_page(PhysicalAddress at);
  static void publish_tables();
  static void invalidate_page(StageTwoRoot root, GuestAddress at);
  static void invalidate_vmid(StageTwoRoot root);
  static void invalidate_all();
};

}  // namespace rvm::hal
