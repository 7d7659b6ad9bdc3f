// SPDX-License-Identifier: MIT OR Apache-2.0
#include "compile.hpp"

#include <algorithm>
#include <cstddef>

namespace rvm::wasm {

using namespace arm64;

namespace {

// Branches that depend on a condition reach 1 MiB. Larger functions are left to the interpreter.
constexpr std::uint32_t function_words_max = (conditional_range / 4) - 8192;

constexpr Word fpcr_default_nan =
    1U << 25;  // FPCR.DN: every NaN that is computed is the default one, which is the canonical one
constexpr std::int32_t saved_bytes = 176;

constexpr std::uint32_t at(std::size_t offset) { return static_cast<std::uint32_t>(offset); }

/// The code that leads into and out of compiled code: called from C++, AAPCS64.
class Stubs {
 public:
  Stubs(Unit& unit, Compiled& compiled) : unit_(unit), compiled_(compiled) {}

  void write() {
    enter();
    leave();
    unit_.exit_fuel = unit_.size;
    registers(false);
    leave_at(NativeExit::fuel);
    unit_.exit_step = unit_.size;
    leave_at(NativeExit::step);
    unit_.exit_call = unit_.size;
    leave_at(NativeExit::call);
    compiled_.guard_target = unit_.size * 4;
    emit(movz(Width::x, scratch, static_cast<std::uint32_t>(Trap::memory_bounds)));
    unit_.exit_trap = unit_.size;
    value_and_leave(NativeExit::trap);
    compiled_.return_stubs[1] = unit_.size * 4;
    emit(access(Access::str_x, 0, frame_register, 0));
    emit(b(2));
    compiled_.return_stubs[2] = unit_.size * 4;
    emit(access(Access::str_d, 0, frame_register, 0));
    compiled_.return_stubs[0] = unit_.size * 4;
    value_and_leave(NativeExit::returned);
  }

 private:
  void emit(Word word) { unit_.code[unit_.size++] = word; }
  void state(Access op, Register t, std::size_t offset) { emit(access(op, t, state_register, at(offset))); }

  /// All registers that may hold values.
  void registers(bool load) {
    for (const Register r : {0U, 2U, 4U, 6U, 8U, 10U, 12U, 14U, 18U}) {
      const auto offset = static_cast<std::int32_t>(offsetof(NativeState, general) + std::size_t{r} * 8);
      emit(pair(load ? Pair::ldp_x : Pair::stp_x, r, r + 1, state_register, offset));
    }
    for (const Register r : {20U, 29U}) {
      state(load ? Access::ldr_x : Access::str_x, r, offsetof(NativeState, general) + std::size_t{r} * 8);
    }
    for (Register r = 0; r < first_vector_scratch; r += 2) {
      const auto offset = static_cast<std::int32_t>(offsetof(NativeState, vector) + std::size_t{r} * 16);
      emit(pair(load ? Pair::ldp_q : Pair::stp_q, r, r + 1, state_register, offset));
    }
  }
  void saved(bool load) {
    for (Register r = 19; r < 29; r += 2) {
      emit(pair(load ? Pair::ldp_x : Pair::stp_x, r, r + 1, 31, static_cast<std::int32_t>(r - 17) * 8));
    }
    for (Register r = 8; r < 16; r += 2) {
      emit(pair(load ? Pair::ldp_d : Pair::stp_d, r, r + 1, 31, static_cast<std::int32_t>(r + 4) * 8));
    }
  }
  void enter() {
    emit(push_pair(29, 30, saved_bytes));
    saved(false);
    emit(mrs_fpcr | scratch);
    emit(access(Access::str_x, scratch, 31, saved_bytes - 16));
    emit(movz(Width::x, scratch, fpcr_default_nan >> 16, 1));
    emit(msr_fpcr | scratch);
    emit(move(Width::x, state_register, 0));
    state(Access::ldr_x, frame_register, offsetof(NativeState, frame));
    state(Access::ldr_x, memory_register, offsetof(NativeState, memory));
    state(Access::ldr_x, limit_register, offsetof(NativeState, limit));
    state(Access::ldr_x, fuel_register, offsetof(NativeState, fuel));
    state(Access::ldr_x, stack_end_register, offsetof(NativeState, stack_end));
    state(Access::ldr_x, globals_register, offsetof(NativeState, globals));
    state(Access::ldr_x, first_global_register, offsetof(NativeState, first_global));
    state(Access::ldr_x, scratch, offsetof(NativeState, target));
    state(Access::ldr_x, second_scratch, offsetof(NativeState, full));
    emit(aimed(cbnz(Width::x, second_scratch), 4));
    // Behind a call, the result is expected in a register.
    emit(access(Access::ldr_x, 0, frame_register, 0));
    emit(access(Access::ldr_d, 0, frame_register, 0));
    emit(br(scratch));
    registers(true);
    emit(br(scratch));
  }
  /// scratch: the exit.
  void leave() {
    leave_ = unit_.size;
    state(Access::str_x, scratch, offsetof(NativeState, exit));
    state(Access::str_x, frame_register, offsetof(NativeState, frame));
    state(Access::str_x, fuel_register, offsetof(NativeState, fuel));
    emit(access(Access::ldr_x, scratch, 31, saved_bytes - 16));
    emit(msr_fpcr | scratch);
    saved(true);
    emit(pop_pair(29, 30, saved_bytes));
    emit(ret);
  }
  void leave_at(NativeExit exit) {
    state(Access::str_x, link_register, offsetof(NativeState, target));
    emit(movz(Width::x, scratch, static_cast<std::uint32_t>(exit)));
    emit(b(std::int64_t{leave_} - unit_.size));
  }
  void value_and_leave(NativeExit exit) {
    state(Access::str_x, scratch, offsetof(NativeState, value));
    emit(movz(Width::x, scratch, static_cast<std::uint32_t>(exit)));
    emit(b(std::int64_t{leave_} - unit_.size));
  }

  Unit& unit_;
  Compiled& compiled_;
  std::uint32_t leave_ = 0;
};

constexpr std::uint32_t stub_words_max = 128;
/// At most, of code for one of internal code: a jump that brings all registers to where its label wants them, in a frame so large
/// that each takes three instructions.
constexpr std::uint32_t words_per_word = 320;

/// Makes the calls that wait for a function go to `to`.
void land_callers(Unit& unit, std::uint32_t definition, std::uint32_t to) {
  for (std::uint32_t site = unit.callers[definition]; site != 0;) {
    const std::uint32_t before = unit.code[site];
    unit.code[site] = bl(std::int64_t{to} - site);
    site = before;
  }
  unit.callers[definition] = 0;
}

}  // namespace

// --- A function ------------------------------------------------------------------------------------------------------

FunctionCompiler::FunctionCompiler(Unit& unit, std::uint32_t definition)
    : unit_(unit),
      module_(unit.module),
      definition_(definition),
      body_(unit.module.bodies[definition]),
      type_(unit.module.function_type(unit.module.imported_functions + definition)),
      code_(unit.module.code.data()),
      last_(body_.entry == body_.begin ? body_.end : body_.entry) {}

FunctionCompiler::Result FunctionCompiler::run() {
  CompiledFunction& function = unit_.functions[definition_];
  function.sites = unit_.site_count;
  function.registers = unit_.register_count;
  if (!analyse()) return Result::out_of_memory;
  const std::uint32_t start = unit_.size;
  if (body()) {
    function.end = unit_.size * 4;
    land_callers(unit_, definition_, function.entry / 4);
    return Result::done;
  }
  // As if it had not been tried.
  for (std::uint32_t w = body_.begin; w < last_; w += words_of(code_ + w)) {
    if (op_of(code_[w]) != Op::call_defined) continue;
    const auto called = static_cast<std::uint32_t>(code_[w + 1]) - module_.imported_functions;
    while (unit_.callers[called] >= start) unit_.callers[called] = unit_.code[unit_.callers[called]];
  }
  unit_.size = start;
  unit_.register_count = function.registers;
  unit_.site_count = function.sites;
  function.entry = function.inner = 0;
  return Result::left_out;
}

bool FunctionCompiler::body() {
  unit_.functions[definition_].entry = unit_.size * 4;
  const std::uint32_t start = unit_.size;
  prologue();
  const std::uint32_t first = body_.begin + words_of(code_ + body_.begin);
  for (std::uint32_t w = first; w < last_ && !failed_; w += words_of(code_ + w)) {
    word_ = w;
    pc_ = code_ + w;
    if (pending_count_ > pending_.size() * 3 / 4) {
      const std::uint32_t around = unit_.size;
      emit(b());
      flush();
      if (!failed_) unit_.code[around] = b(std::int64_t{unit_.size} - around);
    }
    if (Label* const label = label_at(w); label != nullptr) bring_label(*label);
    if (!reachable_) continue;
    const RegisterSet after = needed_[w - body_.begin];
    needed_before_ = after;
    each_write(module_, type_, pc_, [&](std::uint32_t slot, Kind kind) { needed_before_ &= ~register_of(slot, kind); });
    each_read(module_, type_, pc_, [&](std::uint32_t slot, Kind kind) { needed_before_ |= register_of(slot, kind); });
    if (pair_up()) {
      w = word_;  // the second of two
    } else {
      instruction();
    }
    valid_ &= needed_[w - body_.begin];
    dirty_ &= valid_;
    reachable_ = falls_through(op_of(*pc_));
    if (unit_.size - start > function_words_max) failed_ = true;
  }
  flush();
  for (std::uint32_t i = 0; i < fixup_count_ && !failed_; ++i) {
    const auto [site, label] = fixups_[i];
    unit_.code[site] = aimed(unit_.code[site], std::int64_t{labels_[label].native} - site);
  }
  return !failed_;
}

/// What `enter` does, and the prologue that writes the constants.
void FunctionCompiler::prologue() {
  const std::uint32_t header = type_.parameter_slots;
  if (header <= 62) {
    emit(pair(Pair::stp_x, link_register, zr, frame_register, static_cast<std::int32_t>(header) * 8));
  } else {
    slot_address(scratch, header);
    emit(pair(Pair::stp_x, link_register, zr, scratch, 0));
  }
  unit_.functions[definition_].inner = unit_.size * 4;
  word_ = body_.entry;
  const std::uint64_t enter = code_[body_.entry];
  slot_address(scratch, field_a(enter));
  emit(three(Three::subs, Width::x, zr, scratch, stack_end_register));
  trap_if(b(Condition::hi), Trap::stack_exhausted);
  zero_locals(field_b(enter), field_c(enter));
  if (last_ == body_.end) return;
  for (std::uint32_t w = body_.entry + 1; op_of(code_[w]) == Op::constant; w += 2) {
    const std::uint32_t slot = field_a(code_[w]);
    const RegisterSet own = register_of(slot, Kind::general) & needed_[0];
    const Register d = own == 0 ? scratch : target(slot, Kind::general, scratch);
    move_constant(Width::x, d, code_[w + 1]);
    store_slot(d, Kind::general, slot);
    valid_ |= own;
  }
}

void FunctionCompiler::zero_locals(std::uint32_t first, std::uint32_t count) {
  constexpr std::uint32_t unrolled = 24;
  if (count > unrolled) {
    constexpr std::uint32_t round = 8;
    for (; count % round != 0; ++first, --count) store_slot(zr, Kind::general, first);
    slot_address(scratch, first);
    slot_address(second_scratch, first + count);
    const std::uint32_t again = unit_.size;
    for (std::uint32_t i = 0; i < round; i += 2) emit(0xa881'7c1f | scratch << 5);  // stp xzr, xzr, [scratch], #16
    emit(three(Three::subs, Width::x, zr, scratch, second_scratch));
    emit(b(Condition::ne, std::int64_t{again} - unit_.size));
    return;
  }
  for (std::uint32_t slot = first; slot < first + count; ++slot) {
    const RegisterSet general = register_of(slot, Kind::general);
    const RegisterSet floating = register_of(slot, Kind::scalar) | register_of(slot, Kind::vector);
    if ((general | floating) == 0 || slot == body_.zero_slot) {
      store_slot(zr, Kind::general, slot);
      continue;
    }
    if ((general & needed_[0]) != 0) emit(movz(Width::x, target(slot, Kind::general, zr), 0));
    for (const Kind kind : {Kind::scalar, Kind::vector}) {
      if ((register_of(slot, kind) & needed_[0]) != 0) emit(movi_zero | target(slot, kind, zr));
    }
    valid_ |= (general | floating) & needed_[0];
    dirty_ |= (general | floating) & needed_[0];
  }
}

void FunctionCompiler::instruction() {
  const Op op = op_of(*pc_);
  if (integer(op) || memory(op) || floating(op) || simd(op)) return;
  control(op);
}

// --- A module --------------------------------------------------------------------------------------------------------

std::size_t code_bytes_max(const Module& module) {
  return (std::size_t{stub_words_max} + module.bodies.size() * 64 + module.code.size() * words_per_word) * 4;
}

std::expected<Compiled, CompileError> compile(const Module& module, std::span<std::byte> code, Arena& arena,
                                              const CompileOptions& options) {
  const std::size_t words = std::min<std::size_t>(code.size() / 4, branch_range / 4);
  if (words < stub_words_max || reinterpret_cast<std::uintptr_t>(code.data()) % 4 != 0) {
    return std::unexpected{CompileError::no_room_for_code};
  }
  Compiled compiled;
  compiled.module = &module;
  compiled.guarded = options.guarded;
  compiled.fuel_reserve = options.fuel_reserve;
  Unit unit{module, options, arena, {reinterpret_cast<Word*>(code.data()), words}};  // aligned, written as words only
  // At most two sites an instruction; the prologues' are not among them.
  std::uint64_t sites = 0;
  for (const FunctionBody& body : module.bodies) {
    for (std::uint32_t w = body.begin; w < body.end; w += words_of(&module.code[w])) {
      const Op op = op_of(module.code[w]);
      const bool plain = between(op, Op::i32_add_k, Op::i64_ge_u_k) || between(op, Op::i32_load_k, Op::i64_store32_x);
      sites += plain ? 0 : is_call(op) ? 3 : 1;
    }
  }
  const std::size_t mark = arena.high_mark();
  const auto functions = arena.allocate<CompiledFunction>(module.bodies.size());
  const auto room = arena.allocate_high<RegisterHome>(module.bodies.size() * registers_max);
  const auto site_room = arena.allocate_high<CompiledSite>(sites + 1);
  unit.callers = arena.allocate_high<std::uint32_t>(module.bodies.size());
  if (!module.bodies.empty() && (functions.empty() || room.empty() || unit.callers.empty())) {
    return std::unexpected{CompileError::out_of_memory};
  }
  if (site_room.empty()) return std::unexpected{CompileError::out_of_memory};
  unit.functions = functions;
  unit.registers = room;
  unit.sites = site_room;
  Stubs{unit, compiled}.write();
  for (std::uint32_t i = 0; i < module.bodies.size(); ++i) {
    functions[i].registers = unit.register_count;
    functions[i].sites = unit.site_count;
    if ((options.left_out >> i % 64 & 1) != 0) continue;
    const std::size_t working = arena.high_mark();
    const auto result = FunctionCompiler{unit, i}.run();
    arena.release_high(working);
    if (result == FunctionCompiler::Result::out_of_memory) {
      arena.release_high(mark);
      return std::unexpected{CompileError::out_of_memory};
    }
    if (result == FunctionCompiler::Result::done) ++compiled.function_count;
  }
  for (std::uint32_t i = 0; i < module.bodies.size(); ++i) land_callers(unit, i, unit.exit_call);
  const auto registers = arena.allocate<RegisterHome>(unit.register_count);
  const auto kept_sites = arena.allocate<CompiledSite>(unit.site_count);
  if (registers.size() != unit.register_count || kept_sites.size() != unit.site_count) {
    arena.release_high(mark);
    return std::unexpected{CompileError::out_of_memory};
  }
  std::ranges::copy(room.first(unit.register_count), registers.begin());
  std::ranges::copy(site_room.first(unit.site_count), kept_sites.begin());
  arena.release_high(mark);
  compiled.functions = functions;
  compiled.registers = registers;
  compiled.sites = kept_sites;
  compiled.bytes = unit.size * 4;
  return compiled;
}

void make_code_visible([[maybe_unused]] std::span<const std::byte> code) {
#ifdef __aarch64__
  // DMB to the point of unification line by line, then the same for instructions; line sizes from CTR_EL0 (Arm ARM D19.2.34).
  std::uint64_t ctr = 0;
  asm volatile("mrs %0, ctr_el0" : "=r"(ctr));
  const std::uintptr_t data_line = std::uintptr_t{4} << (ctr >> 16 & 15);
  const std::uintptr_t fetch_line = std::uintptr_t{4} << (ctr & 15);
  const auto begin = reinterpret_cast<std::uintptr_t>(code.data());
  const std::uintptr_t end = begin + code.size();
  for (std::uintptr_t a = begin & ~(data_line - 1); a < end; a += data_line)
    asm volatile("dc cvau, %0" ::"r"(a) : "memory");
  asm volatile("dsb ish" ::: "memory");
  for (std::uintptr_t a = begin & ~(fetch_line - 1); a < end; a += fetch_line)
    asm volatile("ic ivau, %0" ::"r"(a) : "memory");
  asm volatile("dsb ish\n\tisb" ::: "memory");
#endif
}

}  // namespace rvm::wasm
