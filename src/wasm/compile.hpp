// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From internal code to A64, a function at a time: two walks over its internal code find out where control joins, how often
// each slot is used and which values are still needed (compile_analysis.cpp); the third emits. The most used values have a
// register for the whole function. Inside a block a value is in its register, its slot, or both; where control joins, those
// that came first decide and the others follow.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "arm64.hpp"
#include "code_shape.hpp"
#include "native.hpp"
#include "rvm/wasm/compiler.hpp"

namespace rvm::wasm {

/// Registers that hold values of slots.
inline constexpr std::uint32_t registers_max = 64;
using RegisterSet = std::uint64_t;  ///< bits are indices of RegisterHomes
inline constexpr std::uint8_t no_register = 0xff;

/// What all functions of a module share while they are compiled.
struct Unit {
  Unit(const Module& m, const CompileOptions& o, Arena& a, std::span<arm64::Word> c)
      : module(m), options(o), arena(a), code(c) {}

  const Module& module;
  CompileOptions options;
  Arena& arena;
  std::span<arm64::Word> code;
  std::uint32_t size = 0;  ///< words of code written
  std::span<CompiledFunction> functions;
  std::span<RegisterHome> registers;
  std::uint32_t register_count = 0;
  std::span<CompiledSite> sites;
  std::uint32_t site_count = 0;
  /// Calls of functions that are not compiled so far: the last one, each holding the one before it. 0: none.
  std::span<std::uint32_t> callers;
  // Positions of the stubs.
  std::uint32_t exit_fuel = 0;
  std::uint32_t exit_step = 0;
  std::uint32_t exit_call = 0;
  std::uint32_t exit_trap = 0;
};

/// Where control joins.
struct Label {
  std::uint32_t native = 0;
  RegisterSet needed = 0;      ///< values that are read from here on before they are written
  RegisterSet valid = 0;       ///< values that are in their registers, once `reached`
  RegisterSet dirty = 0;       ///< and maybe not in their slots
  RegisterSet used = 0;        ///< of a loop: what it reads or writes
  RegisterSet written = 0;     ///< of a loop
  std::uint32_t loop_end = 0;  ///< of a loop: its last instruction; 0: no loop
  bool calls = false;          ///< of a loop: something in it leaves no register as it was
  bool reached = false;
  bool in_table = false;    ///< a jump table leads here
  std::uint32_t owed = 0;   ///< as owed_, once `reached`
  std::uint32_t since = 0;  ///< at most, of all who come from above
};

/// Compiles one function. Precondition: the unit's stubs are written.
class FunctionCompiler {
 public:
  enum class Result : std::uint8_t { done, left_out, out_of_memory };
  FunctionCompiler(Unit& unit, std::uint32_t definition);
  Result run();

 private:
  using Word = arm64::Word;
  using Register = arm64::Register;
  using Width = arm64::Width;

  // compile_analysis.cpp
  [[nodiscard]] bool analyse();
  [[nodiscard]] bool find_labels();
  [[nodiscard]] bool count_uses();
  void pin(std::uint32_t first, std::uint32_t count);
  void choose_registers();
  void summarise_loops();
  [[nodiscard]] bool find_needed();
  [[nodiscard]] RegisterSet register_of(std::uint32_t slot, Kind kind) const;
  [[nodiscard]] Label* label_at(std::uint32_t word) const {
    const std::uint32_t index = label_index_[word - body_.begin];
    return index == 0 ? nullptr : &labels_[index - 1];
  }
  [[nodiscard]] bool reads_all_by_memory(Op op) const;
  [[nodiscard]] static bool leaves_registers(Op op);

  // compile_registers.cpp
  void emit(Word word);
  void load_slot(Register number, Kind kind, std::uint32_t slot);
  void store_slot(Register number, Kind kind, std::uint32_t slot);
  Register general(std::uint32_t slot, Register otherwise);
  Register general_base(std::uint32_t slot, Register otherwise);
  Register vector(std::uint32_t slot, Kind kind, Register otherwise);
  [[nodiscard]] Register target(std::uint32_t slot, Kind kind, Register otherwise) const;
  void written(std::uint32_t slot, Kind kind, Register number);
  void written_in_slot(std::uint32_t slot, Kind kind);
  void forget(std::uint32_t slot);
  void forget_addresses();
  void load_set(RegisterSet set);
  void store_set(RegisterSet set);
  void conform(Label& label);
  void bring_label(Label& label);
  void move_constant(Width width, Register d, std::uint64_t value);
  void add_constant(Width width, Register d, Register n, std::int64_t value);
  void slot_address(Register d, std::uint32_t slot);

  // Branches to places out of line, written by flush.
  struct Pending {
    enum class What : std::uint8_t { trap, fuel, bounds, call_slow };
    What what;
    std::uint8_t detail;   ///< Trap; Kind of the result
    std::uint8_t address;  ///< register with the address
    std::uint32_t site;    ///< the branch to it
    std::uint32_t back;    ///< where to go on
    std::uint32_t word;
    std::uint32_t bases[2];  ///< slots, as bases_; of bounds, first how far the access reaches
    RegisterSet valid;
    RegisterSet dirty;
    std::uint32_t owed = 0;  ///< of fuel: what was taken for blocks before this one
  };
  void later(const Pending& pending);
  void trap_if(Word branch, Trap trap);
  void flush();
  void branch_to(Word branch, std::uint32_t word);
  void site(CompiledSite::Kind kind, RegisterSet valid, RegisterSet dirty, std::uint32_t word);
  void step();

  // compile.cpp
  void prologue();
  void zero_locals(std::uint32_t first, std::uint32_t count);
  bool body();
  void instruction();

  // compile_control.cpp
  void pay(std::uint32_t price, bool look);
  void owe(std::uint32_t units);
  [[nodiscard]] bool jumps_back() const;
  void control(Op op);
  [[nodiscard]] bool is_only_argument(std::uint32_t slot) const;
  void jump_when(Word branch);
  void jump_table();
  void return_now(Op op);
  void copy_slots(std::uint32_t to, std::uint32_t from, std::uint32_t count, Register end);
  [[nodiscard]] Register global_address(std::uint32_t index);
  void call();
  void call_through();
  void take_result(const FunctionType& type);
  void compare_branch(Op op);
  void select();
  void read_global();
  void write_global();

  // compile_numeric.cpp
  bool integer(Op op);
  void integer_binary(Op op);
  void integer_constant(Op op);
  void compare(Width width, std::uint32_t slot, std::int64_t value);
  void divide(Op op);
  bool unary(Op op);
  bool truncation(Op op);
  bool floating(Op op);

  // compile_memory.cpp
  bool memory(Op op);
  struct Place {
    Register base;
    Register index;  ///< or zr: the offset
    std::uint32_t offset;
  };
  [[nodiscard]] Place place(std::uint32_t form, std::uint32_t bytes);
  void check(Register address, std::uint32_t reach);
  [[nodiscard]] Register base_of(std::uint32_t slot) const;
  [[nodiscard]] Register make_base(std::uint32_t slot, Register n);
  [[nodiscard]] bool is_in_bounds(std::uint32_t slot, std::uint32_t bytes) const;
  void note_in_bounds(std::uint32_t slot, std::uint32_t bytes);
  void access(arm64::Access op, Register t, const Place& where);

  // compile_pairs.cpp
  [[nodiscard]] bool pair_up();
  [[nodiscard]] bool only_read_next(std::uint32_t slot, const std::uint64_t* next) const;
  [[nodiscard]] bool shift_and_use(const std::uint64_t* next);
  [[nodiscard]] bool multiply_and_add(const std::uint64_t* next);
  [[nodiscard]] bool compare_and_select(const std::uint64_t* next);
  void overwritten(std::uint32_t slot);

  // compile_simd.cpp
  bool simd(Op op);
  bool simd_row(Op op);
  bool simd_lane(Op op);
  bool simd_memory(Op op);
  void vector_result(Register number);
  void vector_constant(Register d, std::uint64_t low, std::uint64_t high);
  void any_true(Register n, arm64::Condition condition);
  void bitmask_of(Word below_zero, Word lane);

  Unit& unit_;
  const Module& module_;
  const std::uint32_t definition_;
  const FunctionBody& body_;
  const FunctionType& type_;
  const std::uint64_t* const code_;  ///< of the module
  const std::uint32_t last_;         ///< behind the body; a prologue may follow

  // Working memory.
  std::span<std::uint32_t> label_index_;  ///< per word: label, from 1
  std::span<RegisterSet> needed_;         ///< per word: needed behind the instruction
  std::span<Label> labels_;
  std::span<std::uint32_t> uses_[3];     ///< per kind and slot, weighed
  std::span<std::uint8_t> assigned_[3];  ///< per kind and slot: index or no_register
  std::span<std::int32_t> pinned_;       ///< per slot: begins minus ends of ranges that only memory has
  struct Fixup {
    std::uint32_t site;
    std::uint32_t label;
  };
  std::span<Fixup> fixups_;
  std::uint32_t fixup_count_ = 0;
  std::span<RegisterHome> homes_;

  // While emitting.
  std::uint32_t word_ = 0;  ///< the instruction
  const std::uint64_t* pc_ = nullptr;
  RegisterSet valid_ = 0;
  RegisterSet dirty_ = 0;
  RegisterSet needed_before_ = 0;  ///< by this instruction and those behind it
  /// Fuel used and not yet taken from the register: it is taken where control joins or leaves.
  std::uint32_t owed_ = 0;
  std::uint32_t since_ = 0;  ///< fuel used since the register was looked at, at most; owed_ is part of it
  bool reachable_ = true;
  bool failed_ = false;
  std::array<Pending, 256> pending_{};
  std::uint32_t pending_count_ = 0;
  // Registers that hold the memory's address plus the value of a slot. The second one exists where nothing is checked.
  static constexpr Register base_registers[] = {base_scratch, limit_register};
  static constexpr std::uint32_t none = UINT32_MAX;
  std::uint32_t bases_[2] = {none, none};
  std::uint32_t next_base_ = 0;
  // The last instruction, if it was a store of scratch to a slot: that slot's value is there still.
  std::uint32_t stored_at_ = 0;  ///< the place behind it
  std::uint32_t stored_slot_ = none;
  /// So many bytes from the address in a slot are in bounds.
  struct InBounds {
    std::uint32_t slot = none;
    std::uint32_t bytes = 0;
  };
  std::array<InBounds, 8> in_bounds_{};
  std::uint32_t next_in_bounds_ = 0;
};

}  // namespace rvm::wasm
