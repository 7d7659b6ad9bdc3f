// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The AArch64 port: EL2 without VHE, agents at EL1/EL0 behind stage 2. See machine.hpp for the contract of each function.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "rvm/hal/clock.hpp"
#include "rvm/hal/layout.h"
#include "rvm/hal/machine.hpp"

namespace rvm::hal {

/// EL1 registers that an agent can change without a trap, so that every switch moves them. Reset value: zero.
struct ExecutionRegisters {
  std::uint64_t sp_el0, sp_el1;
  std::uint64_t elr_el1, spsr_el1;
  std::uint64_t esr_el1, far_el1;
  std::uint64_t vbar_el1, tpidr_el1;
  std::uint64_t tpidr_el0, tpidrro_el0;
  std::uint64_t par_el1, cntkctl_el1;
  std::uint64_t csselr_el1, tpidr2_el0;
};

/// Registers whose writes trap (HCR_EL2.TVM) until the agent enables its own stage 1. Moved only for agents that wrote one.
struct StageOneRegisters {
  std::uint64_t sctlr, ttbr0, ttbr1, tcr, mair, amair, contextidr, afsr0, afsr1;
  std::uint64_t reserved;
};

/// Floating-point and vector registers. Moved only for agents that used one.
struct alignas(16) VectorRegisters {
  std::array<std::byte, 32 * 16> q;
  std::uint64_t fpcr, fpsr;
};

/// What of the above a context has; also what of it a core holds at the moment.
enum class Extended : std::uint64_t {
  none = 0,
  vectors = 1,           ///< used a floating-point register: CPTR_EL2.TFP is clear while it runs
  stage_one = 2,         ///< wrote a stage-1 register
  stage_one_active = 4,  ///< turned its stage 1 on: HCR_EL2.DC and TVM are clear while it runs
  rare = 8,              ///< only of a core: it has TPIDR2_EL0 (SME) or VDISR_EL2 (RAS), which every switch moves
};
[[nodiscard]] constexpr Extended operator|(Extended a, Extended b) {
  return static_cast<Extended>(static_cast<std::uint64_t>(a) | static_cast<std::uint64_t>(b));
}
[[nodiscard]] constexpr Extended operator&(Extended a, Extended b) {
  return static_cast<Extended>(static_cast<std::uint64_t>(a) & static_cast<std::uint64_t>(b));
}

/// The saved state of an agent. The trap entry stores x0-x30, PC and PSTATE here; switch_context the rest.
struct alignas(64) Context {
  std::array<std::uint64_t, 31> x;
  std::uint64_t pc;     ///< ELR_EL2
  std::uint64_t state;  ///< SPSR_EL2
  Extended extended;
  ExecutionRegisters execution;
  StageOneRegisters stage_one;
  VectorRegisters vectors;

  [[nodiscard]] std::uint64_t& reg(unsigned i) { return x[i]; }
  [[nodiscard]] std::uint64_t program_counter() const { return pc; }

  /// EL1 with its own stack pointer, exceptions masked (Arm ARM C5.2.19: M = EL1h, D A I F set).
  static constexpr std::uint64_t initial_state = 0x3c5;

  void initialise(GuestAddress entry, std::uint64_t argument) {
    std::memset(static_cast<void*>(this), 0, sizeof(Context));
    x[0] = argument;
    pc = entry.value;
    state = initial_state;
  }
  /// EL2 on SP_EL0, interrupts enabled, all else masked (M = EL2t, D A F set).
  static constexpr std::uint64_t worker_state = 0x348;

  /// HVC reports the instruction after it, so one step back repeats the call.
  void rewind_call() { pc -= 4; }
  void skip_instruction() { pc += 4; }
};
static_assert(offsetof(Context, x) + 30 * 8 == RVM_CONTEXT_X30);
static_assert(offsetof(Context, pc) == RVM_CONTEXT_PC);
static_assert(offsetof(Context, state) == RVM_CONTEXT_STATE);
static_assert(sizeof(ExecutionRegisters) == 14 * 8);
static_assert(sizeof(Context) == 1024);

/// One core's own data; TPIDR_EL2 points to it.
struct alignas(RVM_CORE_BYTES) Core {
  std::uint64_t stack;       ///< top of the kernel stack
  std::uint64_t emergency;   ///< top of the stack for faults of the kernel itself
  std::uint64_t boot_ticks;  ///< copies of Clock, for the time hypercall in assembly
  std::uint64_t tick_scale;
  CoreIndex index;
  std::atomic<std::uint32_t> online;
  Extended live;                ///< which optional registers of an agent the hardware holds and lets it reach
  std::uint64_t affinity;       ///< MPIDR_EL1 affinity fields
  std::uint64_t gic_interface;  ///< GICv3: address of the redistributor; GICv2: bit of this core in target lists
};
static_assert(offsetof(Core, stack) == RVM_CORE_STACK);
static_assert(offsetof(Core, emergency) == RVM_CORE_EMERGENCY);
static_assert(offsetof(Core, boot_ticks) == RVM_CORE_BOOT_TICKS);
static_assert(offsetof(Core, tick_scale) == RVM_CORE_TICK_SCALE);
static_assert(sizeof(Core) == RVM_CORE_BYTES);

class Port {
 public:
  [[nodiscard]] static std::uint32_t core_count() { return online_cores_; }
  [[nodiscard]] static CoreIndex current_core() { return this_core().index; }

  [[nodiscard]] static Nanoseconds now() {
    std::uint64_t ticks = 0;
    // ISB: the counter must not be read before the instructions that came earlier (Arm ARM D12.1.2).
    asm volatile("isb\n\tmrs %0, cntpct_el0" : "=r"(ticks) : : "memory");
    return Nanoseconds{Clock::scaled(ticks - clock_.boot_ticks, clock_.scale)};
  }
  static void set_timer(Nanoseconds at);
  static void send_reschedule(CoreIndex core);
  static void wait_for_interrupt();
  [[nodiscard]] static InterruptEvent acknowledge_interrupt();

  [[nodiscard]] static const TranslationGeometry& geometry() { return geometry_; }
  /// Physical memory is mapped at its own address.
  [[nodiscard]] static std::byte* to_pointer(PhysicalAddress pa) { return reinterpret_cast<std::byte*>(pa.value); }
  [[nodiscard]] static PhysicalAddress to_physical(const void* p) {
    return PhysicalAddress{reinterpret_cast<std::uint64_t>(p)};
  }
  static void zero_page(PhysicalAddress pa);
  static void publish_tables() { asm volatile("dsb ishst" : : : "memory"); }
  static void invalidate_page(StageTwoRoot root, GuestAddress ipa);
  static void invalidate_vmid(StageTwoRoot root);
  static void invalidate_all();
  static void synchronise_instructions(PhysicalAddress pa, std::size_t bytes);

  static void switch_context(Context* from, Context& to, StageTwoRoot root);
  /// Saves `from` (nullptr: nothing worth saving) as switch_context does, then leaves the core without an agent. A context
  /// that may resume on another core must be passed here or to switch_context first.
  static void deactivate(Context* from = nullptr);

  [[nodiscard]] static std::uint64_t block_sectors();
  static void block_submit_read(std::uint64_t sector, PhysicalAddress pa, std::size_t bytes);
  static void block_submit_write(std::uint64_t sector, PhysicalAddress pa, std::size_t bytes);
  static void block_submit_flush();
  [[nodiscard]] static BlockStatus block_poll();

  [[nodiscard]] static std::span<const DeviceDescription> devices();
  static void permit_device_interrupt(std::uint32_t device, bool permitted);
  [[nodiscard]] static bool begin_device(std::uint32_t device, PhysicalAddress queues);
  [[nodiscard]] static bool end_device(std::uint32_t device);
  [[nodiscard]] static Result<std::uint16_t> device_submit(std::uint32_t device, std::uint32_t queue,
                                                           std::span<const DeviceBuffer> buffers);
  [[nodiscard]] static DeviceCompletion device_complete(std::uint32_t device, std::uint32_t queue);
  [[nodiscard]] static std::uint32_t device_configuration(std::uint32_t device, std::uint32_t offset);

  static constexpr bool has_worker = true;
  [[nodiscard]] static Context& begin_worker(void (*entry)());
  static void switch_to_worker(Context* from, Context& worker);
  class InterruptMask {
   public:
    [[nodiscard]] InterruptMask() { asm volatile("mrs %0, daif\n\tmsr daifset, #0xf" : "=r"(before_) : : "memory"); }
    ~InterruptMask() { asm volatile("msr daif, %0" : : "r"(before_) : "memory"); }
    InterruptMask(const InterruptMask&) = delete;
    InterruptMask& operator=(const InterruptMask&) = delete;

   private:
    std::uint64_t before_;
  };

  /// On the machines that this port knows nothing below EL2 measures what it starts; Arm CCA's tokens are for realms.
  using TrustedEnvironment = NoTrustedEnvironment;

  static void start_secondary_cores();
  [[noreturn]] static void power_off();

  static void console_write(std::span<const char> text);
  [[nodiscard]] static int console_read();
  static void relax() { asm volatile("yield" : : : "memory"); }

  /// Uses 8-bit VMIDs even where the CPU has 16. Before the first switch_context and before the other cores start.
  static void force_vmid8();

  /// Lets agents use the performance counters, which are not switched between them and count the kernel too: for measuring
  /// only. Same conditions as force_vmid8.
  static void permit_performance_counters();

  /// Data of the calling core. Only the port uses this.
  [[nodiscard]] static Core& this_core() {
    Core* core = nullptr;
    asm("mrs %0, tpidr_el2" : "=r"(core));
    return *core;
  }

 private:
  friend struct PortState;
  static constinit std::uint32_t online_cores_;
  static constinit TranslationGeometry geometry_;
  static constinit Clock clock_;
};
static_assert(Machine<Port, Context>);

}  // namespace rvm::hal
