// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Fuel, moves, jumps, calls.
#include <bit>
#include <cstddef>

#include "compile.hpp"

namespace rvm::wasm {

using namespace arm64;

namespace {

// In the order of the table of comparisons.
constexpr Condition conditions[] = {Condition::eq, Condition::ne, Condition::lt, Condition::lo, Condition::gt,
                                    Condition::hi, Condition::le, Condition::ls, Condition::ge, Condition::hs};

constexpr std::uint32_t offset_in(std::size_t offset) { return static_cast<std::uint32_t>(offset); }

}  // namespace

/// Pays for a block. With `look`, or when it has to, leaves if there is not enough, with everything as it is before this instruction.
void FunctionCompiler::pay(std::uint32_t price, bool look) {
  if (!look && since_ + price <= unit_.options.fuel_reserve) {
    owed_ += price;
    since_ += price;
    return;
  }
  const std::uint32_t due = owed_ + price;
  if (due == 0 && since_ == 0) return;
  const std::uint32_t back = unit_.size;
  if (due < 4096) {
    emit(immediate(Three::subs, Width::x, fuel_register, fuel_register, due));
  } else {
    move_constant(Width::x, scratch, due);
    emit(three(Three::subs, Width::x, fuel_register, fuel_register, scratch));
  }
  for (std::uint32_t& base : bases_) {
    const RegisterSet own = base == none ? 0 : register_of(base, Kind::general);
    if ((own & ~(valid_ & needed_before_)) != 0) base = none;  // it could not be made again
  }
  later({.what = Pending::What::fuel,
         .detail = 0,
         .address = 0,
         .site = unit_.size,
         .back = back,
         .word = word_,
         .bases = {bases_[0], bases_[1]},
         .valid = valid_ & needed_before_,
         .dirty = dirty_ & valid_ & needed_before_,
         .owed = owed_});
  emit(b(Condition::mi));
  owed_ = since_ = 0;
}

/// From here on so much is owed. Changes no flags.
void FunctionCompiler::owe(std::uint32_t units) {
  if (owed_ != units) add_constant(Width::x, fuel_register, fuel_register, std::int64_t{units} - owed_);
  owed_ = units;
}

/// Whether the current instruction may jump to itself or to what is above.
bool FunctionCompiler::jumps_back() const {
  bool back = false;
  each_jump(pc_, [&](const std::uint64_t* site) { back = back || site + jump_of(*site) <= pc_; });
  return back;
}

/// Branches to where the instruction's second word says.
void FunctionCompiler::jump_when(Word branch) {
  const std::uint32_t to = word_ + 1 + static_cast<std::uint32_t>(jump_of(pc_[1]));
  conform(*label_at(to));
  branch_to(branch, to);
}

/// Whether what the current instruction writes is read by a call soon behind it and by nothing else. The call wants it in memory.
bool FunctionCompiler::is_only_argument(std::uint32_t slot) const {
  constexpr int instructions = 12;
  const std::uint64_t* pc = pc_;
  for (int i = 0; i < instructions; ++i) {
    pc += words_of(pc);
    const auto word = static_cast<std::uint32_t>(pc - code_);
    const Op op = op_of(*pc);
    if (word >= last_ || label_index_[word - body_.begin] != 0) return false;
    if (is_call(op)) {
      return slot >= field_a(*pc) && slot < field_a(*pc) + called_type(module_, pc).parameter_slots &&
             (op != Op::call_through || field_b(*pc) != slot);
    }
    if (is_jump(op) || is_return(op)) return false;
    bool touched = false;
    const auto touch = [&](std::uint32_t other, Kind) { touched = touched || other == slot; };
    each_read(module_, type_, pc, touch);
    each_write(module_, type_, pc, touch);
    if (touched) return false;
  }
  return false;
}

void FunctionCompiler::control(Op op) {
  const std::uint64_t word = *pc_;
  switch (op) {
    case Op::trap:
      emit(movz(Width::x, scratch, field_b(word)));
      return emit(b(std::int64_t{unit_.exit_trap} - unit_.size));
    case Op::charge:
      return pay(upper(word), false);
    case Op::copy: {
      const std::uint32_t a = field_a(word);
      if (field_c(word) != 0) {
        const Register n = vector(field_b(word), Kind::scalar, first_vector_scratch);
        if (is_only_argument(a)) {
          store_slot(n, Kind::scalar, a);
          return written_in_slot(a, Kind::scalar);
        }
        const Register d = target(a, Kind::scalar, n);
        if (d != n) emit(of_one(fmov_d, d, n));
        return written(a, Kind::scalar, d);
      }
      const Register n = general(field_b(word), scratch);
      if (is_only_argument(a)) {
        store_slot(n, Kind::general, a);
        return written_in_slot(a, Kind::general);
      }
      const Register d = target(a, Kind::general, n);
      if (d != n) emit(move(Width::x, d, n));
      return written(a, Kind::general, d);
    }
    case Op::copy_v128: {
      const Register n = vector(field_b(word), Kind::vector, first_vector_scratch);
      const Register d = target(field_a(word), Kind::vector, n);
      if (d != n) emit(move_vector(d, n));
      return written(field_a(word), Kind::vector, d);
    }
    case Op::copy_many:
      return copy_slots(field_a(word), field_b(word), field_c(word), link_register);
    case Op::constant_short:
    case Op::constant: {
      const std::uint64_t value = op == Op::constant ? pc_[1] : upper(word);
      const std::uint32_t a = field_a(word);
      if (op == Op::constant && field_b(word) != 0) {
        const Register d = target(a, Kind::scalar, first_vector_scratch);
        if (value == 0) {
          emit(movi_zero | d);
        } else {
          move_constant(Width::x, scratch, value);
          emit(of_one(fmov_d_from_x, d, scratch));
        }
        return written(a, Kind::scalar, d);
      }
      const Register d = target(a, Kind::general, scratch);
      move_constant(value <= UINT32_MAX ? Width::w : Width::x, d, value);
      return written(a, Kind::general, d);
    }
    case Op::jump: {
      pay(field_a(word), jumps_back());
      const std::uint32_t to = word_ + static_cast<std::uint32_t>(jump_of(word));
      conform(*label_at(to));
      return branch_to(b(), to);
    }
    case Op::jump_if:
    case Op::jump_unless: {
      pay(field_c(word), jumps_back());
      const Register n = general(field_a(word), scratch);
      return jump_when(op == Op::jump_if ? cbnz(Width::x, n) : cbz(Width::x, n));  // it may be an i64
    }
    case Op::jump_table:
      return jump_table();
    case Op::return_none:
    case Op::return_one:
    case Op::return_many:
      return return_now(op);
    case Op::call_defined:
      return call();
    case Op::call_through:
      return call_through();
    case Op::select_slot:
    case Op::select_slot_v128:
      return select();
    case Op::global_read:
    case Op::global_read_v128:
      return read_global();
    case Op::global_write:
    case Op::global_write_v128:
      return write_global();
    default:
      if (between(op, Op::if_i32_eq, Op::if_i64_ge_u_k)) return compare_branch(op);
      return step();
  }
}

void FunctionCompiler::jump_table() {
  pay(field_c(*pc_), jumps_back());
  owe(0);  // as all labels of tables want it
  const Register n = general_base(field_a(*pc_), scratch);
  const auto entries = static_cast<std::uint32_t>(pc_[1]);
  for (std::uint32_t i = 0; i < entries; ++i) {
    conform(*label_at(word_ + 2 + i + static_cast<std::uint32_t>(jump_of(pc_[2 + i]))));
  }
  // The last entry is for every other index.
  const auto target_of = [&](std::uint32_t i) {
    return word_ + 2 + i + static_cast<std::uint32_t>(jump_of(pc_[2 + i]));
  };
  if (entries == 1) return branch_to(b(), target_of(0));
  if (entries - 1 < 4096) {
    emit(immediate(Three::subs, Width::w, zr, n, entries - 1));
  } else {
    move_constant(Width::w, second_scratch, entries - 1);
    emit(three(Three::subs, Width::w, zr, n, second_scratch));
  }
  branch_to(b(Condition::hs), target_of(entries - 1));
  emit(adr(second_scratch, 12));
  emit(arm64::shifted(Three::add, Width::x, second_scratch, second_scratch, n, Shift::lsl, 2));
  emit(br(second_scratch));
  for (std::uint32_t i = 0; i + 1 < entries; ++i) branch_to(b(), target_of(i));
}

/// Upwards, slot by slot: the ranges may overlap when `to` is lower. `end` is a register to be used.
void FunctionCompiler::copy_slots(std::uint32_t to, std::uint32_t from, std::uint32_t count, Register end) {
  constexpr std::uint32_t unrolled = 8;
  if (count <= unrolled) {
    for (std::uint32_t i = 0; i < count; ++i) {
      load_slot(second_scratch, Kind::general, from + i);
      store_slot(second_scratch, Kind::general, to + i);
    }
    return;
  }
  slot_address(base_scratch, from);
  slot_address(second_scratch, to);
  slot_address(end, from + count);
  bases_[0] = none;
  emit(0xfc40'8400 | base_scratch << 5 | first_vector_scratch);    // ldr d28, [x15], #8
  emit(0xfc00'8400 | second_scratch << 5 | first_vector_scratch);  // str d28, [x17], #8
  emit(three(Three::subs, Width::x, zr, base_scratch, end));
  emit(b(Condition::ne, -3));
}

void FunctionCompiler::return_now(Op op) {
  pay(field_c(*pc_), since_ + field_c(*pc_) > unit_.options.fuel_reserve / 2);  // the other half is the caller's
  owe(0);
  if (op == Op::return_one) {
    const Kind kind = kind_of(type_.results[0]);
    if (kind == Kind::general) {
      const Register n = general(field_a(*pc_), 0);
      if (n != 0) emit(move(Width::x, 0, n));
    } else {
      const Register n = vector(field_a(*pc_), Kind::scalar, 0);
      if (n != 0) emit(of_one(fmov_d, 0, n));
    }
  }
  // Results of other functions go over the header, so it is read before. scratch stays as it is for the stubs.
  const std::uint32_t header = field_b(*pc_);
  if (header <= 62) {
    emit(pair(Pair::ldp_x, link_register, scratch, frame_register, static_cast<std::int32_t>(header) * 8));
  } else {
    slot_address(scratch, header);
    emit(pair(Pair::ldp_x, link_register, scratch, scratch, 0));
  }
  if (op == Op::return_many) copy_slots(0, field_a(*pc_), static_cast<std::uint32_t>(pc_[1]), 1);
  emit(ret);
}

/// Behind a call: the result of one that has a single scalar is in x0 or v0, everything else in memory.
void FunctionCompiler::take_result(const FunctionType& type) {
  since_ = unit_.options.fuel_reserve / 2;  // see return_now
  const std::uint32_t frame = field_a(*pc_);
  if (type.results.size() != 1 || type.results[0] == ValueType::v128) return;
  const Kind kind = kind_of(type.results[0]);
  const Register d = target(frame, kind, 0);
  if (d != 0) emit(kind == Kind::general ? move(Width::x, d, 0) : of_one(fmov_d, d, 0));
  written(frame, kind, d);
}

void FunctionCompiler::call() {
  pay(field_c(*pc_), true);
  store_set(dirty_ & valid_ & needed_before_);
  add_constant(Width::x, frame_register, frame_register, std::int64_t{field_a(*pc_)} * 8);
  const auto called = static_cast<std::uint32_t>(pc_[1]) - module_.imported_functions;
  if (const std::uint32_t entry = unit_.functions[called].entry; entry != 0) {
    emit(bl(std::int64_t{entry / 4} - unit_.size));
  } else {
    const std::uint32_t before = unit_.callers[called];
    unit_.callers[called] = unit_.size;
    emit(before);
  }
  site(CompiledSite::Kind::call_return, 0, 0, word_);
  add_constant(Width::x, frame_register, frame_register, -std::int64_t{field_a(*pc_)} * 8);
  valid_ = dirty_ = 0;
  forget_addresses();
  take_result(called_type(module_, pc_));
}

void FunctionCompiler::call_through() {
  const std::uint32_t table = upper(pc_[1]);
  const auto type = static_cast<std::uint32_t>(pc_[1]);
  if (!reaches(Access::ldr_x, table * 8) || !reaches(Access::ldr_w, type * 4)) {
    step();
    return;
  }
  pay(field_c(*pc_), true);
  store_set(dirty_ & valid_ & needed_before_);
  const Register n = general_base(field_b(*pc_), base_scratch);
  const auto state = [&](Register t, std::size_t offset) {
    emit(arm64::access(Access::ldr_x, t, state_register, offset_in(offset)));
  };
  const auto load = [&](Access op, Register t, Register from, std::size_t offset) {
    emit(arm64::access(op, t, from, offset_in(offset)));
  };
  state(scratch, offsetof(NativeState, tables));
  load(Access::ldr_x, scratch, scratch, table * 8);
  load(Access::ldr_w, second_scratch, scratch, offsetof(Table, length));
  emit(three(Three::subs, Width::w, zr, n, second_scratch));
  trap_if(b(Condition::hs), Trap::undefined_element);
  load(Access::ldr_x, scratch, scratch, offsetof(Table, elements));
  emit(access_indexed(Access::ldr_x, scratch, scratch, n) | 1U << 12);  // lsl #3
  trap_if(cbz(Width::x, scratch), Trap::uninitialized_element);
  state(second_scratch, offsetof(NativeState, arena));
  emit(three(Three::add, Width::x, scratch, scratch, second_scratch));
  state(link_register, offsetof(NativeState, types));
  load(Access::ldr_w, second_scratch, scratch, offsetof(Function, type));
  load(Access::ldr_w, link_register, link_register, type * 4);
  emit(three(Three::subs, Width::w, zr, second_scratch, link_register));
  trap_if(b(Condition::ne), Trap::indirect_type);
  // Only functions of this instance that are compiled can be gone to directly.
  load(Access::ldr_x, second_scratch, scratch, offsetof(Function, instance));
  state(link_register, offsetof(NativeState, instance));
  load(Access::ldr_x, scratch, scratch, offsetof(Function, native));
  emit(three(Three::subs, Width::x, zr, second_scratch, link_register));
  emit(csel(Width::x, scratch, scratch, zr, Condition::eq));
  const FunctionType& called = module_.types[type];
  Kind result = Kind::none;
  if (called.results.size() == 1 && called.results[0] != ValueType::v128) result = kind_of(called.results[0]);
  const std::uint32_t slow = pending_count_;
  later({.what = Pending::What::call_slow,
         .detail = static_cast<std::uint8_t>(result),
         .address = 0,
         .site = unit_.size,
         .back = 0,
         .word = word_,
         .bases = {none, none},
         .valid = 0,
         .dirty = 0});
  emit(cbz(Width::x, scratch));
  add_constant(Width::x, frame_register, frame_register, std::int64_t{field_a(*pc_)} * 8);
  emit(blr(scratch));
  site(CompiledSite::Kind::call_return, 0, 0, word_);
  if (!failed_) pending_[slow].back = unit_.size;
  add_constant(Width::x, frame_register, frame_register, -std::int64_t{field_a(*pc_)} * 8);
  valid_ = dirty_ = 0;
  forget_addresses();
  take_result(called);
}

void FunctionCompiler::compare_branch(Op op) {
  pay(field_c(*pc_), jumps_back());
  const bool constant = op >= Op::if_i32_eq_k;
  const unsigned distance = number(op) - number(constant ? Op::if_i32_eq_k : Op::if_i32_eq);
  const Condition condition = conditions[distance % 10];
  const Width width = distance < 10 ? Width::w : Width::x;
  if (!constant) {
    const Register n = general(field_a(*pc_), scratch);
    const Register m = general(field_b(*pc_), second_scratch);
    emit(three(Three::subs, width, zr, n, m));
    return jump_when(b(condition));
  }
  const auto value = static_cast<std::int16_t>(field_b(*pc_));
  if (value == 0 && (condition == Condition::eq || condition == Condition::ne)) {
    const Register n = general(field_a(*pc_), scratch);
    return jump_when(condition == Condition::eq ? cbz(width, n) : cbnz(width, n));
  }
  compare(width, field_a(*pc_), value);
  jump_when(b(condition));
}

void FunctionCompiler::select() {
  const std::uint64_t word = *pc_;
  const auto kind = op_of(word) == Op::select_slot_v128 ? Kind::vector
                    : upper(pc_[1]) != 0                ? Kind::scalar
                                                        : Kind::general;
  const Register condition = general_base(static_cast<std::uint32_t>(pc_[1]), scratch);
  emit(immediate(Three::subs, Width::w, zr, condition, 0));
  if (kind == Kind::general) {
    const Register n = general(field_b(word), scratch);
    const Register m = general(field_c(word), second_scratch);
    const Register d = target(field_a(word), kind, scratch);
    emit(csel(Width::x, d, n, m, Condition::ne));
    return written(field_a(word), kind, d);
  }
  const Register n = vector(field_b(word), kind, first_vector_scratch);
  const Register m = vector(field_c(word), kind, first_vector_scratch + 1);
  const Register d = target(field_a(word), kind, first_vector_scratch);
  if (kind == Kind::scalar) {
    emit(fcsel(d, n, m, Condition::ne));
  } else {
    const Register chosen = first_vector_scratch + 2;
    emit(move_vector(chosen, n));
    emit(b(Condition::ne, 2));
    emit(move_vector(chosen, m));
    emit(move_vector(d, chosen));
  }
  written(field_a(word), kind, d);
}

namespace {

Access global_access(Kind kind, bool load) {
  if (kind == Kind::vector) return load ? Access::ldr_q : Access::str_q;
  if (kind == Kind::scalar) return load ? Access::ldr_d : Access::str_d;
  return load ? Access::ldr_x : Access::str_x;
}

}  // namespace

/// A register with a global's address: its own, or scratch.
arm64::Register FunctionCompiler::global_address(std::uint32_t index) {
  constexpr std::uint32_t near = 4096;
  if (index == 0) return first_global_register;
  Register base = globals_register;
  if (index >= near) {
    add_constant(Width::x, scratch, base, std::int64_t{index / near * near} * 8);
    base = scratch;
  }
  emit(arm64::access(Access::ldr_x, scratch, base, index % near * 8));
  return scratch;
}

void FunctionCompiler::read_global() {
  const std::uint32_t index = upper(*pc_);
  const Kind kind = kind_of(module_.globals[index].type.value);
  const Register d = target(field_a(*pc_), kind, kind == Kind::general ? scratch : first_vector_scratch);
  const Register global = global_address(index);
  emit(arm64::access(global_access(kind, true), d, global, offset_in(offsetof(Global, value))));
  written(field_a(*pc_), kind, d);
}

void FunctionCompiler::write_global() {
  const std::uint32_t index = upper(*pc_);
  const Kind kind = kind_of(module_.globals[index].type.value);
  const Register n = kind == Kind::general ? general(field_a(*pc_), second_scratch)
                                           : vector(field_a(*pc_), kind, first_vector_scratch);
  const Register global = global_address(index);
  emit(arm64::access(global_access(kind, false), n, global, offset_in(offsetof(Global, value))));
}

}  // namespace rvm::wasm
