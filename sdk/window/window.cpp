// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How a program with a window starts: the kernel enters it with stage 1 off, somewhere in guest-physical memory. It fills its
// translation tables, turns stage 1 on and goes on, in the window, with what every program does first (sdk/runtime/start.cpp).
#include "window.hpp"

#include <array>
#include <cstring>

#include "rvm/agent.h"

// Bits of an address, 31 to 39 (Arm ARM table D8-11): with 36 there are two views.
#ifndef RVM_WINDOW_ADDRESS_BITS
  #define RVM_WINDOW_ADDRESS_BITS 36
#endif

namespace rvm::window {
namespace {

constexpr unsigned gigabyte_shift = 30;
constexpr std::size_t root_entries = std::size_t{1} << (RVM_WINDOW_ADDRESS_BITS - gigabyte_shift);
constexpr std::size_t first_view_entry = RVM_VIEW_BASE(0) >> gigabyte_shift;
static_assert((RVM_VIEW_BASE(1) >> gigabyte_shift) < root_entries);

struct ExpectedFaults {
  std::uint64_t begin, end, target;
};

struct Watch {
  std::uint64_t begin, end;
  std::uint32_t* numbers;
  std::uint32_t count, most;
  std::byte* before;
};

/// What every agent of the program has its own of, and writes first.
struct State {
  std::array<std::byte, 1024> exception_stack;  // vectors.S knows where it ends
  alignas(sizeof(Entry) * root_entries) std::array<Entry, root_entries> root;
  std::uint64_t slot;      ///< guest-physical address for which the window's tables are made
  std::uint64_t distance;  ///< from where those of the views are made for
  bool views_apart;        ///< and these are not valid
  Translation translation;
  std::uint32_t expected_count;
  Watch watch;
};

/// For slots that are smaller than 1 GiB.
constinit Table window_table{};
constinit std::array<ExpectedFaults, RVM_WINDOW_ADDRESS_BITS == 36 ? 1 : 256> expected{};

void invalidate(std::uint64_t address) {
  asm volatile("dsb ishst\n\ttlbi vaae1, %0\n\tdsb nsh\n\tisb" : : "r"(address >> 12) : "memory");
}
void invalidate_all() { asm volatile("dsb ishst\n\ttlbi vmalle1\n\tdsb nsh\n\tisb" : : : "memory"); }

std::uint64_t address_of(std::span<const std::byte> bytes) { return reinterpret_cast<std::uintptr_t>(bytes.data()); }

// Values of registers (Arm ARM D19.2).
constexpr std::uint64_t mair = 0xff;                          // attribute 0: Normal, write-back
constexpr std::uint64_t tcr = (64 - RVM_WINDOW_ADDRESS_BITS)  // T0SZ
                              | 1 << 8 | 1 << 10 | 3 << 12    // IRGN0, ORGN0: write-back; SH0: inner shareable
                              | 1 << 23                       // EPD1: nothing by TTBR1_EL1
                              | std::uint64_t{5} << 32;       // IPS: 48 bits, or what the processor has
constexpr std::uint64_t sctlr_mmu_on = 1;

}  // namespace
}  // namespace rvm::window

extern "C" {

alignas(4096) __attribute__((visibility("hidden"))) constinit rvm::window::State rvm_window_state{};
extern const std::byte rvm_window_entry_vectors[] __attribute__((visibility("hidden")));
extern const std::byte rvm_window_vectors[] __attribute__((visibility("hidden")));
[[noreturn]] void rvm_start(const rvm_agent_info* info) __attribute__((visibility("hidden")));

/// Stage 1 is off and pointers are guest-physical. Returns the distance from there to the window.
__attribute__((visibility("hidden"), used)) std::uint64_t rvm_window_prepare(const rvm_agent_info* info) {
  using namespace rvm::window;
  State& state = rvm_window_state;
  Translation window{state.root, 0, invalidate};
  if (info->forked_from != 0) {
    // The tables are there already, for another slot. Most forks wait for long before they touch a view, and those take more pages.
    const std::uint64_t distance = info->slot_base - state.slot;
    window.move(distance, 0, first_view_entry);
    for (Entry& entry : std::span{state.root}.subspan(first_view_entry)) {
      if (entry != 0) entry &= ~Translation::valid;
    }
    state.translation.tables_moved(distance);
    state.distance += distance;
    state.views_apart = true;
    state.slot = info->slot_base;
    return RVM_WINDOW_BASE - info->slot_base;
  }
  window.give({&window_table, 1});
  // There are tables for it: a slot is a power of two of memory, aligned to that, and smaller than the window.
  (void)window.map(RVM_WINDOW_BASE, info->slot_base, info->slot_size, Permission::all);
  state.slot = info->slot_base;
  return RVM_WINDOW_BASE - info->slot_base;
}

/// In the window.
[[noreturn]] __attribute__((visibility("hidden"), used)) void rvm_window_begin() {
  using namespace rvm::window;
  const auto* const info = reinterpret_cast<const rvm_agent_info*>(RVM_WINDOW_BASE);
  // A fork finds all pointers and objects as they were.
  if (info->forked_from != 0) rvm_exit(agent_forked(info));
  State& state = rvm_window_state;
  state.translation = Translation{state.root, state.slot - RVM_WINDOW_BASE, invalidate};
  rvm_start(info);
}

}  // extern "C"

namespace rvm::window {
namespace {

/// Makes the views of a fork valid. False: they are.
bool move_views() {
  State& state = rvm_window_state;
  if (!state.views_apart) return false;
  for (Entry& entry : std::span{state.root}.subspan(first_view_entry)) {
    if (entry != 0) entry |= Translation::valid;
  }
  state.translation.move(state.distance, first_view_entry, root_entries);
  state.distance = 0;
  state.views_apart = false;
  asm volatile("dsb ishst\n\tisb" : : : "memory");  // they were invalid, which no TLB holds
  return true;
}

/// A write to a page that was not written yet. False: it is not that.
bool note_write(std::uint64_t syndrome, std::uint64_t address) {
  Watch& watch = rvm_window_state.watch;
  // ISS of a data abort (Arm ARM D19.2.37): WnR, and a fault status that says permission, whatever the level.
  constexpr std::uint64_t write = 1 << 6, status = 0x3c, permission = 0x0c;
  if ((syndrome & write) == 0 || (syndrome & status) != permission) return false;
  if (address < watch.begin || address >= watch.end || watch.count == watch.most) return false;
  Entry* const entry = rvm_window_state.translation.find_page(address);
  if (entry == nullptr || (*entry & Translation::read_only) == 0) return false;
  const std::uint64_t page = address & ~(Translation::page - 1);
  if (watch.before != nullptr) {
    std::memcpy(watch.before + watch.count * Translation::page, reinterpret_cast<const std::byte*>(page),
                Translation::page);
  }
  watch.numbers[watch.count++] = static_cast<std::uint32_t>((page - watch.begin) / Translation::page);
  *entry &= ~Translation::read_only;
  invalidate(address);
  return true;
}

}  // namespace
}  // namespace rvm::window

extern "C" {

/// Where an exception leads: the address to go on at, or 0. Runs on the exception stack.
__attribute__((visibility("hidden"), used)) std::uint64_t rvm_window_exception(std::uint64_t syndrome,
                                                                               std::uint64_t address,
                                                                               std::uint64_t from) {
  using namespace rvm::window;
  constexpr std::uint64_t data_abort = 0x25;  // from this exception level (Arm ARM D19.2.37)
  if (syndrome >> 26 != data_abort) return 0;
  if (address >= RVM_VIEW_BASE(0) && move_views()) return from;  // and try again
  if (note_write(syndrome, address)) return from;
  for (std::uint32_t i = 0; i < rvm_window_state.expected_count; ++i) {
    if (from >= expected[i].begin && from < expected[i].end) return expected[i].target;
  }
  return 0;
}

// Entered by the kernel with x0 = information page, SP = 0 and everything else zero. The translation is turned on while the
// program counter is an address that it does not map: the fetch that fails leads to the vectors, which are named by their address
// in the window. (Where a slot lies at the window's own address the fetch does not fail.)
[[noreturn]] __attribute__((naked, section(".text.entry"), visibility("hidden"))) void _start() {
  asm volatile(
      "ldr x19, [x0, %0]\n"
      "mov sp, x19\n"
      "mov x29, xzr\n"
      "mov x30, xzr\n"
      "bl rvm_window_prepare\n"
      "add x19, x19, x0\n"  // the stack, in the window
      "adrp x1, rvm_window_entry_vectors\n"
      "add x1, x1, :lo12:rvm_window_entry_vectors\n"
      "add x1, x1, x0\n"
      "msr vbar_el1, x1\n"
      "mov x1, %1\n"
      "msr mair_el1, x1\n"
      "ldr x1, =%2\n"
      "msr tcr_el1, x1\n"
      "adrp x1, rvm_window_state + %3\n"
      "add x1, x1, :lo12:rvm_window_state + %3\n"
      "msr ttbr0_el1, x1\n"
      "dsb ish\n"
      "isb\n"
      "mrs x1, sctlr_el1\n"
      "orr x1, x1, %4\n"
      "msr sctlr_el1, x1\n"
      "isb\n"
      ".hidden rvm_window_entered\n"
      ".global rvm_window_entered\n"
      "rvm_window_entered:\n"
      "adrp x1, rvm_window_vectors\n"
      "add x1, x1, :lo12:rvm_window_vectors\n"
      "msr vbar_el1, x1\n"
      "isb\n"
      "mov sp, x19\n"
      "mov x30, xzr\n"
      "b rvm_window_begin\n"
      ".ltorg\n" ::"i"(offsetof(rvm_agent_info, stack_top)),
      "i"(rvm::window::mair), "i"(rvm::window::tcr), "i"(offsetof(rvm::window::State, root)),
      "i"(rvm::window::sctlr_mmu_on));
}

}  // extern "C"

namespace rvm::window {

void give_tables(std::span<std::byte> pages) {
  rvm_window_state.translation.give({reinterpret_cast<Table*>(pages.data()), pages.size() / sizeof(Table)});
}

unsigned view_count() {
  return static_cast<unsigned>((std::uint64_t{1} << RVM_WINDOW_ADDRESS_BITS) / RVM_WINDOW_BYTES) - 2;
}

bool map(std::span<std::byte> in_view, Permission permission) {
  (void)move_views();
  const std::uint64_t guest = rvm_guest_address(in_view.data());
  const bool done = rvm_window_state.translation.map(address_of(in_view), guest, in_view.size(), permission);
  invalidate_all();
  return done;
}

bool unmap(std::span<std::byte> in_view) {
  (void)move_views();
  const bool done = rvm_window_state.translation.unmap(address_of(in_view), in_view.size());
  invalidate_all();
  return done;
}

bool expect_faults(std::span<const std::byte> code, std::uint32_t target) {
  const std::uint64_t begin = address_of(code);
  const std::uint64_t end = begin + code.size();
  std::uint32_t& count = rvm_window_state.expected_count;
  for (std::uint32_t i = 0; i < count;) {
    if (expected[i].begin < end && begin < expected[i].end) {
      expected[i] = expected[--count];
    } else {
      ++i;
    }
  }
  if (count == expected.size()) return false;
  expected[count++] = {begin, end, begin + target};
  return true;
}

void watch(std::span<std::byte> in_view, std::span<std::uint32_t> numbers) {
  const std::uint64_t begin = address_of(in_view);
  rvm_window_state.watch = {.begin = begin,
                            .end = begin + in_view.size(),
                            .numbers = numbers.data(),
                            .count = 0,
                            .most = static_cast<std::uint32_t>(numbers.size()),
                            .before = nullptr};
}

std::span<const std::uint32_t> written() { return {rvm_window_state.watch.numbers, rvm_window_state.watch.count}; }

void watch_again(std::span<std::byte> before) {
  Watch& watch = rvm_window_state.watch;
  watch.before = before.data();
  if (watch.count == 0) return;  // nothing is to be changed, not even by writing what is there
  (void)move_views();
  for (const std::uint32_t number : written()) {
    Entry* const entry = rvm_window_state.translation.find_page(watch.begin + number * Translation::page);
    if (entry != nullptr) *entry |= Translation::read_only;
  }
  watch.count = 0;
  invalidate_all();
}

}  // namespace rvm::window
