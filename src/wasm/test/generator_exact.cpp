// SPDX-License-Identifier: MIT OR Apache-2.0
#include "generator_exact.hpp"

namespace rvm::wasm::test {

namespace {

using enum ValueType;

void op(Bytes& code, Code c) {
  const auto number = static_cast<std::uint32_t>(c);
  if (number >= 0x100) code.push_back(static_cast<std::uint8_t>(number >> 8));
  number >= 0x100 ? unsigned_leb(code, number & 0xff) : code.push_back(static_cast<std::uint8_t>(number));
}
void op(Bytes& code, Code c, std::uint64_t immediate) {
  op(code, c);
  unsigned_leb(code, immediate);
}
void fixed(Bytes& code, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) code.push_back(static_cast<std::uint8_t>(value >> (8 * i)));
}
void constant64(Bytes& code, std::uint64_t value) {
  op(code, Code::i64_const);
  signed_leb(code, static_cast<std::int64_t>(value));
}

constexpr std::uint64_t factor = 0x9e3779b97f4a7c15;

/// The value on top, as an i64 or two, into the digest in local 1.
void mix(Bytes& code) {
  op(code, Code::local_get, 1);
  op(code, Code::i64_xor);
  constant64(code, factor);
  op(code, Code::i64_mul);
  op(code, Code::i64_const);
  signed_leb(code, 23);
  op(code, Code::i64_rotl);
  op(code, Code::local_set, 1);
}
void mix_global(Bytes& code, ValueType t, std::uint32_t index) {
  op(code, Code::global_get, index);
  switch (t) {
    case i32:
      op(code, Code::i64_extend_i32_u);
      break;
    case f32:
      op(code, Code::i32_reinterpret_f32);
      op(code, Code::i64_extend_i32_u);
      break;
    case f64:
      op(code, Code::i64_reinterpret_f64);
      break;
    case v128:
      op(code, Code::i64x2_extract_lane);
      code.push_back(0);
      mix(code);
      op(code, Code::global_get, index);
      op(code, Code::i64x2_extract_lane);
      code.push_back(1);
      break;
    default:
      break;
  }
  mix(code);
}

}  // namespace

Types bits_types(const Types& results) {
  Types bits = results;
  for (ValueType& t : bits) t = t == f32 ? i32 : t == f64 ? i64 : t;
  return bits;
}

Bytes bits_body(std::uint32_t callee, const Types& results) {
  Bytes code;
  unsigned_leb(code, results.size());
  for (const ValueType t : results) append(code, {1, static_cast<std::uint8_t>(t)});
  op(code, Code::call, callee);
  for (std::size_t i = results.size(); i-- > 0;) op(code, Code::local_set, i);
  for (std::size_t i = 0; i < results.size(); ++i) {
    op(code, Code::local_get, i);
    if (results[i] == f32) op(code, Code::i32_reinterpret_f32);
    if (results[i] == f64) op(code, Code::i64_reinterpret_f64);
  }
  op(code, Code::end);
  return code;
}

Bytes state_body(const Types& globals) {
  Bytes code{3, 1, 0x7f, 1, 0x7e, 1, 0x7b};  // locals: address, digest, digest of the memory
  op(code, Code::loop);
  code.push_back(0x40);
  op(code, Code::local_get, 2);
  op(code, Code::v128_const);
  fixed(code, factor, 8);
  fixed(code, factor + 2, 8);
  op(code, Code::i64x2_mul);
  op(code, Code::local_get, 0);
  op(code, Code::v128_load);
  append(code, {4, 0});
  op(code, Code::i64x2_add);
  op(code, Code::local_set, 2);
  op(code, Code::local_get, 0);
  op(code, Code::i32_const);
  signed_leb(code, 16);
  op(code, Code::i32_add);
  op(code, Code::local_tee, 0);
  op(code, Code::memory_size, 0);
  op(code, Code::i32_const);
  signed_leb(code, 16);
  op(code, Code::i32_shl);
  op(code, Code::i32_lt_u);
  op(code, Code::br_if, 0);
  op(code, Code::end);
  for (const std::uint8_t lane : {std::uint8_t{0}, std::uint8_t{1}}) {
    op(code, Code::local_get, 2);
    op(code, Code::i64x2_extract_lane);
    code.push_back(lane);
    mix(code);
  }
  for (std::size_t i = 0; i < globals.size(); ++i) mix_global(code, globals[i], static_cast<std::uint32_t>(i));
  op(code, Code::table_size, 1);
  op(code, Code::i64_extend_i32_u);
  mix(code);
  for (std::uint32_t i = 0; i < second_table_elements; ++i) {
    op(code, Code::i32_const);
    signed_leb(code, i);
    op(code, Code::table_get, 1);
    op(code, Code::ref_is_null);
    op(code, Code::i64_extend_i32_u);
    mix(code);
  }
  op(code, Code::local_get, 1);
  op(code, Code::end);
  return code;
}

}  // namespace rvm::wasm::test
