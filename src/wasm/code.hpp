// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The internal code: what the translator writes and the interpreter (and the compiler) read. Register code over a frame of
// 64-bit slots. An instruction is a 64-bit word: 16 bits of opcode, then three fields a, b, c of 16 bits that mostly name
// slots, a being the one written; some have further words. Code holds numbers only, no addresses: it may be copied, measured,
// shared and saved, and is the same on every machine. docs/adr/0023-wasm-internal-code.md says why.
//
// A frame, from its lowest slot:
//   parameters            left there by the caller, whose topmost operands they are: a call moves nothing
//   header (2 slots)      where to return to
//   locals
//   operands              each at the place that the heights of those below it give ("home"), when it is in the frame at all
// Results are left at the frame's lowest slots, where the caller's operands go on.
//
// Slots of scalars are moved by the same instructions whatever their type. The compiler keeps integers and floating-point
// numbers in different registers, so those that do not say by themselves which they move have a field for it.
//
// Fuel: instructions that end a basic block carry its price in c, one unit per WebAssembly instruction that does
// something (block, loop, else, end and nop are free). A block that ends by
// running into a label has a `charge` instead.
#pragma once

#include <cstddef>
#include <cstdint>

#include "opcode_table.hpp"
#include "simd_table.hpp"

namespace rvm::wasm {

inline constexpr std::uint32_t header_slots = 2;

// Instructions of the internal code that are not WebAssembly's. w1, w2: further words. -> x: jump by the upper half of the
// word x, as a signed number of words relative to that word.
#define RVM_WASM_INTERNAL(X) \
  X(trap)   /* b: Trap */ \
  X(enter)  /* a: frame slots, b: first local after the header, c: locals' slots, zeroed */ \
  X(charge) /* upper half: price */ \
  X(copy)   /* a = b; c: whether it is floating point */ \
  X(copy_v128) \
  X(copy_many)      /* a.. = b.., c slots, upwards */ \
  X(constant_short) /* a = upper half */ \
  X(constant)       /* a = w1; b: whether it is floating point */ \
  X(constant_v128)  /* a = w1, w2 */ \
  X(jump)           /* a: price, -> w0 */ \
  X(jump_if)        /* slot a is not zero, -> w1 */ \
  X(jump_unless)    /* slot a is zero, -> w1 */ \
  X(jump_table)     /* slot a: index, w1: entries n; -> w(2 + min(index, n - 1)) */ \
  X(return_none)    /* b: header */ \
  X(return_one)     /* a: value, b: header */ \
  X(return_many)    /* a: first slot, b: header, w1: slots */ \
  X(exit)           /* back to the caller of the interpreter */ \
  X(enter_native) /* a function of an instance that runs compiled code, upper half: its index among the definitions */ \
  X(call_defined) /* a: callee's frame, b: its parameter slots, w1: function, of this module */ \
  X(call_imported) /* a: callee's frame, w1: function */ \
  X(call_through)  /* a: callee's frame, b: index, w1: table (upper half), type */ \
  X(select_slot)   /* a = slot w1 is not zero ? b : c; upper half of w1: whether it is floating point */ \
  X(select_slot_v128) \
  X(global_read) /* a = global (upper half) */ \
  X(global_read_v128) \
  X(global_write) \
  X(global_write_v128) \
  X(function_reference) /* a = function (upper half) */ \
  X(table_read)         /* a = table[b], w1: table */ \
  X(table_write)        /* table[a] = b, w1: table */ \
  X(table_length)       /* a = length, w1: table */ \
  X(table_extend)       /* a = grow(value b, count c), w1: table */ \
  X(table_set_range)    /* fill(start a, value b, count c), w1: table */ \
  X(table_move)         /* copy(to a, from b, count c), w1: source (upper half), destination */ \
  X(table_initialize)   /* init(to a, from b, count c), w1: segment (upper half), table */ \
  X(element_release)    /* upper half: segment */ \
  X(memory_pages)       /* a = pages */ \
  X(memory_extend)      /* a = grow(b) */ \
  X(memory_move)        /* copy(to a, from b, count c) */ \
  X(memory_set_range)   /* fill(start a, value b, count c) */ \
  X(memory_initialize)  /* init(to a, from b, count c), upper half of w1: segment */ \
  X(data_release)       /* upper half: segment */ \
  X(far_address)        /* a = address b + w1, for offsets of more than 16 bits */ \
  X(vector_store)       /* memory[b + c] = a */ \
  X(vector_shuffle)     /* a = lanes of b and c chosen by the bytes of w1, w2 */ \
  X(vector_bitselect)   /* a = mask w1 ? b : c */

// clang-format off
// Every table whose entries have a handler under their own name.
#define RVM_WASM_HANDLED(X) \
  RVM_WASM_INTERNAL(X) \
  RVM_WASM_UNARY(X) \
  RVM_WASM_TRUNCATE(X) \
  RVM_WASM_FLOAT_BINARY(X) \
  RVM_WASM_DIVIDE(X) \
  RVM_WASM_LOAD(X) \
  RVM_WASM_STORE(X) \
  RVM_WASM_SIMD_LOAD(X) \
  RVM_WASM_SIMD_LOAD_LANE(X) \
  RVM_WASM_SIMD_STORE_LANE(X) \
  RVM_WASM_SIMD_EXTRACT(X) \
  RVM_WASM_SIMD_REPLACE(X) \
  RVM_WASM_SIMD_UNARY(X) \
  RVM_WASM_SIMD_BINARY(X) \
  RVM_WASM_SIMD_SHIFT(X) \
  RVM_WASM_INTEGER_BINARY(X) \
  RVM_WASM_COMPARE(X)

// Every table of WebAssembly's instructions.
#define RVM_WASM_INSTRUCTIONS(X) \
  RVM_WASM_CONTROL(X) \
  RVM_WASM_UNARY(X) \
  RVM_WASM_TRUNCATE(X) \
  RVM_WASM_FLOAT_BINARY(X) \
  RVM_WASM_DIVIDE(X) \
  RVM_WASM_LOAD(X) \
  RVM_WASM_STORE(X) \
  RVM_WASM_INTEGER_BINARY(X) \
  RVM_WASM_COMPARE(X) \
  RVM_WASM_SIMD_LOAD(X) \
  RVM_WASM_SIMD_LOAD_LANE(X) \
  RVM_WASM_SIMD_STORE_LANE(X) \
  RVM_WASM_SIMD_SPECIAL(X) \
  RVM_WASM_SIMD_EXTRACT(X) \
  RVM_WASM_SIMD_REPLACE(X) \
  RVM_WASM_SIMD_UNARY(X) \
  RVM_WASM_SIMD_BINARY(X) \
  RVM_WASM_SIMD_SHIFT(X)

/// One enumerator per handler. A suffix says which form of a WebAssembly instruction it is: _k takes c as a signed constant,
/// if_ jumps by w1 when a and b compare so. Of loads and stores: the address is b + constant c (_k) or slot b + slot c (_x), in
/// 32 bits.
enum class Op : std::uint16_t {
#define RVM_X(name, ...) name,
  RVM_WASM_HANDLED(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) name##_k,
  RVM_WASM_INTEGER_BINARY(RVM_X)
  RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) if_##name,
  RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) if_##name##_k,
  RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) name##_k,
  RVM_WASM_LOAD(RVM_X)
  RVM_WASM_STORE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) name##_x,
  RVM_WASM_LOAD(RVM_X)
  RVM_WASM_STORE(RVM_X)
#undef RVM_X
  count
};

/// WebAssembly's instructions under their codes in the binary format.
enum class Code : std::uint32_t {
#define RVM_X(name, code, ...) name = code,
  RVM_WASM_INSTRUCTIONS(RVM_X)
#undef RVM_X
};
// clang-format on

inline constexpr std::uint32_t dispatch_entries = 1024;  ///< a power of two, so that no word can lead outside
static_assert(static_cast<std::uint32_t>(Op::count) <= dispatch_entries);

[[nodiscard]] constexpr std::uint16_t number(Op op) { return static_cast<std::uint16_t>(op); }
[[nodiscard]] constexpr bool between(Op op, Op first, Op last) { return op >= first && op <= last; }
[[nodiscard]] constexpr Op shifted(Op op, Op from, Op to) {
  return static_cast<Op>(number(op) - number(from) + number(to));
}
[[nodiscard]] constexpr bool is_compare(Op op) {
  return between(op, Op::i32_eq, Op::i64_ge_u) || between(op, Op::i32_eq_k, Op::i64_ge_u_k);
}
/// The branch that a comparison becomes together with the branch on its result.
[[nodiscard]] constexpr Op fused(Op compare) {
  return compare >= Op::i32_eq_k ? shifted(compare, Op::i32_eq_k, Op::if_i32_eq_k)
                                 : shifted(compare, Op::i32_eq, Op::if_i32_eq);
}
/// The branch on the opposite, among fused ones. Rests on the order of the table: eq ne lt_s lt_u gt_s gt_u le_s le_u ge_s ge_u.
[[nodiscard]] constexpr Op opposite(Op branch) {
  constexpr std::uint16_t inverse[10] = {1, 0, 8, 9, 6, 7, 4, 5, 2, 3};
  const unsigned distance = number(branch) - number(Op::if_i32_eq);
  return static_cast<Op>(number(branch) - distance % 10 + inverse[distance % 10]);
}
static_assert(opposite(Op::if_i32_lt_s) == Op::if_i32_ge_s && opposite(Op::if_i64_le_u_k) == Op::if_i64_gt_u_k);
static_assert(opposite(Op::if_i64_eq) == Op::if_i64_ne && opposite(Op::if_i32_gt_u_k) == Op::if_i32_le_u_k);

[[nodiscard]] constexpr std::uint64_t encode(Op op, std::uint32_t a = 0, std::uint32_t b = 0, std::uint32_t c = 0) {
  return number(op) | std::uint64_t{a & 0xffff} << 16 | std::uint64_t{b & 0xffff} << 32 |
         std::uint64_t{c & 0xffff} << 48;
}
[[nodiscard]] constexpr std::uint64_t encode_wide(Op op, std::uint32_t a, std::uint32_t upper) {
  return number(op) | std::uint64_t{a & 0xffff} << 16 | std::uint64_t{upper} << 32;
}
[[nodiscard]] constexpr Op op_of(std::uint64_t word) { return static_cast<Op>(word & 0xffff); }
[[nodiscard]] constexpr std::uint32_t field_a(std::uint64_t word) { return word >> 16 & 0xffff; }
[[nodiscard]] constexpr std::uint32_t field_b(std::uint64_t word) { return word >> 32 & 0xffff; }
[[nodiscard]] constexpr std::uint32_t field_c(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 48); }
[[nodiscard]] constexpr std::uint32_t upper(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }
[[nodiscard]] constexpr std::int32_t jump_of(std::uint64_t word) { return static_cast<std::int32_t>(word >> 32); }

}  // namespace rvm::wasm
