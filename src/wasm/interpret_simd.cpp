// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Vector instructions between slots. Those that touch memory are in interpret_simd_memory.cpp.
#include "simd.hpp"

namespace rvm::wasm {

using namespace type;

// clang-format off
#define RVM_X(name, code, text, result, operand)                                              \
  RVM_WASM_HANDLER(name) {                                                                    \
    put<result>(fp, field_a(word), ops::name(get<operand>(fp, field_b(word))));               \
    RVM_WASM_NEXT(1);                                                                         \
  }
RVM_WASM_SIMD_UNARY(RVM_X)
#undef RVM_X

#define RVM_X(name, code, text)                                                               \
  RVM_WASM_HANDLER(name) {                                                                    \
    put(fp, field_a(word), ops::name(get<V128>(fp, field_b(word)), get<V128>(fp, field_c(word)))); \
    RVM_WASM_NEXT(1);                                                                         \
  }
RVM_WASM_SIMD_BINARY(RVM_X)
#undef RVM_X

#define RVM_X(name, code, text)                                                               \
  RVM_WASM_HANDLER(name) {                                                                    \
    put(fp, field_a(word), ops::name(get<V128>(fp, field_b(word)), get<std::uint32_t>(fp, field_c(word)))); \
    RVM_WASM_NEXT(1);                                                                         \
  }
RVM_WASM_SIMD_SHIFT(RVM_X)
#undef RVM_X

// A lane is at its place in the frame, so it is read and written there.
#define RVM_X(name, code, text, result, cell, count)                                          \
  RVM_WASM_HANDLER(name) {                                                                    \
    cell lane;                                                                                \
    std::memcpy(&lane, reinterpret_cast<const std::byte*>(fp + field_b(word)) + field_c(word) * sizeof lane, sizeof lane); \
    using Bits = std::conditional_t<sizeof(result) == 4, std::uint32_t, std::uint64_t>;       \
    put(fp, field_a(word), static_cast<Bits>(lane));                                          \
    RVM_WASM_NEXT(1);                                                                         \
  }
RVM_WASM_SIMD_EXTRACT(RVM_X)
#undef RVM_X

#define RVM_X(name, code, text, operand, cell, count)                                         \
  RVM_WASM_HANDLER(name) {                                                                    \
    auto lanes = ops::lanes_of<cell>(get<V128>(fp, field_b(word)));                           \
    lanes[pc[1] % (count)] = static_cast<cell>(fp[field_c(word)]);                            \
    put(fp, field_a(word), ops::vector_of<cell>(lanes));                                      \
    RVM_WASM_NEXT(2);                                                                         \
  }
RVM_WASM_SIMD_REPLACE(RVM_X)
#undef RVM_X
// clang-format on

RVM_WASM_HANDLER(vector_shuffle) {
  const auto first = ops::lanes_of<std::uint8_t>(get<V128>(fp, field_b(word)));
  const auto second = ops::lanes_of<std::uint8_t>(get<V128>(fp, field_c(word)));
  const auto chosen = ops::lanes_of<std::uint8_t>(V128{pc[1], pc[2]});
  ops::Lanes<std::uint8_t> result;
  for (std::size_t i = 0; i < 16; ++i) result[i] = chosen[i] < 16 ? first[chosen[i]] : second[chosen[i] % 16];
  put(fp, field_a(word), ops::vector_of<std::uint8_t>(result));
  RVM_WASM_NEXT(3);
}
RVM_WASM_HANDLER(vector_bitselect) {
  const V128 mask = get<V128>(fp, static_cast<std::uint32_t>(pc[1]));
  put(fp, field_a(word), (get<V128>(fp, field_b(word)) & mask) | (get<V128>(fp, field_c(word)) & ~mask));
  RVM_WASM_NEXT(2);
}

}  // namespace rvm::wasm
