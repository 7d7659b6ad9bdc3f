// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Validates a function body and translates it to the internal code in the same pass (the validation algorithm is that of the
// specification's appendix). Nothing is built in between: the operand stack of the validator also says where each value is,
// and a value stays where it is (a local, a constant) until something needs it elsewhere.
#pragma once

#include <cstdint>
#include <span>

#include "code.hpp"
#include "reader.hpp"
#include "rvm/wasm/arena.hpp"
#include "rvm/wasm/module.hpp"

namespace rvm::wasm {

/// What a function body may refer to.
struct Surroundings {
  const Module& module;
  std::span<const std::uint64_t> referable;  ///< bit set: functions that ref.func may name
  std::uint32_t data_count = 0;
  bool has_data_count = false;
  bool data_follows = false;  ///< the next section is the data section
};

class Translator {
 public:
  /// Takes working memory from the arena's high end and writes code to its low end.
  Translator(Reader& reader, Arena& arena, const Limits& limits, const Surroundings& around);

  /// One function; the reader stands behind its size. On failure the reader has the error.
  FunctionBody translate(std::uint32_t function);
  /// After the last function: makes the working memory zero again.
  void give_back() const;
  /// All code so far.
  [[nodiscard]] std::span<const std::uint64_t> code() const { return code_.first(size_); }

 private:
  enum class Where : std::uint8_t { home, local, constant };
  struct Operand {
    ValueType type = ValueType::unknown;
    Where where = Where::home;
    std::uint16_t home = 0;   ///< its slot when it is in the frame's operand part
    std::uint16_t local = 0;  ///< the slot of the local it is a copy of
    std::uint64_t bits = 0;   ///< the constant
  };
  using Types = std::span<const ValueType>;
  struct BlockType {
    Types parameters;
    Types results;
  };
  struct Label {
    Code kind = Code::block;
    BlockType type;
    std::uint32_t height = 0;     ///< operands below the block's own
    std::uint32_t base = 0;       ///< home of the first of its results
    std::uint32_t start = 0;      ///< of a loop
    std::uint32_t sites = 0;      ///< last jump to its end; each holds the one before it; 0: none
    std::uint32_t else_site = 0;  ///< of an if: the jump around its first arm
    bool unreachable = false;     ///< the rest of it is: its operand stack is polymorphic
    bool dead = false;            ///< it lies in unreachable code as a whole

    [[nodiscard]] Types label_types() const { return kind == Code::loop ? type.parameters : type.results; }
  };
  struct Local {
    ValueType type = ValueType::unknown;
    std::uint16_t slot = 0;
  };
  static constexpr std::uint32_t none = UINT32_MAX;
  /// Values deeper than this in the operand stack are always at home, so that looking for copies of a local is cheap.
  static constexpr std::uint32_t window = 32;

  // translator.cpp: operands and code
  void fail(ModuleError e) { reader_.fail(e); }
  [[nodiscard]] Label& top() { return labels_[depth_ - 1]; }
  [[nodiscard]] bool emitting() { return !top().dead && !top().unreachable; }
  [[nodiscard]] std::uint32_t next_home() const;
  Operand pop();
  Operand pop(ValueType expected);
  void pop_all(Types types);
  std::uint32_t push(ValueType type);  ///< gives its home
  void push(Operand operand);
  void push_all(Types types);
  /// The callee's header lies in the caller's frame as far as the check of the stack goes.
  void need_frame(std::uint32_t size) { frame_slots_ = size > frame_slots_ ? size : frame_slots_; }
  [[nodiscard]] std::uint32_t slot_of(const Operand& operand);
  [[nodiscard]] std::uint32_t constant_slot(const Operand& operand);
  void move_to(std::uint32_t slot, const Operand& operand);
  void settle(Operand& operand);
  void settle_top(std::uint32_t count);
  void settle_window();
  void keep_copies_of(std::uint32_t slot);
  void emit(std::uint64_t word);
  void emit_more(std::uint64_t word);
  void define(std::uint64_t word);
  [[nodiscard]] bool defined_last(const Operand& operand);
  [[nodiscard]] std::uint32_t price();
  void charge();
  void declare_locals(const FunctionType& type);
  [[nodiscard]] std::uint32_t finish_entry(std::uint32_t entry);

  // translate_control.cpp
  [[nodiscard]] BlockType block_type();
  void open(Code kind, BlockType type);
  void begin_block(Code kind);
  void begin_else();
  void end_block();
  void end_function(std::uint32_t height);
  void set_unreachable();
  [[nodiscard]] Label* label(std::uint32_t depth);
  void link(std::uint32_t site, Label& target);
  void land(std::uint32_t site);
  void land_all(Label& target);
  [[nodiscard]] bool in_place(const Label& target);
  void move_results(const Label& target);
  [[nodiscard]] std::uint32_t jump_on(const Operand& condition, bool when, std::uint32_t settled);
  void branch();
  void branch_if();
  void branch_table();
  void return_now();
  void call(std::uint32_t function);
  void call_indirect();
  void select(bool typed);

  // translate_instructions.cpp
  void instruction();
  void control(Code code);
  void variable(Code code);
  void constant(ValueType type, std::uint64_t bits);
  void unary(Op op, ValueType result, ValueType operand);
  void binary(Op op, ValueType result, ValueType lhs, ValueType rhs);

  // translate_memory.cpp
  struct Address {
    std::uint32_t slot;
    std::uint32_t offset;
  };
  [[nodiscard]] std::uint32_t memory_argument(std::uint32_t bytes);
  [[nodiscard]] Address address(const Operand& base, std::uint32_t offset);
  [[nodiscard]] std::uint64_t take_sum(Op& op, const Operand& base, std::uint32_t offset);
  void need_memory();
  void need_data(std::uint32_t segment);
  [[nodiscard]] const TableType* table(std::uint32_t index);
  [[nodiscard]] const ElementSegment* segment(std::uint32_t index);
  void load(Op op, ValueType result, std::uint32_t bytes);
  void store(Op op, ValueType operand, std::uint32_t bytes);
  void load_lane(Op op, std::uint32_t bytes, std::uint32_t lanes);
  void store_lane(Op op, std::uint32_t bytes, std::uint32_t lanes);
  void extract(Op op, ValueType result, std::uint32_t lanes);
  void replace(Op op, ValueType operand, std::uint32_t lanes);
  void vector_special(Code code);
  void three(Op op, ValueType first, ValueType second, std::uint64_t second_word);
  void bulk(Code code);
  void table_instruction(Code code);
  [[nodiscard]] std::uint32_t lane(std::uint32_t lanes);

  Reader& reader_;
  Arena& arena_;
  const Limits& limits_;
  const Surroundings& around_;

  std::span<std::uint64_t> code_;
  std::uint32_t size_ = 0;
  std::uint32_t last_ = none;  ///< the last instruction, if it writes its field a and nothing jumps behind it
  std::span<Operand> operands_;
  std::uint32_t height_ = 0;
  std::span<Label> labels_;
  std::uint32_t depth_ = 0;
  std::span<Local> locals_;
  std::uint32_t local_count_ = 0;
  std::uint32_t first_home_ = 0;
  std::uint32_t header_ = 0;
  std::uint32_t frame_slots_ = 0;
  std::uint32_t most_slots_ = 0;  ///< of all functions so far
  std::uint32_t most_depth_ = 0;
  std::uint32_t cost_ = 0;  ///< of the basic block so far

  // Constants in slots of their own between locals and operands: zero, which `enter` writes with the locals when any
  // instruction wants it, and those used in loops, which a prologue writes.
  static constexpr std::uint32_t kept_constants = 16;
  std::uint32_t zero_slot_ = 0;
  bool zero_used_ = false;
  std::uint32_t loops_ = 0;  ///< around the instruction being translated
  std::uint64_t constants_[kept_constants]{};
  std::uint32_t constant_count_ = 0;
};

}  // namespace rvm::wasm
