// SPDX-License-Identifier: MIT OR Apache-2.0
#include "generator_operations.hpp"

#include <string_view>

namespace rvm::wasm::test {

std::vector<Operation> make_operations() {
  using enum ValueType;
  using Immediate = Operation::Immediate;
  std::vector<Operation> all;
  const auto floating = [](std::string_view text) { return text[0] == 'f' || text.find("_f") != text.npos; };
  // clang-format off
#define RVM_X(name, number, text, result, operand) \
  all.push_back({Code::name, {operand}, result, Immediate::none, 0, std::string_view{text}.find("reinterpret_f") != std::string_view::npos});
  RVM_WASM_UNARY(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, result, operand) all.push_back({Code::name, {operand}, result, Immediate::none, 0, false, true});
  RVM_WASM_TRUNCATE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, result, operand) all.push_back({Code::name, {operand}, result, Immediate::none, 0, floating(text)});
  RVM_WASM_SIMD_UNARY(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, result, operand) \
  all.push_back({Code::name, {operand, operand}, result, Immediate::none, 0, std::string_view{text}.ends_with("copysign")});
  RVM_WASM_FLOAT_BINARY(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, type) all.push_back({Code::name, {type, type}, type});
  RVM_WASM_INTEGER_BINARY(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, type) all.push_back({Code::name, {type, type}, type, Immediate::none, 0, false, true});
  RVM_WASM_DIVIDE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, type) all.push_back({Code::name, {type, type}, i32});
  RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text) all.push_back({Code::name, {v128, v128}, v128, Immediate::none, 0, floating(text)});
  RVM_WASM_SIMD_BINARY(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text) all.push_back({Code::name, {v128, i32}, v128});
  RVM_WASM_SIMD_SHIFT(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, type, cell) all.push_back({Code::name, {i32}, type, Immediate::access});
  RVM_WASM_LOAD(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, type, cell) all.push_back({Code::name, {i32, type}, unknown, Immediate::access, 0, text[0] == 'f'});
  RVM_WASM_STORE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, bytes) all.push_back({Code::name, {i32}, v128, Immediate::access});
  RVM_WASM_SIMD_LOAD(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, bytes, lanes) all.push_back({Code::name, {i32, v128}, v128, Immediate::access, lanes});
  RVM_WASM_SIMD_LOAD_LANE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, bytes, lanes) all.push_back({Code::name, {i32, v128}, unknown, Immediate::access, lanes});
  RVM_WASM_SIMD_STORE_LANE(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, result, cell, lanes) all.push_back({Code::name, {v128}, result, Immediate::lane, lanes});
  RVM_WASM_SIMD_EXTRACT(RVM_X)
#undef RVM_X
#define RVM_X(name, number, text, operand, cell, lanes) all.push_back({Code::name, {v128, operand}, v128, Immediate::lane, lanes, text[0] == 'f'});
  RVM_WASM_SIMD_REPLACE(RVM_X)
#undef RVM_X
  // clang-format on
  all.push_back({Code::v128_store, {i32, v128}, unknown, Immediate::access});
  all.push_back({Code::v128_bitselect, {v128, v128, v128}, v128});
  return all;
}

}  // namespace rvm::wasm::test
