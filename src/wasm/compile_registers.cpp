// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where values are while a block is emitted, and what lies out of line behind it.
#include <algorithm>
#include <bit>

#include "compile.hpp"

namespace rvm::wasm {

using namespace arm64;

void FunctionCompiler::emit(Word word) {
  if (unit_.size == unit_.code.size()) {
    failed_ = true;
    return;
  }
  unit_.code[unit_.size++] = word;
}

void FunctionCompiler::move_constant(Width width, Register d, std::uint64_t value) {
  if (width == Width::w) value &= UINT32_MAX;
  if (value != 0 && value > UINT16_MAX) {
    if (const auto field = bitmask(width, value)) return emit(bitmask_immediate(Three::orr, width, d, zr, *field));
  }
  const unsigned quarters = bits(width) / 16;
  unsigned zeros = 0;
  unsigned ones = 0;
  for (unsigned i = 0; i < quarters; ++i) {
    const auto part = static_cast<std::uint16_t>(value >> (16 * i));
    zeros += part == 0 ? 1 : 0;
    ones += part == UINT16_MAX ? 1 : 0;
  }
  const bool inverted = ones > zeros;
  const std::uint16_t usual = inverted ? UINT16_MAX : 0;
  bool first = true;
  for (unsigned i = 0; i < quarters; ++i) {
    const auto part = static_cast<std::uint16_t>(value >> (16 * i));
    if (part == usual) continue;
    if (!first) {
      emit(movk(width, d, part, i));
    } else if (inverted) {
      emit(movn(width, d, static_cast<std::uint16_t>(~part), i));
    } else {
      emit(movz(width, d, part, i));
    }
    first = false;
  }
  if (first) emit(inverted ? movn(width, d, 0) : movz(width, d, 0));
}

/// d = n + value. n is not zr. May use second_scratch.
void FunctionCompiler::add_constant(Width width, Register d, Register n, std::int64_t value) {
  const Three op = value < 0 ? Three::sub : Three::add;
  const std::uint64_t magnitude = value < 0 ? -static_cast<std::uint64_t>(value) : static_cast<std::uint64_t>(value);
  if (magnitude == 0 && d == n) return;
  if (magnitude < 0x1000) return emit(immediate(op, width, d, n, static_cast<std::uint32_t>(magnitude)));
  if (magnitude < 0x100'0000) {
    emit(immediate(op, width, d, n, static_cast<std::uint32_t>(magnitude >> 12), true));
    if ((magnitude & 0xfff) != 0) emit(immediate(op, width, d, d, static_cast<std::uint32_t>(magnitude & 0xfff)));
    return;
  }
  move_constant(width, second_scratch, static_cast<std::uint64_t>(value));
  emit(three(Three::add, width, d, n, second_scratch));
}

void FunctionCompiler::slot_address(Register d, std::uint32_t slot) {
  add_constant(Width::x, d, frame_register, std::int64_t{slot} * 8);
}

namespace {

Access access_of(Kind kind, bool load) {
  switch (kind) {
    case Kind::scalar:
      return load ? Access::ldr_d : Access::str_d;
    case Kind::vector:
      return load ? Access::ldr_q : Access::str_q;
    default:
      return load ? Access::ldr_x : Access::str_x;
  }
}

}  // namespace

// Slots are 8 bytes, so the slot of a vector may lie between two units of its offset; then, and far away, the address is made in
// link_register, which nothing keeps a value in.
void FunctionCompiler::load_slot(Register number, Kind kind, std::uint32_t slot) {
  if (number == scratch && kind == Kind::general && slot == stored_slot_ && stored_at_ == unit_.size) return;
  const Access op = access_of(kind, true);
  if (reaches(op, slot * 8)) return emit(arm64::access(op, number, frame_register, slot * 8));
  if (slot < 32) return emit(access_near(op, number, frame_register, static_cast<std::int32_t>(slot * 8)));
  slot_address(link_register, slot);
  emit(arm64::access(op, number, link_register, 0));
}
void FunctionCompiler::store_slot(Register number, Kind kind, std::uint32_t slot) {
  const Access op = access_of(kind, false);
  if (reaches(op, slot * 8)) return emit(arm64::access(op, number, frame_register, slot * 8));
  if (slot < 32) return emit(access_near(op, number, frame_register, static_cast<std::int32_t>(slot * 8)));
  slot_address(link_register, slot);
  emit(arm64::access(op, number, link_register, 0));
}

void FunctionCompiler::load_set(RegisterSet set) {
  for (; set != 0; set &= set - 1) {
    const RegisterHome& home = homes_[static_cast<std::size_t>(std::countr_zero(set))];
    load_slot(home.number, static_cast<Kind>(home.kind), home.slot);
  }
}
void FunctionCompiler::store_set(RegisterSet set) {
  for (; set != 0; set &= set - 1) {
    const RegisterHome& home = homes_[static_cast<std::size_t>(std::countr_zero(set))];
    store_slot(home.number, static_cast<Kind>(home.kind), home.slot);
  }
}

/// A register that holds an integer: its own, zr for the zero slot, or `otherwise`.
arm64::Register FunctionCompiler::general(std::uint32_t slot, Register otherwise) {
  if (slot == body_.zero_slot) return zr;
  const RegisterSet own = register_of(slot, Kind::general);
  if (own == 0) {
    load_slot(otherwise, Kind::general, slot);
    return otherwise;
  }
  const Register number = homes_[static_cast<std::size_t>(std::countr_zero(own))].number;
  if ((valid_ & own) == 0) load_slot(number, Kind::general, slot);
  valid_ |= own;
  return number;
}
/// As general, for where 31 would mean SP.
arm64::Register FunctionCompiler::general_base(std::uint32_t slot, Register otherwise) {
  const Register number = general(slot, otherwise);
  if (number != zr) return number;
  emit(movz(Width::x, otherwise, 0));
  return otherwise;
}
arm64::Register FunctionCompiler::vector(std::uint32_t slot, Kind kind, Register otherwise) {
  const RegisterSet own = register_of(slot, kind);
  if (own == 0) {
    load_slot(otherwise, kind, slot);
    return otherwise;
  }
  const Register number = homes_[static_cast<std::size_t>(std::countr_zero(own))].number;
  if ((valid_ & own) == 0) load_slot(number, kind, slot);
  valid_ |= own;
  return number;
}

/// Where a result is to be put, `written` being told of it afterwards.
arm64::Register FunctionCompiler::target(std::uint32_t slot, Kind kind, Register otherwise) const {
  const RegisterSet own = register_of(slot, kind);
  return own == 0 ? otherwise : homes_[static_cast<std::size_t>(std::countr_zero(own))].number;
}
void FunctionCompiler::written(std::uint32_t slot, Kind kind, Register number) {
  forget(slot);
  const RegisterSet own = register_of(slot, kind);
  if (own == 0) {
    store_slot(number, kind, slot);
    if (number == scratch && kind == Kind::general) {
      stored_at_ = unit_.size;
      stored_slot_ = slot;
    }
    return;
  }
  valid_ |= own;
  dirty_ |= own;
}
void FunctionCompiler::written_in_slot(std::uint32_t slot, Kind kind) {
  forget(slot);
  const RegisterSet own = register_of(slot, kind);
  valid_ &= ~own;
  dirty_ &= ~own;
}

/// A slot has another value now: what was known of it as an address is not true any more.
void FunctionCompiler::forget(std::uint32_t slot) {
  for (std::uint32_t& base : bases_) {
    if (base == slot) base = none;
  }
  for (InBounds& known : in_bounds_) {
    if (known.slot == slot) known = {};
  }
}
void FunctionCompiler::forget_addresses() {
  bases_[0] = bases_[1] = none;
  in_bounds_.fill({});
}

/// Before a branch to a label: what is in registers there is so here, and everything else is in its slot.
void FunctionCompiler::conform(Label& label) {
  if (!label.reached) {
    label.reached = true;
    const RegisterSet kept = label.loop_end == 0 ? valid_ : label.used | (label.calls ? 0 : valid_);
    label.valid = label.needed & kept;
    label.owed = label.loop_end == 0 && !label.in_table ? owed_ : 0;
  }
  owe(label.owed);
  label.since = std::max(label.since, since_);
  const RegisterSet missing = label.valid & ~valid_;
  load_set(missing);
  valid_ |= missing;
  const RegisterSet left = valid_ & dirty_ & label.needed & ~label.valid;
  store_set(left);
  dirty_ &= ~left;
  label.dirty |= dirty_ & label.valid;
}

/// Control joins here.
void FunctionCompiler::bring_label(Label& label) {
  if (reachable_) conform(label);
  reachable_ = true;
  forget_addresses();
  label.native = unit_.size;
  stored_slot_ = none;
  if (label.loop_end != 0) label.dirty |= label.written & label.valid;
  valid_ = label.valid;
  dirty_ = label.dirty;
  owed_ = label.owed;
  since_ = label.since;
}

void FunctionCompiler::branch_to(Word branch, std::uint32_t word) {
  fixups_[fixup_count_++] = {unit_.size, label_index_[word - body_.begin] - 1};
  emit(branch);
}

void FunctionCompiler::site(CompiledSite::Kind kind, RegisterSet valid, RegisterSet dirty, std::uint32_t word) {
  if (unit_.site_count == unit_.sites.size()) {
    failed_ = true;
    return;
  }
  unit_.sites[unit_.site_count++] = {
      .native = unit_.size * 4, .word = word, .valid = valid, .dirty = dirty & valid, .kind = kind};
}

/// Leaves this instruction to the interpreter. Everything needed is in memory meanwhile.
void FunctionCompiler::step() {
  owe(0);
  store_set(dirty_ & valid_ & needed_before_);
  emit(bl(std::int64_t{unit_.exit_step} - unit_.size));
  site(CompiledSite::Kind::step, 0, 0, word_);
  since_ = 0;
  valid_ = dirty_ = 0;
  forget_addresses();
}

// --- Out of line -----------------------------------------------------------------------------------------------------

void FunctionCompiler::later(const Pending& pending) {
  if (pending_count_ == pending_.size()) {
    failed_ = true;
    return;
  }
  pending_[pending_count_++] = pending;
}

void FunctionCompiler::trap_if(Word branch, Trap trap) {
  later({.what = Pending::What::trap,
         .detail = static_cast<std::uint8_t>(trap),
         .address = 0,
         .site = unit_.size,
         .back = 0,
         .word = word_,
         .bases = {none, none},
         .valid = 0,
         .dirty = 0});
  emit(branch);
}

/// Writes what branches go to that are rarely taken. Control does not come here from above.
void FunctionCompiler::flush() {
  const auto land = [&](const Pending& p) {
    unit_.code[p.site] = aimed(unit_.code[p.site], std::int64_t{unit_.size} - p.site);
  };
  std::array<std::uint32_t, trap_texts.size()> trap_stubs{};
  const auto trap_stub = [&](std::uint8_t trap) {
    if (trap_stubs[trap] == 0) {
      trap_stubs[trap] = unit_.size;
      emit(movz(Width::x, scratch, trap));
      emit(b(std::int64_t{unit_.exit_trap} - unit_.size));
    }
    return trap_stubs[trap];
  };
  for (std::uint32_t i = 0; i < pending_count_ && !failed_; ++i) {
    const Pending& p = pending_[i];
    switch (p.what) {
      case Pending::What::trap: {
        const std::uint32_t stub = trap_stub(p.detail);
        unit_.code[p.site] = aimed(unit_.code[p.site], std::int64_t{stub} - p.site);
        break;
      }
      case Pending::What::fuel:
        land(p);
        emit(bl(std::int64_t{unit_.exit_fuel} - unit_.size));
        site(CompiledSite::Kind::fuel, p.valid, p.dirty, p.word);
        add_constant(Width::x, fuel_register, fuel_register, p.owed);  // taken again
        for (std::uint32_t at = 0; at < 2; ++at) {
          if (p.bases[at] == none) continue;
          const RegisterSet own = register_of(p.bases[at], Kind::general);
          if (own == 0) load_slot(scratch, Kind::general, p.bases[at]);
          emit(three(Three::add, Width::x, base_registers[at], memory_register,
                     own == 0 ? scratch : homes_[static_cast<std::size_t>(std::countr_zero(own))].number));
        }
        emit(b(std::int64_t{p.back} - unit_.size));
        break;
      case Pending::What::bounds: {
        // Exactly: the address, less what the limit has too much, against the limit.
        const std::uint32_t stub = trap_stub(static_cast<std::uint8_t>(Trap::memory_bounds));
        land(p);
        emit(immediate(Three::sub, Width::x, link_register, p.address, limit_slack - p.bases[0]));
        emit(three(Three::subs, Width::x, zr, link_register, limit_register));
        emit(b(Condition::gt, std::int64_t{stub} - unit_.size));
        emit(b(std::int64_t{p.back} - unit_.size));
        break;
      }
      case Pending::What::call_slow:
        land(p);
        add_constant(Width::x, fuel_register, fuel_register, price_of(code_[p.word]));  // the handler takes it
        emit(bl(std::int64_t{unit_.exit_step} - unit_.size));
        site(CompiledSite::Kind::step, 0, 0, p.word);
        // As behind a call by compiled code: the callee's frame, and the result in a register.
        slot_address(frame_register, field_a(code_[p.word]));
        if (p.detail == static_cast<std::uint8_t>(Kind::general)) load_slot(0, Kind::general, 0);
        if (p.detail == static_cast<std::uint8_t>(Kind::scalar)) load_slot(0, Kind::scalar, 0);
        emit(b(std::int64_t{p.back} - unit_.size));
        break;
    }
  }
  pending_count_ = 0;
}

}  // namespace rvm::wasm
