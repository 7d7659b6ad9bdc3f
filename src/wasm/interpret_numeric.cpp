// SPDX-License-Identifier: MIT OR Apache-2.0
#include "interpreter.hpp"
#include "numeric.hpp"

namespace rvm::wasm {

using namespace type;

// clang-format off
#define RVM_X(name, code, text, result, operand)                                              \
  RVM_WASM_HANDLER(name) {                                                                    \
    put<result>(fp, field_a(word), ops::name(get<operand>(fp, field_b(word))));               \
    RVM_WASM_NEXT(1);                                                                         \
  }
RVM_WASM_UNARY(RVM_X)
#undef RVM_X

#define RVM_X(name, code, text, result, operand)                                              \
  RVM_WASM_HANDLER(name) {                                                                    \
    result value{};                                                                           \
    const Trap trap = ops::name(get<operand>(fp, field_b(word)), value);                      \
    if (trap != Trap::none) [[unlikely]] RVM_WASM_STOP(trap);                                 \
    put(fp, field_a(word), value);                                                            \
    RVM_WASM_NEXT(1);                                                                         \
  }
RVM_WASM_TRUNCATE(RVM_X)
#undef RVM_X

#define RVM_X(name, code, text, type)                                                         \
  RVM_WASM_HANDLER(name) {                                                                    \
    type value{};                                                                             \
    const Trap trap = ops::name(get<type>(fp, field_b(word)), get<type>(fp, field_c(word)), value); \
    if (trap != Trap::none) [[unlikely]] RVM_WASM_STOP(trap);                                 \
    put(fp, field_a(word), value);                                                            \
    RVM_WASM_NEXT(1);                                                                         \
  }
RVM_WASM_DIVIDE(RVM_X)
#undef RVM_X

#define RVM_X(name, code, text, result, operand)                                              \
  RVM_WASM_HANDLER(name) {                                                                    \
    put<result>(fp, field_a(word), ops::name(get<operand>(fp, field_b(word)), get<operand>(fp, field_c(word)))); \
    RVM_WASM_NEXT(1);                                                                         \
  }
RVM_WASM_FLOAT_BINARY(RVM_X)
#undef RVM_X

#define RVM_X(name, code, text, type)                                                         \
  RVM_WASM_HANDLER(name) {                                                                    \
    put(fp, field_a(word), ops::name(get<type>(fp, field_b(word)), get<type>(fp, field_c(word)))); \
    RVM_WASM_NEXT(1);                                                                         \
  }                                                                                           \
  RVM_WASM_HANDLER(name##_k) {                                                                \
    put(fp, field_a(word), ops::name(get<type>(fp, field_b(word)), constant_c<type>(word)));  \
    RVM_WASM_NEXT(1);                                                                         \
  }
RVM_WASM_INTEGER_BINARY(RVM_X)
RVM_WASM_COMPARE(RVM_X)
#undef RVM_X

#define RVM_X(name, code, text, type)                                                         \
  RVM_WASM_HANDLER(if_##name) {                                                               \
    RVM_WASM_PAY(field_c(word));                                                              \
    if (ops::name(get<type>(fp, field_a(word)), get<type>(fp, field_b(word)))) RVM_WASM_JUMP(pc + 1); \
    RVM_WASM_NEXT(2);                                                                         \
  }                                                                                           \
  RVM_WASM_HANDLER(if_##name##_k) {                                                           \
    RVM_WASM_PAY(field_c(word));                                                              \
    const auto constant = static_cast<type>(static_cast<std::int64_t>(static_cast<std::int16_t>(field_b(word)))); \
    if (ops::name(get<type>(fp, field_a(word)), constant)) RVM_WASM_JUMP(pc + 1);             \
    RVM_WASM_NEXT(2);                                                                         \
  }
RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
// clang-format on

}  // namespace rvm::wasm
