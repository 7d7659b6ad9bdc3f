// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Two instructions of the internal code that are one of the machine's: the first's result is read by the second only.
#include <utility>

#include "compile.hpp"

namespace rvm::wasm {

using namespace arm64;

namespace {

constexpr Condition conditions[] = {Condition::eq, Condition::ne, Condition::lt, Condition::lo, Condition::gt,
                                    Condition::hi, Condition::le, Condition::ls, Condition::ge, Condition::hs};

/// The same operation on i32, for one on i64, and how wide it was.
std::pair<Op, Width> narrowed(Op op, Op first_narrow, Op first_wide) {
  if (op < first_wide) return {op, Width::w};
  return {shifted(op, first_wide, first_narrow), Width::x};
}

}  // namespace

/// The slot has got a value that nobody will read.
void FunctionCompiler::overwritten(std::uint32_t slot) { written_in_slot(slot, Kind::general); }

/// Whether a slot that was just written has a register and is needed no more behind the next instruction.
bool FunctionCompiler::only_read_next(std::uint32_t slot, const std::uint64_t* next) const {
  const RegisterSet own = register_of(slot, Kind::general);
  return own != 0 && (needed_[static_cast<std::size_t>(next - code_) - body_.begin] & own) == 0;
}

/// Emits this instruction together with the next one, which is the current one then.
bool FunctionCompiler::pair_up() {
  const Op op = op_of(*pc_);
  const bool shift = between(op, Op::i32_shl_k, Op::i32_rotr_k) || between(op, Op::i64_shl_k, Op::i64_rotr_k);
  const bool multiply = op == Op::i32_mul || op == Op::i64_mul;
  const bool comparison = is_compare(op);
  if (!shift && !multiply && !comparison) return false;
  const std::uint64_t* const next = pc_ + words_of(pc_);
  const auto next_word = static_cast<std::uint32_t>(next - code_);
  if (next_word >= last_ || label_index_[next_word - body_.begin] != 0) return false;
  const Op second = op_of(*next);
  const std::uint32_t a = field_a(*pc_);
  bool done = false;
  if (comparison) {
    // A comparison's result is needed no more when the choice itself overwrites it.
    done = second == Op::select_slot && static_cast<std::uint32_t>(next[1]) == a && field_b(*next) != a &&
           field_c(*next) != a && (field_a(*next) == a || only_read_next(a, next)) && compare_and_select(next);
  } else if (between(second, Op::i32_add, Op::i64_rotr) && (field_b(*next) == a) != (field_c(*next) == a) &&
             (field_a(*next) == a || only_read_next(a, next))) {
    done = shift ? shift_and_use(next) : multiply_and_add(next);
  }
  if (done) word_ = next_word;
  return done;
}

bool FunctionCompiler::shift_and_use(const std::uint64_t* next) {
  const auto [first, width] = narrowed(op_of(*pc_), Op::i32_shl_k, Op::i64_shl_k);
  const auto [second, second_width] = narrowed(op_of(*next), Op::i32_add, Op::i64_add);
  if (width != second_width) return false;
  Three operation{};
  switch (second) {
    case Op::i32_add:
      operation = Three::add;
      break;
    case Op::i32_sub:
      operation = Three::sub;
      break;
    case Op::i32_and:
      operation = Three::and_;
      break;
    case Op::i32_or:
      operation = Three::orr;
      break;
    case Op::i32_xor:
      operation = Three::eor;
      break;
    default:
      return false;
  }
  const bool sum = second == Op::i32_add || second == Op::i32_sub;
  unsigned by = field_c(*pc_) & (bits(width) - 1);
  Shift shift{};
  switch (first) {
    case Op::i32_shl_k:
      shift = Shift::lsl;
      break;
    case Op::i32_shr_s_k:
      shift = Shift::asr;
      break;
    case Op::i32_shr_u_k:
      shift = Shift::lsr;
      break;
    default:
      if (sum) return false;  // additions do not rotate
      if (first == Op::i32_rotl_k) by = (bits(width) - by) & (bits(width) - 1);
      shift = Shift::ror;
  }
  const std::uint32_t a = field_a(*pc_);
  const bool second_operand = field_c(*next) == a;
  if (!second_operand && second == Op::i32_sub) return false;
  const Register m = general(field_b(*pc_), scratch);
  const Register n = general(second_operand ? field_b(*next) : field_c(*next), second_scratch);
  overwritten(a);
  pc_ = next;
  const Register d = target(field_a(*next), Kind::general, scratch);
  emit(arm64::shifted(operation, width, d, n, m, shift, by));
  written(field_a(*next), Kind::general, d);
  return true;
}

bool FunctionCompiler::multiply_and_add(const std::uint64_t* next) {
  const Width width = op_of(*pc_) == Op::i32_mul ? Width::w : Width::x;
  const auto [second, second_width] = narrowed(op_of(*next), Op::i32_add, Op::i64_add);
  if (width != second_width || (second != Op::i32_add && second != Op::i32_sub)) return false;
  const std::uint32_t a = field_a(*pc_);
  const bool second_operand = field_c(*next) == a;
  if (!second_operand && second == Op::i32_sub) return false;
  const Register n = general(field_b(*pc_), scratch);
  const Register m = general(field_c(*pc_), second_scratch);
  const Register addend = general(second_operand ? field_b(*next) : field_c(*next), link_register);
  overwritten(a);
  pc_ = next;
  const Register d = target(field_a(*next), Kind::general, scratch);
  emit(second == Op::i32_add ? madd(width, d, n, m, addend) : msub(width, d, n, m, addend));
  written(field_a(*next), Kind::general, d);
  return true;
}

bool FunctionCompiler::compare_and_select(const std::uint64_t* next) {
  if (upper(next[1]) != 0) return false;  // of floating-point numbers
  const Op op = op_of(*pc_);
  const bool constant = op >= Op::i32_eq_k;
  const unsigned distance = number(op) - number(constant ? Op::i32_eq_k : Op::i32_eq);
  const Width width = distance < 10 ? Width::w : Width::x;
  const std::uint32_t a = field_a(*pc_);
  if (constant) {
    compare(width, field_b(*pc_), static_cast<std::int64_t>(*pc_) >> 48);
  } else {
    const Register n = general(field_b(*pc_), scratch);
    emit(three(Three::subs, width, zr, n, general(field_c(*pc_), second_scratch)));
  }
  overwritten(a);
  pc_ = next;
  const Register n = general(field_b(*next), scratch);
  const Register m = general(field_c(*next), second_scratch);
  const Register d = target(field_a(*next), Kind::general, scratch);
  emit(csel(Width::x, d, n, m, conditions[distance % 10]));
  written(field_a(*next), Kind::general, d);
  return true;
}

}  // namespace rvm::wasm
