// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the vector instructions compute, lane by lane and named as in simd_table.hpp. Lanes are in memory order, lane 0 lowest
// (little-endian machines only). Floating-point lanes follow numeric.hpp, canonical NaNs included.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <limits>

#include "interpreter.hpp"
#include "numeric.hpp"

static_assert(std::endian::native == std::endian::little);

namespace rvm::wasm::ops {

using i8 = std::int8_t;
using u8 = std::uint8_t;
using i16 = std::int16_t;
using u16 = std::uint16_t;

template <typename Lane>
using Lanes = std::array<Lane, 16 / sizeof(Lane)>;

template <typename Lane>
[[nodiscard]] inline Lanes<Lane> lanes_of(V128 v) {
  return std::bit_cast<Lanes<Lane>>(v);
}
template <typename Lane>
[[nodiscard]] inline V128 vector_of(const Lanes<Lane>& lanes) {
  return std::bit_cast<V128>(lanes);
}

/// result[i] = f(a[i]); likewise with two operands, and with lanes of another type.
template <typename To, typename From = To, typename F>
[[nodiscard]] inline V128 each(V128 a, F f) {
  const auto x = lanes_of<From>(a);
  Lanes<To> r{};
  for (std::size_t i = 0; i < std::min(r.size(), x.size()); ++i) r[i] = static_cast<To>(f(x[i]));
  return vector_of<To>(r);
}
template <typename To, typename From = To, typename F>
[[nodiscard]] inline V128 each(V128 a, V128 b, F f) {
  const auto x = lanes_of<From>(a);
  const auto y = lanes_of<From>(b);
  Lanes<To> r{};
  for (std::size_t i = 0; i < r.size(); ++i) r[i] = static_cast<To>(f(x[i], y[i]));
  return vector_of<To>(r);
}

// --- Bits ------------------------------------------------------------------------------------------------------------

inline V128 v128_not(V128 a) { return ~a; }
inline V128 v128_and(V128 a, V128 b) { return a & b; }
inline V128 v128_andnot(V128 a, V128 b) { return a & ~b; }
inline V128 v128_or(V128 a, V128 b) { return a | b; }
inline V128 v128_xor(V128 a, V128 b) { return a ^ b; }
inline u32 v128_any_true(V128 a) { return (a[0] | a[1]) != 0; }

inline V128 i8x16_swizzle(V128 a, V128 b) {
  const auto x = lanes_of<u8>(a);
  return each<u8>(b, [&](u8 i) { return i < 16 ? x[i] : u8{0}; });
}
inline V128 i8x16_popcnt(V128 a) {
  return each<u8>(a, [](u8 x) { return std::popcount(x); });
}

// --- Integer lanes ---------------------------------------------------------------------------------------------------

// The compiler's vector types wrap around and compare to all ones or zero, as the instructions do.
using i8_vector = i8 __attribute__((vector_size(16)));
using u8_vector = u8 __attribute__((vector_size(16)));
using i16_vector = i16 __attribute__((vector_size(16)));
using u16_vector = u16 __attribute__((vector_size(16)));
using i32_vector = i32 __attribute__((vector_size(16)));
using u32_vector = u32 __attribute__((vector_size(16)));
using i64_vector = i64 __attribute__((vector_size(16)));
using u64_vector = u64 __attribute__((vector_size(16)));

#define RVM_AS(type, v) (__builtin_bit_cast(type##_vector, v))
#define RVM_V128(v) (__builtin_bit_cast(V128, v))
#define RVM_INTEGER_LANES(p, S, U) \
  inline V128 p##_splat(std::conditional_t<sizeof(U) == 8, u64, u32> x) { \
    Lanes<U> r; \
    r.fill(static_cast<U>(x)); \
    return vector_of<U>(r); \
  } \
  inline V128 p##_add(V128 a, V128 b) { return RVM_V128((RVM_AS(U, a) + RVM_AS(U, b))); } \
  inline V128 p##_sub(V128 a, V128 b) { return RVM_V128((RVM_AS(U, a) - RVM_AS(U, b))); } \
  inline V128 p##_neg(V128 a) { return RVM_V128((-RVM_AS(U, a))); } \
  inline V128 p##_abs(V128 a) { return RVM_V128(__builtin_elementwise_abs(RVM_AS(S, a))); } \
  inline V128 p##_eq(V128 a, V128 b) { return RVM_V128((RVM_AS(U, a) == RVM_AS(U, b))); } \
  inline V128 p##_ne(V128 a, V128 b) { return RVM_V128((RVM_AS(U, a) != RVM_AS(U, b))); } \
  inline V128 p##_lt_s(V128 a, V128 b) { return RVM_V128((RVM_AS(S, a) < RVM_AS(S, b))); } \
  inline V128 p##_gt_s(V128 a, V128 b) { return RVM_V128((RVM_AS(S, a) > RVM_AS(S, b))); } \
  inline V128 p##_le_s(V128 a, V128 b) { return RVM_V128((RVM_AS(S, a) <= RVM_AS(S, b))); } \
  inline V128 p##_ge_s(V128 a, V128 b) { return RVM_V128((RVM_AS(S, a) >= RVM_AS(S, b))); } \
  inline V128 p##_shl(V128 a, u32 n) { return RVM_V128((RVM_AS(U, a) << static_cast<U>(n % (8 * sizeof(U))))); } \
  inline V128 p##_shr_s(V128 a, u32 n) { return RVM_V128((RVM_AS(S, a) >> static_cast<S>(n % (8 * sizeof(U))))); } \
  inline V128 p##_shr_u(V128 a, u32 n) { return RVM_V128((RVM_AS(U, a) >> static_cast<U>(n % (8 * sizeof(U))))); } \
  inline u32 p##_all_true(V128 a) { \
    for (const U x : lanes_of<U>(a)) { \
      if (x == 0) return 0; \
    } \
    return 1; \
  } \
  inline u32 p##_bitmask(V128 a) { \
    const auto x = lanes_of<S>(a); \
    u32 mask = 0; \
    for (std::size_t i = 0; i < x.size(); ++i) mask |= u32{x[i] < 0} << i; \
    return mask; \
  }
RVM_INTEGER_LANES(i8x16, i8, u8)
RVM_INTEGER_LANES(i16x8, i16, u16)
RVM_INTEGER_LANES(i32x4, i32, u32)
RVM_INTEGER_LANES(i64x2, i64, u64)
#undef RVM_INTEGER_LANES

inline V128 i16x8_mul(V128 a, V128 b) { return RVM_V128((RVM_AS(u16, a) * RVM_AS(u16, b))); }
inline V128 i32x4_mul(V128 a, V128 b) { return RVM_V128((RVM_AS(u32, a) * RVM_AS(u32, b))); }
inline V128 i64x2_mul(V128 a, V128 b) { return a * b; }

// What lanes of 64 bits lack.
#define RVM_NARROW_LANES(p, S, U) \
  inline V128 p##_lt_u(V128 a, V128 b) { return RVM_V128((RVM_AS(U, a) < RVM_AS(U, b))); } \
  inline V128 p##_gt_u(V128 a, V128 b) { return RVM_V128((RVM_AS(U, a) > RVM_AS(U, b))); } \
  inline V128 p##_le_u(V128 a, V128 b) { return RVM_V128((RVM_AS(U, a) <= RVM_AS(U, b))); } \
  inline V128 p##_ge_u(V128 a, V128 b) { return RVM_V128((RVM_AS(U, a) >= RVM_AS(U, b))); } \
  inline V128 p##_min_s(V128 a, V128 b) { return RVM_V128(__builtin_elementwise_min(RVM_AS(S, a), RVM_AS(S, b))); } \
  inline V128 p##_min_u(V128 a, V128 b) { return RVM_V128(__builtin_elementwise_min(RVM_AS(U, a), RVM_AS(U, b))); } \
  inline V128 p##_max_s(V128 a, V128 b) { return RVM_V128(__builtin_elementwise_max(RVM_AS(S, a), RVM_AS(S, b))); } \
  inline V128 p##_max_u(V128 a, V128 b) { return RVM_V128(__builtin_elementwise_max(RVM_AS(U, a), RVM_AS(U, b))); }
RVM_NARROW_LANES(i8x16, i8, u8)
RVM_NARROW_LANES(i16x8, i16, u16)
RVM_NARROW_LANES(i32x4, i32, u32)
#undef RVM_NARROW_LANES

#define RVM_SATURATING_LANES(p, S, U) \
  inline V128 p##_add_sat_s(V128 a, V128 b) { \
    return RVM_V128(__builtin_elementwise_add_sat(RVM_AS(S, a), RVM_AS(S, b))); \
  } \
  inline V128 p##_add_sat_u(V128 a, V128 b) { \
    return RVM_V128(__builtin_elementwise_add_sat(RVM_AS(U, a), RVM_AS(U, b))); \
  } \
  inline V128 p##_sub_sat_s(V128 a, V128 b) { \
    return RVM_V128(__builtin_elementwise_sub_sat(RVM_AS(S, a), RVM_AS(S, b))); \
  } \
  inline V128 p##_sub_sat_u(V128 a, V128 b) { \
    return RVM_V128(__builtin_elementwise_sub_sat(RVM_AS(U, a), RVM_AS(U, b))); \
  } \
  inline V128 p##_avgr_u(V128 a, V128 b) { \
    return each<U>(a, b, [](U x, U y) { return (x + y + 1) / 2; }); \
  }
RVM_SATURATING_LANES(i8x16, i8, u8)
RVM_SATURATING_LANES(i16x8, i16, u16)
#undef RVM_SATURATING_LANES
#undef RVM_AS
#undef RVM_V128

template <typename To, typename From>
[[nodiscard]] constexpr To saturate(From x) {
  return static_cast<To>(std::clamp<From>(x, std::numeric_limits<To>::min(), std::numeric_limits<To>::max()));
}
inline V128 i16x8_q15mulr_sat_s(V128 a, V128 b) {
  return each<i16>(a, b, [](i16 x, i16 y) { return saturate<i16>((i32{x} * i32{y} + 0x4000) >> 15); });
}
inline V128 i32x4_dot_i16x8_s(V128 a, V128 b) {
  const auto x = lanes_of<i16>(a);
  const auto y = lanes_of<i16>(b);
  Lanes<u32> r;
  for (std::size_t i = 0; i < 4; ++i) {
    r[i] = static_cast<u32>(i32{x[2 * i]} * i32{y[2 * i]}) + static_cast<u32>(i32{x[2 * i + 1]} * i32{y[2 * i + 1]});
  }
  return vector_of<u32>(r);
}

// --- Lanes of twice and half the width -------------------------------------------------------------------------------

template <typename To, typename From>
[[nodiscard]] inline V128 narrow(V128 a, V128 b) {
  const auto x = lanes_of<From>(a);
  const auto y = lanes_of<From>(b);
  Lanes<To> r;
  for (std::size_t i = 0; i < x.size(); ++i) {
    r[i] = saturate<To, i32>(x[i]);
    r[i + x.size()] = saturate<To, i32>(y[i]);
  }
  return vector_of<To>(r);
}
inline V128 i8x16_narrow_i16x8_s(V128 a, V128 b) { return narrow<i8, i16>(a, b); }
inline V128 i8x16_narrow_i16x8_u(V128 a, V128 b) { return narrow<u8, i16>(a, b); }
inline V128 i16x8_narrow_i32x4_s(V128 a, V128 b) { return narrow<i16, i32>(a, b); }
inline V128 i16x8_narrow_i32x4_u(V128 a, V128 b) { return narrow<u16, i32>(a, b); }

/// Lanes `first`... of the narrow type, widened.
template <typename To, typename From>
[[nodiscard]] inline V128 extend(V128 a, std::size_t first) {
  const auto x = lanes_of<From>(a);
  Lanes<To> r;
  for (std::size_t i = 0; i < r.size(); ++i) r[i] = To{x[first + i]};
  return vector_of<To>(r);
}
template <typename To, typename From>
[[nodiscard]] inline V128 pairwise(V128 a) {
  const auto x = lanes_of<From>(a);
  Lanes<To> r;
  for (std::size_t i = 0; i < r.size(); ++i) r[i] = static_cast<To>(To{x[2 * i]} + To{x[2 * i + 1]});
  return vector_of<To>(r);
}
template <typename To, typename From>
[[nodiscard]] inline V128 multiply(V128 a, V128 b, std::size_t first) {
  const auto x = lanes_of<From>(a);
  const auto y = lanes_of<From>(b);
  Lanes<To> r;
  for (std::size_t i = 0; i < r.size(); ++i) r[i] = static_cast<To>(To{x[first + i]} * To{y[first + i]});
  return vector_of<To>(r);
}
#define RVM_WIDER_LANES(p, S, U, q, s, u, half) \
  inline V128 p##_extend_low_##q##_s(V128 a) { return extend<S, s>(a, 0); } \
  inline V128 p##_extend_high_##q##_s(V128 a) { return extend<S, s>(a, half); } \
  inline V128 p##_extend_low_##q##_u(V128 a) { return extend<U, u>(a, 0); } \
  inline V128 p##_extend_high_##q##_u(V128 a) { return extend<U, u>(a, half); } \
  inline V128 p##_extmul_low_##q##_s(V128 a, V128 b) { return multiply<S, s>(a, b, 0); } \
  inline V128 p##_extmul_high_##q##_s(V128 a, V128 b) { return multiply<S, s>(a, b, half); } \
  inline V128 p##_extmul_low_##q##_u(V128 a, V128 b) { return multiply<U, u>(a, b, 0); } \
  inline V128 p##_extmul_high_##q##_u(V128 a, V128 b) { return multiply<U, u>(a, b, half); }
RVM_WIDER_LANES(i16x8, i16, u16, i8x16, i8, u8, 8)
RVM_WIDER_LANES(i32x4, i32, u32, i16x8, i16, u16, 4)
RVM_WIDER_LANES(i64x2, i64, u64, i32x4, i32, u32, 2)
#undef RVM_WIDER_LANES
inline V128 i16x8_extadd_pairwise_i8x16_s(V128 a) { return pairwise<i16, i8>(a); }
inline V128 i16x8_extadd_pairwise_i8x16_u(V128 a) { return pairwise<u16, u8>(a); }
inline V128 i32x4_extadd_pairwise_i16x8_s(V128 a) { return pairwise<i32, i16>(a); }
inline V128 i32x4_extadd_pairwise_i16x8_u(V128 a) { return pairwise<u32, u16>(a); }

// --- Floating-point lanes --------------------------------------------------------------------------------------------

#define RVM_FLOAT_LANES(p, f, F, U) \
  inline V128 p##_splat(F x) { \
    Lanes<F> r; \
    r.fill(x); \
    return vector_of<F>(r); \
  } \
  inline V128 p##_eq(V128 a, V128 b) { \
    return each<U, F>(a, b, [](F x, F y) { return x == y ? ~U{0} : U{0}; }); \
  } \
  inline V128 p##_ne(V128 a, V128 b) { \
    return each<U, F>(a, b, [](F x, F y) { return x != y ? ~U{0} : U{0}; }); \
  } \
  inline V128 p##_lt(V128 a, V128 b) { \
    return each<U, F>(a, b, [](F x, F y) { return x < y ? ~U{0} : U{0}; }); \
  } \
  inline V128 p##_gt(V128 a, V128 b) { \
    return each<U, F>(a, b, [](F x, F y) { return x > y ? ~U{0} : U{0}; }); \
  } \
  inline V128 p##_le(V128 a, V128 b) { \
    return each<U, F>(a, b, [](F x, F y) { return x <= y ? ~U{0} : U{0}; }); \
  } \
  inline V128 p##_ge(V128 a, V128 b) { \
    return each<U, F>(a, b, [](F x, F y) { return x >= y ? ~U{0} : U{0}; }); \
  } \
  inline V128 p##_add(V128 a, V128 b) { return each<F>(a, b, f##_add); } \
  inline V128 p##_sub(V128 a, V128 b) { return each<F>(a, b, f##_sub); } \
  inline V128 p##_mul(V128 a, V128 b) { return each<F>(a, b, f##_mul); } \
  inline V128 p##_div(V128 a, V128 b) { return each<F>(a, b, f##_div); } \
  inline V128 p##_min(V128 a, V128 b) { return each<F>(a, b, f##_min); } \
  inline V128 p##_max(V128 a, V128 b) { return each<F>(a, b, f##_max); } \
  /* These choose between operands and never compute: a NaN goes through as it is. */ \
  inline V128 p##_pmin(V128 a, V128 b) { \
    return each<F>(a, b, [](F x, F y) { return y < x ? y : x; }); \
  } \
  inline V128 p##_pmax(V128 a, V128 b) { \
    return each<F>(a, b, [](F x, F y) { return x < y ? y : x; }); \
  } \
  inline V128 p##_abs(V128 a) { \
    return each<U>(a, [](U x) { return x & ~sign_bit<F>; }); \
  } \
  inline V128 p##_neg(V128 a) { \
    return each<U>(a, [](U x) { return x ^ sign_bit<F>; }); \
  } \
  inline V128 p##_sqrt(V128 a) { return each<F>(a, f##_sqrt); } \
  inline V128 p##_ceil(V128 a) { return each<F>(a, f##_ceil); } \
  inline V128 p##_floor(V128 a) { return each<F>(a, f##_floor); } \
  inline V128 p##_trunc(V128 a) { return each<F>(a, f##_trunc); } \
  inline V128 p##_nearest(V128 a) { return each<F>(a, f##_nearest); }
RVM_FLOAT_LANES(f32x4, f32, f32, u32)
RVM_FLOAT_LANES(f64x2, f64, f64, u64)
#undef RVM_FLOAT_LANES

// --- Conversions -----------------------------------------------------------------------------------------------------

inline V128 i32x4_trunc_sat_f32x4_s(V128 a) { return each<u32, f32>(a, i32_trunc_sat_f32_s); }
inline V128 i32x4_trunc_sat_f32x4_u(V128 a) { return each<u32, f32>(a, i32_trunc_sat_f32_u); }
inline V128 i32x4_trunc_sat_f64x2_s_zero(V128 a) { return each<u32, f64>(a, i32_trunc_sat_f64_s); }
inline V128 i32x4_trunc_sat_f64x2_u_zero(V128 a) { return each<u32, f64>(a, i32_trunc_sat_f64_u); }
inline V128 f32x4_convert_i32x4_s(V128 a) { return each<f32, u32>(a, f32_convert_i32_s); }
inline V128 f32x4_convert_i32x4_u(V128 a) { return each<f32, u32>(a, f32_convert_i32_u); }
inline V128 f64x2_convert_low_i32x4_s(V128 a) { return each<f64, u32>(a, f64_convert_i32_s); }
inline V128 f64x2_convert_low_i32x4_u(V128 a) { return each<f64, u32>(a, f64_convert_i32_u); }
inline V128 f32x4_demote_f64x2_zero(V128 a) { return each<f32, f64>(a, f32_demote_f64); }
inline V128 f64x2_promote_low_f32x4(V128 a) { return each<f64, f32>(a, f64_promote_f32); }

}  // namespace rvm::wasm::ops
