// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The simulated machine: RAM is an array of the host process, cores are an index, time moves when a test says so. For unit
// tests, fuzzing and deterministic simulation of the core; never a product.
//
// By itself it is as quick and as obliging as a machine can be: the disk completes at once, a core that waits moves the clock.
// A simulation that wants to choose what happens next takes over through `on_wait`, `on_relax` and `hold_block_requests`.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <optional>
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

  /// What a core remembers of a translation until it is told to forget it.
  struct CachedTranslation {
    std::uint64_t page = 0;  ///< guest page number + 1; 0: unused
    std::uint64_t frame = 0;
    std::uint16_t vmid = 0;
    Access access = Access::none;
  };
  static constexpr std::size_t cached_translations = 16;

  struct Core {
    Nanoseconds timer = never;
    bool reschedule = false;
    bool device = false;              ///< an interrupt of the log's disk is pending
    const Context* loaded = nullptr;  ///< whose system registers the core holds
    std::uint64_t registers = 0;
    StageTwoRoot root{};
    std::array<CachedTranslation, cached_translations> tlb{};
  };

  enum class BlockOperation : std::uint8_t { none, read, write, flush };
  /// What was asked of the disk and is not done yet.
  struct BlockRequest {
    BlockOperation operation = BlockOperation::none;
    std::uint64_t position = 0;
    PhysicalAddress memory;
    std::size_t bytes = 0;
  };
  /// What a sector held before writes that no flush has followed yet.
  struct UnflushedSector {
    std::uint64_t position;
    std::array<std::byte, 512> before;
  };

  /// A device that agents may lease. One with DMA answers when `finish_device_request` is called. Its registers are beyond
  /// memory: whoever reaches them reads and writes `device_registers`.
  struct Device {
    DeviceDescription description;
    bool permitted = false;                           ///< its interrupt
    bool asserted = false;                            ///< it wants attention
    std::uint32_t core = 0;                           ///< that takes its interrupts
    PhysicalAddress queues;                           ///< the page it was last given
    bool refuses = false;                             ///< begin_device
    bool stuck = false;                               ///< it does not stop
    bool running = false;                             ///< between begin_device and end_device
    std::vector<std::vector<DeviceBuffer>> requests;  ///< by number; empty: free
    std::vector<std::uint16_t> done;
  };
  std::vector<Device> devices;
  std::array<std::byte, page_bytes> device_registers{};
  /// An interrupt of a device waits for this core.
  [[nodiscard]] bool device_pending(std::uint32_t core) const;

  /// What a test may build into the machine; as it comes there is none.
  struct TrustedEnvironment {
    TeePlatform platform = TeePlatform::none;
    std::function<std::vector<std::byte>(const ReportData&)> quote;
  };
  TrustedEnvironment trusted_environment;

  using Pause = void (*)(SimulatedMachine&);

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
  /// Requests stay in `request` until finish_block_request; without this they are done as they are made.
  bool hold_block_requests = false;
  BlockRequest request;
  std::vector<UnflushedSector> unflushed;  ///< filled while requests are held
  Pause on_wait = nullptr;                 ///< replaces waiting for an interrupt
  Pause on_relax = nullptr;                ///< called in every turn of a loop that waits for another core or the disk
  std::uint64_t page_invalidations = 0;
  std::uint64_t vmid_invalidations = 0;
  std::uint64_t full_invalidations = 0;
  bool secondary_cores_started = false;
  bool powered_off = false;

  /// Completes the request that is held, well or not. A write that fails leaves some of its sectors written: those for which
  /// `reached(index of the sector)` holds.
  template <typename Reached>
  void finish_block_request(bool success, Reached reached);
  /// Power is lost: of the write in flight and of everything unflushed, the sectors for which `survives()` holds survive.
  template <typename Survives>
  void cut_power(Survives survives);

  /// The device does what it was asked: fills what it may write with `fill`, and raises its interrupt on `core`.
  void finish_device_request(std::uint32_t device, std::uint16_t request, std::byte fill, std::uint32_t core);

  /// What the translation hardware finds in the tables under `root`; nothing where they map nothing.
  [[nodiscard]] std::optional<CachedTranslation> walk(StageTwoRoot root, GuestAddress guest) const;
  /// An access by the agent on `core`, through its TLB. Nothing: a stage-2 fault.
  [[nodiscard]] std::byte* access(std::uint32_t core, GuestAddress guest, Access kind);
  /// Makes every core forget what `match(CachedTranslation)` holds for.
  template <typename Match>
  void forget(Match match) {
    for (Core& core : cores) {
      for (CachedTranslation& entry : core.tlb) {
        if (entry.page != 0 && match(entry)) entry = {};
      }
    }
  }

 private:
  void write_sector(std::uint64_t index);
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
  static void invalidate_page(StageTwoRoot root, GuestAddress guest);
  static void invalidate_vmid(StageTwoRoot root);
  static void invalidate_all();
  static void synchronise_instructions(PhysicalAddress, std::size_t) {}
  static void switch_context(Context* from, Context& to, StageTwoRoot root);
  static void deactivate(Context* from = nullptr);

  [[nodiscard]] static std::uint64_t block_sectors() { return machine_->disk.size() / 512; }
  static void block_submit_read(std::uint64_t sector, PhysicalAddress to, std::size_t bytes);
  static void block_submit_write(std::uint64_t sector, PhysicalAddress from, std::size_t bytes);
  static void block_submit_flush();
  [[nodiscard]] static BlockStatus block_poll();

  [[nodiscard]] static std::span<const DeviceDescription> devices();
  static void permit_device_interrupt(std::uint32_t device, bool permitted) {
    machine_->devices[device].permitted = permitted;
  }
  [[nodiscard]] static bool begin_device(std::uint32_t device, PhysicalAddress queues);
  [[nodiscard]] static bool end_device(std::uint32_t device);
  [[nodiscard]] static Result<std::uint16_t> device_submit(std::uint32_t device, std::uint32_t queue,
                                                           std::span<const DeviceBuffer> buffers);
  [[nodiscard]] static DeviceCompletion device_complete(std::uint32_t device, std::uint32_t queue);
  [[nodiscard]] static std::uint32_t device_configuration(std::uint32_t device, std::uint32_t offset) {
    return device << 16 | offset;
  }

  struct TrustedEnvironment {
    static constexpr std::size_t quote_bytes_max = 2048;
    [[nodiscard]] static TeePlatform platform() { return machine_->trusted_environment.platform; }
    [[nodiscard]] static std::optional<std::size_t> quote(const ReportData& data,
                                                          std::span<std::byte, quote_bytes_max> to);
  };

  static void start_secondary_cores() { machine_->secondary_cores_started = true; }
  static void power_off() { machine_->powered_off = true; }
  static constexpr bool has_worker = false;
  [[nodiscard]] static Context& begin_worker(void (*entry)());
  static void switch_to_worker(Context* from, Context& worker);
  struct [[maybe_unused]] InterruptMask {};
  static void console_write(std::span<const char> text) { machine_->console.append(text.data(), text.size()); }
  [[nodiscard]] static int console_read();
  static void relax() {
    if (machine_->on_relax != nullptr) machine_->on_relax(*machine_);
  }

 private:
  static SimulatedMachine::Core& core() { return machine_->cores[machine_->current_core]; }
  static void submit(const SimulatedMachine::BlockRequest& request);
  static inline SimulatedMachine* machine_ = nullptr;
  static inline std::vector<DeviceDescription> descriptions_;
};

template <typename Reached>
void SimulatedMachine::finish_block_request(bool success, Reached reached) {
  const BlockRequest done = request;
  const std::uint64_t sectors = done.bytes / 512;
  switch (done.operation) {
    case BlockOperation::none:
      return;
    case BlockOperation::read:
      if (success) std::memcpy(ram.data() + (done.memory.value - ram_base), disk.data() + done.position, done.bytes);
      break;
    case BlockOperation::write:
      for (std::uint64_t i = 0; i < sectors; ++i) {
        if (success || reached(i)) write_sector(i);
      }
      break;
    case BlockOperation::flush:
      if (success) unflushed.clear();
      break;
  }
  request = {};
  block = success ? BlockStatus::done : BlockStatus::failed;
}

template <typename Survives>
void SimulatedMachine::cut_power(Survives survives) {
  if (request.operation == BlockOperation::write) {
    for (std::uint64_t i = 0; i < request.bytes / 512; ++i) {
      if (survives()) write_sector(i);
    }
  }
  // Newest first, so that a sector written twice may fall back to either of its earlier contents.
  for (std::size_t i = unflushed.size(); i-- > 0;) {
    if (!survives()) std::memcpy(disk.data() + unflushed[i].position, unflushed[i].before.data(), 512);
  }
  unflushed.clear();
  request = {};
  block = BlockStatus::idle;
}

}  // namespace rvm::hal
