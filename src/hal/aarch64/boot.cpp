// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From boot.S to kernel::start on the boot core: read the device tree, build and enter the kernel's map, bring up interrupts
// and devices, hand over. Until enter_map the MMU is off: no exclusives, no unaligned accesses.
#include "console.hpp"
#include "context.hpp"
#include "control.hpp"
#include "device_tree.hpp"
#include "gic.hpp"
#include "machine.hpp"
#include "memory_map.hpp"
#include "system_register.hpp"
#include "translation_tables.hpp"

extern "C" {
// Symbols of the linker script: their addresses are what they say.
extern const std::byte rvm_image[], __rela_start[], __rela_end[], __data_initial_end[], __text_end[], __rodata_end[],
    __data_end[], __stacks[], __image_end[];
void rvm_enable_mmu(const std::array<std::uint64_t, 4>* parameters);
constinit std::array<std::uint64_t, 4> rvm_mmu{};  ///< MAIR, TCR, TTBR0, SCTLR of EL2; also read by secondary cores
}

namespace rvm::hal {
namespace {

constinit MemoryMap free_memory{};
constinit FixedList<MemoryRange, 64> device_ranges{};

std::uint64_t address(const std::byte* symbol) { return reinterpret_cast<std::uint64_t>(symbol); }
MemoryRange between(std::uint64_t first, std::uint64_t end) { return {PhysicalAddress{first}, end - first}; }
MemoryRange image_range() { return between(address(rvm_image), address(__image_end)); }

DeviceTree open_tree(const std::byte* at) {
  // Without a device tree there is no console to complain on.
  constexpr std::size_t header = 40;
  const auto size = at != nullptr && reinterpret_cast<std::uint64_t>(at) % 8 == 0
                        ? DeviceTree::claimed_size({at, header})
                        : std::nullopt;
  if (!size) stop("no device tree");
  const auto tree = DeviceTree::open({at, *size});
  if (!tree) stop(tree.error());
  return *tree;
}

void find_free_memory(const DeviceTree& tree) {
  const MachineDescription& machine = port_state.machine;
  bool fits = true;
  for (const MemoryRange& r : machine.memory) fits = fits && free_memory.add(r);
  for (const MemoryRange& r : machine.reserved) fits = fits && free_memory.remove(r);
  fits = fits && free_memory.remove(image_range());
  fits = fits && free_memory.remove(machine.initial_ramdisk);
  fits = fits && free_memory.remove({Port::to_physical(tree.blob().data()), tree.blob().size()});
  if (!fits) stop("too many separate ranges of memory");
  // Page 0 is the null pointer's.
  if (!free_memory.remove({PhysicalAddress{0}, page_bytes})) stop("too many separate ranges of memory");
}

/// Maps the pages of a device and notes the range. Several small devices may share a page.
void map_device(TranslationTables& tables, MemoryRange range) {
  if (range.bytes == 0) return;
  bool fits = device_ranges.add(range);
  const std::uint64_t first = page_of(range.base).value,
                      end = first + pages_for(range.base.value - first + range.bytes) * page_bytes;
  const bool shared = end - first == page_bytes && tables.lookup(first).has_value();
  if (!shared) fits = fits && tables.map(between(first, end), KernelAccess::device);
  if (!fits) stop("the registers at ", Hex{range.base.value}, " cannot be mapped");
}

void map_devices(TranslationTables& tables) {
  const MachineDescription& machine = port_state.machine;
  map_device(tables, machine.gic.distributor);
  map_device(tables, machine.gic.cpu_interface);
  for (const MemoryRange& r : machine.gic.redistributors) map_device(tables, r);
  map_device(tables, machine.uart);
  map_device(tables, machine.firmware_config);
  for (const VirtioTransport& t : machine.transports) map_device(tables, t.registers);
  // Not mapped for the kernel, which does not use them; but no agent reaches them without a lease.
  for (const Peripheral& p : machine.peripherals) static_cast<void>(device_ranges.add(p.registers));
}

void map_memory(TranslationTables& tables) {
  MemoryMap ram;  // all of it but the image, also what is reserved for the device tree and the boot package
  bool mapped = true;
  for (const MemoryRange& r : port_state.machine.memory) mapped = mapped && ram.add(r);
  mapped = mapped && ram.remove(image_range());
  for (const MemoryRange& r : port_state.machine.reserved) mapped = mapped && ram.remove(r);
  for (const MemoryRange& r : ram.ranges()) mapped = mapped && tables.map(r, KernelAccess::read_write);

  mapped = mapped && tables.map(between(address(rvm_image), address(__text_end)), KernelAccess::text);
  mapped = mapped && tables.map(between(address(__text_end), address(__rodata_end)), KernelAccess::read_only);
  mapped = mapped && tables.map(between(address(__rodata_end), address(__stacks)), KernelAccess::read_write);
  for (std::uint64_t core = 0; core < RVM_STACKS; ++core) {  // the guard page of each stack stays unmapped
    const std::uint64_t base = address(__stacks) + core * RVM_STACK_BYTES;
    mapped = mapped && tables.map(between(base + RVM_STACK_GUARD, base + RVM_STACK_BYTES), KernelAccess::read_write);
  }
  if (!mapped) stop("the kernel's memory cannot be mapped");
}

/// Drops stale lines of memory that was written with the cache off, before the cache shows them.
void forget_cached(MemoryRange range) {
  const std::uint64_t line = std::uint64_t{4} << sysreg::field(sysreg::ctr_el0::read(), 16);
  for (std::uint64_t at = range.base.value; at < range.base.value + range.bytes; at += line) {
    asm volatile("dc ivac, %0" : : "r"(at) : "memory");
  }
  asm volatile("dsb sy" : : : "memory");
}

/// TCR_EL2 with HCR_EL2.E2H = 0 (Arm ARM D19.2.144).
struct TranslationControl : Register<TranslationControl, std::uint64_t> {
  using F = Field<TranslationControl>;
  static constexpr F size_offset{0, 6}, inner_cache{8, 2}, outer_cache{10, 2}, shareability{12, 2},
      physical_size{16, 3}, reserved_one_23{23}, reserved_one_31{31};
};
/// SCTLR_EL2 (Arm ARM D19.2.118).
struct SystemControl : Register<SystemControl, std::uint64_t> {
  using F = Field<SystemControl>;
  static constexpr F mmu{0}, data_cache{2}, stack_alignment{3}, instruction_cache{12}, write_implies_no_execute{19};
};

void enter_map() {
  constexpr std::uint64_t pool_bytes = 32 * page_bytes;
  const MemoryRange pool = free_memory.take(pool_bytes);
  if (pool.bytes == 0) stop("no memory for translation tables");
  TranslationTables tables{pool};
  map_memory(tables);
  map_devices(tables);

  using T = TranslationControl;
  using S = SystemControl;
  constexpr std::uint64_t write_back = 1, inner_shareable = 3, bits_48 = 5, reserved_ones = 0x30c5'0830;
  const std::uint64_t size = sysreg::field(sysreg::id_aa64mmfr0_el1::read(), 0);
  rvm_mmu = {memory_types,
             T{}.with(T::size_offset, 16)
                 .with(T::inner_cache, write_back)
                 .with(T::outer_cache, write_back)
                 .with(T::shareability, inner_shareable)
                 .with(T::physical_size, size < bits_48 ? size : bits_48)
                 .with(T::reserved_one_23)
                 .with(T::reserved_one_31)
                 .raw,
             tables.root().value,
             S{{.raw = reserved_ones}}
                 .with(S::mmu)
                 .with(S::data_cache)
                 .with(S::stack_alignment)
                 .with(S::instruction_cache)
                 .with(S::write_implies_no_execute)
                 .raw};
  forget_cached(image_range());
  forget_cached(pool);
  rvm_enable_mmu(&rvm_mmu);
}

void begin_clock(std::uint64_t boot_ticks) {
  const std::uint64_t frequency = sysreg::cntfrq_el0::read();
  const Clock clock = Clock::from_frequency(frequency, boot_ticks);
  if (clock.scale == 0) stop("the counter frequency ", Decimal{frequency}, " Hz is outside 1 MHz to 1 THz");
  PortState::set_clock(clock);
  Core& core = rvm_cores[0];
  core.boot_ticks = clock.boot_ticks;
  core.tick_scale = clock.scale;
}

BootInformation describe_boot() {
  const MachineDescription& machine = port_state.machine;
  const MemoryRange package = machine.initial_ramdisk;
  return {.memory = free_memory.ranges(),
          .boot_package = {Port::to_pointer(package.base), static_cast<std::size_t>(package.bytes)},
          .device_key = read_device_key(),
          .kernel_image = {rvm_image, __data_initial_end},
          // Entries of the type that boot.S applies.
          .relocations = {reinterpret_cast<const Relocation*>(__rela_start),
                          reinterpret_cast<const Relocation*>(__rela_end)},
          .nonce = read_nonce(),
          .device_memory = {device_ranges.data(), device_ranges.size()}};
}

}  // namespace
}  // namespace rvm::hal

extern "C" rvm::hal::Context* rvm_boot(const std::byte* tree_address, std::uint64_t exception_level) {
  using namespace rvm::hal;
  const std::uint64_t boot_ticks = sysreg::cntpct_el0::read();
  const DeviceTree tree = open_tree(tree_address);
  if (const auto uart = find_uart(tree)) open_console(*uart);
  if (exception_level != 2) {
    stop("started at EL", Decimal{exception_level}, ", not EL2; QEMU needs -M virt,virtualization=on");
  }
  const auto machine = describe_machine(tree);
  if (!machine) stop(machine.error());
  port_state.machine = *machine;
  begin_clock(boot_ticks);
  const auto geometry = find_geometry();
  if (!geometry) stop(geometry.error());
  PortState::set_geometry(*geometry);

  find_free_memory(tree);
  enter_map();

  Core& core = Port::this_core();
  core.affinity = sysreg::mpidr_el1::read() & 0xff'00ff'ffff;
  core.online.store(1, std::memory_order_relaxed);
  configure_core(core, *geometry);
  begin_interrupts(port_state.machine.gic);
  if (const auto begun = begin_core_interrupts(core, port_state.machine.timer); !begun) stop(begun.error());
  begin_block_device();
  find_devices();
  return &rvm::kernel::start(describe_boot());
}
