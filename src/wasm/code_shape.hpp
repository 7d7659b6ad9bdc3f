// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What each instruction of the internal code reads and writes, from the same tables as its handler. For whoever walks over code
// without running it.
#pragma once

#include <array>

#include "code.hpp"
#include "rvm/wasm/module.hpp"

namespace rvm::wasm {

/// The kind of register that a slot's value goes to. A slot may hold values of different kinds at different times, but no value
/// is ever read as another kind than it was written.
enum class Kind : std::uint8_t { none, general, scalar, vector };

[[nodiscard]] constexpr Kind kind_of(ValueType type) {
  if (type == ValueType::v128) return Kind::vector;
  return is_float(type) ? Kind::scalar : Kind::general;
}

struct Shape {
  std::uint8_t words = 1;
  Kind writes_a = Kind::none;
  Kind reads_a = Kind::none;
  Kind reads_b = Kind::none;
  Kind reads_c = Kind::none;
  Kind reads_w1 = Kind::none;  ///< the slot in the low half of w1
};

namespace shape_detail {

// Value types of the tables as kinds.
inline constexpr Kind i32 = Kind::general;
inline constexpr Kind i64 = Kind::general;
inline constexpr Kind f32 = Kind::scalar;
inline constexpr Kind f64 = Kind::scalar;
inline constexpr Kind v128 = Kind::vector;

consteval std::array<Shape, number(Op::count)> make_shapes() {
  std::array<Shape, number(Op::count)> shapes{};
  const auto set = [&](Op op, Shape shape) { shapes[number(op)] = shape; };
  using enum Kind;
  set(Op::copy, {.writes_a = general, .reads_b = general});
  set(Op::copy_v128, {.writes_a = vector, .reads_b = vector});
  set(Op::constant_short, {.writes_a = general});
  set(Op::constant, {.words = 2, .writes_a = general});
  set(Op::constant_v128, {.words = 3, .writes_a = vector});
  set(Op::jump_if, {.words = 2, .reads_a = general});
  set(Op::jump_unless, {.words = 2, .reads_a = general});
  set(Op::jump_table, {.words = 2, .reads_a = general});
  set(Op::return_one, {.reads_a = general});
  set(Op::return_many, {.words = 2});
  set(Op::call_defined, {.words = 2});
  set(Op::call_imported, {.words = 2});
  set(Op::call_through, {.words = 2, .reads_b = general});
  set(Op::select_slot, {.words = 2, .writes_a = general, .reads_b = general, .reads_c = general, .reads_w1 = general});
  set(Op::select_slot_v128,
      {.words = 2, .writes_a = vector, .reads_b = vector, .reads_c = vector, .reads_w1 = general});
  set(Op::global_read, {.writes_a = general});
  set(Op::global_read_v128, {.writes_a = vector});
  set(Op::global_write, {.reads_a = general});
  set(Op::global_write_v128, {.reads_a = vector});
  set(Op::function_reference, {.writes_a = general});
  set(Op::table_read, {.words = 2, .writes_a = general, .reads_b = general});
  set(Op::table_write, {.words = 2, .reads_a = general, .reads_b = general});
  set(Op::table_length, {.words = 2, .writes_a = general});
  set(Op::table_extend, {.words = 2, .writes_a = general, .reads_b = general, .reads_c = general});
  for (const Op op : {Op::table_set_range, Op::table_move, Op::table_initialize, Op::memory_move, Op::memory_set_range,
                      Op::memory_initialize}) {
    set(op, {.words = 2, .reads_a = general, .reads_b = general, .reads_c = general});
  }
  set(Op::memory_pages, {.writes_a = general});
  set(Op::memory_extend, {.writes_a = general, .reads_b = general});
  set(Op::far_address, {.words = 2, .writes_a = general, .reads_b = general});
  set(Op::vector_store, {.reads_a = vector, .reads_b = general});
  set(Op::vector_shuffle, {.words = 3, .writes_a = vector, .reads_b = vector, .reads_c = vector});
  set(Op::vector_bitselect, {.words = 2, .writes_a = vector, .reads_b = vector, .reads_c = vector, .reads_w1 = vector});
  // clang-format off
#define RVM_X(name, code, text, result, operand) set(Op::name, {.writes_a = result, .reads_b = operand});
  RVM_WASM_UNARY(RVM_X)
  RVM_WASM_TRUNCATE(RVM_X)
  RVM_WASM_SIMD_UNARY(RVM_X)
#undef RVM_X
#define RVM_X(name, code, text, result, operand) set(Op::name, {.writes_a = result, .reads_b = operand, .reads_c = operand});
  RVM_WASM_FLOAT_BINARY(RVM_X)
#undef RVM_X
#define RVM_X(name, code, text, type) set(Op::name, {.writes_a = type, .reads_b = type, .reads_c = type});
  RVM_WASM_DIVIDE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...)                                                                   \
  set(Op::name, {.writes_a = general, .reads_b = general, .reads_c = general});            \
  set(Op::name##_k, {.writes_a = general, .reads_b = general});
  RVM_WASM_INTEGER_BINARY(RVM_X)
  RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...)                                                                   \
  set(Op::if_##name, {.words = 2, .reads_a = general, .reads_b = general});                \
  set(Op::if_##name##_k, {.words = 2, .reads_a = general});
  RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
#define RVM_X(name, code, text, type, cell)                                                \
  set(Op::name, {.writes_a = type, .reads_b = general});                                   \
  set(Op::name##_k, {.writes_a = type, .reads_b = general});                               \
  set(Op::name##_x, {.writes_a = type, .reads_b = general, .reads_c = general});
  RVM_WASM_LOAD(RVM_X)
#undef RVM_X
#define RVM_X(name, code, text, type, cell)                                                \
  set(Op::name, {.reads_a = type, .reads_b = general});                                    \
  set(Op::name##_k, {.reads_a = type, .reads_b = general});                                \
  set(Op::name##_x, {.reads_a = type, .reads_b = general, .reads_c = general});
  RVM_WASM_STORE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) set(Op::name, {.writes_a = vector, .reads_b = general});
  RVM_WASM_SIMD_LOAD(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) set(Op::name, {.words = 2, .writes_a = vector, .reads_b = general, .reads_w1 = vector});
  RVM_WASM_SIMD_LOAD_LANE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) set(Op::name, {.words = 2, .reads_a = vector, .reads_b = general});
  RVM_WASM_SIMD_STORE_LANE(RVM_X)
#undef RVM_X
#define RVM_X(name, code, text, result, ...) set(Op::name, {.writes_a = result, .reads_b = vector});
  RVM_WASM_SIMD_EXTRACT(RVM_X)
#undef RVM_X
#define RVM_X(name, code, text, operand, ...)                                              \
  set(Op::name, {.words = 2, .writes_a = vector, .reads_b = vector, .reads_c = operand});
  RVM_WASM_SIMD_REPLACE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) set(Op::name, {.writes_a = vector, .reads_b = vector, .reads_c = vector});
  RVM_WASM_SIMD_BINARY(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) set(Op::name, {.writes_a = vector, .reads_b = vector, .reads_c = general});
  RVM_WASM_SIMD_SHIFT(RVM_X)
#undef RVM_X
  // clang-format on
  return shapes;
}

inline constexpr auto shapes = make_shapes();

}  // namespace shape_detail

[[nodiscard]] constexpr bool is_jump(Op op) {
  return op == Op::jump || op == Op::jump_if || op == Op::jump_unless || op == Op::jump_table ||
         between(op, Op::if_i32_eq, Op::if_i64_ge_u_k);
}
[[nodiscard]] constexpr bool is_return(Op op) { return between(op, Op::return_none, Op::return_many); }
[[nodiscard]] constexpr bool is_call(Op op) { return between(op, Op::call_defined, Op::call_through); }
/// Whether the next instruction is reached from this one.
[[nodiscard]] constexpr bool falls_through(Op op) {
  return op != Op::jump && op != Op::jump_table && op != Op::trap && !is_return(op);
}

[[nodiscard]] inline std::uint32_t words_of(const std::uint64_t* pc) {
  const Op op = op_of(*pc);
  return shape_detail::shapes[number(op)].words + (op == Op::jump_table ? static_cast<std::uint32_t>(pc[1]) : 0);
}

/// The units of fuel that an instruction takes before it does anything; what bulk instructions move comes on top.
[[nodiscard]] constexpr std::uint32_t price_of(std::uint64_t word) {
  const Op op = op_of(word);
  if (op == Op::charge) return upper(word);
  if (op == Op::jump) return field_a(word);
  return is_jump(op) || is_return(op) || is_call(op) ? field_c(word) : 0;
}

/// The type of what a call instruction calls.
[[nodiscard]] inline const FunctionType& called_type(const Module& module, const std::uint64_t* pc) {
  const auto index = static_cast<std::uint32_t>(pc[1]);
  return op_of(*pc) == Op::call_through ? module.types[index] : module.function_type(index);
}

/// With the kinds that depend on the module and on other fields filled in.
[[nodiscard]] inline Shape shape_at(const Module& module, const FunctionType& function, const std::uint64_t* pc) {
  const std::uint64_t word = *pc;
  Shape shape = shape_detail::shapes[number(op_of(word))];
  const auto choose = [](bool floating) { return floating ? Kind::scalar : Kind::general; };
  switch (op_of(word)) {
    case Op::copy:
      shape.writes_a = shape.reads_b = choose(field_c(word) != 0);
      break;
    case Op::constant:
      shape.writes_a = choose(field_b(word) != 0);
      break;
    case Op::select_slot:
      shape.writes_a = shape.reads_b = shape.reads_c = choose(upper(pc[1]) != 0);
      break;
    case Op::return_one:
      shape.reads_a = kind_of(function.results[0]);
      break;
    case Op::global_read:
      shape.writes_a = kind_of(module.globals[upper(word)].type.value);
      break;
    case Op::global_write:
      shape.reads_a = kind_of(module.globals[upper(word)].type.value);
      break;
    default:
      break;
  }
  return shape;
}

/// Calls read(slot, kind) for everything that the instruction reads, arguments of calls included.
template <typename F>
void each_read(const Module& module, const FunctionType& function, const std::uint64_t* pc, F read) {
  const Shape shape = shape_at(module, function, pc);
  if (shape.reads_a != Kind::none) read(field_a(*pc), shape.reads_a);
  if (shape.reads_b != Kind::none) read(field_b(*pc), shape.reads_b);
  if (shape.reads_c != Kind::none) read(field_c(*pc), shape.reads_c);
  if (shape.reads_w1 != Kind::none) read(static_cast<std::uint32_t>(pc[1]), shape.reads_w1);
  if (!is_call(op_of(*pc))) return;
  std::uint32_t slot = field_a(*pc);
  for (const ValueType t : called_type(module, pc).parameters) {
    read(slot, kind_of(t));
    slot += slots(t);
  }
}
/// Calls write(slot, kind) for everything that it writes, results of calls included.
template <typename F>
void each_write(const Module& module, const FunctionType& function, const std::uint64_t* pc, F write) {
  const Shape shape = shape_at(module, function, pc);
  if (shape.writes_a != Kind::none) write(field_a(*pc), shape.writes_a);
  if (!is_call(op_of(*pc))) return;
  std::uint32_t slot = field_a(*pc);
  for (const ValueType t : called_type(module, pc).results) {
    write(slot, kind_of(t));
    slot += slots(t);
  }
}
/// Calls jump(word) with each word of the instruction that holds a jump.
template <typename F>
void each_jump(const std::uint64_t* pc, F jump) {
  const Op op = op_of(*pc);
  if (!is_jump(op)) return;
  if (op == Op::jump) return jump(pc);
  if (op != Op::jump_table) return jump(pc + 1);
  for (std::uint64_t i = 0; i < pc[1]; ++i) jump(pc + 2 + i);
}

}  // namespace rvm::wasm
