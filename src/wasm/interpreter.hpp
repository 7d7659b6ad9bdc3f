// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How the interpreter is put together: one function per instruction of the internal code. Each ends by calling the next as a
// tail call, so the whole state stays in registers and every instruction has a branch of its own for the machine to predict.
// The functions save no registers (preserve_none); where a compiler lacks that convention the code is the same and slower.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "code.hpp"
#include "rvm/wasm/execution.hpp"

// AddressSanitizer realigns stacks, which clang 19 cannot do under this convention.
#if __has_cpp_attribute(clang::preserve_none) && (defined(__x86_64__) || defined(__aarch64__)) && \
    !__has_feature(address_sanitizer)
  #define RVM_WASM_CONVENTION [[clang::preserve_none]]
#else
  #define RVM_WASM_CONVENTION
#endif

namespace rvm::wasm {

struct Dispatch;

// The state: where we are, the frame, memory 0 (kept here because every access needs both), what we run in, the fuel left of
// this slice, and the instruction's first word.
#define RVM_WASM_STATE \
  const std::uint64_t *pc, std::uint64_t *fp, std::byte *memory, std::uint64_t memory_bytes, Instance *instance, \
      Execution *execution, const Dispatch *dispatch, std::int64_t fuel, std::uint64_t word
#define RVM_WASM_PASS pc, fp, memory, memory_bytes, instance, execution, dispatch, fuel, word
#define RVM_WASM_FUNCTION(name) RVM_WASM_CONVENTION void name(RVM_WASM_STATE)
#define RVM_WASM_HANDLER(name) RVM_WASM_FUNCTION(handle_##name)

using Handler = void (*)(RVM_WASM_STATE) RVM_WASM_CONVENTION;

/// Handlers by opcode. Entries behind the last opcode trap.
struct Dispatch {
  Handler handlers[dispatch_entries];
};

#define RVM_WASM_TAIL [[clang::musttail]] return
#define RVM_WASM_DISPATCH [[clang::nomerge, clang::musttail]] return  // each place predicts its own successor
#define RVM_WASM_AGAIN \
  do { \
    word = *pc; \
    RVM_WASM_DISPATCH dispatch->handlers[word % dispatch_entries](RVM_WASM_PASS); \
  } while (false)
/// On to the instruction `words` further.
#define RVM_WASM_NEXT(words) \
  do { \
    pc += (words); \
    RVM_WASM_AGAIN; \
  } while (false)
/// On to where the word at `site` says.
#define RVM_WASM_JUMP(site) \
  do { \
    pc = (site); \
    pc += jump_of(*pc); \
    RVM_WASM_AGAIN; \
  } while (false)
#define RVM_WASM_STOP(reason) \
  do { \
    word = static_cast<std::uint64_t>(reason); \
    RVM_WASM_TAIL stop_with(RVM_WASM_PASS); \
  } while (false)
/// Pays before anything is done, so that a computation that stops here can go on here.
#define RVM_WASM_PAY(price) \
  do { \
    const auto due = static_cast<std::int64_t>(price); \
    fuel -= due; \
    if (fuel < 0) [[unlikely]] { \
      word = static_cast<std::uint64_t>(due); \
      RVM_WASM_TAIL refill_for(RVM_WASM_PASS); \
    } \
  } while (false)

/// Ends the interpreter's part of the run.
#define RVM_WASM_TRANSFER(to) \
  do { \
    static_cast<void>(memory), static_cast<void>(memory_bytes), static_cast<void>(dispatch), static_cast<void>(word); \
    execution->transfer(Execution::Transfer::to, fuel, pc, fp, instance); \
    return; \
  } while (false)

/// Ends the run; `word` is the Trap.
RVM_WASM_FUNCTION(stop_with);
/// The last `word` units were not there: asks for fuel and repeats the instruction.
RVM_WASM_FUNCTION(refill_for);

// clang-format off
#define RVM_X(name, ...) RVM_WASM_HANDLER(name);
RVM_WASM_HANDLED(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) RVM_WASM_HANDLER(name##_k);
RVM_WASM_INTEGER_BINARY(RVM_X)
RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) RVM_WASM_HANDLER(name##_k); RVM_WASM_HANDLER(name##_x);
RVM_WASM_LOAD(RVM_X)
RVM_WASM_STORE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) RVM_WASM_HANDLER(if_##name); RVM_WASM_HANDLER(if_##name##_k);
RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
// clang-format on

// --- Slots -----------------------------------------------------------------------------------------------------------

/// Two lanes of 64 bits, as a vector register has them.
using V128 = std::uint64_t __attribute__((vector_size(16)));

namespace type {  // value types of the tables as C++ types
using i32 = std::uint32_t;
using i64 = std::uint64_t;
using f32 = float;
using f64 = double;
using v128 = V128;
}  // namespace type

template <typename T>
[[nodiscard]] inline T get(const std::uint64_t *fp, std::uint32_t slot) {
  if constexpr (sizeof(T) == 16) {
    T value;
    std::memcpy(&value, fp + slot, sizeof value);
    return value;
  } else if constexpr (sizeof(T) == 8) {
    return std::bit_cast<T>(fp[slot]);
  } else {
    return std::bit_cast<T>(static_cast<std::uint32_t>(fp[slot]));
  }
}
template <typename T>
inline void put(std::uint64_t *fp, std::uint32_t slot, T value) {
  if constexpr (sizeof(T) == 16) {
    std::memcpy(fp + slot, &value, sizeof value);
  } else if constexpr (sizeof(T) == 8) {
    fp[slot] = std::bit_cast<std::uint64_t>(value);
  } else {
    fp[slot] = std::bit_cast<std::uint32_t>(value);  // the upper half of the slot is zero, always
  }
}
/// The constant of a _k instruction.
template <typename T>
[[nodiscard]] inline T constant_c(std::uint64_t word) {
  return static_cast<T>(static_cast<std::int64_t>(word) >> 48);
}

}  // namespace rvm::wasm
