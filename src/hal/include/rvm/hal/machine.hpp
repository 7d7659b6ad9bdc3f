// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The machine contract. A port supplies `rvm/hal/port.hpp` (found through the include path of the target) which defines
//   rvm::hal::Context  the saved state of an agent's execution context, and
//   rvm::hal::Port     a class of static functions satisfying `Machine` below.
// The core calls `hal::Port::...` directly, so everything inlines and there is one binary per target.
//
// The port in turn enters the core through the functions of entry.hpp, which `kernel` defines. The core never runs with
// interrupts enabled, except in its worker; an interrupt that arrives while a core is in the kernel is taken on the way out
// or by the idle loop.
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "rvm/abi.h"
#include "rvm/hal/quote_provider.hpp"
#include "rvm/types/address.hpp"
#include "rvm/types/error.hpp"
#include "rvm/types/ids.hpp"
#include "rvm/types/time.hpp"

namespace rvm::hal {

/// Shape of second-stage translation on this machine (Arm ARM D8.2). Chosen once at boot from the CPU's address size.
struct TranslationGeometry {
  unsigned address_bits;     ///< size of the guest-physical space: 40 or 44
  unsigned start_level;      ///< 1 for 40 bits (two concatenated root tables), 0 for 44
  unsigned root_pages;       ///< 2 or 1; the root is aligned to its size
  unsigned vmid_bits;        ///< 8 or 16
  std::uint64_t slot_bytes;  ///< agent slot stride: 256 MiB at 40 bits, 1 GiB at 44
};

/// What the translation hardware needs to run a partition: root table and VMID.
struct StageTwoRoot {
  PhysicalAddress table;
  std::uint16_t vmid = 0;
};

enum class FaultKind : std::uint8_t {
  data_abort,         ///< stage-2 translation or permission fault on a load or store
  instruction_abort,  ///< the same on a fetch
  undefined,          ///< an instruction or system register this agent may not use (trapped)
  secure_call,        ///< SMC
  breakpoint,         ///< BRK or another debug exception
  unaligned,          ///< PC or SP alignment
  hypervisor_call,    ///< HVC with an immediate other than 0
  wait,               ///< WFI / WFE: not an error, the core treats it as yield
  external,           ///< SError or external abort
  overrun,            ///< no exception: it computes for ever (microcontrollers)
};

struct Fault {
  FaultKind kind;
  bool write;              ///< of a data abort
  GuestAddress address;    ///< faulting guest-physical address, where the hardware reports one
  std::uint64_t syndrome;  ///< ESR_EL2 or the port's equivalent
};

enum class Interrupt : std::uint8_t { none, timer, reschedule, device };

/// In InterruptEvent: the log's disk, which is none of Port::devices().
inline constexpr std::uint32_t log_device = UINT32_MAX;

struct InterruptEvent {
  Interrupt kind = Interrupt::none;
  std::uint32_t device = log_device;  ///< kind == device: its place in Port::devices()
};

enum class BlockStatus : std::uint8_t { idle, busy, done, failed };

struct MemoryRange {
  PhysicalAddress base;
  std::uint64_t bytes;
};

/// A device that agents may lease.
struct DeviceDescription {
  std::uint32_t kind;     ///< rvm_device_kind
  MemoryRange registers;  ///< with DMA: never mapped for an agent
  bool dma;               ///< reaches memory by itself; used through queues of the kernel's
};

/// Within a page.
struct DeviceBuffer {
  PhysicalAddress address;
  std::uint32_t bytes;
  bool device_writes;
};

struct DeviceCompletion {
  enum class Status : std::uint8_t { none, done, failed };
  Status status;
  std::uint16_t request;
  std::uint32_t bytes;  ///< that the device says it wrote
};

/// Saved registers of an agent. `reg(i)` is argument/result register i (0..9 at least).
template <typename C>
concept SavedContext = requires(C c, const C k, std::uint64_t v, bool b) {
  { c.reg(0u) } -> std::same_as<std::uint64_t&>;
  { k.program_counter() } -> std::convertible_to<std::uint64_t>;
  c.initialise(GuestAddress{}, std::uint64_t{} /*argument in register 0*/);  // all other state zero, entry at EL1
  c.rewind_call();                                                           // next resume repeats the hypercall
  c.skip_instruction();  // next resume continues after the instruction that trapped (WFI)
};

template <typename P, typename C>
concept Machine = SavedContext<C> && requires(CoreIndex core, Nanoseconds t, PhysicalAddress pa, GuestAddress ipa,
                                              StageTwoRoot root, C& context, C* none, std::uint16_t vmid,
                                              std::span<const char> text, TranslationGeometry g) {
  { P::core_count() } -> std::same_as<std::uint32_t>;  // cores that came online
  { P::current_core() } -> std::same_as<CoreIndex>;
  { P::now() } -> std::same_as<Nanoseconds>;  // monotonic since boot, same on all cores
  P::set_timer(t);                            // one-shot on this core at absolute time; `never` disarms
  P::send_reschedule(core);                   // interrupts `core` (or wakes it from wait_for_interrupt)
  P::wait_for_interrupt();                    // returns when an interrupt is pending for this core
  { P::acknowledge_interrupt() } -> std::same_as<InterruptEvent>;  // takes and completes the next pending one

  { P::geometry() } -> std::same_as<const TranslationGeometry&>;
  { P::to_pointer(pa) } -> std::same_as<std::byte*>;  // kernel's view of RAM
  { P::to_physical(static_cast<const void*>(nullptr)) } -> std::same_as<PhysicalAddress>;
  P::zero_page(pa);
  // Makes page-table stores visible to the table walkers (DSB ISHST); call before relying on a *new* mapping.
  P::publish_tables();
  // Invalidates on all cores; returns when complete. The second-stage entries for one page / one VMID / everything.
  P::invalidate_page(root, ipa);
  P::invalidate_vmid(root);
  P::invalidate_all();
  // After code was written to a page that will be executed: clean to the point of unification, invalidate I-cache.
  P::synchronise_instructions(pa, std::size_t{});

  // Saves the system and floating-point registers of `from` (nullptr: nothing worth saving), loads those of `to`, and
  // makes `root` the active translation. General registers are not touched: they are saved by trap entry and loaded
  // by trap exit from the context that the entry point returns.
  P::switch_context(none, context, root);
  // Same translation, no agent: after this no stage-2 table is in use by this core.
  P::deactivate();

  // The block device that carries the witness log: one request at a time. `block_submit_*` starts one (the range is
  // physically contiguous, a multiple of 512 bytes, and must stay untouched until completion); `block_poll` reports
  // `done` or `failed` once and then `idle`. A completion also raises Interrupt::device on some core.
  { P::block_sectors() } -> std::same_as<std::uint64_t>;  // 512-byte sectors; 0 = no device
  P::block_submit_read(std::uint64_t{} /*sector*/, pa, std::size_t{} /*bytes*/);
  P::block_submit_write(std::uint64_t{}, pa, std::size_t{});
  P::block_submit_flush();
  { P::block_poll() } -> std::same_as<BlockStatus>;

  // Devices for lease, by kind and then by ascending address. An interrupt of one masks it until it is permitted again.
  { P::devices() } -> std::same_as<std::span<const DeviceDescription>>;
  P::permit_device_interrupt(std::uint32_t{} /*device*/, bool{});
  // Of devices with DMA. `begin_device` takes a page for the queues; false: the device is broken. After `end_device`, which also
  // follows a `begin_device` that failed, it reaches no memory; false: it does not stop, and the page stays its own for ever.
  { P::begin_device(std::uint32_t{}, pa) } -> std::same_as<bool>;
  { P::end_device(std::uint32_t{}) } -> std::same_as<bool>;
  {
    P::device_submit(std::uint32_t{}, std::uint32_t{} /*queue*/, std::span<const DeviceBuffer>{})
  } -> std::same_as<Result<std::uint16_t>>;  // would_block: its queue is full; device_failed
  { P::device_complete(std::uint32_t{}, std::uint32_t{}) } -> std::same_as<DeviceCompletion>;
  { P::device_configuration(std::uint32_t{}, std::uint32_t{} /*offset*/) } -> std::same_as<std::uint32_t>;

  requires QuoteProvider<typename P::TrustedEnvironment>;  // NoTrustedEnvironment where there is none

  P::start_secondary_cores();  // brings up the others; they call kernel::start_secondary
  P::power_off();              // does not return

  // The worker: one thread of the kernel itself with a context and a stack of its own, which interrupts pre-empt as they do an
  // agent (they enter the core through on_interrupt) and which may go on on another core. Its vector registers are its own.
  // A port without one says so; the core then does the worker's work where it is, with interrupts masked.
  { P::has_worker } -> std::convertible_to<bool>;
  { P::begin_worker(static_cast<void (*)()>(nullptr)) } -> std::same_as<C&>;  // not running yet
  P::switch_to_worker(none, context);  // as switch_context, without a translation
  typename P::InterruptMask;  // while one lives, the worker is not pre-empted; for locks that the core takes too

  P::console_write(text);                      // bytes as they are
  { P::console_read() } -> std::same_as<int>;  // next received byte or -1
  P::relax();                                  // hint inside a spin loop
};

}  // namespace rvm::hal
