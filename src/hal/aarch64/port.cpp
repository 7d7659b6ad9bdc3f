// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Time, interrupts, cores and power: the parts of the contract that act on the machine.
#include "rvm/hal/port.hpp"

#include "console.hpp"
#include "control.hpp"
#include "gic.hpp"
#include "machine.hpp"
#include "power.hpp"
#include "system_register.hpp"

extern "C" void rvm_secondary_entry();
alignas(RVM_CORE_BYTES) constinit std::array<rvm::hal::Core, RVM_CORES> rvm_cores{};

namespace rvm::hal {

constinit std::uint32_t Port::online_cores_ = 1;
constinit TranslationGeometry Port::geometry_{};
constinit Clock Port::clock_{};
constinit PortState port_state{};

namespace {

void disarm_timer() { sysreg::cnthp_ctl_el2::write(0); }

/// Writes a line of the data cache back to memory, where a core without caches finds it.
void clean_to_memory(const void* p, std::size_t bytes) {
  const std::uint64_t line = std::uint64_t{4} << sysreg::field(sysreg::ctr_el0::read(), 16);
  const auto first = reinterpret_cast<std::uint64_t>(p);
  for (std::uint64_t at = first & ~(line - 1); at < first + bytes; at += line)
    asm volatile("dc civac, %0" : : "r"(at) : "memory");
  asm volatile("dsb sy" : : : "memory");
}

extern "C" const std::array<std::uint64_t, 4> rvm_mmu;

/// False when the core does not come up within a second.
bool start_core(std::uint32_t index, std::uint64_t affinity) {
  constexpr Nanoseconds patience{1'000'000'000};
  Core& core = rvm_cores[index];
  const Core& boot = rvm_cores[0];
  core.stack = boot.stack + index * std::uint64_t{RVM_STACK_BYTES};
  core.emergency = boot.emergency + index * std::uint64_t{RVM_STACK_BYTES};
  core.boot_ticks = boot.boot_ticks;
  core.tick_scale = boot.tick_scale;
  core.index = CoreIndex{index};
  core.affinity = affinity;
  core.online.store(0, std::memory_order_relaxed);
  clean_to_memory(&core, sizeof core);
  clean_to_memory(&rvm_mmu, sizeof rvm_mmu);
  if (const auto error = power::start_core(affinity, reinterpret_cast<std::uint64_t>(&rvm_secondary_entry),
                                           reinterpret_cast<std::uint64_t>(&core));
      error != 0) {
    print("rvm: core with affinity ", Hex{affinity}, " does not start: PSCI error -",
          Decimal{static_cast<std::uint64_t>(-error)}, "\n");
    return false;
  }
  const Nanoseconds limit = Port::now() + patience;
  while (core.online.load(std::memory_order_acquire) == 0) {
    if (Port::now() > limit) {
      print("rvm: core with affinity ", Hex{affinity}, " does not answer\n");
      return false;
    }
    Port::relax();
  }
  return true;
}

}  // namespace

void Port::set_timer(Nanoseconds at) {
  if (at == never) {
    disarm_timer();
    return;
  }
  // One tick more than rounded down, so that the time has passed when the timer fires.
  sysreg::cnthp_cval_el2::write(clock_.boot_ticks + Clock::scaled(at.value, clock_.inverse) + 1);
  sysreg::cnthp_ctl_el2::write(1);
}

void Port::send_reschedule(CoreIndex core) { send_core_interrupt(rvm_cores[core.value]); }

void Port::wait_for_interrupt() { asm volatile("isb\n\tdsb sy\n\twfi" : : : "memory"); }

InterruptEvent Port::acknowledge_interrupt() {
  const std::uint32_t number = take_interrupt();
  if (number == no_interrupt) return {};
  if (number == reschedule_interrupt) return {.kind = Interrupt::reschedule};
  if (number == port_state.machine.timer.number) {
    disarm_timer();  // the line stays high while the time has passed
    return {.kind = Interrupt::timer};
  }
  if (number == port_state.block_line.number) {
    port_state.block.acknowledge_interrupt();
    return {.kind = Interrupt::device};
  }
  for (std::uint32_t i = 0; i < port_state.device_descriptions.size(); ++i) {
    LeasedDevice& device = port_state.devices[i];
    if (device.line.number != number) continue;
    disable_device_interrupt(device.line);
    if (port_state.device_descriptions[i].dma) device.queues.acknowledge_interrupt();
    return {.kind = Interrupt::device, .device = i};
  }
  return {.kind = Interrupt::device};
}

void Port::start_secondary_cores() {
  const std::uint64_t own = rvm_cores[0].affinity;
  const MachineDescription& machine = port_state.machine;
  if (machine.cores.size() > 1 && !machine.power_calls) {
    print("rvm: one core only: the device tree has no PSCI with method \"smc\"\n");
    return;
  }
  if (machine.cores_present > machine.cores.size()) {
    print("rvm: the machine has ", Decimal{machine.cores_present}, " cores; ", Decimal{machine.cores.size()},
          " are used\n");
  }
  for (const std::uint64_t affinity : machine.cores) {
    if (affinity != own && start_core(online_cores_, affinity)) ++online_cores_;
  }
}

void Port::power_off() { halt(); }

void halt() {
  flush_console();
  if (port_state.machine.power_calls) power::system_off();
  for (;;) asm volatile("wfi");
}

std::uint64_t Port::block_sectors() { return port_state.block.sectors(); }
void Port::block_submit_read(std::uint64_t sector, PhysicalAddress pa, std::size_t bytes) {
  port_state.block.submit_read(sector, pa, bytes);
}
void Port::block_submit_write(std::uint64_t sector, PhysicalAddress pa, std::size_t bytes) {
  port_state.block.submit_write(sector, pa, bytes);
}
void Port::block_submit_flush() { port_state.block.submit_flush(); }
BlockStatus Port::block_poll() { return port_state.block.poll(); }

}  // namespace rvm::hal

/// A secondary core, on its own stack with the MMU on.
extern "C" rvm::hal::Context* rvm_secondary(rvm::hal::Core& core) {
  using namespace rvm::hal;
  configure_core(core, Port::geometry());
  if (const auto begun = begin_core_interrupts(core, port_state.machine.timer); !begun) stop(begun.error());
  core.online.store(1, std::memory_order_release);
  return &rvm::kernel::start_secondary(core.index);
}
