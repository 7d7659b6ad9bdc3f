// SPDX-License-Identifier: MIT OR Apache-2.0
#include "syntax.hpp"
#include "translator.hpp"

namespace rvm::wasm {

namespace {

constexpr bool fits_constant(std::int64_t value) { return value >= INT16_MIN && value <= INT16_MAX; }

/// What only marks places in the code becomes nothing, and is free.
constexpr bool is_structure(Code code) {
  return code == Code::nop || code == Code::block || code == Code::loop || code == Code::else_ || code == Code::end;
}

}  // namespace

void Translator::instruction() {
  using enum ValueType;
  if (reader_.remaining() == 0) return fail(ModuleError::section_end);
  const std::uint32_t at = reader_.offset();
  const Code code = read_code(reader_);
  if (!reader_.ok()) return;
  if (!is_instruction(code)) return reader_.fail(ModuleError::illegal_opcode, at);
  if (emitting() && !is_structure(code)) ++cost_;
  // clang-format off
  // NOLINTBEGIN(bugprone-branch-clone): a row of a table is a case, and rows may agree
  switch (code) {
#define RVM_X(name, number, text) case Code::name: return control(code);
    RVM_WASM_CONTROL(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, result, operand) case Code::name: return unary(Op::name, result, operand);
    RVM_WASM_UNARY(RVM_X)
    RVM_WASM_TRUNCATE(RVM_X)
    RVM_WASM_SIMD_UNARY(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, result, operand) case Code::name: return binary(Op::name, result, operand, operand);
    RVM_WASM_FLOAT_BINARY(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, type) case Code::name: return binary(Op::name, type, type, type);
    RVM_WASM_DIVIDE(RVM_X)
    RVM_WASM_INTEGER_BINARY(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, operand) case Code::name: return binary(Op::name, i32, operand, operand);
    RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text) case Code::name: return binary(Op::name, v128, v128, v128);
    RVM_WASM_SIMD_BINARY(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text) case Code::name: return binary(Op::name, v128, v128, i32);
    RVM_WASM_SIMD_SHIFT(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, type, cell) case Code::name: return load(Op::name, type, sizeof(cell));
    RVM_WASM_LOAD(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, bytes) case Code::name: return load(Op::name, v128, bytes);
    RVM_WASM_SIMD_LOAD(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, type, cell) case Code::name: return store(Op::name, type, sizeof(cell));
    RVM_WASM_STORE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, bytes, lanes) case Code::name: return load_lane(Op::name, bytes, lanes);
    RVM_WASM_SIMD_LOAD_LANE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, bytes, lanes) case Code::name: return store_lane(Op::name, bytes, lanes);
    RVM_WASM_SIMD_STORE_LANE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, result, cell, lanes) case Code::name: return extract(Op::name, result, lanes);
    RVM_WASM_SIMD_EXTRACT(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, operand, cell, lanes) case Code::name: return replace(Op::name, operand, lanes);
    RVM_WASM_SIMD_REPLACE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text) case Code::name: return vector_special(code);
    RVM_WASM_SIMD_SPECIAL(RVM_X)
#undef RVM_X
  }
  // NOLINTEND(bugprone-branch-clone)
  // clang-format on
}

void Translator::control(Code code) {
  switch (code) {
    case Code::unreachable:
      emit(encode(Op::trap, 0, static_cast<std::uint32_t>(Trap::unreachable)));
      return set_unreachable();
    case Code::nop:
      return;
    case Code::block:
    case Code::loop:
    case Code::if_:
      return begin_block(code);
    case Code::else_:
      return begin_else();
    case Code::end:
      return end_block();
    case Code::br:
      return branch();
    case Code::br_if:
      return branch_if();
    case Code::br_table:
      return branch_table();
    case Code::return_:
      return return_now();
    case Code::call:
      return call(reader_.u32());
    case Code::call_indirect:
      return call_indirect();
    case Code::drop:
      static_cast<void>(pop());
      return;
    case Code::select:
    case Code::select_t:
      return select(code == Code::select_t);
    case Code::i32_const:
      return constant(ValueType::i32, static_cast<std::uint32_t>(reader_.s32()));
    case Code::i64_const:
      return constant(ValueType::i64, static_cast<std::uint64_t>(reader_.s64()));
    case Code::f32_const:
      return constant(ValueType::f32, reader_.fixed(4));
    case Code::f64_const:
      return constant(ValueType::f64, reader_.fixed(8));
    case Code::local_get:
    case Code::local_set:
    case Code::local_tee:
    case Code::global_get:
    case Code::global_set:
      return variable(code);
    case Code::memory_size:
    case Code::memory_grow:
    case Code::memory_init:
    case Code::memory_copy:
    case Code::memory_fill:
    case Code::data_drop:
      return bulk(code);
    default:
      return table_instruction(code);
  }
}

void Translator::variable(Code code) {
  const std::uint32_t index = reader_.u32();
  if (code == Code::global_get || code == Code::global_set) {
    const auto& globals = around_.module.globals;
    if (index >= globals.size()) return fail(ModuleError::unknown_global);
    const GlobalType& type = globals[index].type;
    const bool wide = type.value == ValueType::v128;
    if (code == Code::global_get) {
      const std::uint32_t a = push(type.value);
      return define(encode_wide(wide ? Op::global_read_v128 : Op::global_read, a, index));
    }
    if (!type.is_mutable) return fail(ModuleError::global_immutable);
    const std::uint32_t a = slot_of(pop(type.value));
    return emit(encode_wide(wide ? Op::global_write_v128 : Op::global_write, a, index));
  }
  if (index >= local_count_) return fail(ModuleError::unknown_local);
  const Local& local = locals_[index];
  if (code == Code::local_get) return push({.type = local.type, .where = Where::local, .local = local.slot});

  const Operand value = pop(local.type);
  keep_copies_of(local.slot);
  if (value.where != Where::local || value.local != local.slot) move_to(local.slot, value);
  last_ = none;  // what it wrote is a local now
  if (code == Code::local_tee) push({.type = local.type, .where = Where::local, .local = local.slot});
}

void Translator::constant(ValueType type, std::uint64_t bits) {
  push({.type = type, .where = Where::constant, .bits = bits});
}

void Translator::unary(Op op, ValueType result, ValueType operand) {
  const std::uint32_t b = slot_of(pop(operand));
  const std::uint32_t a = push(result);
  define(encode(op, a, b));
}

void Translator::binary(Op op, ValueType result, ValueType lhs, ValueType rhs) {
  const Operand second = pop(rhs);
  const Operand first = pop(lhs);
  const bool has_constant_form = between(op, Op::i32_add, Op::i64_ge_u);
  const std::int64_t value =
      rhs == ValueType::i32 ? static_cast<std::int32_t>(second.bits) : static_cast<std::int64_t>(second.bits);
  if (has_constant_form && second.where == Where::constant && fits_constant(value)) {
    const std::uint32_t b = slot_of(first);
    const std::uint32_t a = push(result);
    return define(encode(shifted(op, Op::i32_add, Op::i32_add_k), a, b, static_cast<std::uint32_t>(value)));
  }
  const std::uint32_t b = slot_of(first);
  const std::uint32_t c = slot_of(second);
  const std::uint32_t a = push(result);
  define(encode(op, a, b, c));
}

}  // namespace rvm::wasm
