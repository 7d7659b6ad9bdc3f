// SPDX-License-Identifier: MIT OR Apache-2.0
#include "simd.hpp"

namespace rvm::wasm {

namespace {

template <typename T>
[[nodiscard]] T read(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}
/// Eight bytes of narrow lanes, widened.
template <typename To, typename From>
[[nodiscard]] V128 widened(const std::byte* from) {
  return ops::extend<To, From>(V128{read<std::uint64_t>(from), 0}, 0);
}

// What each load makes of the bytes at its address; named as in simd_table.hpp.
V128 v128_load(const std::byte* p) { return read<V128>(p); }
V128 v128_load8x8_s(const std::byte* p) { return widened<ops::i16, ops::i8>(p); }
V128 v128_load8x8_u(const std::byte* p) { return widened<ops::u16, ops::u8>(p); }
V128 v128_load16x4_s(const std::byte* p) { return widened<ops::i32, ops::i16>(p); }
V128 v128_load16x4_u(const std::byte* p) { return widened<ops::u32, ops::u16>(p); }
V128 v128_load32x2_s(const std::byte* p) { return widened<ops::i64, ops::i32>(p); }
V128 v128_load32x2_u(const std::byte* p) { return widened<ops::u64, ops::u32>(p); }
V128 v128_load8_splat(const std::byte* p) { return ops::i8x16_splat(read<std::uint8_t>(p)); }
V128 v128_load16_splat(const std::byte* p) { return ops::i16x8_splat(read<std::uint16_t>(p)); }
V128 v128_load32_splat(const std::byte* p) { return ops::i32x4_splat(read<std::uint32_t>(p)); }
V128 v128_load64_splat(const std::byte* p) { return ops::i64x2_splat(read<std::uint64_t>(p)); }
V128 v128_load32_zero(const std::byte* p) { return V128{read<std::uint32_t>(p), 0}; }
V128 v128_load64_zero(const std::byte* p) { return V128{read<std::uint64_t>(p), 0}; }

}  // namespace

#define RVM_WASM_ADDRESS(bytes) \
  const std::uint64_t at = fp[field_b(word)] + field_c(word); \
  if (at + (bytes) > memory_bytes) [[unlikely]] \
  RVM_WASM_STOP(Trap::memory_bounds)

// clang-format off
#define RVM_X(name, code, text, bytes)                                                        \
  RVM_WASM_HANDLER(name) {                                                                    \
    RVM_WASM_ADDRESS(bytes);                                                                  \
    put(fp, field_a(word), name(memory + at));                                                \
    RVM_WASM_NEXT(1);                                                                         \
  }
RVM_WASM_SIMD_LOAD(RVM_X)
#undef RVM_X

#define RVM_X(name, code, text, bytes, lanes)                                                 \
  RVM_WASM_HANDLER(name) {                                                                    \
    RVM_WASM_ADDRESS(bytes);                                                                  \
    auto vector = ops::lanes_of<std::uint8_t>(get<V128>(fp, static_cast<std::uint32_t>(pc[1]))); \
    std::memcpy(&vector[upper(pc[1]) % (lanes) * (bytes)], memory + at, bytes);               \
    put(fp, field_a(word), ops::vector_of<std::uint8_t>(vector));                             \
    RVM_WASM_NEXT(2);                                                                         \
  }
RVM_WASM_SIMD_LOAD_LANE(RVM_X)
#undef RVM_X

#define RVM_X(name, code, text, bytes, lanes)                                                 \
  RVM_WASM_HANDLER(name) {                                                                    \
    RVM_WASM_ADDRESS(bytes);                                                                  \
    std::memcpy(memory + at, reinterpret_cast<const std::byte*>(fp + field_a(word)) + pc[1] % (lanes) * (bytes), bytes); \
    RVM_WASM_NEXT(2);                                                                         \
  }
RVM_WASM_SIMD_STORE_LANE(RVM_X)
#undef RVM_X
// clang-format on

RVM_WASM_HANDLER(vector_store) {
  RVM_WASM_ADDRESS(16);
  std::memcpy(memory + at, fp + field_a(word), 16);
  RVM_WASM_NEXT(1);
}

}  // namespace rvm::wasm
