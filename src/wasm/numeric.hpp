// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the scalar instructions compute. Every function has the name of its row in opcode_table.hpp. The results are the same
// to the bit everywhere: a NaN that arithmetic yields is always the canonical one, rounding is spelled out where the machine
// may lack the instruction, and everything else is exact by IEEE 754.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <limits>
#include <type_traits>

#include "rvm/wasm/types.hpp"

namespace rvm::wasm::ops {

using u32 = std::uint32_t;
using u64 = std::uint64_t;
using i32 = std::int32_t;
using i64 = std::int64_t;
using f32 = float;
using f64 = double;

template <std::floating_point F>
using BitsOf = std::conditional_t<sizeof(F) == 4, u32, u64>;

template <std::floating_point F>
[[nodiscard]] constexpr F canonical_nan() {
  return std::bit_cast<F>(static_cast<BitsOf<F>>(sizeof(F) == 4 ? 0x7fc00000 : 0x7ff8000000000000));
}
template <std::floating_point F>
[[nodiscard]] constexpr F canonical(F x) {
  return __builtin_isnan(x) ? canonical_nan<F>() : x;
}

// --- Integers --------------------------------------------------------------------------------------------------------

template <std::unsigned_integral U>
[[nodiscard]] constexpr U divide_signed(U a, U b) {
  using S = std::make_signed_t<U>;
  return static_cast<U>(static_cast<S>(a) / static_cast<S>(b));
}
template <std::unsigned_integral U>
[[nodiscard]] constexpr U remainder_signed(U a, U b) {
  using S = std::make_signed_t<U>;
  return b == static_cast<U>(-1) ? 0 : static_cast<U>(static_cast<S>(a) % static_cast<S>(b));
}

#define RVM_INTEGER(p, U, S) \
  constexpr U p##_add(U a, U b) { return a + b; } \
  constexpr U p##_sub(U a, U b) { return a - b; } \
  constexpr U p##_mul(U a, U b) { return a * b; } \
  constexpr U p##_and(U a, U b) { return a & b; } \
  constexpr U p##_or(U a, U b) { return a | b; } \
  constexpr U p##_xor(U a, U b) { return a ^ b; } \
  constexpr U p##_shl(U a, U b) { return a << (b & (sizeof(U) * 8 - 1)); } \
  constexpr U p##_shr_s(U a, U b) { return static_cast<U>(static_cast<S>(a) >> (b & (sizeof(U) * 8 - 1))); } \
  constexpr U p##_shr_u(U a, U b) { return a >> (b & (sizeof(U) * 8 - 1)); } \
  constexpr U p##_rotl(U a, U b) { return std::rotl(a, static_cast<int>(b & (sizeof(U) * 8 - 1))); } \
  constexpr U p##_rotr(U a, U b) { return std::rotr(a, static_cast<int>(b & (sizeof(U) * 8 - 1))); } \
  constexpr u32 p##_eq(U a, U b) { return a == b; } \
  constexpr u32 p##_ne(U a, U b) { return a != b; } \
  constexpr u32 p##_lt_s(U a, U b) { return static_cast<S>(a) < static_cast<S>(b); } \
  constexpr u32 p##_lt_u(U a, U b) { return a < b; } \
  constexpr u32 p##_gt_s(U a, U b) { return static_cast<S>(a) > static_cast<S>(b); } \
  constexpr u32 p##_gt_u(U a, U b) { return a > b; } \
  constexpr u32 p##_le_s(U a, U b) { return static_cast<S>(a) <= static_cast<S>(b); } \
  constexpr u32 p##_le_u(U a, U b) { return a <= b; } \
  constexpr u32 p##_ge_s(U a, U b) { return static_cast<S>(a) >= static_cast<S>(b); } \
  constexpr u32 p##_ge_u(U a, U b) { return a >= b; } \
  constexpr u32 p##_eqz(U a) { return a == 0; } \
  constexpr U p##_clz(U a) { return static_cast<U>(std::countl_zero(a)); } \
  constexpr U p##_ctz(U a) { return static_cast<U>(std::countr_zero(a)); } \
  constexpr U p##_popcnt(U a) { return static_cast<U>(std::popcount(a)); } \
  constexpr U p##_extend8_s(U a) { return static_cast<U>(static_cast<S>(static_cast<std::int8_t>(a))); } \
  constexpr U p##_extend16_s(U a) { return static_cast<U>(static_cast<S>(static_cast<std::int16_t>(a))); } \
  constexpr Trap p##_div_u(U a, U b, U& result) { \
    if (b == 0) return Trap::divide_by_zero; \
    result = a / b; \
    return Trap::none; \
  } \
  constexpr Trap p##_rem_u(U a, U b, U& result) { \
    if (b == 0) return Trap::divide_by_zero; \
    result = a % b; \
    return Trap::none; \
  } \
  constexpr Trap p##_div_s(U a, U b, U& result) { \
    if (b == 0) return Trap::divide_by_zero; \
    if (b == static_cast<U>(-1) && a == U{1} << (sizeof(U) * 8 - 1)) return Trap::integer_overflow; \
    result = divide_signed(a, b); \
    return Trap::none; \
  } \
  constexpr Trap p##_rem_s(U a, U b, U& result) { \
    if (b == 0) return Trap::divide_by_zero; \
    result = remainder_signed(a, b); \
    return Trap::none; \
  }
RVM_INTEGER(i32, u32, i32)
RVM_INTEGER(i64, u64, i64)
#undef RVM_INTEGER

constexpr u32 i32_wrap_i64(u64 a) { return static_cast<u32>(a); }
constexpr u64 i64_extend_i32_s(u32 a) { return static_cast<u64>(static_cast<i64>(static_cast<i32>(a))); }
constexpr u64 i64_extend_i32_u(u32 a) { return a; }
constexpr u64 i64_extend32_s(u64 a) { return i64_extend_i32_s(static_cast<u32>(a)); }

// --- Rounding --------------------------------------------------------------------------------------------------------

template <std::floating_point F>
inline constexpr BitsOf<F> sign_bit = BitsOf<F>{1} << (sizeof(F) * 8 - 1);
/// With the sign of `sign`, on bits: also for NaN, whose payload stays.
template <std::floating_point F>
[[nodiscard]] constexpr F with_sign(F x, BitsOf<F> sign) {
  return std::bit_cast<F>((std::bit_cast<BitsOf<F>>(x) & ~sign_bit<F>) | (sign & sign_bit<F>));
}

// Instructions where the target has them; otherwise by exact arithmetic: from 2^23 (2^52) on every number is an integer.
template <std::floating_point F>
[[nodiscard]] inline F truncate(F x) {
#if defined(__aarch64__) || defined(__SSE4_1__)
  return sizeof(F) == 4 ? static_cast<F>(__builtin_truncf(static_cast<f32>(x))) : static_cast<F>(__builtin_trunc(x));
#else
  constexpr F whole = static_cast<F>(u64{1} << (std::numeric_limits<F>::digits - 1));
  if (!(with_sign(x, 0) < whole)) return x;
  return with_sign(static_cast<F>(static_cast<i64>(x)), std::bit_cast<BitsOf<F>>(x));
#endif
}
template <std::floating_point F>
[[nodiscard]] inline F round_down(F x) {
  const F t = truncate(x);
  return t > x ? t - 1 : t;  // never both zero: the sign of a zero result is truncate's
}
template <std::floating_point F>
[[nodiscard]] inline F round_up(F x) {
  const F t = truncate(x);
  return t < x ? t + 1 : t;
}
/// To the nearest integer, ties to even: adding and taking away 2^23 (2^52) lets the addition round.
template <std::floating_point F>
[[nodiscard]] inline F round_even(F x) {
  constexpr F whole = static_cast<F>(u64{1} << (std::numeric_limits<F>::digits - 1));
  const F magnitude = with_sign(x, 0);
  if (!(magnitude < whole)) return x;
  return with_sign((magnitude + whole) - whole, std::bit_cast<BitsOf<F>>(x));
}

// --- Floating point --------------------------------------------------------------------------------------------------

template <std::floating_point F>
[[nodiscard]] constexpr F lesser(F a, F b) {
  if (__builtin_isnan(a) || __builtin_isnan(b)) return canonical_nan<F>();
  if (a == b) return std::bit_cast<F>(std::bit_cast<BitsOf<F>>(a) | std::bit_cast<BitsOf<F>>(b));  // -0 before +0
  return a < b ? a : b;
}
template <std::floating_point F>
[[nodiscard]] constexpr F greater(F a, F b) {
  if (__builtin_isnan(a) || __builtin_isnan(b)) return canonical_nan<F>();
  if (a == b) return std::bit_cast<F>(std::bit_cast<BitsOf<F>>(a) & std::bit_cast<BitsOf<F>>(b));
  return a > b ? a : b;
}
#define RVM_FLOAT(p, F, U) \
  constexpr u32 p##_eq(F a, F b) { return a == b; } \
  constexpr u32 p##_ne(F a, F b) { return a != b; } \
  constexpr u32 p##_lt(F a, F b) { return a < b; } \
  constexpr u32 p##_gt(F a, F b) { return a > b; } \
  constexpr u32 p##_le(F a, F b) { return a <= b; } \
  constexpr u32 p##_ge(F a, F b) { return a >= b; } \
  constexpr F p##_add(F a, F b) { return canonical(a + b); } \
  constexpr F p##_sub(F a, F b) { return canonical(a - b); } \
  constexpr F p##_mul(F a, F b) { return canonical(a * b); } \
  inline F p##_div(F a, F b) { return canonical(a / b); } \
  constexpr F p##_min(F a, F b) { return lesser(a, b); } \
  constexpr F p##_max(F a, F b) { return greater(a, b); } \
  constexpr F p##_copysign(F a, F b) { return with_sign(a, std::bit_cast<U>(b)); } \
  constexpr F p##_abs(F a) { return with_sign(a, U{0}); } \
  constexpr F p##_neg(F a) { return std::bit_cast<F>(std::bit_cast<U>(a) ^ sign_bit<F>); } \
  inline F p##_ceil(F a) { return canonical(round_up(a)); } \
  inline F p##_floor(F a) { return canonical(round_down(a)); } \
  inline F p##_trunc(F a) { return canonical(truncate(a)); } \
  inline F p##_nearest(F a) { return canonical(round_even(a)); } \
  constexpr F p##_convert_i32_s(u32 a) { return static_cast<F>(static_cast<i32>(a)); } \
  constexpr F p##_convert_i32_u(u32 a) { return static_cast<F>(a); } \
  constexpr F p##_convert_i64_s(u64 a) { return static_cast<F>(static_cast<i64>(a)); } \
  constexpr F p##_convert_i64_u(u64 a) { return static_cast<F>(a); }
RVM_FLOAT(f32, f32, u32)
RVM_FLOAT(f64, f64, u64)
#undef RVM_FLOAT

inline f32 f32_sqrt(f32 a) { return canonical(__builtin_sqrtf(a)); }
inline f64 f64_sqrt(f64 a) { return canonical(__builtin_sqrt(a)); }
constexpr f32 f32_demote_f64(f64 a) { return canonical(static_cast<f32>(a)); }
constexpr f64 f64_promote_f32(f32 a) { return canonical(static_cast<f64>(a)); }
constexpr u32 i32_reinterpret_f32(f32 a) { return std::bit_cast<u32>(a); }
constexpr u64 i64_reinterpret_f64(f64 a) { return std::bit_cast<u64>(a); }
constexpr f32 f32_reinterpret_i32(u32 a) { return std::bit_cast<f32>(a); }
constexpr f64 f64_reinterpret_i64(u64 a) { return std::bit_cast<f64>(a); }

// --- Floating point to integer ---------------------------------------------------------------------------------------

/// What truncates into I lies strictly between these, as far as F can tell: the bounds themselves are out, except that the
/// lower bound of a narrow signed type is a number of F and `below` lies one step under it.
template <std::integral I, std::floating_point F>
struct TruncationRange {
  static constexpr F above = std::is_signed_v<I> ? static_cast<F>(u64{1} << (sizeof(I) * 8 - 1))
                                                 : static_cast<F>(u64{1} << (sizeof(I) * 8 - 1)) * 2;
  [[nodiscard]] static constexpr bool holds(F x) {
    if constexpr (std::is_unsigned_v<I>) return x > F{-1} && x < above;
    // f64 has the fractions between -2^31 - 1 and -2^31, which truncate to -2^31.
    if constexpr (sizeof(F) > sizeof(I)) return x > -above - 1 && x < above;
    return x >= -above && x < above;
  }
};
template <std::integral I, std::floating_point F, std::unsigned_integral U>
[[nodiscard]] constexpr Trap truncate_to(F x, U& result) {
  if (__builtin_isnan(x)) return Trap::invalid_conversion;
  if (!TruncationRange<I, F>::holds(x)) return Trap::integer_overflow;
  result = static_cast<U>(static_cast<I>(x));
  return Trap::none;
}
template <std::integral I, std::floating_point F>
[[nodiscard]] constexpr std::make_unsigned_t<I> truncate_saturating(F x) {
  using U = std::make_unsigned_t<I>;
  if (__builtin_isnan(x)) return 0;
  if (TruncationRange<I, F>::holds(x)) return static_cast<U>(static_cast<I>(x));
  return static_cast<U>(x < 0 ? std::numeric_limits<I>::min() : std::numeric_limits<I>::max());
}

#define RVM_TRUNCATE(p, U, S, q, F) \
  constexpr Trap p##_trunc_##q##_s(F a, U& result) { return truncate_to<S>(a, result); } \
  constexpr Trap p##_trunc_##q##_u(F a, U& result) { return truncate_to<U>(a, result); } \
  constexpr U p##_trunc_sat_##q##_s(F a) { return truncate_saturating<S>(a); } \
  constexpr U p##_trunc_sat_##q##_u(F a) { return truncate_saturating<U>(a); }
RVM_TRUNCATE(i32, u32, i32, f32, f32)
RVM_TRUNCATE(i32, u32, i32, f64, f64)
RVM_TRUNCATE(i64, u64, i64, f32, f32)
RVM_TRUNCATE(i64, u64, i64, f64, f64)
#undef RVM_TRUNCATE

}  // namespace rvm::wasm::ops
