// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Vector instructions. Most are one instruction of Advanced SIMD, or one with its operands exchanged or its result inverted:
// those are rows of a table. The rest follows below.
#include <algorithm>
#include <array>

#include "compile.hpp"

namespace rvm::wasm {

using namespace arm64;

namespace {

enum class Form : std::uint8_t {
  none,
  one,          // d = op(n)
  two,          // d = op(n, m)
  exchanged,    // d = op(m, n)
  inverted,     // d = ~op(n, m)
  narrow,       // low half from n by op, high half from m by the same for the high half
  widen,        // d = op2(op(n)): widened, then converted
  low_of_one,   // d = op2(op(n)): converted, then narrowed
  pick,         // d = op(n, m) ? m : n, by lanes
  pick_other,   // d = op(m, n) ? m : n
  shift_left,   // d = op(n, lanes of the amount)
  shift_right,  // d = op(n, lanes of its negative)
  splat,        // d = lanes of a general register
  splat_lane,   // d = lanes of the first lane of n
  all_true,
  bitmask,
};

struct Row {
  Form form = Form::none;
  Word word = 0;
  Word second = 0;
};

// Sizes of lanes, as most instructions have them.
constexpr Word b16 = 0;
constexpr Word h8 = 1U << 22;
constexpr Word s4 = 2U << 22;
constexpr Word d2 = 3U << 22;
// Of floating-point instructions.
constexpr Word f32 = 0;
constexpr Word f64 = 1U << 22;
constexpr Word high_half = 1U << 30;
// Lane 0, as the instructions that name a lane have it.
constexpr Word lane_b = 1U << 16;
constexpr Word lane_h = 2U << 16;
constexpr Word lane_s = 4U << 16;
constexpr Word lane_d = 8U << 16;

constexpr Word add = 0x4e20'8400, sub = 0x6e20'8400, mul = 0x4e20'9c00, addp = 0x4e20'bc00;
constexpr Word cmeq = 0x6e20'8c00, cmgt = 0x4e20'3400, cmge = 0x4e20'3c00, cmhi = 0x6e20'3400, cmhs = 0x6e20'3c00;
constexpr Word smax = 0x4e20'6400, umax = 0x6e20'6400, smin = 0x4e20'6c00, umin = 0x6e20'6c00;
constexpr Word sqadd = 0x4e20'0c00, uqadd = 0x6e20'0c00, sqsub = 0x4e20'2c00, uqsub = 0x6e20'2c00;
constexpr Word urhadd = 0x6e20'1400, sqrdmulh = 0x6e20'b400, sshl = 0x4e20'4400, ushl = 0x6e20'4400;
constexpr Word and_bits = 0x4e20'1c00, bic = 0x4e60'1c00, orr = 0x4ea0'1c00, eor = 0x6e20'1c00, bsl = 0x6e60'1c00;
constexpr Word invert = 0x6e20'5800, neg = 0x6e20'b800, abs = 0x4e20'b800, cnt = 0x4e20'5800;
constexpr Word cmeq_zero = 0x4e20'9800, cmlt_zero = 0x4e20'a800, umaxp = 0x6e20'a400;
constexpr Word saddlp = 0x4e20'2800, uaddlp = 0x6e20'2800;
constexpr Word sqxtn = 0x0e21'4800, sqxtun = 0x2e21'2800, uqxtn = 0x2e21'4800;
constexpr Word sxtl_b = 0x0f08'a400, sxtl_h = 0x0f10'a400, sxtl_s = 0x0f20'a400;
constexpr Word uxtl_b = 0x2f08'a400, uxtl_h = 0x2f10'a400, uxtl_s = 0x2f20'a400;
constexpr Word smull = 0x0e20'c000, umull = 0x2e20'c000;
constexpr Word fadd = 0x4e20'd400, fsub = 0x4ea0'd400, fmul = 0x6e20'dc00, fdiv = 0x6e20'fc00;
constexpr Word fmax = 0x4e20'f400, fmin = 0x4ea0'f400, fcmeq = 0x4e20'e400, fcmge = 0x6e20'e400, fcmgt = 0x6ea0'e400;
constexpr Word fabs = 0x4ea0'f800, fneg = 0x6ea0'f800, fsqrt = 0x6ea1'f800;
constexpr Word frintn = 0x4e21'8800, frintm = 0x4e21'9800, frintp = 0x4ea1'8800, frintz = 0x4ea1'9800;
constexpr Word scvtf = 0x4e21'd800, ucvtf = 0x6e21'd800, fcvtzs_v = 0x4ea1'b800, fcvtzu_v = 0x6ea1'b800;
constexpr Word fcvtn = 0x0e61'6800, fcvtl = 0x0e61'7800;
constexpr Word dup_general = 0x4e00'0c00, dup_lane = 0x4e00'0400, dup_scalar = 0x5e00'0400;
constexpr Word umov = 0x0e00'3c00, smov = 0x0e00'2c00, ins_general = 0x4e00'1c00, ins_lane = 0x6e00'0400;
constexpr Word tbl_one = 0x4e00'0000, tbl_two = 0x4e00'2000, ext = 0x6e00'0000, zip1 = 0x4e00'3800, addv = 0x4e31'b800;

consteval std::array<Row, number(Op::count)> make_rows() {
  std::array<Row, number(Op::count)> rows{};
  const auto set = [&](Op op, Form form, Word word, Word second = 0) { rows[number(op)] = {form, word, second}; };
  using enum Form;
#define RVM_INTEGER_LANES(p, size, lane) \
  set(Op::p##_splat, splat, dup_general | (lane)); \
  set(Op::p##_add, two, add | (size)); \
  set(Op::p##_sub, two, sub | (size)); \
  set(Op::p##_neg, one, neg | (size)); \
  set(Op::p##_abs, one, abs | (size)); \
  set(Op::p##_eq, two, cmeq | (size)); \
  set(Op::p##_ne, inverted, cmeq | (size)); \
  set(Op::p##_lt_s, exchanged, cmgt | (size)); \
  set(Op::p##_gt_s, two, cmgt | (size)); \
  set(Op::p##_le_s, exchanged, cmge | (size)); \
  set(Op::p##_ge_s, two, cmge | (size)); \
  set(Op::p##_shl, shift_left, ushl | (size), lane); \
  set(Op::p##_shr_s, shift_right, sshl | (size), lane); \
  set(Op::p##_shr_u, shift_right, ushl | (size), lane); \
  set(Op::p##_all_true, all_true, cmeq_zero | (size)); \
  set(Op::p##_bitmask, bitmask, cmlt_zero | (size), lane);
  RVM_INTEGER_LANES(i8x16, b16, lane_b)
  RVM_INTEGER_LANES(i16x8, h8, lane_h)
  RVM_INTEGER_LANES(i32x4, s4, lane_s)
  RVM_INTEGER_LANES(i64x2, d2, lane_d)
#undef RVM_INTEGER_LANES
#define RVM_NARROW_LANES(p, size) \
  set(Op::p##_lt_u, exchanged, cmhi | (size)); \
  set(Op::p##_gt_u, two, cmhi | (size)); \
  set(Op::p##_le_u, exchanged, cmhs | (size)); \
  set(Op::p##_ge_u, two, cmhs | (size)); \
  set(Op::p##_min_s, two, smin | (size)); \
  set(Op::p##_min_u, two, umin | (size)); \
  set(Op::p##_max_s, two, smax | (size)); \
  set(Op::p##_max_u, two, umax | (size));
  RVM_NARROW_LANES(i8x16, b16)
  RVM_NARROW_LANES(i16x8, h8)
  RVM_NARROW_LANES(i32x4, s4)
#undef RVM_NARROW_LANES
#define RVM_SATURATING_LANES(p, size) \
  set(Op::p##_add_sat_s, two, sqadd | (size)); \
  set(Op::p##_add_sat_u, two, uqadd | (size)); \
  set(Op::p##_sub_sat_s, two, sqsub | (size)); \
  set(Op::p##_sub_sat_u, two, uqsub | (size)); \
  set(Op::p##_avgr_u, two, urhadd | (size));
  RVM_SATURATING_LANES(i8x16, b16)
  RVM_SATURATING_LANES(i16x8, h8)
#undef RVM_SATURATING_LANES
#define RVM_WIDER_LANES(p, q, size, sxtl, uxtl) \
  set(Op::p##_extend_low_##q##_s, one, sxtl); \
  set(Op::p##_extend_high_##q##_s, one, (sxtl) | high_half); \
  set(Op::p##_extend_low_##q##_u, one, uxtl); \
  set(Op::p##_extend_high_##q##_u, one, (uxtl) | high_half); \
  set(Op::p##_extmul_low_##q##_s, two, smull | (size)); \
  set(Op::p##_extmul_high_##q##_s, two, smull | (size) | high_half); \
  set(Op::p##_extmul_low_##q##_u, two, umull | (size)); \
  set(Op::p##_extmul_high_##q##_u, two, umull | (size) | high_half);
  RVM_WIDER_LANES(i16x8, i8x16, b16, sxtl_b, uxtl_b)
  RVM_WIDER_LANES(i32x4, i16x8, h8, sxtl_h, uxtl_h)
  RVM_WIDER_LANES(i64x2, i32x4, s4, sxtl_s, uxtl_s)
#undef RVM_WIDER_LANES
  set(Op::i16x8_extadd_pairwise_i8x16_s, one, saddlp | b16);
  set(Op::i16x8_extadd_pairwise_i8x16_u, one, uaddlp | b16);
  set(Op::i32x4_extadd_pairwise_i16x8_s, one, saddlp | h8);
  set(Op::i32x4_extadd_pairwise_i16x8_u, one, uaddlp | h8);
  set(Op::i16x8_mul, two, mul | h8);
  set(Op::i32x4_mul, two, mul | s4);
  set(Op::i16x8_q15mulr_sat_s, two, sqrdmulh | h8);
  set(Op::i8x16_popcnt, one, cnt);
  set(Op::i8x16_swizzle, two, tbl_one);
  set(Op::v128_not, one, invert);
  set(Op::v128_and, two, and_bits);
  set(Op::v128_andnot, two, bic);
  set(Op::v128_or, two, orr);
  set(Op::v128_xor, two, eor);
  set(Op::i8x16_narrow_i16x8_s, narrow, sqxtn | b16);
  set(Op::i8x16_narrow_i16x8_u, narrow, sqxtun | b16);
  set(Op::i16x8_narrow_i32x4_s, narrow, sqxtn | h8);
  set(Op::i16x8_narrow_i32x4_u, narrow, sqxtun | h8);
#define RVM_FLOAT_LANES(p, size, lane) \
  set(Op::p##_splat, splat_lane, dup_lane | (lane)); \
  set(Op::p##_eq, two, fcmeq | (size)); \
  set(Op::p##_ne, inverted, fcmeq | (size)); \
  set(Op::p##_lt, exchanged, fcmgt | (size)); \
  set(Op::p##_gt, two, fcmgt | (size)); \
  set(Op::p##_le, exchanged, fcmge | (size)); \
  set(Op::p##_ge, two, fcmge | (size)); \
  set(Op::p##_add, two, fadd | (size)); \
  set(Op::p##_sub, two, fsub | (size)); \
  set(Op::p##_mul, two, fmul | (size)); \
  set(Op::p##_div, two, fdiv | (size)); \
  set(Op::p##_min, two, fmin | (size)); \
  set(Op::p##_max, two, fmax | (size)); \
  set(Op::p##_pmin, pick, fcmgt | (size)); \
  set(Op::p##_pmax, pick_other, fcmgt | (size)); \
  set(Op::p##_abs, one, fabs | (size)); \
  set(Op::p##_neg, one, fneg | (size)); \
  set(Op::p##_sqrt, one, fsqrt | (size)); \
  set(Op::p##_ceil, one, frintp | (size)); \
  set(Op::p##_floor, one, frintm | (size)); \
  set(Op::p##_trunc, one, frintz | (size)); \
  set(Op::p##_nearest, one, frintn | (size));
  RVM_FLOAT_LANES(f32x4, f32, lane_s)
  RVM_FLOAT_LANES(f64x2, f64, lane_d)
#undef RVM_FLOAT_LANES
  set(Op::i32x4_trunc_sat_f32x4_s, one, fcvtzs_v | f32);
  set(Op::i32x4_trunc_sat_f32x4_u, one, fcvtzu_v | f32);
  set(Op::f32x4_convert_i32x4_s, one, scvtf | f32);
  set(Op::f32x4_convert_i32x4_u, one, ucvtf | f32);
  set(Op::f32x4_demote_f64x2_zero, one, fcvtn);
  set(Op::f64x2_promote_low_f32x4, one, fcvtl);
  set(Op::i32x4_trunc_sat_f64x2_s_zero, low_of_one, fcvtzs_v | f64, sqxtn | s4);
  set(Op::i32x4_trunc_sat_f64x2_u_zero, low_of_one, fcvtzu_v | f64, uqxtn | s4);
  set(Op::f64x2_convert_low_i32x4_s, widen, sxtl_s, scvtf | f64);
  set(Op::f64x2_convert_low_i32x4_u, widen, uxtl_s, ucvtf | f64);
  return rows;
}

constexpr auto rows = make_rows();

constexpr Register first = first_vector_scratch;
constexpr Register second = first + 1;
constexpr Register third = first + 2;
constexpr Register fourth = first + 3;

}  // namespace

void FunctionCompiler::vector_result(Register number) {
  const std::uint32_t a = field_a(*pc_);
  const Register d = target(a, Kind::vector, number);
  if (d != number) emit(move_vector(d, number));
  written(a, Kind::vector, d);
}

void FunctionCompiler::vector_constant(Register d, std::uint64_t low, std::uint64_t high) {
  if (low == 0 && high == 0) return emit(movi_zero | d);
  move_constant(Width::x, scratch, low);
  if (low == high) return emit(of_one(dup_general | lane_d, d, scratch));
  emit(of_one(fmov_d_from_x, d, scratch));
  if (high == 0) return;
  move_constant(Width::x, scratch, high);
  emit(of_one(ins_general | lane_d | 1U << 20, d, scratch));
}

bool FunctionCompiler::simd_row(Op op) {
  const Row& row = rows[number(op)];
  if (row.form == Form::none) return false;
  const std::uint32_t a = field_a(*pc_);
  const std::uint32_t b = field_b(*pc_);
  const std::uint32_t c = field_c(*pc_);
  const auto n_of = [&] { return vector(b, Kind::vector, first); };
  const auto m_of = [&] { return vector(c, Kind::vector, second); };
  const auto one = [&](Word word, Register n) {
    const Register d = target(a, Kind::vector, first);
    emit(of_one(word, d, n));
    written(a, Kind::vector, d);
  };
  const auto two = [&](Word word, Register n, Register m) {
    const Register d = target(a, Kind::vector, first);
    emit(of_two(word, d, n, m));
    written(a, Kind::vector, d);
  };
  switch (row.form) {
    case Form::none:
      break;
    case Form::one:
      one(row.word, n_of());
      break;
    case Form::two: {
      const Register n = n_of();
      two(row.word, n, m_of());
      break;
    }
    case Form::exchanged: {
      const Register n = n_of();
      two(row.word, m_of(), n);
      break;
    }
    case Form::inverted: {
      const Register n = n_of();
      emit(of_two(row.word, third, n, m_of()));
      one(invert, third);
      break;
    }
    case Form::narrow: {
      const Register n = n_of();
      const Register m = m_of();
      emit(of_one(row.word, third, n));
      emit(of_one(row.word | high_half, third, m));
      vector_result(third);
      break;
    }
    case Form::widen:
    case Form::low_of_one:
      emit(of_one(row.word, third, n_of()));
      one(row.second, third);
      break;
    case Form::pick:
    case Form::pick_other: {
      const Register n = n_of();
      const Register m = m_of();
      emit(row.form == Form::pick ? of_two(row.word, third, n, m) : of_two(row.word, third, m, n));
      emit(of_two(bsl, third, m, n));
      vector_result(third);
      break;
    }
    case Form::shift_left:
    case Form::shift_right: {
      const Register amount = general_base(c, scratch);
      const unsigned lane_bits = 8 * (row.second >> 16);
      emit(bitmask_immediate(Three::and_, Width::w, scratch, amount, *bitmask(Width::w, lane_bits - 1)));
      if (row.form == Form::shift_right) emit(three(Three::sub, Width::x, scratch, zr, scratch));
      emit(of_one(dup_general | row.second, third, scratch));
      two(row.word, n_of(), third);
      break;
    }
    case Form::splat:
      one(row.word, general(b, scratch));
      break;
    case Form::splat_lane:
      one(row.word, vector(b, Kind::scalar, first));
      break;
    case Form::all_true:
      // A lane that is zero makes its lane all ones.
      emit(of_one(row.word, third, n_of()));
      any_true(third, Condition::eq);
      break;
    case Form::bitmask:
      bitmask_of(row.word, row.second);
      break;
  }
  return true;
}

/// Whether any bit of `n` is set (ne) or none (eq).
void FunctionCompiler::any_true(Register n, Condition condition) {
  emit(of_two(umaxp | s4, third, n, n));
  emit(of_one(fmov_x_from_d, scratch, third));
  emit(immediate(Three::subs, Width::x, zr, scratch, 0));
  const Register d = target(field_a(*pc_), Kind::general, scratch);
  emit(cset(d, condition));
  written(field_a(*pc_), Kind::general, d);
}

/// The signs of the lanes: all ones or none, each anded with its own bit, added up.
void FunctionCompiler::bitmask_of(Word below_zero, Word lane) {
  const Register n = vector(field_b(*pc_), Kind::vector, first);
  emit(of_one(below_zero, third, n));
  switch (lane) {
    case lane_b:
      vector_constant(fourth, 0x8040'2010'0804'0201, 0x8040'2010'0804'0201);
      break;
    case lane_h:
      vector_constant(fourth, 0x0008'0004'0002'0001, 0x0080'0040'0020'0010);
      break;
    case lane_s:
      vector_constant(fourth, 0x0000'0002'0000'0001, 0x0000'0008'0000'0004);
      break;
    default:
      vector_constant(fourth, 1, 2);
      break;
  }
  emit(of_two(and_bits, third, third, fourth));
  if (lane == lane_b) {
    // Bytes of both halves side by side, so that sums of halfwords have 16 bits.
    emit(of_two(ext | 8U << 11, fourth, third, third));
    emit(of_two(zip1, third, third, fourth));
  }
  if (lane == lane_d) {
    emit(of_two(addp | d2, third, third, third));
  } else {
    emit(of_one(addv | (lane == lane_s ? s4 : h8), third, third));
  }
  const Register d = target(field_a(*pc_), Kind::general, scratch);
  emit(of_one(fmov_w_from_s, d, third));
  written(field_a(*pc_), Kind::general, d);
}

bool FunctionCompiler::simd_lane(Op op) {
  // A lane's number goes above the bit that says how wide it is.
  constexpr Word lanes[] = {lane_b, lane_h, lane_s, lane_d};
  const auto lane_of = [&](unsigned size, std::uint32_t index) { return lanes[size] | index << (17 + size); };
  if (between(op, Op::i8x16_extract_lane_s, Op::f64x2_extract_lane)) {
    constexpr std::uint8_t sizes[] = {0, 0, 1, 1, 2, 3, 2, 3};
    const unsigned row = number(op) - number(Op::i8x16_extract_lane_s);
    const Word lane = lane_of(sizes[row], field_c(*pc_));
    const Register n = vector(field_b(*pc_), Kind::vector, first);
    const Kind kind = row >= 6 ? Kind::scalar : Kind::general;
    const Register d = target(field_a(*pc_), kind, kind == Kind::scalar ? first : scratch);
    if (kind == Kind::scalar) {
      emit(of_one(dup_scalar | lane, d, n));
    } else {
      emit(of_one((row == 0 || row == 2 ? smov : umov) | lane | (row == 5 ? high_half : 0), d, n));
    }
    written(field_a(*pc_), kind, d);
    return true;
  }
  if (between(op, Op::i8x16_replace_lane, Op::f64x2_replace_lane)) {
    constexpr std::uint8_t sizes[] = {0, 1, 2, 3, 2, 3};
    const unsigned row = number(op) - number(Op::i8x16_replace_lane);
    const Word lane = lane_of(sizes[row], static_cast<std::uint32_t>(pc_[1]));
    const Register n = vector(field_b(*pc_), Kind::vector, first);
    emit(move_vector(third, n));
    if (row >= 4) {
      emit(of_one(ins_lane | lane, third, vector(field_c(*pc_), Kind::scalar, second)));
    } else {
      emit(of_one(ins_general | lane, third, general(field_c(*pc_), scratch)));
    }
    vector_result(third);
    return true;
  }
  constexpr Access loads[] = {Access::ldr_b, Access::ldr_h, Access::ldr_s, Access::ldr_d};
  constexpr Access stores[] = {Access::str_b, Access::str_h, Access::str_s, Access::str_d};
  if (between(op, Op::v128_load8_lane, Op::v128_load64_lane)) {
    const unsigned size = number(op) - number(Op::v128_load8_lane);
    access(loads[size], fourth, place(0, 1U << size));
    emit(move_vector(third, vector(static_cast<std::uint32_t>(pc_[1]), Kind::vector, first)));
    emit(of_one(ins_lane | lane_of(size, upper(pc_[1])), third, fourth));
    vector_result(third);
    return true;
  }
  if (between(op, Op::v128_store8_lane, Op::v128_store64_lane)) {
    const unsigned size = number(op) - number(Op::v128_store8_lane);
    const Place to = place(0, 1U << size);
    const Register n = vector(field_a(*pc_), Kind::vector, first);
    emit(of_one(dup_scalar | lane_of(size, static_cast<std::uint32_t>(pc_[1])), third, n));
    access(stores[size], third, to);
    return true;
  }
  return false;
}

bool FunctionCompiler::simd_memory(Op op) {
  if (op == Op::vector_store) {
    const Place to = place(0, 16);
    access(Access::str_q, vector(field_a(*pc_), Kind::vector, first), to);
    return true;
  }
  if (!between(op, Op::v128_load, Op::v128_load64_zero)) return false;
  struct Load {
    Access access;
    Word then;  ///< 0: nothing
  };
  constexpr Load rows_of_loads[] = {
      {Access::ldr_q, 0},
      {Access::ldr_d, sxtl_b},
      {Access::ldr_d, uxtl_b},
      {Access::ldr_d, sxtl_h},
      {Access::ldr_d, uxtl_h},
      {Access::ldr_d, sxtl_s},
      {Access::ldr_d, uxtl_s},
      {Access::ldr_b, dup_lane | lane_b},
      {Access::ldr_h, dup_lane | lane_h},
      {Access::ldr_s, dup_lane | lane_s},
      {Access::ldr_d, dup_lane | lane_d},
      {Access::ldr_s, 0},
      {Access::ldr_d, 0},
  };
  const Load& load = rows_of_loads[number(op) - number(Op::v128_load)];
  const Place from = place(0, 1U << scale(load.access));
  const Register d = target(field_a(*pc_), Kind::vector, first);
  access(load.access, d, from);
  if (load.then != 0) emit(of_one(load.then, d, d));
  written(field_a(*pc_), Kind::vector, d);
  return true;
}

bool FunctionCompiler::simd(Op op) {
  if (simd_row(op) || simd_lane(op) || simd_memory(op)) return true;
  const std::uint32_t b = field_b(*pc_);
  const std::uint32_t c = field_c(*pc_);
  switch (op) {
    case Op::constant_v128: {
      const Register d = target(field_a(*pc_), Kind::vector, first);
      vector_constant(d, pc_[1], pc_[2]);
      written(field_a(*pc_), Kind::vector, d);
      return true;
    }
    case Op::v128_any_true:
      any_true(vector(b, Kind::vector, first), Condition::ne);
      return true;
    case Op::i32x4_dot_i16x8_s: {
      const Register n = vector(b, Kind::vector, first);
      const Register m = vector(c, Kind::vector, second);
      emit(of_two(smull | h8, third, n, m));
      emit(of_two(smull | h8 | high_half, fourth, n, m));
      const Register d = target(field_a(*pc_), Kind::vector, first);
      emit(of_two(addp | s4, d, third, fourth));
      written(field_a(*pc_), Kind::vector, d);
      return true;
    }
    case Op::i64x2_mul: {
      const Register n = vector(b, Kind::vector, first);
      const Register m = vector(c, Kind::vector, second);
      for (const Word lane : {lane_d, lane_d | 1U << 20}) {
        emit(of_one(umov | high_half | lane, scratch, n));
        emit(of_one(umov | high_half | lane, second_scratch, m));
        emit(three(Three::mul, Width::x, scratch, scratch, second_scratch));
        emit(of_one(ins_general | lane, third, scratch));
      }
      vector_result(third);
      return true;
    }
    case Op::vector_bitselect: {
      const Register n = vector(b, Kind::vector, first);
      const Register m = vector(c, Kind::vector, second);
      emit(move_vector(third, vector(static_cast<std::uint32_t>(pc_[1]), Kind::vector, fourth)));
      emit(of_two(bsl, third, n, m));
      vector_result(third);
      return true;
    }
    case Op::vector_shuffle: {
      // A table of two registers wants them one behind the other.
      const Register n = vector(b, Kind::vector, second);
      if (n != second) emit(move_vector(second, n));
      const Register m = vector(c, Kind::vector, third);
      if (m != third) emit(move_vector(third, m));
      vector_constant(fourth, pc_[1], pc_[2]);
      const Register d = target(field_a(*pc_), Kind::vector, first);
      emit(of_two(tbl_two, d, second, fourth));
      written(field_a(*pc_), Kind::vector, d);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace rvm::wasm
