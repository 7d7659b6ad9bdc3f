// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What compiled code and the C++ around it agree on. Compiled code has no stack of its own: return addresses lie in the frames'
// headers, and it is left for anything that it does not do itself.
//
// Header of a frame whose function runs compiled:
//   first word   where compiled code returns to: an instruction, or one of the stubs that lead back to the interpreter
//   second word  0 when the caller is compiled; else the internal code to go on with, times 2^16. It lies behind the call
//                instruction, which says how far below the caller's frame is
// The lower 16 bits are 0, which the interpreter's own headers never have, so it can return from such a frame as well.
#pragma once

#include <cstddef>
#include <cstdint>

#include "rvm/wasm/compiler.hpp"
#include "rvm/wasm/execution.hpp"

namespace rvm::wasm {

// Registers with a fixed meaning in compiled code; arm64::Register.
inline constexpr std::uint32_t frame_register = 28;
inline constexpr std::uint32_t memory_register = 27;
inline constexpr std::uint32_t limit_register =
    26;  ///< bytes of the memory - limit_slack, where accesses are checked; else a scratch
inline constexpr std::uint32_t fuel_register = 25;
inline constexpr std::uint32_t state_register = 24;
inline constexpr std::uint32_t stack_end_register = 23;
inline constexpr std::uint32_t globals_register = 22;
inline constexpr std::uint32_t first_global_register = 21;  ///< clang's stack pointer, mostly
// Not kept from one instruction of the internal code to the next, but for the first: see FunctionCompiler::bases_.
inline constexpr std::uint32_t base_scratch = 15;
inline constexpr std::uint32_t scratch = 16;
inline constexpr std::uint32_t second_scratch = 17;
inline constexpr std::uint32_t link_register = 30;
inline constexpr std::uint32_t first_vector_scratch = 28;  ///< v28 .. v31

/// What ends so far behind an address that is not above the limit is in bounds: offsets and sizes need not be added first. Near the
/// memory's end it takes a closer look.
inline constexpr std::uint32_t limit_slack = 4096;

/// In standard layout, because compiled code reads and writes it.
struct NativeState {
  std::uint64_t* frame;
  std::byte* memory;
  std::int64_t limit;
  std::int64_t fuel;
  const std::uint64_t* stack_end;
  Global* const* globals;
  Global* first_global;  ///< or null
  std::uint64_t target;  ///< where to go on; on return, an address that says where it was left
  std::uint64_t full;    ///< all registers are to be loaded before
  std::uint64_t exit;    ///< NativeExit
  std::uint64_t value;   ///< of the exit
  Instance* instance;
  std::byte* arena;
  Table* const* tables;
  const std::uint32_t* types;
  std::uint64_t general[32];
  alignas(16) std::uint64_t vector[32][2];
};

enum class NativeExit : std::uint32_t {
  trap,      ///< value: Trap
  fuel,      ///< target: behind the branch to the stub; all registers are saved
  step,      ///< target: the site of an instruction that the interpreter does
  call,      ///< target: a call_return site; the callee, whose frame is current, is left to the interpreter
  returned,  ///< to the interpreter; value: the second word of the header
};

}  // namespace rvm::wasm
