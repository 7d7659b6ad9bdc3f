// SPDX-License-Identifier: MIT OR Apache-2.0
#include "translator.hpp"

#include <algorithm>

namespace rvm::wasm {

Translator::Translator(Reader& reader, Arena& arena, const Limits& limits, const Surroundings& around)
    : reader_(reader), arena_(arena), limits_(limits), around_(around) {
  operands_ = arena_.borrow_high<Operand>(limits_.operands);
  labels_ = arena_.borrow_high<Label>(limits_.nesting);
  locals_ = arena_.borrow_high<Local>(limits_.frame_slots);
  if (operands_.empty() || labels_.empty() || locals_.empty()) fail(ModuleError::out_of_memory);
  code_ = arena_.free_words();
}

/// Every local and every operand has a slot of its own.
void Translator::give_back() const {
  const auto clear = [](auto part, std::size_t used) {
    const std::span<std::byte> bytes = std::as_writable_bytes(part.first(std::min(used, part.size())));
    std::ranges::fill(bytes, std::byte{0});
  };
  clear(operands_, most_slots_);
  clear(locals_, most_slots_);
  clear(labels_, most_depth_);
}

FunctionBody Translator::translate(std::uint32_t function) {
  const FunctionType& type = around_.module.function_type(function);
  const std::uint32_t entry = size_;
  height_ = depth_ = cost_ = loops_ = constant_count_ = 0;
  zero_used_ = false;
  last_ = none;
  declare_locals(type);
  if (!reader_.ok()) return {};
  // What `enter` has to write is part of the first block's price, at a unit for 64 bytes.
  cost_ = (zero_slot_ - header_ - header_slots) / 8;
  frame_slots_ = std::max(first_home_, type.result_slots);
  open(Code::block, {{}, type.results});
  emit(0);  // `enter`, once the frame's size is known
  while (reader_.ok() && depth_ > 0) instruction();
  if (!reader_.ok()) return {};
  if (frame_slots_ > limits_.frame_slots) fail(ModuleError::frame_too_large);
  most_slots_ = std::max(most_slots_, frame_slots_);
  const std::uint32_t entered = finish_entry(entry);
  return {.entry = entered, .frame_slots = frame_slots_, .begin = entry, .end = size_, .zero_slot = zero_slot_};
}

/// Writes the function's first instruction, now that the frame is known. With constants to be kept, the function is entered
/// behind its end, where they are written; gives where.
std::uint32_t Translator::finish_entry(std::uint32_t entry) {
  const std::uint32_t first_local = header_ + header_slots;
  const std::uint32_t zeros = zero_slot_ - first_local + (zero_used_ ? 1 : 0);
  code_[entry] = encode(Op::enter, frame_slots_, first_local, zeros);
  if (constant_count_ == 0) return entry;
  const std::uint32_t prologue = size_;
  open(Code::block, {});  // what is emitted lies in some block
  emit(code_[entry]);
  for (std::uint32_t i = 0; i < constant_count_; ++i) {
    emit(encode(Op::constant, zero_slot_ + 1 + i));
    emit_more(constants_[i]);
  }
  const std::uint32_t back = entry + 1 - size_;
  emit(encode_wide(Op::jump, 0, back));
  --depth_;
  return prologue;
}

void Translator::declare_locals(const FunctionType& type) {
  local_count_ = 0;
  std::uint32_t slot = 0;
  bool fits = true;
  const auto add = [&](ValueType t) {
    fits = fits && slot + slots(t) + header_slots + 1 + kept_constants <= limits_.frame_slots;
    if (!fits) return;
    locals_[local_count_++] = {t, static_cast<std::uint16_t>(slot)};
    slot += slots(t);
  };
  for (const ValueType t : type.parameters) add(t);
  header_ = slot;
  slot += header_slots;
  std::uint64_t total = local_count_;
  for (std::uint32_t groups = reader_.count(); groups > 0 && reader_.ok(); --groups) {
    const std::uint32_t count = reader_.u32();
    total += count;
    if (total > UINT32_MAX) return fail(ModuleError::too_many_locals);
    const ValueType t = reader_.value_type();
    for (std::uint32_t i = 0; i < count && fits; ++i) add(t);
  }
  if (!fits) fail(ModuleError::frame_too_large);
  zero_slot_ = slot;
  first_home_ = slot + 1 + kept_constants;
}

// --- Operands --------------------------------------------------------------------------------------------------------

std::uint32_t Translator::next_home() const {
  if (height_ == 0) return first_home_;
  const Operand& last = operands_[height_ - 1];
  return last.home + slots(last.type);
}

Translator::Operand Translator::pop() {
  if (height_ == top().height) {
    if (!top().unreachable) fail(ModuleError::type_mismatch);
    return {};
  }
  return operands_[--height_];
}

Translator::Operand Translator::pop(ValueType expected) {
  const Operand operand = pop();
  if (operand.type != expected && operand.type != ValueType::unknown && expected != ValueType::unknown) {
    fail(ModuleError::type_mismatch);
  }
  return operand;
}

void Translator::pop_all(Types types) {
  for (std::size_t i = types.size(); i > 0; --i) static_cast<void>(pop(types[i - 1]));
}

void Translator::push(Operand operand) {
  const std::uint32_t home = next_home();
  if (height_ == operands_.size() || home + slots(operand.type) > limits_.frame_slots) {
    return fail(ModuleError::frame_too_large);
  }
  operand.home = static_cast<std::uint16_t>(home);
  operands_[height_++] = operand;
  frame_slots_ = std::max(frame_slots_, home + slots(operand.type));
  if (height_ - top().height > window) settle(operands_[height_ - 1 - window]);
}

std::uint32_t Translator::push(ValueType type) {
  push(Operand{.type = type});
  return height_ == 0 ? 0 : operands_[height_ - 1].home;
}

void Translator::push_all(Types types) {
  for (const ValueType t : types) push(t);
}

/// A slot that holds the operand, for reading.
std::uint32_t Translator::slot_of(const Operand& operand) {
  if (operand.where == Where::local) return operand.local;
  if (operand.where == Where::constant) return constant_slot(operand);
  return operand.home;
}

std::uint32_t Translator::constant_slot(const Operand& operand) {
  if (operand.bits == 0) {
    zero_used_ = zero_used_ || emitting();
    return zero_slot_;
  }
  if (loops_ > 0 && emitting()) {
    std::uint32_t i = 0;
    while (i < constant_count_ && constants_[i] != operand.bits) ++i;
    if (i < kept_constants) {
      constants_[i] = operand.bits;
      constant_count_ = std::max(constant_count_, i + 1);
      return zero_slot_ + 1 + i;
    }
  }
  move_to(operand.home, operand);
  return operand.home;
}

void Translator::move_to(std::uint32_t slot, const Operand& operand) {
  if (operand.where == Where::constant) {
    if (operand.bits <= UINT32_MAX && !is_float(operand.type)) {
      define(encode_wide(Op::constant_short, slot, static_cast<std::uint32_t>(operand.bits)));
    } else {
      define(encode(Op::constant, slot, is_float(operand.type) ? 1 : 0));
      emit_more(operand.bits);
    }
    return;
  }
  const std::uint32_t from = operand.where == Where::local ? operand.local : operand.home;
  if (from == slot) return;
  if (defined_last(operand)) {  // let the instruction that computes it write it there
    code_[last_] = (code_[last_] & ~(std::uint64_t{0xffff} << 16)) | std::uint64_t{slot} << 16;
    return;
  }
  if (operand.type == ValueType::v128) return define(encode(Op::copy_v128, slot, from));
  define(encode(Op::copy, slot, from, is_float(operand.type) ? 1 : 0));
}

void Translator::settle(Operand& operand) {
  if (operand.where == Where::home) return;
  move_to(operand.home, operand);
  operand.where = Where::home;
}

void Translator::settle_top(std::uint32_t count) {
  const std::uint32_t own = height_ - top().height;
  for (std::uint32_t i = height_ - std::min({count, own, window + 1}); i < height_; ++i) settle(operands_[i]);
}

void Translator::settle_window() { settle_top(window + 1); }

/// Before a local is written: operands that stand for its old value get a copy.
void Translator::keep_copies_of(std::uint32_t slot) {
  const std::uint32_t own = height_ - top().height;
  for (std::uint32_t i = height_ - std::min(own, window + 1); i < height_; ++i) {
    if (operands_[i].where == Where::local && operands_[i].local == slot) settle(operands_[i]);
  }
}

// --- Code ------------------------------------------------------------------------------------------------------------

void Translator::emit_more(std::uint64_t word) {
  if (!emitting() || !reader_.ok()) return;
  if (size_ == code_.size() || size_ == INT32_MAX) return fail(ModuleError::out_of_memory);
  code_[size_++] = word;
}

void Translator::emit(std::uint64_t word) {
  last_ = none;
  emit_more(word);
}

void Translator::define(std::uint64_t word) {
  const std::uint32_t at = size_;
  emit(word);
  if (size_ > at) last_ = at;
}

/// Whether the last instruction computed this operand, and only it.
bool Translator::defined_last(const Operand& operand) {
  return operand.where == Where::home && last_ != none && emitting() && field_a(code_[last_]) == operand.home;
}

/// Takes the price of the basic block, for an instruction that ends it.
std::uint32_t Translator::price() {
  if (cost_ > UINT16_MAX) charge();
  const std::uint32_t cost = cost_;
  cost_ = 0;
  return cost;
}

void Translator::charge() {
  if (cost_ > 0) emit(encode_wide(Op::charge, 0, cost_));
  cost_ = 0;
}

}  // namespace rvm::wasm
