// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A program with a window. args: what it does.
#include "window.hpp"

#include <rvm/agent.hpp>

using namespace rvm::agent;

namespace {

int here = 0;

// Not a tail call, not a loop: each round takes stack.
// NOLINTNEXTLINE(misc-no-recursion): that is what it is for
[[gnu::noinline]] std::uint64_t dig(const volatile std::uint64_t* above) {
  volatile std::uint64_t frame[32];
  frame[0] = above == nullptr ? 0 : above[0] + 1;
  if (frame[0] == UINT64_MAX) return 0;
  return dig(frame) + frame[0];
}

/// Where things are, and where they really are.
int places() {
  int local = 0;
  say("data ", hex(reinterpret_cast<std::uintptr_t>(&here)), " code ",
      hex(reinterpret_cast<std::uintptr_t>(&agent_main)), " stack ", hex(reinterpret_cast<std::uintptr_t>(&local)),
      " heap ", hex(reinterpret_cast<std::uintptr_t>(heap_bytes().data())));
  say("slot ", hex(info().slot_base), " data ", hex(rvm_guest_address(&here)));
  return 0;
}

/// Loads from an address; -1 where it faults, as `expect_faults` has it.
extern "C" std::int64_t load_or_not(const void* address);
extern "C" const std::byte load_or_not_end[];
asm(R"(
  .section .text.load_or_not, "ax"
  .hidden load_or_not
  .hidden load_or_not_end
load_or_not:
  ldr w0, [x0]
  ret
  mov x0, #-1
  ret
load_or_not_end:
  .previous
)");

int views() {
  const auto* const code = reinterpret_cast<const std::byte*>(&load_or_not);
  require(rvm::window::expect_faults({code, load_or_not_end}, 8), "no room");
  constexpr std::size_t pages = 700;  // more than a table's
  const std::span<std::byte> heap = heap_bytes();
  rvm::window::give_tables(heap.first(8 * RVM_PAGE_SIZE));
  const std::span<std::byte> memory = heap.subspan(8 * RVM_PAGE_SIZE, pages * RVM_PAGE_SIZE);
  std::byte* const there = rvm::window::in_view(0, memory.data());
  require(load_or_not(there) == -1, "a view is mapped");
  require(rvm::window::map({there, memory.size()}, rvm::window::Permission::write), "no table");
  for (std::size_t i = 0; i < pages; ++i) there[i * RVM_PAGE_SIZE] = std::byte{static_cast<unsigned char>(i)};
  for (std::size_t i = 0; i < pages; ++i) {
    require(memory[i * RVM_PAGE_SIZE] == std::byte{static_cast<unsigned char>(i)}, "page ", i, " is another one");
  }
  require(rvm_guest_address(there) == rvm_guest_address(memory.data()), "two addresses");
  require(load_or_not(there + memory.size()) == -1, "more is mapped");
  require(load_or_not(there - 4) == -1, "what lies before is mapped");
  require(rvm::window::unmap({there + RVM_PAGE_SIZE, (pages - 2) * RVM_PAGE_SIZE}), "not unmapped");
  require(load_or_not(there + 5 * RVM_PAGE_SIZE) == -1, "still mapped");
  require(load_or_not(there) == 0 && load_or_not(there + (pages - 1) * RVM_PAGE_SIZE) == ((pages - 1) & 255),
          "too much is unmapped");
  say("views are right");
  return 0;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const std::string_view what = argument(0);
  if (what == "places") return places();
  if (what == "views") return views();
  if (what == "null") return *reinterpret_cast<volatile int*>(std::uintptr_t{8});
  if (what == "wild") *reinterpret_cast<volatile int*>(RVM_VIEW_BASE(0)) = 1;
  if (what == "high") *reinterpret_cast<volatile int*>(~std::uintptr_t{0xffff}) = 1;
  if (what == "outside") *reinterpret_cast<volatile int*>(RVM_WINDOW_BASE + info().slot_size - 8) = 1;
  if (what == "jump") reinterpret_cast<void (*)()>(std::uintptr_t{64})();
  if (what == "supervisor") asm volatile("svc #0");
  if (what == "undefined") asm volatile("udf #0");
  if (what == "constant") *const_cast<volatile char*>(own_name().data()) = 1;
  if (what == "data") {
    here = static_cast<int>(0xd65f03c0);  // ret
    reinterpret_cast<void (*)()>(&here)();
  }
  if (what == "stack") return static_cast<int>(dig(nullptr));
  if (what == "no stack") asm volatile("mov sp, %0\n\tldr x0, [sp]" : : "r"(std::uint64_t{64}));
  say("FAILED: goes on after ", what);
  return 1;
}
