// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the compiler has to know of a function before it emits: labels, loops, registers, and which values are needed where.
#include <algorithm>

#include "compile.hpp"

namespace rvm::wasm {

namespace {

// Registers that may hold values. x0 and v0 among them: results pass through them at calls only.
constexpr std::uint8_t general_registers[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 18, 19, 20, 29};
constexpr std::uint32_t vector_registers = first_vector_scratch;

constexpr std::uint32_t index(Kind kind) { return static_cast<std::uint32_t>(kind) - 1; }

}  // namespace

RegisterSet FunctionCompiler::register_of(std::uint32_t slot, Kind kind) const {
  const std::uint8_t at = assigned_[index(kind)][slot];
  return at == no_register ? 0 : RegisterSet{1} << at;
}

/// Instructions behind which no register is as it was.
bool FunctionCompiler::leaves_registers(Op op) {
  if (is_call(op)) return true;
  switch (op) {
    case Op::table_write:
    case Op::table_extend:
    case Op::table_set_range:
    case Op::table_move:
    case Op::table_initialize:
    case Op::element_release:
    case Op::memory_extend:
    case Op::memory_move:
    case Op::memory_set_range:
    case Op::memory_initialize:
    case Op::data_release:
    case Op::table_read:
    case Op::table_length:
    case Op::function_reference:
      return true;
    default:
      return false;
  }
}

bool FunctionCompiler::analyse() {
  const std::size_t words = body_.end - body_.begin;
  label_index_ = unit_.arena.allocate_high<std::uint32_t>(words);
  needed_ = unit_.arena.allocate_high<RegisterSet>(words);
  homes_ = unit_.arena.allocate_high<RegisterHome>(registers_max);
  for (std::uint32_t k = 0; k < 3; ++k) {
    uses_[k] = unit_.arena.allocate_high<std::uint32_t>(body_.frame_slots + 2);
    assigned_[k] = unit_.arena.allocate_high<std::uint8_t>(body_.frame_slots + 2);
    if (uses_[k].empty() || assigned_[k].empty()) return false;
    std::ranges::fill(assigned_[k], no_register);
  }
  pinned_ = unit_.arena.allocate_high<std::int32_t>(body_.frame_slots + 2);
  if (label_index_.empty() || needed_.empty() || homes_.empty() || pinned_.empty()) return false;
  if (!find_labels() || !count_uses()) return false;
  choose_registers();
  summarise_loops();
  if (!find_needed()) {
    // The walks do not agree soon enough: no value has a register, which is always right.
    for (auto& kind : assigned_) std::ranges::fill(kind, no_register);
    unit_.register_count = unit_.functions[definition_].registers;
    std::ranges::fill(needed_, 0);
    for (Label& l : labels_) l.needed = l.used = l.written = 0;
  }
  return true;
}

bool FunctionCompiler::find_labels() {
  std::uint32_t jumps = 0;
  std::uint32_t count = 0;
  const auto each = [&](auto f) {
    for (std::uint32_t w = body_.begin; w < last_; w += words_of(code_ + w)) {
      each_jump(code_ + w, [&](const std::uint64_t* site) {
        const auto from = static_cast<std::uint32_t>(site - code_);
        f(w, from + static_cast<std::uint32_t>(jump_of(*site)));
      });
    }
  };
  each([&](std::uint32_t, std::uint32_t to) {
    std::uint32_t& mark = label_index_[to - body_.begin];
    if (mark == 0) mark = ++count;
    ++jumps;
  });
  if (count == 0) return true;
  labels_ = unit_.arena.allocate_high<Label>(count);
  fixups_ = unit_.arena.allocate_high<Fixup>(jumps);
  if (labels_.empty() || fixups_.empty()) return false;
  each([&](std::uint32_t from, std::uint32_t to) {
    Label& header = *label_at(to);
    if (op_of(code_[from]) == Op::jump_table) header.in_table = true;
    if (to > from) return;
    header.loop_end = std::max(header.loop_end, from);
  });
  return true;
}

void FunctionCompiler::pin(std::uint32_t first, std::uint32_t count) {
  ++pinned_[first];
  --pinned_[first + count];
}

bool FunctionCompiler::count_uses() {
  // Loops around the current instruction. An inner one that ends later than an outer one takes that along.
  constexpr std::uint32_t depth_max = 64;
  std::array<Label*, depth_max> around{};
  std::uint32_t depth = 0;
  for (std::uint32_t w = body_.begin; w < last_; w += words_of(code_ + w)) {
    while (depth > 0 && around[depth - 1]->loop_end < w) {
      --depth;
      if (depth > 0) around[depth - 1]->loop_end = std::max(around[depth - 1]->loop_end, around[depth]->loop_end);
    }
    Label* const here = label_at(w);
    if (here != nullptr && here->loop_end != 0) {
      if (depth == depth_max) return true;  // what lies deeper counts nothing, and summarise_loops gives up likewise
      around[depth++] = here;
    }
    const std::uint32_t weight = std::uint32_t{1} << std::min(3 * depth, 21U);
    const auto count = [&](std::uint32_t slot, Kind kind) {
      std::uint32_t& uses = uses_[index(kind)][slot];
      uses = uses > UINT32_MAX - weight ? UINT32_MAX : uses + weight;
    };
    const std::uint64_t word = code_[w];
    const Op op = op_of(word);
    if (op == Op::copy_many) {
      pin(field_a(word), field_c(word));
      pin(field_b(word), field_c(word));
    } else if (op == Op::return_many) {
      pin(field_a(word), static_cast<std::uint32_t>(code_[w + 1]));
    } else {
      each_read(module_, type_, code_ + w, count);
      each_write(module_, type_, code_ + w, count);
    }
  }
  return true;
}

void FunctionCompiler::choose_registers() {
  struct Candidate {
    std::uint32_t uses = 0;
    std::uint16_t slot = 0;
    Kind kind = Kind::none;
  };
  // The best of each bank, by insertion; a slot of a vector has the next one in it.
  std::array<Candidate, std::size(general_registers)> generals{};
  std::array<Candidate, vector_registers> vectors{};
  const auto offer = [](std::span<Candidate> bank, Candidate c) {
    if (c.uses <= bank.back().uses) return;
    std::size_t i = bank.size() - 1;
    for (; i > 0 && bank[i - 1].uses < c.uses; --i) bank[i] = bank[i - 1];
    bank[i] = c;
  };
  std::int32_t ranges = 0;
  const auto in_range = [&](std::uint32_t slot) {
    return ranges > 0 || ranges + pinned_[slot + 1] > 0;  // this slot or the one behind it
  };
  for (std::uint32_t slot = 0; slot < body_.frame_slots; ++slot) {
    ranges += pinned_[slot];
    const auto at = static_cast<std::uint16_t>(slot);
    if (ranges == 0 && slot != body_.zero_slot && uses_[0][slot] > 1) {
      offer(generals, {uses_[0][slot], at, Kind::general});
    }
    if (ranges == 0 && uses_[1][slot] > 1) offer(vectors, {uses_[1][slot], at, Kind::scalar});
    if (!in_range(slot) && uses_[2][slot] > 1) offer(vectors, {uses_[2][slot], at, Kind::vector});
  }
  std::uint8_t count = 0;
  const auto take = [&](const Candidate& c, std::uint8_t number) {
    if (c.uses == 0) return;
    homes_[count] = {c.slot, number, static_cast<std::uint8_t>(c.kind)};
    assigned_[index(c.kind)][c.slot] = count++;
  };
  for (std::size_t i = 0; i < generals.size(); ++i) take(generals[i], general_registers[i]);
  for (std::size_t i = 0; i < vectors.size(); ++i) take(vectors[i], static_cast<std::uint8_t>(i));
  const std::uint32_t first = unit_.register_count;
  unit_.functions[definition_].registers = first;
  for (std::uint32_t i = 0; i < count; ++i) unit_.registers[first + i] = homes_[i];
  unit_.register_count += count;
}

/// What each loop reads and writes, and whether it calls.
void FunctionCompiler::summarise_loops() {
  std::array<Label*, 64> around{};
  std::uint32_t depth = 0;
  const auto close = [&] {
    --depth;
    if (depth == 0) return;
    around[depth - 1]->used |= around[depth]->used;
    around[depth - 1]->written |= around[depth]->written;
    around[depth - 1]->calls = around[depth - 1]->calls || around[depth]->calls;
  };
  for (std::uint32_t w = body_.begin; w < last_; w += words_of(code_ + w)) {
    while (depth > 0 && around[depth - 1]->loop_end < w) close();
    Label* const here = label_at(w);
    if (here != nullptr && here->loop_end != 0) {
      if (depth == around.size()) {
        // Too deep to tell: everything may be written in any of them.
        for (Label& l : labels_) l.written = ~RegisterSet{0};
        return;
      }
      around[depth++] = here;
    }
    if (depth == 0) continue;
    Label& loop = *around[depth - 1];
    if (leaves_registers(op_of(code_[w]))) loop.calls = true;
    each_read(module_, type_, code_ + w, [&](std::uint32_t slot, Kind kind) { loop.used |= register_of(slot, kind); });
    each_write(module_, type_, code_ + w, [&](std::uint32_t slot, Kind kind) {
      loop.used |= register_of(slot, kind);
      loop.written |= register_of(slot, kind);
    });
  }
  while (depth > 0) close();
}

/// Walks backwards until nothing changes; every walk settles one more level of loops. False: not after a bounded number.
bool FunctionCompiler::find_needed() {
  constexpr int walks_max = 8;
  // Instructions have different lengths, so the first walk notes where each begins: in needed_ of its word, behind which the
  // set is written. Backwards, a word that begins none is skipped.
  std::span<std::uint8_t> begins = unit_.arena.allocate_high<std::uint8_t>(body_.end - body_.begin);
  if (begins.empty()) return false;
  for (std::uint32_t w = body_.begin; w < last_; w += words_of(code_ + w)) begins[w - body_.begin] = 1;
  for (int walk = 0; walk < walks_max; ++walk) {
    bool changed = false;
    RegisterSet needed = 0;
    for (std::uint32_t w = last_; w-- > body_.begin;) {
      if (begins[w - body_.begin] == 0) continue;
      const Op op = op_of(code_[w]);
      if (!falls_through(op)) needed = 0;
      each_jump(code_ + w, [&](const std::uint64_t* site) {
        needed |=
            label_at(static_cast<std::uint32_t>(site - code_) + static_cast<std::uint32_t>(jump_of(*site)))->needed;
      });
      needed_[w - body_.begin] = needed;
      each_write(module_, type_, code_ + w, [&](std::uint32_t slot, Kind kind) { needed &= ~register_of(slot, kind); });
      each_read(module_, type_, code_ + w, [&](std::uint32_t slot, Kind kind) { needed |= register_of(slot, kind); });
      if (Label* const here = label_at(w); here != nullptr && here->needed != needed) {
        changed = changed || here->loop_end != 0;
        here->needed = needed;
      }
    }
    if (!changed) return true;
  }
  return false;
}

}  // namespace rvm::wasm
