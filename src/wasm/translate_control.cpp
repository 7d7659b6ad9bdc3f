// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Blocks, branches and calls. At a label every operand is at home, whichever way it was reached.
#include <algorithm>
#include <array>

#include "translator.hpp"

namespace rvm::wasm {

namespace {

// Block types with one result refer to these.
constexpr std::array single_types{ValueType::i32,  ValueType::i64,     ValueType::f32,      ValueType::f64,
                                  ValueType::v128, ValueType::funcref, ValueType::externref};

}  // namespace

Translator::BlockType Translator::block_type() {
  const std::int64_t encoded = reader_.s33();
  if (encoded >= 0) {
    const auto& types = around_.module.types;
    if (static_cast<std::uint64_t>(encoded) >= types.size()) {
      fail(ModuleError::unknown_type);
      return {};
    }
    const FunctionType& type = types[static_cast<std::size_t>(encoded)];
    return {type.parameters, type.results};
  }
  const auto byte = static_cast<std::uint8_t>(encoded & 0x7f);
  if (encoded == -64) return {};
  const auto* found = std::find(single_types.begin(), single_types.end(), static_cast<ValueType>(byte));
  if (encoded < -64 || found == single_types.end()) {
    fail(ModuleError::value_type);
    return {};
  }
  return {{}, {found, 1}};
}

/// Opens a block whose parameters have been popped.
void Translator::open(Code kind, BlockType type) {
  if (depth_ == labels_.size()) return fail(ModuleError::nesting);
  const bool dead = depth_ > 0 && !emitting();
  labels_[depth_++] = {
      .kind = kind, .type = type, .height = height_, .base = next_home(), .start = size_, .dead = dead};
  most_depth_ = std::max(most_depth_, depth_);
  push_all(type.parameters);
}

void Translator::begin_block(Code kind) {
  const BlockType type = block_type();
  std::uint32_t else_site = 0;
  if (kind == Code::if_) {
    else_site = jump_on(pop(ValueType::i32), false, window + 1);
  } else {
    settle_window();
    if (kind == Code::loop) charge();
  }
  pop_all(type.parameters);
  last_ = none;
  if (kind == Code::loop) ++loops_;
  open(kind, type);
  if (depth_ > 0) top().else_site = else_site;
}

void Translator::begin_else() {
  Label& block = top();
  if (block.kind != Code::if_) return fail(ModuleError::illegal_opcode);
  settle_window();
  pop_all(block.type.results);
  if (height_ != block.height) return fail(ModuleError::type_mismatch);
  if (emitting()) {
    const std::uint32_t cost = price();
    const std::uint32_t site = size_;
    emit(encode(Op::jump, cost));
    link(site, block);
  }
  block.unreachable = false;
  land(block.else_site);
  block.else_site = 0;
  block.kind = Code::else_;
  cost_ = 0;
  push_all(block.type.parameters);
}

void Translator::end_block() {
  Label& block = top();
  if (depth_ > 1 || block.sites != 0) settle_window();
  const std::uint32_t before = height_;
  pop_all(block.type.results);
  if (height_ != block.height) return fail(ModuleError::type_mismatch);
  if (block.kind == Code::if_ && !std::ranges::equal(block.type.parameters, block.type.results)) {
    return fail(ModuleError::type_mismatch);  // without else, the parameters are the results
  }
  if (depth_ == 1) return end_function(before);
  if (block.sites != 0 || block.else_site != 0) charge();
  if (block.unreachable) cost_ = 0;
  land(block.else_site);
  land_all(block);
  last_ = none;
  if (block.kind == Code::loop) --loops_;
  --depth_;
  push_all(block.type.results);
}

/// `height`: of the operand stack with the results.
void Translator::end_function(std::uint32_t height) {
  Label& function = top();
  if (function.sites == 0) {
    height_ = height;
  } else {
    // Branches to the function's own label arrive here; their price is paid.
    push_all(function.type.results);
    charge();
    function.unreachable = false;
    land_all(function);
  }
  return_now();
  --depth_;
}

void Translator::set_unreachable() {
  height_ = top().height;
  top().unreachable = true;
  cost_ = 0;
  last_ = none;
}

Translator::Label* Translator::label(std::uint32_t depth) {
  if (depth < depth_) return &labels_[depth_ - 1 - depth];
  fail(ModuleError::unknown_label);
  return nullptr;
}

/// Makes the word at `site` jump to a label: at once to a loop, else when its end is reached.
void Translator::link(std::uint32_t site, Label& target) {
  if (!reader_.ok()) return;
  std::uint64_t& word = code_[site];
  if (target.kind == Code::loop) {
    word = (word & UINT32_MAX) | std::uint64_t{target.start - site} << 32;
  } else {
    word = (word & UINT32_MAX) | std::uint64_t{target.sites} << 32;
    target.sites = site;
  }
}

void Translator::land(std::uint32_t site) {
  if (site == 0 || !reader_.ok()) return;
  code_[site] = (code_[site] & UINT32_MAX) | std::uint64_t{size_ - site} << 32;
  last_ = none;
}

void Translator::land_all(Label& target) {
  for (std::uint32_t site = target.sites; site != 0 && reader_.ok();) {
    const std::uint32_t before = upper(code_[site]);
    land(site);
    site = before;
  }
  target.sites = 0;
}

/// Whether the values that a branch takes along are where its target wants them, once they are at home.
bool Translator::in_place(const Label& target) {
  const std::size_t arity = target.label_types().size();
  return arity == 0 || !emitting() || operands_[height_ - arity].home == target.base;
}

void Translator::move_results(const Label& target) {
  const Types types = target.label_types();
  if (in_place(target) || !emitting()) return;
  if (types.size() == 1) return move_to(target.base, operands_[height_ - 1]);
  const Operand& first = operands_[height_ - types.size()];
  emit(encode(Op::copy_many, target.base, first.home, next_home() - first.home));
}

/// A jump, to be linked or landed by its word, that is taken when the condition is `when`. `settled` operands below the
/// condition are at home by then.
std::uint32_t Translator::jump_on(const Operand& condition, bool when, std::uint32_t settled) {
  std::uint64_t word = 0;
  const bool fresh = defined_last(condition) && last_ + 1 == size_;
  const std::uint64_t before = fresh ? code_[last_] : 0;
  const Op op = op_of(before);
  if (fresh && is_compare(op)) {
    // The comparison is taken back and comes again as one with the jump.
    --size_;
    word = encode(when ? fused(op) : opposite(fused(op)), field_b(before), field_c(before));
  } else if (fresh && (op == Op::i32_eqz || op == Op::i64_eqz)) {
    --size_;
    word = encode(when ? Op::jump_unless : Op::jump_if, field_b(before));
  } else {
    word = encode(when ? Op::jump_if : Op::jump_unless, slot_of(condition));
  }
  last_ = none;
  settle_top(settled);
  const std::uint32_t cost = price();
  if (!emitting()) return 0;
  emit(word | std::uint64_t{cost} << 48);
  emit_more(0);
  return size_ - 1;
}

void Translator::branch() {
  Label* target = label(reader_.u32());
  if (target == nullptr) return;
  const Types types = target->label_types();
  if (types.size() > 1) settle_window();
  const std::uint32_t before = height_;
  pop_all(types);
  if (reader_.ok() && emitting()) {
    height_ = before;
    if (types.size() == 1 && in_place(*target)) settle(operands_[height_ - 1]);
    move_results(*target);
    const std::uint32_t cost = price();
    const std::uint32_t site = size_;
    emit(encode(Op::jump, cost));
    link(site, *target);
  }
  set_unreachable();
}

void Translator::branch_if() {
  Label* target = label(reader_.u32());
  const Operand condition = pop(ValueType::i32);
  if (target == nullptr) return;
  const Types types = target->label_types();
  pop_all(types);
  if (!reader_.ok()) return;
  if (!emitting()) return push_all(types);
  const auto arity = static_cast<std::uint32_t>(types.size());
  height_ += arity;
  if (in_place(*target)) {
    link(jump_on(condition, true, arity), *target);
    return;
  }
  const std::uint32_t around = jump_on(condition, false, arity > 1 ? arity : 0);
  move_results(*target);
  const std::uint32_t site = size_;
  emit(encode(Op::jump));
  link(site, *target);
  land(around);
}

void Translator::branch_table() {
  const std::uint32_t count = reader_.count();
  const Operand index = pop(ValueType::i32);
  const bool live = emitting() && reader_.ok();
  if (live) {
    const std::uint32_t slot = slot_of(index);
    settle_window();
    const std::uint32_t cost = price();
    emit(encode(Op::jump_table, slot, 0, cost));
    emit_more(std::uint64_t{count} + 1);
  }
  // The depths stand in for the entries until all are read.
  const std::uint32_t first = size_;
  std::size_t arity = 0;
  for (std::uint32_t i = 0; i <= count && reader_.ok(); ++i) {
    const std::uint32_t depth = reader_.u32();
    const Label* target = label(depth);
    if (target == nullptr) return;
    const Types types = target->label_types();
    if (i > 0 && types.size() != arity) return fail(ModuleError::type_mismatch);
    arity = types.size();
    // Checked against the stack each, which stays as it is: in unreachable code it may fit several types.
    const std::uint32_t before = height_;
    pop_all(types);
    height_ = before;
    emit_more(depth);
  }
  if (!reader_.ok()) return;
  for (std::uint32_t i = 0; live && i <= count; ++i) {
    Label* target = label(static_cast<std::uint32_t>(code_[first + i] & UINT32_MAX));
    if (target == nullptr) return;
    if (in_place(*target)) {
      link(first + i, *target);
      continue;
    }
    land(first + i);  // here, where the values are moved
    move_results(*target);
    last_ = none;
    const std::uint32_t site = size_;
    emit(encode(Op::jump));
    link(site, *target);
  }
  set_unreachable();
}

void Translator::return_now() {
  const Label& function = labels_[0];
  const Types types = function.type.results;
  const std::uint32_t before = height_;
  pop_all(types);
  if (reader_.ok() && emitting()) {
    height_ = before;
    if (types.empty()) {
      const std::uint32_t cost = price();
      emit(encode(Op::return_none, 0, header_, cost));
    } else if (types.size() == 1 && types[0] != ValueType::v128) {
      const std::uint32_t slot = slot_of(operands_[height_ - 1]);
      const std::uint32_t cost = price();
      emit(encode(Op::return_one, slot, header_, cost));
    } else {
      settle_top(static_cast<std::uint32_t>(types.size()));
      const std::uint32_t first = operands_[height_ - types.size()].home;
      const std::uint32_t cost = price();
      emit(encode(Op::return_many, first, header_, cost));
      emit_more(next_home() - first);
    }
  }
  set_unreachable();
}

void Translator::call(std::uint32_t function) {
  const Module& module = around_.module;
  if (function >= module.functions.size()) return fail(ModuleError::unknown_function);
  const FunctionType& type = module.function_type(function);
  settle_top(static_cast<std::uint32_t>(type.parameters.size()));
  pop_all(type.parameters);
  const std::uint32_t frame = next_home();
  const std::uint32_t cost = price();
  emit(encode(function < module.imported_functions ? Op::call_imported : Op::call_defined, frame, type.parameter_slots,
              cost));
  emit_more(function);
  need_frame(frame + type.parameter_slots + header_slots);
  push_all(type.results);
}

void Translator::call_indirect() {
  const std::uint32_t index = reader_.u32();
  const std::uint32_t table_index = reader_.u32();
  const TableType* called = table(table_index);
  if (called != nullptr && called->element != ValueType::funcref) fail(ModuleError::type_mismatch);
  if (index >= around_.module.types.size()) return fail(ModuleError::unknown_type);
  const FunctionType& type = around_.module.types[index];
  const std::uint32_t slot = slot_of(pop(ValueType::i32));
  settle_top(static_cast<std::uint32_t>(type.parameters.size()));
  pop_all(type.parameters);
  const std::uint32_t frame = next_home();
  const std::uint32_t cost = price();
  emit(encode(Op::call_through, frame, slot, cost));
  emit_more(std::uint64_t{table_index} << 32 | index);
  need_frame(frame + type.parameter_slots + header_slots);
  push_all(type.results);
}

void Translator::select(bool typed) {
  ValueType type = ValueType::unknown;
  if (typed) {
    const std::uint32_t arity = reader_.u32();
    if (reader_.ok() && arity != 1) return fail(ModuleError::result_arity);
    type = reader_.value_type();
  }
  const Operand condition = pop(ValueType::i32);
  const Operand second = pop(type);
  const Operand first = pop(typed ? type : second.type);
  if (!typed) {
    type = first.type == ValueType::unknown ? second.type : first.type;
    if (is_reference(type)) return fail(ModuleError::type_mismatch);
  }
  const std::uint32_t w1 = slot_of(condition);
  const std::uint32_t b = slot_of(first);
  const std::uint32_t c = slot_of(second);
  const std::uint32_t a = push(type);
  define(encode(type == ValueType::v128 ? Op::select_slot_v128 : Op::select_slot, a, b, c));
  emit_more(std::uint64_t{is_float(type)} << 32 | w1);
}

}  // namespace rvm::wasm
