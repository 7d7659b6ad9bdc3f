// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The vector instructions (fixed-width SIMD, prefix 0xfd). See opcode_table.hpp; what they compute is in simd.hpp.
// X(name, code, text, ...) everywhere; further columns as said.
#pragma once

// One operand, the address; a fourth column gives the bytes read.
#define RVM_WASM_SIMD_LOAD(X) \
  X(v128_load, 0xfd00, "v128.load", 16) \
  X(v128_load8x8_s, 0xfd01, "v128.load8x8_s", 8) \
  X(v128_load8x8_u, 0xfd02, "v128.load8x8_u", 8) \
  X(v128_load16x4_s, 0xfd03, "v128.load16x4_s", 8) \
  X(v128_load16x4_u, 0xfd04, "v128.load16x4_u", 8) \
  X(v128_load32x2_s, 0xfd05, "v128.load32x2_s", 8) \
  X(v128_load32x2_u, 0xfd06, "v128.load32x2_u", 8) \
  X(v128_load8_splat, 0xfd07, "v128.load8_splat", 1) \
  X(v128_load16_splat, 0xfd08, "v128.load16_splat", 2) \
  X(v128_load32_splat, 0xfd09, "v128.load32_splat", 4) \
  X(v128_load64_splat, 0xfd0a, "v128.load64_splat", 8) \
  X(v128_load32_zero, 0xfd5c, "v128.load32_zero", 4) \
  X(v128_load64_zero, 0xfd5d, "v128.load64_zero", 8)

// Bytes read, lanes.
#define RVM_WASM_SIMD_LOAD_LANE(X) \
  X(v128_load8_lane, 0xfd54, "v128.load8_lane", 1, 16) \
  X(v128_load16_lane, 0xfd55, "v128.load16_lane", 2, 8) \
  X(v128_load32_lane, 0xfd56, "v128.load32_lane", 4, 4) \
  X(v128_load64_lane, 0xfd57, "v128.load64_lane", 8, 2)

// Bytes written, lanes.
#define RVM_WASM_SIMD_STORE_LANE(X) \
  X(v128_store8_lane, 0xfd58, "v128.store8_lane", 1, 16) \
  X(v128_store16_lane, 0xfd59, "v128.store16_lane", 2, 8) \
  X(v128_store32_lane, 0xfd5a, "v128.store32_lane", 4, 4) \
  X(v128_store64_lane, 0xfd5b, "v128.store64_lane", 8, 2)

// Each has code of its own in the translator.
#define RVM_WASM_SIMD_SPECIAL(X) \
  X(v128_store, 0xfd0b, "v128.store") \
  X(v128_const, 0xfd0c, "v128.const") \
  X(i8x16_shuffle, 0xfd0d, "i8x16.shuffle") \
  X(v128_bitselect, 0xfd52, "v128.bitselect")

// Result, lane type, lanes.
#define RVM_WASM_SIMD_EXTRACT(X) \
  X(i8x16_extract_lane_s, 0xfd15, "i8x16.extract_lane_s", i32, std::int8_t, 16) \
  X(i8x16_extract_lane_u, 0xfd16, "i8x16.extract_lane_u", i32, std::uint8_t, 16) \
  X(i16x8_extract_lane_s, 0xfd18, "i16x8.extract_lane_s", i32, std::int16_t, 8) \
  X(i16x8_extract_lane_u, 0xfd19, "i16x8.extract_lane_u", i32, std::uint16_t, 8) \
  X(i32x4_extract_lane, 0xfd1b, "i32x4.extract_lane", i32, std::uint32_t, 4) \
  X(i64x2_extract_lane, 0xfd1d, "i64x2.extract_lane", i64, std::uint64_t, 2) \
  X(f32x4_extract_lane, 0xfd1f, "f32x4.extract_lane", f32, std::uint32_t, 4) \
  X(f64x2_extract_lane, 0xfd21, "f64x2.extract_lane", f64, std::uint64_t, 2)

// Operand, lane type, lanes.
#define RVM_WASM_SIMD_REPLACE(X) \
  X(i8x16_replace_lane, 0xfd17, "i8x16.replace_lane", i32, std::uint8_t, 16) \
  X(i16x8_replace_lane, 0xfd1a, "i16x8.replace_lane", i32, std::uint16_t, 8) \
  X(i32x4_replace_lane, 0xfd1c, "i32x4.replace_lane", i32, std::uint32_t, 4) \
  X(i64x2_replace_lane, 0xfd1e, "i64x2.replace_lane", i64, std::uint64_t, 2) \
  X(f32x4_replace_lane, 0xfd20, "f32x4.replace_lane", f32, std::uint32_t, 4) \
  X(f64x2_replace_lane, 0xfd22, "f64x2.replace_lane", f64, std::uint64_t, 2)

// Result, operand.
#define RVM_WASM_SIMD_UNARY(X) \
  X(i8x16_splat, 0xfd0f, "i8x16.splat", v128, i32) \
  X(i16x8_splat, 0xfd10, "i16x8.splat", v128, i32) \
  X(i32x4_splat, 0xfd11, "i32x4.splat", v128, i32) \
  X(i64x2_splat, 0xfd12, "i64x2.splat", v128, i64) \
  X(f32x4_splat, 0xfd13, "f32x4.splat", v128, f32) \
  X(f64x2_splat, 0xfd14, "f64x2.splat", v128, f64) \
  X(v128_any_true, 0xfd53, "v128.any_true", i32, v128) \
  X(i8x16_all_true, 0xfd63, "i8x16.all_true", i32, v128) \
  X(i8x16_bitmask, 0xfd64, "i8x16.bitmask", i32, v128) \
  X(i16x8_all_true, 0xfd83, "i16x8.all_true", i32, v128) \
  X(i16x8_bitmask, 0xfd84, "i16x8.bitmask", i32, v128) \
  X(i32x4_all_true, 0xfda3, "i32x4.all_true", i32, v128) \
  X(i32x4_bitmask, 0xfda4, "i32x4.bitmask", i32, v128) \
  X(i64x2_all_true, 0xfdc3, "i64x2.all_true", i32, v128) \
  X(i64x2_bitmask, 0xfdc4, "i64x2.bitmask", i32, v128) \
  X(v128_not, 0xfd4d, "v128.not", v128, v128) \
  X(f32x4_demote_f64x2_zero, 0xfd5e, "f32x4.demote_f64x2_zero", v128, v128) \
  X(f64x2_promote_low_f32x4, 0xfd5f, "f64x2.promote_low_f32x4", v128, v128) \
  X(i8x16_abs, 0xfd60, "i8x16.abs", v128, v128) \
  X(i8x16_neg, 0xfd61, "i8x16.neg", v128, v128) \
  X(i8x16_popcnt, 0xfd62, "i8x16.popcnt", v128, v128) \
  X(f32x4_ceil, 0xfd67, "f32x4.ceil", v128, v128) \
  X(f32x4_floor, 0xfd68, "f32x4.floor", v128, v128) \
  X(f32x4_trunc, 0xfd69, "f32x4.trunc", v128, v128) \
  X(f32x4_nearest, 0xfd6a, "f32x4.nearest", v128, v128) \
  X(f64x2_ceil, 0xfd74, "f64x2.ceil", v128, v128) \
  X(f64x2_floor, 0xfd75, "f64x2.floor", v128, v128) \
  X(f64x2_trunc, 0xfd7a, "f64x2.trunc", v128, v128) \
  X(i16x8_extadd_pairwise_i8x16_s, 0xfd7c, "i16x8.extadd_pairwise_i8x16_s", v128, v128) \
  X(i16x8_extadd_pairwise_i8x16_u, 0xfd7d, "i16x8.extadd_pairwise_i8x16_u", v128, v128) \
  X(i32x4_extadd_pairwise_i16x8_s, 0xfd7e, "i32x4.extadd_pairwise_i16x8_s", v128, v128) \
  X(i32x4_extadd_pairwise_i16x8_u, 0xfd7f, "i32x4.extadd_pairwise_i16x8_u", v128, v128) \
  X(i16x8_abs, 0xfd80, "i16x8.abs", v128, v128) \
  X(i16x8_neg, 0xfd81, "i16x8.neg", v128, v128) \
  X(i16x8_extend_low_i8x16_s, 0xfd87, "i16x8.extend_low_i8x16_s", v128, v128) \
  X(i16x8_extend_high_i8x16_s, 0xfd88, "i16x8.extend_high_i8x16_s", v128, v128) \
  X(i16x8_extend_low_i8x16_u, 0xfd89, "i16x8.extend_low_i8x16_u", v128, v128) \
  X(i16x8_extend_high_i8x16_u, 0xfd8a, "i16x8.extend_high_i8x16_u", v128, v128) \
  X(f64x2_nearest, 0xfd94, "f64x2.nearest", v128, v128) \
  X(i32x4_abs, 0xfda0, "i32x4.abs", v128, v128) \
  X(i32x4_neg, 0xfda1, "i32x4.neg", v128, v128) \
  X(i32x4_extend_low_i16x8_s, 0xfda7, "i32x4.extend_low_i16x8_s", v128, v128) \
  X(i32x4_extend_high_i16x8_s, 0xfda8, "i32x4.extend_high_i16x8_s", v128, v128) \
  X(i32x4_extend_low_i16x8_u, 0xfda9, "i32x4.extend_low_i16x8_u", v128, v128) \
  X(i32x4_extend_high_i16x8_u, 0xfdaa, "i32x4.extend_high_i16x8_u", v128, v128) \
  X(i64x2_abs, 0xfdc0, "i64x2.abs", v128, v128) \
  X(i64x2_neg, 0xfdc1, "i64x2.neg", v128, v128) \
  X(i64x2_extend_low_i32x4_s, 0xfdc7, "i64x2.extend_low_i32x4_s", v128, v128) \
  X(i64x2_extend_high_i32x4_s, 0xfdc8, "i64x2.extend_high_i32x4_s", v128, v128) \
  X(i64x2_extend_low_i32x4_u, 0xfdc9, "i64x2.extend_low_i32x4_u", v128, v128) \
  X(i64x2_extend_high_i32x4_u, 0xfdca, "i64x2.extend_high_i32x4_u", v128, v128) \
  X(f32x4_abs, 0xfde0, "f32x4.abs", v128, v128) \
  X(f32x4_neg, 0xfde1, "f32x4.neg", v128, v128) \
  X(f32x4_sqrt, 0xfde3, "f32x4.sqrt", v128, v128) \
  X(f64x2_abs, 0xfdec, "f64x2.abs", v128, v128) \
  X(f64x2_neg, 0xfded, "f64x2.neg", v128, v128) \
  X(f64x2_sqrt, 0xfdef, "f64x2.sqrt", v128, v128) \
  X(i32x4_trunc_sat_f32x4_s, 0xfdf8, "i32x4.trunc_sat_f32x4_s", v128, v128) \
  X(i32x4_trunc_sat_f32x4_u, 0xfdf9, "i32x4.trunc_sat_f32x4_u", v128, v128) \
  X(f32x4_convert_i32x4_s, 0xfdfa, "f32x4.convert_i32x4_s", v128, v128) \
  X(f32x4_convert_i32x4_u, 0xfdfb, "f32x4.convert_i32x4_u", v128, v128) \
  X(i32x4_trunc_sat_f64x2_s_zero, 0xfdfc, "i32x4.trunc_sat_f64x2_s_zero", v128, v128) \
  X(i32x4_trunc_sat_f64x2_u_zero, 0xfdfd, "i32x4.trunc_sat_f64x2_u_zero", v128, v128) \
  X(f64x2_convert_low_i32x4_s, 0xfdfe, "f64x2.convert_low_i32x4_s", v128, v128) \
  X(f64x2_convert_low_i32x4_u, 0xfdff, "f64x2.convert_low_i32x4_u", v128, v128)

// Two vectors give a vector.
#define RVM_WASM_SIMD_BINARY(X) \
  X(i8x16_swizzle, 0xfd0e, "i8x16.swizzle") \
  X(i8x16_eq, 0xfd23, "i8x16.eq") \
  X(i8x16_ne, 0xfd24, "i8x16.ne") \
  X(i8x16_lt_s, 0xfd25, "i8x16.lt_s") \
  X(i8x16_lt_u, 0xfd26, "i8x16.lt_u") \
  X(i8x16_gt_s, 0xfd27, "i8x16.gt_s") \
  X(i8x16_gt_u, 0xfd28, "i8x16.gt_u") \
  X(i8x16_le_s, 0xfd29, "i8x16.le_s") \
  X(i8x16_le_u, 0xfd2a, "i8x16.le_u") \
  X(i8x16_ge_s, 0xfd2b, "i8x16.ge_s") \
  X(i8x16_ge_u, 0xfd2c, "i8x16.ge_u") \
  X(i16x8_eq, 0xfd2d, "i16x8.eq") \
  X(i16x8_ne, 0xfd2e, "i16x8.ne") \
  X(i16x8_lt_s, 0xfd2f, "i16x8.lt_s") \
  X(i16x8_lt_u, 0xfd30, "i16x8.lt_u") \
  X(i16x8_gt_s, 0xfd31, "i16x8.gt_s") \
  X(i16x8_gt_u, 0xfd32, "i16x8.gt_u") \
  X(i16x8_le_s, 0xfd33, "i16x8.le_s") \
  X(i16x8_le_u, 0xfd34, "i16x8.le_u") \
  X(i16x8_ge_s, 0xfd35, "i16x8.ge_s") \
  X(i16x8_ge_u, 0xfd36, "i16x8.ge_u") \
  X(i32x4_eq, 0xfd37, "i32x4.eq") \
  X(i32x4_ne, 0xfd38, "i32x4.ne") \
  X(i32x4_lt_s, 0xfd39, "i32x4.lt_s") \
  X(i32x4_lt_u, 0xfd3a, "i32x4.lt_u") \
  X(i32x4_gt_s, 0xfd3b, "i32x4.gt_s") \
  X(i32x4_gt_u, 0xfd3c, "i32x4.gt_u") \
  X(i32x4_le_s, 0xfd3d, "i32x4.le_s") \
  X(i32x4_le_u, 0xfd3e, "i32x4.le_u") \
  X(i32x4_ge_s, 0xfd3f, "i32x4.ge_s") \
  X(i32x4_ge_u, 0xfd40, "i32x4.ge_u") \
  X(f32x4_eq, 0xfd41, "f32x4.eq") \
  X(f32x4_ne, 0xfd42, "f32x4.ne") \
  X(f32x4_lt, 0xfd43, "f32x4.lt") \
  X(f32x4_gt, 0xfd44, "f32x4.gt") \
  X(f32x4_le, 0xfd45, "f32x4.le") \
  X(f32x4_ge, 0xfd46, "f32x4.ge") \
  X(f64x2_eq, 0xfd47, "f64x2.eq") \
  X(f64x2_ne, 0xfd48, "f64x2.ne") \
  X(f64x2_lt, 0xfd49, "f64x2.lt") \
  X(f64x2_gt, 0xfd4a, "f64x2.gt") \
  X(f64x2_le, 0xfd4b, "f64x2.le") \
  X(f64x2_ge, 0xfd4c, "f64x2.ge") \
  X(v128_and, 0xfd4e, "v128.and") \
  X(v128_andnot, 0xfd4f, "v128.andnot") \
  X(v128_or, 0xfd50, "v128.or") \
  X(v128_xor, 0xfd51, "v128.xor") \
  X(i8x16_narrow_i16x8_s, 0xfd65, "i8x16.narrow_i16x8_s") \
  X(i8x16_narrow_i16x8_u, 0xfd66, "i8x16.narrow_i16x8_u") \
  X(i8x16_add, 0xfd6e, "i8x16.add") \
  X(i8x16_add_sat_s, 0xfd6f, "i8x16.add_sat_s") \
  X(i8x16_add_sat_u, 0xfd70, "i8x16.add_sat_u") \
  X(i8x16_sub, 0xfd71, "i8x16.sub") \
  X(i8x16_sub_sat_s, 0xfd72, "i8x16.sub_sat_s") \
  X(i8x16_sub_sat_u, 0xfd73, "i8x16.sub_sat_u") \
  X(i8x16_min_s, 0xfd76, "i8x16.min_s") \
  X(i8x16_min_u, 0xfd77, "i8x16.min_u") \
  X(i8x16_max_s, 0xfd78, "i8x16.max_s") \
  X(i8x16_max_u, 0xfd79, "i8x16.max_u") \
  X(i8x16_avgr_u, 0xfd7b, "i8x16.avgr_u") \
  X(i16x8_q15mulr_sat_s, 0xfd82, "i16x8.q15mulr_sat_s") \
  X(i16x8_narrow_i32x4_s, 0xfd85, "i16x8.narrow_i32x4_s") \
  X(i16x8_narrow_i32x4_u, 0xfd86, "i16x8.narrow_i32x4_u") \
  X(i16x8_add, 0xfd8e, "i16x8.add") \
  X(i16x8_add_sat_s, 0xfd8f, "i16x8.add_sat_s") \
  X(i16x8_add_sat_u, 0xfd90, "i16x8.add_sat_u") \
  X(i16x8_sub, 0xfd91, "i16x8.sub") \
  X(i16x8_sub_sat_s, 0xfd92, "i16x8.sub_sat_s") \
  X(i16x8_sub_sat_u, 0xfd93, "i16x8.sub_sat_u") \
  X(i16x8_mul, 0xfd95, "i16x8.mul") \
  X(i16x8_min_s, 0xfd96, "i16x8.min_s") \
  X(i16x8_min_u, 0xfd97, "i16x8.min_u") \
  X(i16x8_max_s, 0xfd98, "i16x8.max_s") \
  X(i16x8_max_u, 0xfd99, "i16x8.max_u") \
  X(i16x8_avgr_u, 0xfd9b, "i16x8.avgr_u") \
  X(i16x8_extmul_low_i8x16_s, 0xfd9c, "i16x8.extmul_low_i8x16_s") \
  X(i16x8_extmul_high_i8x16_s, 0xfd9d, "i16x8.extmul_high_i8x16_s") \
  X(i16x8_extmul_low_i8x16_u, 0xfd9e, "i16x8.extmul_low_i8x16_u") \
  X(i16x8_extmul_high_i8x16_u, 0xfd9f, "i16x8.extmul_high_i8x16_u") \
  X(i32x4_add, 0xfdae, "i32x4.add") \
  X(i32x4_sub, 0xfdb1, "i32x4.sub") \
  X(i32x4_mul, 0xfdb5, "i32x4.mul") \
  X(i32x4_min_s, 0xfdb6, "i32x4.min_s") \
  X(i32x4_min_u, 0xfdb7, "i32x4.min_u") \
  X(i32x4_max_s, 0xfdb8, "i32x4.max_s") \
  X(i32x4_max_u, 0xfdb9, "i32x4.max_u") \
  X(i32x4_dot_i16x8_s, 0xfdba, "i32x4.dot_i16x8_s") \
  X(i32x4_extmul_low_i16x8_s, 0xfdbc, "i32x4.extmul_low_i16x8_s") \
  X(i32x4_extmul_high_i16x8_s, 0xfdbd, "i32x4.extmul_high_i16x8_s") \
  X(i32x4_extmul_low_i16x8_u, 0xfdbe, "i32x4.extmul_low_i16x8_u") \
  X(i32x4_extmul_high_i16x8_u, 0xfdbf, "i32x4.extmul_high_i16x8_u") \
  X(i64x2_add, 0xfdce, "i64x2.add") \
  X(i64x2_sub, 0xfdd1, "i64x2.sub") \
  X(i64x2_mul, 0xfdd5, "i64x2.mul") \
  X(i64x2_eq, 0xfdd6, "i64x2.eq") \
  X(i64x2_ne, 0xfdd7, "i64x2.ne") \
  X(i64x2_lt_s, 0xfdd8, "i64x2.lt_s") \
  X(i64x2_gt_s, 0xfdd9, "i64x2.gt_s") \
  X(i64x2_le_s, 0xfdda, "i64x2.le_s") \
  X(i64x2_ge_s, 0xfddb, "i64x2.ge_s") \
  X(i64x2_extmul_low_i32x4_s, 0xfddc, "i64x2.extmul_low_i32x4_s") \
  X(i64x2_extmul_high_i32x4_s, 0xfddd, "i64x2.extmul_high_i32x4_s") \
  X(i64x2_extmul_low_i32x4_u, 0xfdde, "i64x2.extmul_low_i32x4_u") \
  X(i64x2_extmul_high_i32x4_u, 0xfddf, "i64x2.extmul_high_i32x4_u") \
  X(f32x4_add, 0xfde4, "f32x4.add") \
  X(f32x4_sub, 0xfde5, "f32x4.sub") \
  X(f32x4_mul, 0xfde6, "f32x4.mul") \
  X(f32x4_div, 0xfde7, "f32x4.div") \
  X(f32x4_min, 0xfde8, "f32x4.min") \
  X(f32x4_max, 0xfde9, "f32x4.max") \
  X(f32x4_pmin, 0xfdea, "f32x4.pmin") \
  X(f32x4_pmax, 0xfdeb, "f32x4.pmax") \
  X(f64x2_add, 0xfdf0, "f64x2.add") \
  X(f64x2_sub, 0xfdf1, "f64x2.sub") \
  X(f64x2_mul, 0xfdf2, "f64x2.mul") \
  X(f64x2_div, 0xfdf3, "f64x2.div") \
  X(f64x2_min, 0xfdf4, "f64x2.min") \
  X(f64x2_max, 0xfdf5, "f64x2.max") \
  X(f64x2_pmin, 0xfdf6, "f64x2.pmin") \
  X(f64x2_pmax, 0xfdf7, "f64x2.pmax")

// A vector and an i32 give a vector.
#define RVM_WASM_SIMD_SHIFT(X) \
  X(i8x16_shl, 0xfd6b, "i8x16.shl") \
  X(i8x16_shr_s, 0xfd6c, "i8x16.shr_s") \
  X(i8x16_shr_u, 0xfd6d, "i8x16.shr_u") \
  X(i16x8_shl, 0xfd8b, "i16x8.shl") \
  X(i16x8_shr_s, 0xfd8c, "i16x8.shr_s") \
  X(i16x8_shr_u, 0xfd8d, "i16x8.shr_u") \
  X(i32x4_shl, 0xfdab, "i32x4.shl") \
  X(i32x4_shr_s, 0xfdac, "i32x4.shr_s") \
  X(i32x4_shr_u, 0xfdad, "i32x4.shr_u") \
  X(i64x2_shl, 0xfdcb, "i64x2.shl") \
  X(i64x2_shr_s, 0xfdcc, "i64x2.shr_s") \
  X(i64x2_shr_u, 0xfdcd, "i64x2.shr_u")
