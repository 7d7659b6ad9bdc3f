// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Loads and stores. Where the address is a slot and an offset, the sum of the memory's base and the slot is kept for the next
// access that has the same slot, and so is how far it was checked: fields of a structure, mostly.
#include <cstddef>

#include "compile.hpp"

namespace rvm::wasm {

namespace {

using arm64::Access;

// The forms of an address; see Op.
constexpr std::uint32_t at_offset = 0;
constexpr std::uint32_t at_sum_of_constant = 1;
constexpr std::uint32_t at_sum = 2;

constexpr Access load_accesses[] = {Access::ldr_w,   Access::ldr_x,   Access::ldr_s, Access::ldr_d,   Access::ldrsb_w,
                                    Access::ldrb,    Access::ldrsh_w, Access::ldrh,  Access::ldrsb_x, Access::ldrb,
                                    Access::ldrsh_x, Access::ldrh,    Access::ldrsw, Access::ldr_w};
constexpr Access store_accesses[] = {Access::str_w, Access::str_x, Access::str_s, Access::str_d, Access::strb,
                                     Access::strh,  Access::strb,  Access::strh,  Access::str_w};
static_assert(number(Op::i32_store) - number(Op::i32_load) == std::size(load_accesses));

}  // namespace

using namespace arm64;

/// Checks an access that ends `reach` bytes, at most limit_slack, behind the address in a register.
void FunctionCompiler::check(Register address, std::uint32_t reach) {
  if (unit_.options.guarded) return;
  emit(three(Three::subs, Width::x, zr, address, limit_register));
  later({.what = Pending::What::bounds,
         .detail = 0,
         .address = static_cast<std::uint8_t>(address),
         .site = unit_.size,
         .back = unit_.size + 1,
         .word = word_,
         .bases = {reach, none},
         .valid = 0,
         .dirty = 0});
  emit(b(Condition::gt));
}

/// Where an access to `bytes` bytes goes, and that it may.
FunctionCompiler::Place FunctionCompiler::place(std::uint32_t form, std::uint32_t bytes) {
  const std::uint32_t slot = field_b(*pc_);
  if (form == at_sum) {
    const Register n = general(slot, scratch);
    const Register m = general(field_c(*pc_), second_scratch);
    emit(three(Three::add, Width::w, scratch, n, m));
    check(scratch, bytes);
    return {memory_register, scratch, 0};
  }
  if (form == at_sum_of_constant) {
    add_constant(Width::w, scratch, general_base(slot, scratch), static_cast<std::int64_t>(*pc_) >> 48);
    check(scratch, bytes);
    return {memory_register, scratch, 0};
  }
  const std::uint32_t offset = field_c(*pc_);
  if (slot == body_.zero_slot) {
    // Known here. Memories do not shrink.
    const std::uint64_t least = std::uint64_t{module_.memories[0].pages.minimum} * memory_page_bytes;
    if (unit_.options.guarded || offset + bytes <= least) return {memory_register, zr, offset};
    move_constant(Width::x, scratch, offset);
    check(scratch, bytes);
    return {memory_register, scratch, 0};
  }
  const bool known = unit_.options.guarded || is_in_bounds(slot, offset + bytes);
  const Register base = base_of(slot);
  if (known && base != zr && offset != 0) return {base, zr, offset};
  const Register n = general(slot, scratch);
  if (!known && offset + bytes > limit_slack) {
    // The sum may have 33 bits, which the comparison takes whole.
    const Register sum = n == scratch ? second_scratch : scratch;
    add_constant(Width::x, sum, n, offset);
    check(sum, bytes);
  } else if (!known) {
    check(n, offset + bytes);
  }
  if (!known) note_in_bounds(slot, offset + bytes);
  if (offset == 0) return {memory_register, n, 0};
  if (base != zr) return {base, zr, offset};
  return {make_base(slot, n), zr, offset};
}

/// The register with a slot's sum, or zr.
arm64::Register FunctionCompiler::base_of(std::uint32_t slot) const {
  for (std::uint32_t i = 0; i < 2; ++i) {
    if (bases_[i] == slot) return base_registers[i];
  }
  return zr;
}
arm64::Register FunctionCompiler::make_base(std::uint32_t slot, Register n) {
  const std::uint32_t i = unit_.options.guarded ? next_base_ : 0;
  next_base_ = 1 - next_base_;
  bases_[i] = slot;
  emit(three(Three::add, Width::x, base_registers[i], memory_register, n));
  return base_registers[i];
}

bool FunctionCompiler::is_in_bounds(std::uint32_t slot, std::uint32_t bytes) const {
  for (const InBounds& known : in_bounds_) {
    if (known.slot == slot) return bytes <= known.bytes;
  }
  return false;
}
void FunctionCompiler::note_in_bounds(std::uint32_t slot, std::uint32_t bytes) {
  for (InBounds& known : in_bounds_) {
    if (known.slot == slot) {
      known.bytes = bytes;  // more than before, or it would not have been checked
      return;
    }
  }
  in_bounds_[next_in_bounds_] = {slot, bytes};
  next_in_bounds_ = (next_in_bounds_ + 1) % in_bounds_.size();
}

void FunctionCompiler::access(Access op, Register t, const Place& where) {
  if (where.index != zr) return emit(access_indexed(op, t, where.base, where.index));
  if (reaches(op, where.offset)) return emit(arm64::access(op, t, where.base, where.offset));
  if (where.offset < 256) return emit(access_near(op, t, where.base, static_cast<std::int32_t>(where.offset)));
  move_constant(Width::x, second_scratch, where.offset);
  emit(access_indexed(op, t, where.base, second_scratch));
}

bool FunctionCompiler::memory(Op op) {
  const auto form_of = [&](Op first, Op first_k, Op first_x, Op last, Op last_k, Op last_x, std::uint32_t& form) {
    form = between(op, first, last) ? at_offset : between(op, first_k, last_k) ? at_sum_of_constant : at_sum;
    if (form == at_sum && !between(op, first_x, last_x)) return UINT32_MAX;
    const Op base = form == at_offset ? first : form == at_sum ? first_x : first_k;
    return std::uint32_t{number(op)} - number(base);
  };
  std::uint32_t form = 0;
  if (const std::uint32_t row = form_of(Op::i32_load, Op::i32_load_k, Op::i32_load_x, Op::i64_load32_u,
                                        Op::i64_load32_u_k, Op::i64_load32_u_x, form);
      row != UINT32_MAX) {
    const Access load = load_accesses[row];
    const Kind kind = load == Access::ldr_s || load == Access::ldr_d ? Kind::scalar : Kind::general;
    const Place from = place(form, 1U << scale(load));
    const std::uint32_t a = field_a(*pc_);
    const Register d = target(a, kind, kind == Kind::general ? scratch : first_vector_scratch);
    access(load, d, from);
    written(a, kind, d);
    return true;
  }
  if (const std::uint32_t row = form_of(Op::i32_store, Op::i32_store_k, Op::i32_store_x, Op::i64_store32,
                                        Op::i64_store32_k, Op::i64_store32_x, form);
      row != UINT32_MAX) {
    const Access store = store_accesses[row];
    const Place to = place(form, 1U << scale(store));
    const bool floating = store == Access::str_s || store == Access::str_d;
    // The value's register is chosen last: link_register is free again, unless the offset takes second_scratch.
    const Register t =
        floating ? vector(field_a(*pc_), Kind::scalar, first_vector_scratch) : general(field_a(*pc_), link_register);
    access(store, t, to);
    return true;
  }
  switch (op) {
    case Op::far_address: {
      const Register n = general_base(field_b(*pc_), scratch);
      const Register d = target(field_a(*pc_), Kind::general, scratch);
      add_constant(Width::x, d, n, static_cast<std::int64_t>(pc_[1]));
      written(field_a(*pc_), Kind::general, d);
      return true;
    }
    case Op::memory_pages: {
      const Register d = target(field_a(*pc_), Kind::general, scratch);
      emit(arm64::access(Access::ldr_x, d, state_register, static_cast<std::uint32_t>(offsetof(NativeState, limit))));
      add_constant(Width::x, d, d, limit_slack);
      emit(ubfm(Width::x, d, d, 16, 63));
      written(field_a(*pc_), Kind::general, d);
      return true;
    }
    default:
      return false;
  }
}

}  // namespace rvm::wasm
