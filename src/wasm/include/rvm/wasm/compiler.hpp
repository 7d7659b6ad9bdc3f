// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The second tier: AArch64 code made from a module's internal code. Whatever runs in it can be stopped, and gone on with by the
// interpreter, at every point where the interpreter could stop; results, traps, fuel and memory are the same to the bit.
// docs/adr/0024-wasm-compiler.md says how.
//
//   const auto compiled = compile(module, writable, arena);
//   ... make the bytes executable and not writable, make_code_visible ...
//   attach(store, instance, *compiled, executable);   // from now on its functions run compiled; detach() undoes it
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "rvm/wasm/store.hpp"

namespace rvm::wasm {

struct CompileOptions {
  /// For instances whose memory is guarded (Limits): no access is checked by instructions. When one of compiled code faults, the
  /// fault's handler has it go on at Compiled::guard_target, all other registers being as they were.
  bool guarded = false;
  /// Functions left to the interpreter: those whose index among the definitions is, modulo 64, a set bit. For tests.
  std::uint64_t left_out = 0;
  /// Compiled code looks at the fuel only where it must: before it jumps back, before a call, and where it would otherwise have used
  /// this much since it last looked. Its register holds the fuel less this, so a look tells whether there is enough up to the next
  /// one. If not, the interpreter does what is left, and stops to the unit.
  std::uint32_t fuel_reserve = 8192;
};

/// A function in compiled code. Offsets are in bytes from the code's begin.
struct CompiledFunction {
  std::uint32_t entry = 0;      ///< for compiled callers; 0: left to the interpreter
  std::uint32_t inner = 0;      ///< for the interpreter, which has written the header
  std::uint32_t end = 0;        ///< behind its last instruction
  std::uint32_t registers = 0;  ///< first of its rows in Compiled::registers
  std::uint32_t sites = 0;      ///< first of its rows in Compiled::sites
};

/// Which value a register holds throughout a function.
struct RegisterHome {
  std::uint16_t slot = 0;
  std::uint8_t number = 0;
  std::uint8_t kind = 0;
};

/// Where compiled code can be left and entered. Bits of the masks are registers of the function, in the order of their rows.
struct CompiledSite {
  enum class Kind : std::uint32_t {
    fuel,        ///< an instruction could not be paid; it is tried again at `native`
    step,        ///< an instruction that the interpreter's handler does; `native` is behind it
    call_return  ///< behind a call
  };
  std::uint32_t native = 0;
  std::uint32_t word = 0;   ///< the instruction, in Module::code
  std::uint64_t valid = 0;  ///< registers that hold values which are needed
  std::uint64_t dirty = 0;  ///< those of them whose slots in the frame are out of date
  Kind kind = Kind::fuel;
};

/// Relocation-free: the code refers to itself by distances only, and to everything else through registers.
struct Compiled {
  const Module* module = nullptr;
  std::span<const CompiledFunction> functions;  ///< as Module::bodies
  std::span<const RegisterHome> registers;
  std::span<const CompiledSite> sites;  ///< ascending by `native`
  std::uint32_t bytes = 0;              ///< of code, a multiple of 4
  std::uint32_t function_count = 0;     ///< compiled ones
  // The stubs at its begin.
  std::uint32_t return_stubs[3]{};  ///< to the interpreter: result in memory, general, floating point
  std::uint32_t guard_target = 0;   ///< ends the run with memory_bounds
  bool guarded = false;
  std::uint32_t fuel_reserve = 0;  ///< as in the options
};

enum class CompileError : std::uint8_t { out_of_memory, no_room_for_code };

/// More than the code of any module with this one's sizes takes, hostile ones included. Others take one to two times the bytes of
/// Module::code.
[[nodiscard]] std::size_t code_bytes_max(const Module& module);

/// Writes code to `code`. What does not fit is left to the interpreter. Tables go to the arena's low end; its high end is working
/// memory, given back. Time is linear in the module's internal code.
[[nodiscard]] std::expected<Compiled, CompileError> compile(const Module& module, std::span<std::byte> code,
                                                            Arena& arena, const CompileOptions& options = {});

/// Makes bytes that were written as data visible to instruction fetch (Arm ARM B2.4.4), on this core and, once they have
/// synchronised, on the others of the inner shareable domain. On other machines than AArch64 it does nothing.
void make_code_visible(std::span<const std::byte> code);

/// From now on the instance's functions run compiled. While calls of it are under way, only to the same code as before. `code`: where the bytes lie for execution; they and `compiled` outlive
/// the instance or its detachment. False: no room in the store's arena, this machine is not AArch64, or the code needs a guarded memory and this is none.
[[nodiscard]] bool attach(Store& store, Instance& instance, const Compiled& compiled, const std::byte* code);
/// From now on the instance is interpreted, including calls that are under way, when they are resumed.
void detach(Instance& instance);

}  // namespace rvm::wasm
