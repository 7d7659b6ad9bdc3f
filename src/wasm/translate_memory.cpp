// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Memories, tables and the vector instructions that have immediates.
#include "translator.hpp"

namespace rvm::wasm {

void Translator::need_memory() {
  if (around_.module.memories.empty()) fail(ModuleError::unknown_memory);
}

void Translator::need_data(std::uint32_t segment) {
  if (!around_.has_data_count && around_.data_follows) return fail(ModuleError::data_count_required);
  if (segment >= around_.data_count) fail(ModuleError::unknown_data);
}

const TableType* Translator::table(std::uint32_t index) {
  const auto& tables = around_.module.tables;
  if (index < tables.size()) return &tables[index];
  fail(ModuleError::unknown_table);
  return nullptr;
}

const ElementSegment* Translator::segment(std::uint32_t index) {
  const auto& elements = around_.module.elements;
  if (index < elements.size()) return &elements[index];
  fail(ModuleError::unknown_element);
  return nullptr;
}

/// Reads alignment and offset of an access to `bytes` bytes; gives the offset.
std::uint32_t Translator::memory_argument(std::uint32_t bytes) {
  need_memory();
  const std::uint32_t at = reader_.offset();
  const std::uint32_t alignment = reader_.u32();
  if (alignment >= 32) reader_.fail(ModuleError::memop_flags, at);
  if (reader_.ok() && std::uint64_t{1} << alignment > bytes) reader_.fail(ModuleError::alignment, at);
  return reader_.u32();
}

/// Where an access goes: a slot and an offset that fits the instruction. A large offset is added beforehand; the sum has 33
/// bits and takes the whole slot, which is why the slot of an i32 always has a zero upper half.
Translator::Address Translator::address(const Operand& base, std::uint32_t offset) {
  if (base.where == Where::constant && base.bits + offset <= UINT16_MAX) {
    return {constant_slot({}), static_cast<std::uint32_t>(base.bits) + offset};
  }
  const std::uint32_t slot = slot_of(base);
  if (offset <= UINT16_MAX) return {slot, offset};
  emit(encode(Op::far_address, base.home, slot));
  emit_more(offset);
  return {base.home, 0};
}

/// When an address is the sum that the last instruction made, the access makes it itself: takes that instruction back, gives it
/// for its operands, and turns `op` into the form that adds. Zero: it is not.
std::uint64_t Translator::take_sum(Op& op, const Operand& base, std::uint32_t offset) {
  if (offset != 0 || !between(op, Op::i32_load, Op::i64_store32) || !defined_last(base) || last_ + 1 != size_) return 0;
  const std::uint64_t sum = code_[last_];
  if (op_of(sum) != Op::i32_add && op_of(sum) != Op::i32_add_k) return 0;
  --size_;
  last_ = none;
  op = shifted(op, Op::i32_load, op_of(sum) == Op::i32_add ? Op::i32_load_x : Op::i32_load_k);
  return sum;
}

void Translator::load(Op op, ValueType result, std::uint32_t bytes) {
  const std::uint32_t offset = memory_argument(bytes);
  const Operand base = pop(ValueType::i32);
  if (const std::uint64_t sum = take_sum(op, base, offset); sum != 0) {
    const std::uint32_t a = push(result);
    return define(encode(op, a, field_b(sum), field_c(sum)));
  }
  const auto [slot, near] = address(base, offset);
  const std::uint32_t a = push(result);
  define(encode(op, a, slot, near));
}

void Translator::store(Op op, ValueType operand, std::uint32_t bytes) {
  const std::uint32_t offset = memory_argument(bytes);
  const std::uint32_t a = slot_of(pop(operand));
  const Operand base = pop(ValueType::i32);
  if (const std::uint64_t sum = take_sum(op, base, offset); sum != 0) {
    return emit(encode(op, a, field_b(sum), field_c(sum)));
  }
  const auto [slot, near] = address(base, offset);
  emit(encode(op, a, slot, near));
}

std::uint32_t Translator::lane(std::uint32_t lanes) {
  const std::uint32_t index = reader_.byte();
  if (index >= lanes) fail(ModuleError::lane_index);
  return index;
}

void Translator::load_lane(Op op, std::uint32_t bytes, std::uint32_t lanes) {
  const std::uint32_t offset = memory_argument(bytes);
  const std::uint32_t index = lane(lanes);
  const std::uint32_t vector = slot_of(pop(ValueType::v128));
  const auto [slot, near] = address(pop(ValueType::i32), offset);
  const std::uint32_t a = push(ValueType::v128);
  define(encode(op, a, slot, near));
  emit_more(std::uint64_t{index} << 32 | vector);
}

void Translator::store_lane(Op op, std::uint32_t bytes, std::uint32_t lanes) {
  const std::uint32_t offset = memory_argument(bytes);
  const std::uint32_t index = lane(lanes);
  const std::uint32_t vector = slot_of(pop(ValueType::v128));
  const auto [slot, near] = address(pop(ValueType::i32), offset);
  emit(encode(op, vector, slot, near));
  emit_more(index);
}

void Translator::extract(Op op, ValueType result, std::uint32_t lanes) {
  const std::uint32_t index = lane(lanes);
  const std::uint32_t b = slot_of(pop(ValueType::v128));
  const std::uint32_t a = push(result);
  define(encode(op, a, b, index));
}

void Translator::replace(Op op, ValueType operand, std::uint32_t lanes) {
  const std::uint32_t index = lane(lanes);
  const std::uint32_t c = slot_of(pop(operand));
  const std::uint32_t b = slot_of(pop(ValueType::v128));
  const std::uint32_t a = push(ValueType::v128);
  define(encode(op, a, b, c));
  emit_more(index);
}

void Translator::vector_special(Code code) {
  using enum ValueType;
  if (code == Code::v128_store) return store(Op::vector_store, v128, 16);
  if (code == Code::v128_const || code == Code::i8x16_shuffle) {
    const std::uint64_t low = reader_.fixed(8);
    const std::uint64_t high = reader_.fixed(8);
    std::uint64_t word = 0;
    if (code == Code::v128_const) {
      word = encode(Op::constant_v128, push(v128));
    } else {
      if (((low | high) & 0xe0e0e0e0e0e0e0e0) != 0) return fail(ModuleError::lane_index);
      const std::uint32_t c = slot_of(pop(v128));
      const std::uint32_t b = slot_of(pop(v128));
      word = encode(Op::vector_shuffle, push(v128), b, c);
    }
    define(word);
    emit_more(low);
    return emit_more(high);
  }
  const std::uint32_t mask = slot_of(pop(v128));
  const std::uint32_t c = slot_of(pop(v128));
  const std::uint32_t b = slot_of(pop(v128));
  const std::uint32_t a = push(v128);
  define(encode(Op::vector_bitselect, a, b, c));
  emit_more(mask);
}

/// An instruction of three operands, the last an i32, and no result.
void Translator::three(Op op, ValueType first, ValueType second, std::uint64_t second_word) {
  const std::uint32_t c = slot_of(pop(ValueType::i32));
  const std::uint32_t b = slot_of(pop(second));
  const std::uint32_t a = slot_of(pop(first));
  emit(encode(op, a, b, c));
  emit_more(second_word);
}

void Translator::bulk(Code code) {
  using enum ValueType;
  const auto memory_index = [&] {
    need_memory();
    if (reader_.byte() != 0) fail(ModuleError::zero_byte);
  };
  switch (code) {
    case Code::memory_size:
      memory_index();
      return define(encode(Op::memory_pages, push(i32)));
    case Code::memory_grow: {
      memory_index();
      const std::uint32_t b = slot_of(pop(i32));
      return emit(encode(Op::memory_extend, push(i32), b));
    }
    case Code::memory_init: {
      const std::uint32_t data = reader_.u32();
      memory_index();
      need_data(data);
      return three(Op::memory_initialize, i32, i32, std::uint64_t{data} << 32);
    }
    case Code::memory_copy:
      memory_index();
      memory_index();
      return three(Op::memory_move, i32, i32, 0);
    case Code::memory_fill:
      memory_index();
      return three(Op::memory_set_range, i32, i32, 0);
    default: {  // data.drop
      const std::uint32_t data = reader_.u32();
      need_data(data);
      return emit(encode_wide(Op::data_release, 0, data));
    }
  }
}

void Translator::table_instruction(Code code) {
  using enum ValueType;
  if (code == Code::ref_null) {
    const ValueType type = reader_.reference_type();
    return constant(type, 0);  // null is zero
  }
  if (code == Code::ref_is_null) {
    const Operand operand = pop();
    if (operand.type != unknown && !is_reference(operand.type)) return fail(ModuleError::type_mismatch);
    const std::uint32_t b = slot_of(operand);
    return define(encode(Op::i64_eqz, push(i32), b));
  }
  const std::uint32_t index = reader_.u32();
  if (code == Code::ref_func) {
    if (index >= around_.module.functions.size()) return fail(ModuleError::unknown_function);
    if ((around_.referable[index / 64] >> index % 64 & 1) == 0) return fail(ModuleError::undeclared_reference);
    return define(encode_wide(Op::function_reference, push(funcref), index));
  }
  if (code == Code::elem_drop) {
    static_cast<void>(segment(index));
    return emit(encode_wide(Op::element_release, 0, index));
  }
  const std::uint32_t other = code == Code::table_init || code == Code::table_copy ? reader_.u32() : 0;
  const TableType* first = table(code == Code::table_init ? other : index);
  if (first == nullptr) return;
  switch (code) {
    case Code::table_get: {
      const std::uint32_t b = slot_of(pop(i32));
      emit(encode(Op::table_read, push(first->element), b));
      return emit_more(index);
    }
    case Code::table_set: {
      const std::uint32_t b = slot_of(pop(first->element));
      const std::uint32_t a = slot_of(pop(i32));
      emit(encode(Op::table_write, a, b));
      return emit_more(index);
    }
    case Code::table_size:
      emit(encode(Op::table_length, push(i32)));
      return emit_more(index);
    case Code::table_grow: {
      const std::uint32_t c = slot_of(pop(i32));
      const std::uint32_t b = slot_of(pop(first->element));
      emit(encode(Op::table_extend, push(i32), b, c));
      return emit_more(index);
    }
    case Code::table_fill:
      return three(Op::table_set_range, i32, first->element, index);
    case Code::table_init: {
      const ElementSegment* from = segment(index);
      if (from != nullptr && from->type != first->element) return fail(ModuleError::type_mismatch);
      return three(Op::table_initialize, i32, i32, std::uint64_t{index} << 32 | other);
    }
    default: {  // table.copy: destination, source
      const TableType* from = table(other);
      if (from != nullptr && from->element != first->element) return fail(ModuleError::type_mismatch);
      return three(Op::table_move, i32, i32, std::uint64_t{other} << 32 | index);
    }
  }
}

}  // namespace rvm::wasm
