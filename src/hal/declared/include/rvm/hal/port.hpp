// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The machine contract as declarations alone: what the core is compiled against for a processor whose port is not in the tree
// (the compile check for Cortex-M). Nothing defines these, so nothing that uses them links: there is no image to mistake for
// a working one.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/hal/machine.hpp"

namespace rvm::hal {

struct Context {
  std::array<std::uint64_t, 10> x;

  [[nodiscard]] std::uint64_t& reg(unsigned i) { return x[i]; }
  [[nodiscard]] std::uint64_t program_counter() const;
  void initialise(GuestAddress entry, std::uint64_t argument);
  void rewind_call();
  void skip_instruction();
};

class Port {
 public:
  [[nodiscard]] static std::uint32_t core_count();
  [[nodiscard]] static CoreIndex current_core();
  [[nodiscard]] static Nanoseconds now();
  static void set_timer(Nanoseconds at);
  static void send_reschedule(CoreIndex core);
  static void wait_for_interrupt();
  [[nodiscard]] static InterruptEvent acknowledge_interrupt();
  [[nodiscard]] static const TranslationGeometry& geometry();
  static void force_vmid8();
  [[nodiscard]] static std::byte* to_pointer(PhysicalAddress pa);
  [[nodiscard]] static PhysicalAddress to_physical(const void* p);
  static void zero_page(PhysicalAddress pa);
  static void publish_tables();
  static void invalidate_page(StageTwoRoot root, GuestAddress ipa);
  static void invalidate_vmid(StageTwoRoot root);
  static void invalidate_all();
  static void synchronise_instructions(PhysicalAddress pa, std::size_t bytes);
  static void switch_context(Context* from, Context& to, StageTwoRoot root);
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
  using TrustedEnvironment = NoTrustedEnvironment;
  static void start_secondary_cores();
  static void power_off();
  static constexpr bool has_worker = false;
  [[nodiscard]] static Context& begin_worker(void (*entry)());
  static void switch_to_worker(Context* from, Context& worker);
  struct [[maybe_unused]] InterruptMask {};
  static void console_write(std::span<const char> text);
  [[nodiscard]] static int console_read();
  static void relax();
};
static_assert(Machine<Port, Context>);

}  // namespace rvm::hal
