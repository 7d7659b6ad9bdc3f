// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Integers and scalars of floating point.
#include <bit>

#include "compile.hpp"

namespace rvm::wasm {

using namespace arm64;

namespace {

constexpr Condition conditions[] = {Condition::eq, Condition::ne, Condition::lt, Condition::lo, Condition::gt,
                                    Condition::hi, Condition::le, Condition::ls, Condition::ge, Condition::hs};

// In the order of the table: add sub mul and or xor shl shr_s shr_u rotl rotr.
enum class Binary : std::uint8_t { add, sub, mul, and_, or_, xor_, shl, shr_s, shr_u, rotl, rotr };
constexpr Three instructions[] = {Three::add,  Three::sub,  Three::mul,  Three::and_, Three::orr, Three::eor,
                                  Three::lslv, Three::asrv, Three::lsrv, Three::rorv, Three::rorv};
constexpr unsigned binaries = 11;
static_assert(number(Op::i64_add) - number(Op::i32_add) == binaries);
static_assert(number(Op::i32_eq) - number(Op::i32_add) == 2 * binaries);

constexpr Word fcvtzs = 0x1e38'0000;
constexpr Word unsigned_bit = 0x0001'0000;

}  // namespace

void FunctionCompiler::integer_binary(Op op) {
  const unsigned distance = number(op) - number(Op::i32_add);
  const Width width = distance < binaries ? Width::w : Width::x;
  const auto binary = static_cast<Binary>(distance % binaries);
  const std::uint32_t a = field_a(*pc_);
  const Register n = general(field_b(*pc_), scratch);
  Register m = general(field_c(*pc_), second_scratch);
  if (binary == Binary::rotl) {
    emit(three(Three::sub, width, second_scratch, zr, m));
    m = second_scratch;
  }
  const Register d = target(a, Kind::general, scratch);
  emit(three(instructions[distance % binaries], width, d, n, m));
  written(a, Kind::general, d);
}

void FunctionCompiler::integer_constant(Op op) {
  const unsigned distance = number(op) - number(Op::i32_add_k);
  const Width width = distance < binaries ? Width::w : Width::x;
  const auto binary = static_cast<Binary>(distance % binaries);
  const std::uint32_t a = field_a(*pc_);
  const std::int64_t value = static_cast<std::int64_t>(*pc_) >> 48;
  const Register n = general_base(field_b(*pc_), scratch);
  const Register d = target(a, Kind::general, scratch);
  const unsigned by = static_cast<unsigned>(value) & (bits(width) - 1);
  const unsigned top = bits(width) - 1;
  switch (binary) {
    case Binary::add:
      add_constant(width, d, n, value);
      if (value == 0 && d == n) break;
      break;
    case Binary::sub:
      add_constant(width, d, n, -value);
      break;
    case Binary::and_:
    case Binary::or_:
    case Binary::xor_: {
      const Three instruction = instructions[distance % binaries];
      if (const auto field = bitmask(width, static_cast<std::uint64_t>(value))) {
        emit(bitmask_immediate(instruction, width, d, n, *field));
      } else {
        move_constant(width, second_scratch, static_cast<std::uint64_t>(value));
        emit(three(instruction, width, d, n, second_scratch));
      }
      break;
    }
    case Binary::mul:
      if (value > 0 && std::has_single_bit(static_cast<std::uint64_t>(value))) {
        const auto shift = static_cast<unsigned>(std::countr_zero(static_cast<std::uint64_t>(value)));
        emit(ubfm(width, d, n, (top + 1 - shift) & top, top - shift));
      } else {
        move_constant(width, second_scratch, static_cast<std::uint64_t>(value));
        emit(three(Three::mul, width, d, n, second_scratch));
      }
      break;
    case Binary::shl:
      emit(ubfm(width, d, n, (top + 1 - by) & top, top - by));
      break;
    case Binary::shr_s:
      emit(sbfm(width, d, n, by, top));
      break;
    case Binary::shr_u:
      emit(ubfm(width, d, n, by, top));
      break;
    case Binary::rotl:
      emit(ror_immediate(width, d, n, (top + 1 - by) & top));
      break;
    case Binary::rotr:
      emit(ror_immediate(width, d, n, by));
      break;
  }
  written(a, Kind::general, d);
}

/// Sets the flags for a slot's value and a constant.
void FunctionCompiler::compare(Width width, std::uint32_t slot, std::int64_t value) {
  const Register n = general_base(slot, scratch);
  if (value >= 0 && value < 4096) return emit(immediate(Three::subs, width, zr, n, static_cast<std::uint32_t>(value)));
  if (value < 0 && value > -4096) return emit(immediate(Three::adds, width, zr, n, static_cast<std::uint32_t>(-value)));
  move_constant(width, second_scratch, static_cast<std::uint64_t>(value));
  emit(three(Three::subs, width, zr, n, second_scratch));
}

void FunctionCompiler::divide(Op op) {
  const unsigned distance = number(op) - number(Op::i32_div_s);
  const Width width = distance < 4 ? Width::w : Width::x;
  const bool is_signed = distance % 2 == 0;
  const bool remainder = distance % 4 >= 2;
  const Register n = general(field_b(*pc_), scratch);
  const Register m = general_base(field_c(*pc_), second_scratch);
  trap_if(cbz(width, m), Trap::divide_by_zero);
  if (is_signed && !remainder) {
    emit(immediate(Three::adds, width, zr, m, 1));
    // When m is -1: n - 1 overflows just for the smallest number. Otherwise no flag.
    emit(0x7a40'0800 | width | 1U << 16 | static_cast<Word>(Condition::eq) << 12 | n << 5);
    trap_if(b(Condition::vs), Trap::integer_overflow);
  }
  const Register d = target(field_a(*pc_), Kind::general, scratch);
  const Three instruction = is_signed ? Three::sdiv : Three::udiv;
  if (remainder) {
    emit(three(instruction, width, link_register, n, m));
    emit(msub(width, d, link_register, m, n));
  } else {
    emit(three(instruction, width, d, n, m));
  }
  written(field_a(*pc_), Kind::general, d);
}

bool FunctionCompiler::integer(Op op) {
  if (between(op, Op::i32_add, Op::i64_rotr)) return integer_binary(op), true;
  if (between(op, Op::i32_add_k, Op::i64_rotr_k)) return integer_constant(op), true;
  if (between(op, Op::i32_div_s, Op::i64_rem_u)) return divide(op), true;
  const bool constant = between(op, Op::i32_eq_k, Op::i64_ge_u_k);
  if (!constant && !between(op, Op::i32_eq, Op::i64_ge_u)) return false;
  const unsigned distance = number(op) - number(constant ? Op::i32_eq_k : Op::i32_eq);
  const Width width = distance < 10 ? Width::w : Width::x;
  if (constant) {
    compare(width, field_b(*pc_), static_cast<std::int64_t>(*pc_) >> 48);
  } else {
    const Register n = general(field_b(*pc_), scratch);
    emit(three(Three::subs, width, zr, n, general(field_c(*pc_), second_scratch)));
  }
  const Register d = target(field_a(*pc_), Kind::general, scratch);
  emit(cset(d, conditions[distance % 10]));
  written(field_a(*pc_), Kind::general, d);
  return true;
}

/// One operand; conversions among them.
bool FunctionCompiler::unary(Op op) {
  const std::uint32_t a = field_a(*pc_);
  const std::uint32_t b = field_b(*pc_);
  const auto general_of = [&](auto make) {
    const Register n = general_base(b, scratch);
    const Register d = target(a, Kind::general, scratch);
    make(d, n);
    written(a, Kind::general, d);
    return true;
  };
  const auto count_ones = [&](bool wide) {
    return general_of([&](Register d, Register n) {
      const Register v = first_vector_scratch;
      emit(of_one(wide ? fmov_d_from_x : fmov_s_from_w, v, n));
      emit(of_one(0x0e20'5800, v, v));  // cnt
      emit(of_one(0x0e31'b800, v, v));  // addv
      emit(of_one(fmov_w_from_s, d, v));
    });
  };
  const auto scalar_of = [&](Word instruction) {
    const Register n = vector(b, Kind::scalar, first_vector_scratch);
    const Register d = target(a, Kind::scalar, first_vector_scratch);
    emit(of_one(instruction, d, n));
    written(a, Kind::scalar, d);
    return true;
  };
  const auto to_general = [&](Word instruction) {
    const Register n = vector(b, Kind::scalar, first_vector_scratch);
    const Register d = target(a, Kind::general, scratch);
    emit(of_one(instruction, d, n));
    written(a, Kind::general, d);
    return true;
  };
  const auto to_scalar = [&](Word instruction) {
    const Register n = general(b, scratch);
    const Register d = target(a, Kind::scalar, first_vector_scratch);
    emit(of_one(instruction, d, n));
    written(a, Kind::scalar, d);
    return true;
  };
  const auto bits_of = [&](Width width, bool trailing) {
    return general_of([&](Register d, Register n) {
      if (trailing) emit(rbit(width, d, n));
      emit(clz(width, d, trailing ? d : n));
    });
  };
  const auto is_zero = [&](Width width) {
    return general_of([&](Register d, Register n) {
      emit(immediate(Three::subs, width, zr, n, 0));
      emit(cset(d, Condition::eq));
    });
  };
  const auto extend = [&](Width width, unsigned top) {
    return general_of([&](Register d, Register n) { emit(sbfm(width, d, n, 0, top)); });
  };
  const auto low_half = [&] { return general_of([&](Register d, Register n) { emit(move(Width::w, d, n)); }); };
  switch (op) {
    case Op::i32_eqz:
      return is_zero(Width::w);
    case Op::i64_eqz:
      return is_zero(Width::x);
    case Op::i32_clz:
      return bits_of(Width::w, false);
    case Op::i64_clz:
      return bits_of(Width::x, false);
    case Op::i32_ctz:
      return bits_of(Width::w, true);
    case Op::i64_ctz:
      return bits_of(Width::x, true);
    case Op::i32_popcnt:
      return count_ones(false);
    case Op::i64_popcnt:
      return count_ones(true);
    case Op::i32_wrap_i64:
    case Op::i64_extend_i32_u:
      return low_half();
    case Op::i64_extend_i32_s:
    case Op::i64_extend32_s:
      return extend(Width::x, 31);
    case Op::i32_extend8_s:
      return extend(Width::w, 7);
    case Op::i32_extend16_s:
      return extend(Width::w, 15);
    case Op::i64_extend8_s:
      return extend(Width::x, 7);
    case Op::i64_extend16_s:
      return extend(Width::x, 15);
    case Op::i32_reinterpret_f32:
      return to_general(fmov_w_from_s);
    case Op::i64_reinterpret_f64:
      return to_general(fmov_x_from_d);
    case Op::f32_reinterpret_i32:
      return to_scalar(fmov_s_from_w);
    case Op::f64_reinterpret_i64:
      return to_scalar(fmov_d_from_x);
    case Op::f32_abs:
      return scalar_of(0x1e20'c000);
    case Op::f32_neg:
      return scalar_of(0x1e21'4000);
    case Op::f32_sqrt:
      return scalar_of(0x1e21'c000);
    case Op::f32_nearest:
      return scalar_of(0x1e24'4000);
    case Op::f32_ceil:
      return scalar_of(0x1e24'c000);
    case Op::f32_floor:
      return scalar_of(0x1e25'4000);
    case Op::f32_trunc:
      return scalar_of(0x1e25'c000);
    case Op::f64_abs:
      return scalar_of(0x1e60'c000);
    case Op::f64_neg:
      return scalar_of(0x1e61'4000);
    case Op::f64_sqrt:
      return scalar_of(0x1e61'c000);
    case Op::f64_nearest:
      return scalar_of(0x1e64'4000);
    case Op::f64_ceil:
      return scalar_of(0x1e64'c000);
    case Op::f64_floor:
      return scalar_of(0x1e65'4000);
    case Op::f64_trunc:
      return scalar_of(0x1e65'c000);
    case Op::f32_demote_f64:
      return scalar_of(0x1e62'4000);
    case Op::f64_promote_f32:
      return scalar_of(0x1e22'c000);
    case Op::f32_convert_i32_s:
      return to_scalar(0x1e22'0000);
    case Op::f32_convert_i32_u:
      return to_scalar(0x1e23'0000);
    case Op::f32_convert_i64_s:
      return to_scalar(0x9e22'0000);
    case Op::f32_convert_i64_u:
      return to_scalar(0x9e23'0000);
    case Op::f64_convert_i32_s:
      return to_scalar(0x1e62'0000);
    case Op::f64_convert_i32_u:
      return to_scalar(0x1e63'0000);
    case Op::f64_convert_i64_s:
      return to_scalar(0x9e62'0000);
    case Op::f64_convert_i64_u:
      return to_scalar(0x9e63'0000);
    // These saturate, and give zero for NaN, as the machine's do (Arm ARM, FPToFixed).
    case Op::i32_trunc_sat_f32_s:
      return to_general(fcvtzs);
    case Op::i32_trunc_sat_f32_u:
      return to_general(fcvtzs | unsigned_bit);
    case Op::i32_trunc_sat_f64_s:
      return to_general(fcvtzs | double_bit);
    case Op::i32_trunc_sat_f64_u:
      return to_general(fcvtzs | double_bit | unsigned_bit);
    case Op::i64_trunc_sat_f32_s:
      return to_general(fcvtzs | Width::x);
    case Op::i64_trunc_sat_f32_u:
      return to_general(fcvtzs | Width::x | unsigned_bit);
    case Op::i64_trunc_sat_f64_s:
      return to_general(fcvtzs | Width::x | double_bit);
    case Op::i64_trunc_sat_f64_u:
      return to_general(fcvtzs | Width::x | double_bit | unsigned_bit);
    default:
      return false;
  }
}

/// Truncations that trap: not a number first, then what does not fit.
bool FunctionCompiler::truncation(Op op) {
  if (!between(op, Op::i32_trunc_f32_s, Op::i64_trunc_f64_u)) return false;
  const unsigned distance = number(op) - number(Op::i32_trunc_f32_s);
  const bool is_unsigned = distance % 2 == 1;
  const bool from_double = distance % 4 >= 2;
  const Width width = distance < 4 ? Width::w : Width::x;
  const Register n = vector(field_b(*pc_), Kind::scalar, first_vector_scratch);
  const Word precision = from_double ? double_bit : 0;
  emit(fcmp(from_double, n, n));
  trap_if(b(Condition::vs), Trap::invalid_conversion);
  const Register d = target(field_a(*pc_), Kind::general, scratch);
  if (width == Width::w) {
    // As 64 bits; it fits if its low half, extended, is the same.
    emit(of_one(fcvtzs | precision | Width::x, scratch, n));
    emit(compare_extended(scratch, scratch, is_unsigned ? Extend::uxtw : Extend::sxtw));
    trap_if(b(Condition::ne), Trap::integer_overflow);
    emit(move(Width::w, d, scratch));
    written(field_a(*pc_), Kind::general, d);
    return true;
  }
  // Below 2^63 or 2^64, and not below -2^63 or above -1.
  const Register bound = first_vector_scratch + 1;
  move_constant(Width::x, scratch,
                from_double ? (is_unsigned ? 0x43f0'0000'0000'0000 : 0x43e0'0000'0000'0000)
                            : (is_unsigned ? 0x5f80'0000 : 0x5f00'0000));
  emit(of_one(from_double ? fmov_d_from_x : fmov_s_from_w, bound, scratch));
  emit(fcmp(from_double, n, bound));
  trap_if(b(Condition::ge), Trap::integer_overflow);
  if (is_unsigned) {
    emit(0x1e3e'1000 | precision | bound);  // fmov bound, #-1.0
    emit(fcmp(from_double, n, bound));
    trap_if(b(Condition::le), Trap::integer_overflow);
  } else {
    emit(of_one(0x1e21'4000 | precision, bound, bound));  // fneg
    emit(fcmp(from_double, n, bound));
    trap_if(b(Condition::lt), Trap::integer_overflow);
  }
  emit(of_one(fcvtzs | precision | Width::x | (is_unsigned ? unsigned_bit : 0), d, n));
  written(field_a(*pc_), Kind::general, d);
  return true;
}

bool FunctionCompiler::floating(Op op) {
  if (unary(op) || truncation(op)) return true;
  if (!between(op, Op::f32_eq, Op::f64_copysign)) return false;
  const std::uint32_t a = field_a(*pc_);
  const Register n = vector(field_b(*pc_), Kind::scalar, first_vector_scratch);
  const Register m = vector(field_c(*pc_), Kind::scalar, first_vector_scratch + 1);
  if (between(op, Op::f32_eq, Op::f64_ge)) {
    // eq ne lt gt le ge; none but ne holds of a NaN.
    constexpr Condition floats[] = {Condition::eq, Condition::ne, Condition::mi,
                                    Condition::gt, Condition::ls, Condition::ge};
    const unsigned distance = number(op) - number(Op::f32_eq);
    emit(fcmp(distance >= 6, n, m));
    const Register d = target(a, Kind::general, scratch);
    emit(cset(d, floats[distance % 6]));
    written(a, Kind::general, d);
    return true;
  }
  const unsigned distance = number(op) - number(Op::f32_add);
  constexpr unsigned forms = 7;
  const Word precision = distance >= forms ? double_bit : 0;
  const Register d = target(a, Kind::scalar, first_vector_scratch);
  // add sub mul div min max; the last is copysign
  constexpr Word instructions_f[] = {0x1e20'2800, 0x1e20'3800, 0x1e20'0800, 0x1e20'1800, 0x1e20'5800, 0x1e20'4800};
  if (distance % forms < 6) {
    emit(of_two(instructions_f[distance % forms] | precision, d, n, m));
  } else {
    const Register mask = first_vector_scratch + 2;
    const Register result = first_vector_scratch + 3;
    if (precision != 0) {
      emit(movi_zero | mask);
      emit(of_one(0x6ee0'f800, mask, mask));  // fneg v.2d: only the signs
    } else {
      emit(0x0f04'6400 | mask);  // movi v.2s, #0x80, lsl #24
    }
    emit(move_vector(result, n));
    emit(of_two(0x2ea0'1c00, result, m, mask));  // bit v.8b
    emit(of_one(fmov_d, d, result));
  }
  written(a, Kind::scalar, d);
  return true;
}

}  // namespace rvm::wasm
