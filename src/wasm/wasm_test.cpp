// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the official suite does not ask: where an error is, limits, fuel, interruption, state inside the arena.
#include <doctest/doctest.h>

#include <initializer_list>
#include <memory>
#include <vector>

#include "code.hpp"
#include "rvm/wasm/execution.hpp"

namespace rvm::wasm {

namespace {

constexpr std::size_t words = 64 << 10;

/// An arena of its own.
struct Room {
  std::unique_ptr<std::uint64_t[]> memory = std::make_unique<std::uint64_t[]>(words);
  Arena arena{std::as_writable_bytes(std::span{memory.get(), words})};
};

using Bytes = std::vector<std::uint8_t>;

/// A module with one exported function "f" of type `type` (encoded) and the given body.
Bytes module_of(const Bytes& type, const Bytes& body, const Bytes& more = {}) {
  Bytes m{0, 'a', 's', 'm', 1, 0, 0, 0};
  const auto section = [&](std::uint8_t id, Bytes content) {
    m.push_back(id);
    m.push_back(static_cast<std::uint8_t>(content.size()));
    m.insert(m.end(), content.begin(), content.end());
  };
  Bytes types{1, 0x60};
  types.insert(types.end(), type.begin(), type.end());
  section(1, types);
  section(3, {1, 0});
  m.insert(m.end(), more.begin(), more.end());
  section(7, {1, 1, 'f', 0, 0});
  Bytes code{1, static_cast<std::uint8_t>(body.size())};
  code.insert(code.end(), body.begin(), body.end());
  section(10, code);
  return m;
}

const Limits small{.frame_slots = 1000, .nesting = 64, .operands = 1000, .memory_pages = 2, .table_elements = 100};

struct Machine {
  explicit Machine(const Bytes& bytes, std::size_t stack_slots = 4096)
      : module(load(std::as_bytes(std::span{bytes}), module_room.arena, small)), stack(stack_slots) {
    REQUIRE(module.has_value());
    instance = store.instantiate(**module, {}).value();
    REQUIRE(store.initialize(*instance) == Trap::none);
  }
  Trap call(std::initializer_list<std::uint64_t> arguments) {
    return execution.call(*instance->functions[0], std::span{arguments.begin(), arguments.size()});
  }

  Room module_room;
  Room store_room;
  std::expected<const Module*, LoadError> module;
  std::vector<std::uint64_t> stack;
  Store store{store_room.arena, small, {}};
  Execution execution{store, stack};
  Instance* instance = nullptr;
};

const Bytes i32_to_i32{1, 0x7f, 1, 0x7f};
// Sum of n, n - 1, ... 1 by a loop; local 1 is the sum.
const Bytes sum{1,    1,    0x7f,                                   // one local
                0x03, 0x40,                                         // loop
                0x20, 1,    0x20, 0, 0x6a, 0x21, 1,                 // sum += n
                0x20, 0,    0x41, 1, 0x6b, 0x22, 0, 0x0d, 0, 0x0b,  // n -= 1; again unless zero
                0x20, 1,    0x0b};
// Runs for ever.
const Bytes endless{0, 0x03, 0x40, 0x0c, 0, 0x0b, 0x20, 0, 0x0b};
// Calls itself for ever.
const Bytes recursive{0, 0x20, 0, 0x10, 0, 0x0b};

LoadError refused(const Bytes& bytes, const Limits& limits = small) {
  Room room;
  const auto module = load(std::as_bytes(std::span{bytes}), room.arena, limits);
  REQUIRE_FALSE(module.has_value());
  return module.error();
}

}  // namespace

TEST_CASE("a loop computes and its register code has no instruction for reading locals") {
  Machine m{module_of(i32_to_i32, sum)};
  CHECK(m.call({10}) == Trap::none);
  CHECK(m.execution.results()[0] == 55);
  // enter; loop: add, subtract constant, jump; return. The jump has two words.
  CHECK((*m.module)->code.size() == 6);
  CHECK(op_of((*m.module)->code[1]) == Op::i32_add);
}

TEST_CASE("fuel is one unit per instruction, and a run that ran out goes on where it was") {
  Machine m{module_of(i32_to_i32, sum)};
  m.execution.set_fuel(1'000'000);
  CHECK(m.call({1000}) == Trap::none);
  const std::uint64_t cost = 1'000'000 - m.execution.fuel();
  CHECK(cost == 1000 * 9 + 1);  // nine instructions a round, and the last local.get

  m.execution.set_fuel(100);
  Trap trap = m.call({1000});
  unsigned refills = 0;
  for (; trap == Trap::out_of_fuel; ++refills) {
    CHECK(m.execution.fuel() < 9);
    m.execution.set_fuel(m.execution.fuel() + 100);
    trap = m.execution.resume();
  }
  CHECK(trap == Trap::none);
  CHECK(m.execution.results()[0] == 500'500);
  CHECK(refills * 100 + 100 - m.execution.fuel() == cost);
}

TEST_CASE("exactly the price is enough and one unit less is not") {
  Machine m{module_of(i32_to_i32, sum)};
  m.execution.set_fuel(3 * 9 + 1);
  CHECK(m.call({3}) == Trap::none);
  CHECK(m.execution.fuel() == 0);
  m.execution.set_fuel(3 * 9);
  CHECK(m.call({3}) == Trap::out_of_fuel);
}

TEST_CASE("many locals cost their writing") {
  // 160 locals, then local.get 0.
  Machine m{module_of(i32_to_i32, {1, 0xa0, 0x01, 0x7f, 0x20, 0, 0x0b})};
  m.execution.set_fuel(100);
  CHECK(m.call({0}) == Trap::none);
  CHECK(m.execution.fuel() == 100 - 160 / 8 - 1);
}

TEST_CASE("an endless loop ends by fuel or by interruption") {
  Machine m{module_of(i32_to_i32, endless)};
  m.execution.set_fuel(1'000'000);
  CHECK(m.call({0}) == Trap::out_of_fuel);
  m.execution.set_fuel(UINT64_MAX / 2);
  m.execution.interrupt();
  CHECK(m.call({0}) == Trap::interrupted);
  m.execution.interrupt();
  CHECK(m.execution.resume() == Trap::interrupted);
}

TEST_CASE("endless recursion ends by the stack, which is never left") {
  Machine m{module_of(i32_to_i32, recursive), 300};
  CHECK(m.call({0}) == Trap::stack_exhausted);
  Machine smallest{module_of(i32_to_i32, recursive), 2};
  CHECK(smallest.call({0}) == Trap::stack_exhausted);
}

TEST_CASE("an error names its byte") {
  // i64.const where an i32 is to be returned: found at the body's end.
  const Bytes wrong = module_of(i32_to_i32, {0, 0x42, 1, 0x0b});
  const LoadError mismatch = refused(wrong);
  CHECK(mismatch.reason == ModuleError::type_mismatch);
  CHECK(mismatch.offset == wrong.size());
  const LoadError illegal = refused(module_of(i32_to_i32, {0, 0x27, 0x0b}));
  CHECK(illegal.reason == ModuleError::illegal_opcode);
  CHECK(illegal.offset == wrong.size() - 3);
  CHECK(refused({0, 'a', 's', 'n', 1, 0, 0, 0}).reason == ModuleError::magic);
  CHECK(refused({0, 'a', 's'}).reason == ModuleError::unexpected_end);
}

TEST_CASE("malformed wins over invalid within a body") {
  const Bytes both = module_of(i32_to_i32, {0, 0x1a, 0x27, 0x0b});  // drop of nothing, then no instruction
  CHECK(refused(both).reason == ModuleError::illegal_opcode);
}

TEST_CASE("limits") {
  // 2000 locals.
  CHECK(refused(module_of(i32_to_i32, {1, 0xd0, 0x0f, 0x7f, 0x20, 0, 0x0b})).reason == ModuleError::frame_too_large);
  Bytes deep{0};
  for (unsigned i = 0; i < 40; ++i) deep.insert(deep.end(), {0x02, 0x40});
  deep.insert(deep.end(), 40, 0x0b);
  Room room;
  CHECK(refused(module_of({1, 0x7f, 1, 0x7f}, Bytes{deep.begin(), deep.end()}),
                {.frame_slots = 100, .nesting = 20, .operands = 100})
            .reason == ModuleError::nesting);
  // memory of one page that may grow to 65536: the limit is two.
  Machine m{module_of(i32_to_i32, {0, 0x20, 0, 0x40, 0, 0x0b}, {5, 3, 1, 0, 1})};
  CHECK(m.call({2}) == Trap::none);
  CHECK(m.execution.results()[0] == UINT32_MAX);
  CHECK(m.call({1}) == Trap::none);
  CHECK(m.execution.results()[0] == 1);
}

TEST_CASE("a full arena refuses, and nothing else") {
  const Bytes bytes = module_of(i32_to_i32, sum);
  for (std::size_t size = 0; size < 90'000; size += 97) {
    const auto memory = std::make_unique<std::byte[]>(size + 1);
    Arena arena{{memory.get(), size}};
    const auto module = load(std::as_bytes(std::span{bytes}), arena, small);
    if (!module) CHECK(module.error().reason == ModuleError::out_of_memory);
    if (module) CHECK((*module)->code.size() == 6);
  }
}

TEST_CASE("a NaN that is computed is the canonical one") {
  // f32.sub of infinities, reinterpreted: x86 gives a negative NaN, Arm a positive one.
  const Bytes subtract{0, 0x43, 0, 0, 0x80, 0x7f, 0x43, 0, 0, 0x80, 0x7f, 0x93, 0xbc, 0x0b};
  Machine m{module_of({0, 1, 0x7f}, subtract)};
  CHECK(m.call({}) == Trap::none);
  CHECK(m.execution.results()[0] == 0x7fc00000);
}

TEST_CASE("an operand keeps the value that a local had when it was read") {
  // local.get 0; (local.set 0 of 7); local.get 0; i32.sub
  Machine m{module_of(i32_to_i32, {0, 0x20, 0, 0x41, 7, 0x21, 0, 0x20, 0, 0x6b, 0x0b})};
  CHECK(m.call({50}) == Trap::none);
  CHECK(m.execution.results()[0] == 43);
}

TEST_CASE("two stores with the same history are equal to the byte, wherever they lie") {
  Machine a{module_of(i32_to_i32, {0, 0x20, 0, 0x40, 0, 0x0b}, {5, 3, 1, 0, 1})};
  Machine b{module_of(i32_to_i32, {0, 0x20, 0, 0x40, 0, 0x0b}, {5, 3, 1, 0, 1})};
  CHECK(a.call({1}) == Trap::none);
  CHECK(b.call({1}) == Trap::none);
  CHECK(a.store_room.arena.used() == b.store_room.arena.used());
  CHECK(a.store.reference(*a.instance->functions[0]) == b.store.reference(*b.instance->functions[0]));
  CHECK(a.instance->memory->bytes == b.instance->memory->bytes);
}

}  // namespace rvm::wasm
