// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a port enters the core. `kernel` defines these; the port calls them with interrupts masked on the core's own
// kernel stack. Each returns the context to resume, whose system registers are already loaded.
#pragma once

#include <cstdint>
#include <span>

#include "rvm/hal/machine.hpp"

namespace rvm::hal {

struct Context;

/// One word of the kernel image that was relocated at boot (ELF RELA entry).
struct Relocation {
  std::uint64_t offset;  ///< of the word in the image
  std::uint64_t type;
  std::uint64_t addend;
};

/// What the boot code found. Spans stay valid for ever (they point into memory that is never given to the allocator).
struct BootInformation {
  std::span<const MemoryRange> memory;         ///< free RAM: without the image, tables, device tree and boot package
  std::span<const std::byte> boot_package;     ///< empty if none was given
  std::span<const std::byte, 32>* device_key;  ///< nullptr if the platform supplied none
  /// The kernel from its first byte to the end of its initialised data. As long as kernel::start has changed none of these
  /// data, it is what the image file holds, except that each relocated word, zero in the file, is base + addend.
  std::span<const std::byte> kernel_image;
  std::span<const Relocation> relocations;     ///< ascending
  std::span<const std::byte> nonce;            ///< of whoever wants this boot attested; empty if nobody does
  std::span<const MemoryRange> device_memory;  ///< MMIO ranges, for attack tests and overlap checks
};

}  // namespace rvm::hal

namespace rvm::kernel {

/// Called once on the boot core after the port is up; runs the boot phases and enters the scheduler.
/// Returns the first context to resume on this core (it may wait inside until there is one).
hal::Context& start(const hal::BootInformation& boot);
/// Called once on every other core, after `start` allowed it (hal::Port::start_secondary_cores).
hal::Context& start_secondary(CoreIndex core);

hal::Context& on_hypercall(hal::Context& caller);
hal::Context& on_fault(hal::Context& agent, const hal::Fault& fault);
hal::Context& on_interrupt(hal::Context& agent);
/// The kernel itself faulted: print, stop the machine. Never returns.
[[noreturn]] void on_kernel_fault(std::uint64_t syndrome, std::uint64_t address, std::uint64_t program_counter);

}  // namespace rvm::kernel
