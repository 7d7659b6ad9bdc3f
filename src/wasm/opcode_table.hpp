// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The instructions of WebAssembly 2.0 apart from vectors (those are in simd_table.hpp): one table from which the names, the
// validator's signatures, the translation and the interpreter's handlers come. Codes are those of the binary format; an
// instruction behind the prefix 0xfc or 0xfd has prefix * 256 + its own number. The name of a row is also that of the function
// in numeric.hpp that says what the instruction computes.
#pragma once

// X(name, code, text): each has code of its own in the translator.
#define RVM_WASM_CONTROL(X) \
  X(unreachable, 0x0, "unreachable") \
  X(nop, 0x1, "nop") \
  X(block, 0x2, "block") \
  X(loop, 0x3, "loop") \
  X(if_, 0x4, "if") \
  X(else_, 0x5, "else") \
  X(end, 0xb, "end") \
  X(br, 0xc, "br") \
  X(br_if, 0xd, "br_if") \
  X(br_table, 0xe, "br_table") \
  X(return_, 0xf, "return") \
  X(call, 0x10, "call") \
  X(call_indirect, 0x11, "call_indirect") \
  X(drop, 0x1a, "drop") \
  X(select, 0x1b, "select") \
  X(select_t, 0x1c, "select_t") \
  X(local_get, 0x20, "local.get") \
  X(local_set, 0x21, "local.set") \
  X(local_tee, 0x22, "local.tee") \
  X(global_get, 0x23, "global.get") \
  X(global_set, 0x24, "global.set") \
  X(table_get, 0x25, "table.get") \
  X(table_set, 0x26, "table.set") \
  X(memory_size, 0x3f, "memory.size") \
  X(memory_grow, 0x40, "memory.grow") \
  X(i32_const, 0x41, "i32.const") \
  X(i64_const, 0x42, "i64.const") \
  X(f32_const, 0x43, "f32.const") \
  X(f64_const, 0x44, "f64.const") \
  X(ref_null, 0xd0, "ref.null") \
  X(ref_is_null, 0xd1, "ref.is_null") \
  X(ref_func, 0xd2, "ref.func") \
  X(memory_init, 0xfc08, "memory.init") \
  X(data_drop, 0xfc09, "data.drop") \
  X(memory_copy, 0xfc0a, "memory.copy") \
  X(memory_fill, 0xfc0b, "memory.fill") \
  X(table_init, 0xfc0c, "table.init") \
  X(elem_drop, 0xfc0d, "elem.drop") \
  X(table_copy, 0xfc0e, "table.copy") \
  X(table_grow, 0xfc0f, "table.grow") \
  X(table_size, 0xfc10, "table.size") \
  X(table_fill, 0xfc11, "table.fill")

// Integer comparisons: X(name, code, text, operands). They also exist fused with a branch, and with a constant.
#define RVM_WASM_COMPARE(X) \
  X(i32_eq, 0x46, "i32.eq", i32) \
  X(i32_ne, 0x47, "i32.ne", i32) \
  X(i32_lt_s, 0x48, "i32.lt_s", i32) \
  X(i32_lt_u, 0x49, "i32.lt_u", i32) \
  X(i32_gt_s, 0x4a, "i32.gt_s", i32) \
  X(i32_gt_u, 0x4b, "i32.gt_u", i32) \
  X(i32_le_s, 0x4c, "i32.le_s", i32) \
  X(i32_le_u, 0x4d, "i32.le_u", i32) \
  X(i32_ge_s, 0x4e, "i32.ge_s", i32) \
  X(i32_ge_u, 0x4f, "i32.ge_u", i32) \
  X(i64_eq, 0x51, "i64.eq", i64) \
  X(i64_ne, 0x52, "i64.ne", i64) \
  X(i64_lt_s, 0x53, "i64.lt_s", i64) \
  X(i64_lt_u, 0x54, "i64.lt_u", i64) \
  X(i64_gt_s, 0x55, "i64.gt_s", i64) \
  X(i64_gt_u, 0x56, "i64.gt_u", i64) \
  X(i64_le_s, 0x57, "i64.le_s", i64) \
  X(i64_le_u, 0x58, "i64.le_u", i64) \
  X(i64_ge_s, 0x59, "i64.ge_s", i64) \
  X(i64_ge_u, 0x5a, "i64.ge_u", i64)

// X(name, code, text, type): operands and result have the same type. They also exist with a constant.
#define RVM_WASM_INTEGER_BINARY(X) \
  X(i32_add, 0x6a, "i32.add", i32) \
  X(i32_sub, 0x6b, "i32.sub", i32) \
  X(i32_mul, 0x6c, "i32.mul", i32) \
  X(i32_and, 0x71, "i32.and", i32) \
  X(i32_or, 0x72, "i32.or", i32) \
  X(i32_xor, 0x73, "i32.xor", i32) \
  X(i32_shl, 0x74, "i32.shl", i32) \
  X(i32_shr_s, 0x75, "i32.shr_s", i32) \
  X(i32_shr_u, 0x76, "i32.shr_u", i32) \
  X(i32_rotl, 0x77, "i32.rotl", i32) \
  X(i32_rotr, 0x78, "i32.rotr", i32) \
  X(i64_add, 0x7c, "i64.add", i64) \
  X(i64_sub, 0x7d, "i64.sub", i64) \
  X(i64_mul, 0x7e, "i64.mul", i64) \
  X(i64_and, 0x83, "i64.and", i64) \
  X(i64_or, 0x84, "i64.or", i64) \
  X(i64_xor, 0x85, "i64.xor", i64) \
  X(i64_shl, 0x86, "i64.shl", i64) \
  X(i64_shr_s, 0x87, "i64.shr_s", i64) \
  X(i64_shr_u, 0x88, "i64.shr_u", i64) \
  X(i64_rotl, 0x89, "i64.rotl", i64) \
  X(i64_rotr, 0x8a, "i64.rotr", i64)

// X(name, code, text, type): may trap.
#define RVM_WASM_DIVIDE(X) \
  X(i32_div_s, 0x6d, "i32.div_s", i32) \
  X(i32_div_u, 0x6e, "i32.div_u", i32) \
  X(i32_rem_s, 0x6f, "i32.rem_s", i32) \
  X(i32_rem_u, 0x70, "i32.rem_u", i32) \
  X(i64_div_s, 0x7f, "i64.div_s", i64) \
  X(i64_div_u, 0x80, "i64.div_u", i64) \
  X(i64_rem_s, 0x81, "i64.rem_s", i64) \
  X(i64_rem_u, 0x82, "i64.rem_u", i64)

// X(name, code, text, result, operands)
#define RVM_WASM_FLOAT_BINARY(X) \
  X(f32_eq, 0x5b, "f32.eq", i32, f32) \
  X(f32_ne, 0x5c, "f32.ne", i32, f32) \
  X(f32_lt, 0x5d, "f32.lt", i32, f32) \
  X(f32_gt, 0x5e, "f32.gt", i32, f32) \
  X(f32_le, 0x5f, "f32.le", i32, f32) \
  X(f32_ge, 0x60, "f32.ge", i32, f32) \
  X(f64_eq, 0x61, "f64.eq", i32, f64) \
  X(f64_ne, 0x62, "f64.ne", i32, f64) \
  X(f64_lt, 0x63, "f64.lt", i32, f64) \
  X(f64_gt, 0x64, "f64.gt", i32, f64) \
  X(f64_le, 0x65, "f64.le", i32, f64) \
  X(f64_ge, 0x66, "f64.ge", i32, f64) \
  X(f32_add, 0x92, "f32.add", f32, f32) \
  X(f32_sub, 0x93, "f32.sub", f32, f32) \
  X(f32_mul, 0x94, "f32.mul", f32, f32) \
  X(f32_div, 0x95, "f32.div", f32, f32) \
  X(f32_min, 0x96, "f32.min", f32, f32) \
  X(f32_max, 0x97, "f32.max", f32, f32) \
  X(f32_copysign, 0x98, "f32.copysign", f32, f32) \
  X(f64_add, 0xa0, "f64.add", f64, f64) \
  X(f64_sub, 0xa1, "f64.sub", f64, f64) \
  X(f64_mul, 0xa2, "f64.mul", f64, f64) \
  X(f64_div, 0xa3, "f64.div", f64, f64) \
  X(f64_min, 0xa4, "f64.min", f64, f64) \
  X(f64_max, 0xa5, "f64.max", f64, f64) \
  X(f64_copysign, 0xa6, "f64.copysign", f64, f64)

// X(name, code, text, result, operand)
#define RVM_WASM_UNARY(X) \
  X(i32_eqz, 0x45, "i32.eqz", i32, i32) \
  X(i64_eqz, 0x50, "i64.eqz", i32, i64) \
  X(i32_clz, 0x67, "i32.clz", i32, i32) \
  X(i32_ctz, 0x68, "i32.ctz", i32, i32) \
  X(i32_popcnt, 0x69, "i32.popcnt", i32, i32) \
  X(i64_clz, 0x79, "i64.clz", i64, i64) \
  X(i64_ctz, 0x7a, "i64.ctz", i64, i64) \
  X(i64_popcnt, 0x7b, "i64.popcnt", i64, i64) \
  X(f32_abs, 0x8b, "f32.abs", f32, f32) \
  X(f32_neg, 0x8c, "f32.neg", f32, f32) \
  X(f32_ceil, 0x8d, "f32.ceil", f32, f32) \
  X(f32_floor, 0x8e, "f32.floor", f32, f32) \
  X(f32_trunc, 0x8f, "f32.trunc", f32, f32) \
  X(f32_nearest, 0x90, "f32.nearest", f32, f32) \
  X(f32_sqrt, 0x91, "f32.sqrt", f32, f32) \
  X(f64_abs, 0x99, "f64.abs", f64, f64) \
  X(f64_neg, 0x9a, "f64.neg", f64, f64) \
  X(f64_ceil, 0x9b, "f64.ceil", f64, f64) \
  X(f64_floor, 0x9c, "f64.floor", f64, f64) \
  X(f64_trunc, 0x9d, "f64.trunc", f64, f64) \
  X(f64_nearest, 0x9e, "f64.nearest", f64, f64) \
  X(f64_sqrt, 0x9f, "f64.sqrt", f64, f64) \
  X(i32_wrap_i64, 0xa7, "i32.wrap_i64", i32, i64) \
  X(i64_extend_i32_s, 0xac, "i64.extend_i32_s", i64, i32) \
  X(i64_extend_i32_u, 0xad, "i64.extend_i32_u", i64, i32) \
  X(f32_convert_i32_s, 0xb2, "f32.convert_i32_s", f32, i32) \
  X(f32_convert_i32_u, 0xb3, "f32.convert_i32_u", f32, i32) \
  X(f32_convert_i64_s, 0xb4, "f32.convert_i64_s", f32, i64) \
  X(f32_convert_i64_u, 0xb5, "f32.convert_i64_u", f32, i64) \
  X(f32_demote_f64, 0xb6, "f32.demote_f64", f32, f64) \
  X(f64_convert_i32_s, 0xb7, "f64.convert_i32_s", f64, i32) \
  X(f64_convert_i32_u, 0xb8, "f64.convert_i32_u", f64, i32) \
  X(f64_convert_i64_s, 0xb9, "f64.convert_i64_s", f64, i64) \
  X(f64_convert_i64_u, 0xba, "f64.convert_i64_u", f64, i64) \
  X(f64_promote_f32, 0xbb, "f64.promote_f32", f64, f32) \
  X(i32_reinterpret_f32, 0xbc, "i32.reinterpret_f32", i32, f32) \
  X(i64_reinterpret_f64, 0xbd, "i64.reinterpret_f64", i64, f64) \
  X(f32_reinterpret_i32, 0xbe, "f32.reinterpret_i32", f32, i32) \
  X(f64_reinterpret_i64, 0xbf, "f64.reinterpret_i64", f64, i64) \
  X(i32_extend8_s, 0xc0, "i32.extend8_s", i32, i32) \
  X(i32_extend16_s, 0xc1, "i32.extend16_s", i32, i32) \
  X(i64_extend8_s, 0xc2, "i64.extend8_s", i64, i64) \
  X(i64_extend16_s, 0xc3, "i64.extend16_s", i64, i64) \
  X(i64_extend32_s, 0xc4, "i64.extend32_s", i64, i64) \
  X(i32_trunc_sat_f32_s, 0xfc00, "i32.trunc_sat_f32_s", i32, f32) \
  X(i32_trunc_sat_f32_u, 0xfc01, "i32.trunc_sat_f32_u", i32, f32) \
  X(i32_trunc_sat_f64_s, 0xfc02, "i32.trunc_sat_f64_s", i32, f64) \
  X(i32_trunc_sat_f64_u, 0xfc03, "i32.trunc_sat_f64_u", i32, f64) \
  X(i64_trunc_sat_f32_s, 0xfc04, "i64.trunc_sat_f32_s", i64, f32) \
  X(i64_trunc_sat_f32_u, 0xfc05, "i64.trunc_sat_f32_u", i64, f32) \
  X(i64_trunc_sat_f64_s, 0xfc06, "i64.trunc_sat_f64_s", i64, f64) \
  X(i64_trunc_sat_f64_u, 0xfc07, "i64.trunc_sat_f64_u", i64, f64)

// X(name, code, text, result, operand): may trap.
#define RVM_WASM_TRUNCATE(X) \
  X(i32_trunc_f32_s, 0xa8, "i32.trunc_f32_s", i32, f32) \
  X(i32_trunc_f32_u, 0xa9, "i32.trunc_f32_u", i32, f32) \
  X(i32_trunc_f64_s, 0xaa, "i32.trunc_f64_s", i32, f64) \
  X(i32_trunc_f64_u, 0xab, "i32.trunc_f64_u", i32, f64) \
  X(i64_trunc_f32_s, 0xae, "i64.trunc_f32_s", i64, f32) \
  X(i64_trunc_f32_u, 0xaf, "i64.trunc_f32_u", i64, f32) \
  X(i64_trunc_f64_s, 0xb0, "i64.trunc_f64_s", i64, f64) \
  X(i64_trunc_f64_u, 0xb1, "i64.trunc_f64_u", i64, f64)

// X(name, code, text, type, what is in memory)
#define RVM_WASM_LOAD(X) \
  X(i32_load, 0x28, "i32.load", i32, std::uint32_t) \
  X(i64_load, 0x29, "i64.load", i64, std::uint64_t) \
  X(f32_load, 0x2a, "f32.load", f32, std::uint32_t) \
  X(f64_load, 0x2b, "f64.load", f64, std::uint64_t) \
  X(i32_load8_s, 0x2c, "i32.load8_s", i32, std::int8_t) \
  X(i32_load8_u, 0x2d, "i32.load8_u", i32, std::uint8_t) \
  X(i32_load16_s, 0x2e, "i32.load16_s", i32, std::int16_t) \
  X(i32_load16_u, 0x2f, "i32.load16_u", i32, std::uint16_t) \
  X(i64_load8_s, 0x30, "i64.load8_s", i64, std::int8_t) \
  X(i64_load8_u, 0x31, "i64.load8_u", i64, std::uint8_t) \
  X(i64_load16_s, 0x32, "i64.load16_s", i64, std::int16_t) \
  X(i64_load16_u, 0x33, "i64.load16_u", i64, std::uint16_t) \
  X(i64_load32_s, 0x34, "i64.load32_s", i64, std::int32_t) \
  X(i64_load32_u, 0x35, "i64.load32_u", i64, std::uint32_t)

// X(name, code, text, type, what is in memory)
#define RVM_WASM_STORE(X) \
  X(i32_store, 0x36, "i32.store", i32, std::uint32_t) \
  X(i64_store, 0x37, "i64.store", i64, std::uint64_t) \
  X(f32_store, 0x38, "f32.store", f32, std::uint32_t) \
  X(f64_store, 0x39, "f64.store", f64, std::uint64_t) \
  X(i32_store8, 0x3a, "i32.store8", i32, std::uint8_t) \
  X(i32_store16, 0x3b, "i32.store16", i32, std::uint16_t) \
  X(i64_store8, 0x3c, "i64.store8", i64, std::uint8_t) \
  X(i64_store16, 0x3d, "i64.store16", i64, std::uint16_t) \
  X(i64_store32, 0x3e, "i64.store32", i64, std::uint32_t)
