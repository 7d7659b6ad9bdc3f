// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What can be said of the compiler without running what it makes. That is run by tests/wasm/compiled.py and test/tiers_run.cpp.
#include "rvm/wasm/compiler.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "arm64.hpp"
#include "code_shape.hpp"

namespace rvm::wasm {

namespace {

constexpr std::size_t words = 64 << 10;

struct Room {
  std::unique_ptr<std::uint64_t[]> memory = std::make_unique<std::uint64_t[]>(words);
  Arena arena{std::as_writable_bytes(std::span{memory.get(), words})};
};

/// Two functions: one adds up a memory's words in a loop, the other calls it.
constexpr std::uint8_t sums[] = {
    0,    'a',  's',  'm',  1,    0,    0,    0,                 // header
    1,    6,    1,    0x60, 1,    0x7f, 1,    0x7f,              // type i32 -> i32
    3,    3,    2,    0,    0,                                   // two functions
    5,    3,    1,    0,    1,                                   // a memory of one page
    10,   44,   2,                                               // bodies
    34,   1,    1,    0x7f,                                      // one local i32
    0x03, 0x40,                                                  // loop
    0x20, 1,    0x20, 0,    0x28, 2,    4,    0x6a, 0x21, 1,     // sum += load(p + 4)
    0x20, 0,    0x41, 4,    0x6b, 0x22, 0,    0x0d, 0,           // br_if (p -= 4)
    0x0b, 0x20, 1,    0x20, 0,    0x28, 2,    8,    0x6a, 0x0b,  // end, sum + load(p + 8)
    7,    0,    0x20, 0,    0x10, 0,    0x0f, 0x0b,              // call 0
};

const Limits small{.frame_slots = 1000, .nesting = 64, .operands = 1000};

struct Loaded {
  Room room;
  std::expected<const Module*, LoadError> module = load(std::as_bytes(std::span{sums}), room.arena, small);
};

struct Emitted {
  Emitted(const Module& module, const CompileOptions& options, std::size_t bytes)
      : code(bytes / 4), compiled(compile(module, std::as_writable_bytes(std::span{code}), room.arena, options)) {}
  Room room;
  std::vector<std::uint32_t> code;
  std::expected<Compiled, CompileError> compiled = std::unexpected{CompileError::no_room_for_code};
};

}  // namespace

TEST_CASE("bitmask immediates: what a value's field decodes to is the value") {
  using namespace arm64;
  // DecodeBitMasks of the Arm ARM, the other way round.
  const auto decode = [](Word field, unsigned width) {
    const unsigned n = field >> 22 & 1;
    const unsigned immr = field >> 16 & 63;
    const unsigned imms = field >> 10 & 63;
    const auto length = static_cast<unsigned>(31 - std::countl_zero(n << 6 | (~imms & 63)));
    const unsigned size = 1U << length;
    const unsigned ones = (imms & (size - 1)) + 1;
    const unsigned by = immr & (size - 1);
    std::uint64_t result = 0;
    for (unsigned i = 0; i < ones; ++i) {
      for (unsigned at = (i + size - by) % size; at < width; at += size) result |= std::uint64_t{1} << at;
    }
    return result;
  };
  unsigned found = 0;
  for (unsigned size = 2; size <= 64; size *= 2) {
    for (unsigned ones = 1; ones < size; ++ones) {
      for (unsigned by = 0; by < size; ++by) {
        std::uint64_t value = 0;
        for (unsigned i = 0; i < ones; ++i) {
          for (unsigned at = (i + by) % size; at < 64; at += size) value |= std::uint64_t{1} << at;
        }
        const auto field = bitmask(Width::x, value);
        REQUIRE(field.has_value());
        REQUIRE(decode(*field, 64) == value);
        if (size <= 32) {
          const auto narrow = bitmask(Width::w, value & UINT32_MAX);
          REQUIRE(narrow.has_value());
          REQUIRE(decode(*narrow, 32) == (value & UINT32_MAX));
        }
        ++found;
      }
    }
  }
  CHECK(found == 5334);  // as many as there are
  for (const std::uint64_t value :
       {std::uint64_t{0}, ~std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{0x1234'0000}}) {
    CHECK(!bitmask(Width::x, value).has_value());
  }
}

TEST_CASE("what an instruction reads and writes agrees with what it is") {
  const auto shape = [](Op op) { return shape_detail::shapes[number(op)]; };
  CHECK(shape(Op::i32_add).writes_a == Kind::general);
  CHECK(shape(Op::f64_lt).writes_a == Kind::general);
  CHECK(shape(Op::f64_lt).reads_c == Kind::scalar);
  CHECK(shape(Op::i64_store_x).reads_a == Kind::general);
  CHECK(shape(Op::v128_store8_lane).words == 2);
  CHECK(shape(Op::i8x16_shl).reads_c == Kind::general);
  CHECK(price_of(encode(Op::jump, 7)) == 7);
  CHECK(price_of(encode(Op::call_defined, 1, 2, 9)) == 9);
  CHECK(price_of(encode(Op::i32_add, 1, 2, 9)) == 0);
}

TEST_CASE("both functions are compiled, into less than was said, and the same each time") {
  const Loaded loaded;
  REQUIRE(loaded.module.has_value());
  const Module& module = **loaded.module;
  const Emitted first{module, {}, code_bytes_max(module)};
  const Emitted second{module, {}, code_bytes_max(module)};
  REQUIRE(first.compiled.has_value());
  REQUIRE(second.compiled.has_value());
  CHECK(first.compiled->function_count == 2);
  CHECK(first.compiled->bytes <= code_bytes_max(module));
  CHECK(first.code == second.code);
  CHECK(std::ranges::is_sorted(first.compiled->sites, {}, &CompiledSite::native));
  const auto returns = std::ranges::count(first.compiled->sites, CompiledSite::Kind::call_return, &CompiledSite::kind);
  CHECK(returns == 1);
}

TEST_CASE("guarded code has no checks and is shorter; functions can be left out") {
  const Loaded loaded;
  const Module& module = **loaded.module;
  const Emitted checked{module, {}, code_bytes_max(module)};
  const Emitted guarded{module, {.guarded = true}, code_bytes_max(module)};
  REQUIRE(guarded.compiled.has_value());
  CHECK(guarded.compiled->bytes < checked.compiled->bytes);
  const Emitted half{module, {.left_out = 1}, code_bytes_max(module)};
  CHECK(half.compiled->function_count == 1);
  CHECK(half.compiled->functions[0].entry == 0);
  CHECK(half.compiled->functions[1].entry != 0);
}

TEST_CASE("too little room: what does not fit is left to the interpreter") {
  const Loaded loaded;
  const Module& module = **loaded.module;
  const Emitted whole{module, {}, code_bytes_max(module)};
  CHECK(!Emitted(module, {}, 508).compiled.has_value());
  std::uint32_t compiled = 0;
  for (std::size_t bytes = 512; bytes <= whole.compiled->bytes; bytes += 4) {
    const Emitted code{module, {}, bytes};
    REQUIRE(code.compiled.has_value());
    CHECK(code.compiled->bytes <= bytes);
    CHECK(code.compiled->function_count >= compiled);
    compiled = std::max(compiled, code.compiled->function_count);
  }
  CHECK(Emitted(module, {}, whole.compiled->bytes).compiled->function_count == 2);
}

TEST_CASE("code that needs a guarded memory is not attached to an instance without one") {
  const Loaded loaded;
  const Module& module = **loaded.module;
  const Emitted guarded{module, {.guarded = true}, code_bytes_max(module)};
  const auto memory = std::make_unique<std::uint64_t[]>(words);
  Arena arena{std::as_writable_bytes(std::span{memory.get(), words})};
  Store store{arena, {.memory_pages = 1}, {}};
  const auto instance = store.instantiate(module, {});
  REQUIRE(instance.has_value());
  CHECK(!attach(store, **instance, *guarded.compiled, reinterpret_cast<const std::byte*>(guarded.code.data())));
  CHECK(!(*instance)->attached);
}

}  // namespace rvm::wasm
