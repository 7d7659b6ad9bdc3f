// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What calls of the host cost: their price, before they are made, and once.
#include <doctest/doctest.h>

#include <memory>
#include <span>
#include <vector>

#include "rvm/wasm/execution.hpp"

namespace rvm::wasm {

namespace {

/// (module (type (func (param i32) (result i32))) (import "m" "f" (func (type 0))) (table 1 funcref) (elem (i32.const 0) 0)
///   (func (export "direct") (type 0) (call 0 (local.get 0)))
///   (func (export "through") (type 0) (call_indirect (type 0) (local.get 0) (i32.const 0))))
constexpr unsigned char bytes[] = {
    0,   'a', 's', 'm', 1, 0,   0,    0,   1,    6,   1,    0x60, 1, 0x7f, 1, 0x7f, 2, 7,    1,    1,   'm',  1,
    'f', 0,   0,   3,   3, 2,   0,    0,   4,    4,   1,    0x70, 0, 1,    7, 20,   2, 6,    'd',  'i', 'r',  'e',
    'c', 't', 0,   1,   7, 't', 'h',  'r', 'o',  'u', 'g',  'h',  0, 2,    9, 7,    1, 0,    0x41, 0,   0x0b, 1,
    0,   10,  18,  2,   6, 0,   0x20, 0,   0x10, 0,   0x0b, 9,    0, 0x20, 0, 0x41, 0, 0x11, 0,    0,   0x0b};

struct World {
  static constexpr std::size_t words = 16384;
  std::unique_ptr<std::uint64_t[]> module_memory = std::make_unique<std::uint64_t[]>(words);
  std::unique_ptr<std::uint64_t[]> store_memory = std::make_unique<std::uint64_t[]>(words);
  std::vector<std::uint64_t> stack = std::vector<std::uint64_t>(1000);
  Arena module_arena{std::as_writable_bytes(std::span{module_memory.get(), words})};
  Arena arena{std::as_writable_bytes(std::span{store_memory.get(), words})};
  unsigned calls = 0;
  Store store{arena,
              {.frame_slots = 1000, .nesting = 64, .operands = 1000},
              {.call =
                   [](void* user, std::uint32_t, Instance*, std::span<std::uint64_t> slots) {
                     ++static_cast<World*>(user)->calls;
                     slots[0] += 1;
                     return Trap::none;
                   },
               .user = this,
               .price = [](void*, std::uint32_t, Instance*, std::span<std::uint64_t> slots) { return slots[0]; }}};
  const Module* module =
      load(std::as_bytes(std::span{bytes}), module_arena, {.frame_slots = 1000, .nesting = 64, .operands = 1000})
          .value();
  Function* host = store.host_function(module->types[0], 0).value();
  Extern import{.kind = ExternKind::function, .function = host};
  Instance* instance = store.instantiate(*module, {&import, 1}).value();
  Execution execution{store, stack};

  World() { REQUIRE(store.initialize(*instance) == Trap::none); }
};

}  // namespace

TEST_CASE("a host call costs its price beside its instruction, and running out in front of it makes no call") {
  for (const std::uint32_t function : {1U, 2U}) {
    const std::uint64_t instructions = function == 1 ? 2 : 3;
    World w;
    const Function& f = *w.instance->functions[function];
    const std::uint64_t price[] = {100'000};  // more than a slice
    w.execution.set_fuel(1'000'000);
    CHECK(w.execution.call(f, price) == Trap::none);
    CHECK(w.execution.results()[0] == 100'001);
    CHECK(w.execution.fuel() == 1'000'000 - 100'000 - instructions);
    CHECK(w.calls == 1);

    w.execution.set_fuel(100'000 + instructions);  // exactly
    CHECK(w.execution.call(f, price) == Trap::none);
    CHECK(w.execution.fuel() == 0);
    CHECK(w.calls == 2);

    w.execution.set_fuel(100'000 + instructions - 1);
    CHECK(w.execution.call(f, price) == Trap::out_of_fuel);
    CHECK(w.calls == 2);
    w.execution.set_fuel(w.execution.fuel() + 1);
    CHECK(w.execution.resume() == Trap::none);
    CHECK(w.execution.results()[0] == 100'001);
    CHECK(w.execution.fuel() == 0);
    CHECK(w.calls == 3);
  }
}

}  // namespace rvm::wasm
