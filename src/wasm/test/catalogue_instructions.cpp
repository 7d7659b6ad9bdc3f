// SPDX-License-Identifier: MIT OR Apache-2.0
#include "assembly.hpp"

namespace rvm::wasm::test {

namespace {

using enum ValueType;

/// Rules of single instructions and of blocks (3.3).
class Instructions : public Entries {
 public:
  void make() {
    for (const Operation& o : make_operations()) operation(o);
    structured();
    branches();
    parametric();
    variables();
    calls();
  }

 private:
  /// What each instruction that only computes demands: its operands, and that its result is of its type.
  void operation(const Operation& o) {
    const std::string name = "instruction " + std::to_string(static_cast<std::uint32_t>(o.code)) + " ";
    const auto applied = [&](const Types& operands) {
      Assembly c;
      for (const ValueType t : operands) c.value(t);
      c.op(o.code);
      immediates(c, o);
      return c;
    };
    const bool gives = o.result != unknown;
    good(name + "with its operands", gives ? applied(o.operands).drop() : applied(o.operands));
    for (std::size_t i = 0; i < o.operands.size(); ++i) {
      for (const ValueType other : all_types) {
        if (other == o.operands[i]) continue;
        Types operands = o.operands;
        operands[i] = other;
        Assembly c = applied(operands);
        mismatch(name + "with another operand " + std::to_string(i), gives ? c.drop() : c);
      }
    }
    Types fewer{o.operands.begin() + 1, o.operands.end()};
    mismatch(name + "with an operand too few", gives ? applied(fewer).drop() : applied(fewer));
    // What lies below a block's begin is not the block's (3.3.8, Appendix: validation algorithm, pop_val).
    {
      Assembly c;
      for (const ValueType t : o.operands) c.value(t);
      c.op(Code::block).raw({0x40}).op(o.code);
      immediates(c, o);
      if (gives) c.drop();
      c.op(Code::end);
      for (std::size_t i = 0; i < o.operands.size(); ++i) c.drop();
      mismatch(name + "with operands from outside of its block", c);
    }
    if (gives) {
      mismatch(name + "with its result left", applied(o.operands));
      const ValueType other = o.result == i32 ? i64 : i32;
      mismatch(name + "with its result taken for another type",
               applied(o.operands).op(other == i32 ? Code::i32_eqz : Code::i64_eqz).drop());
    } else {
      mismatch(name + "with a result that it has not", applied(o.operands).drop());
    }
    // Unreachable code: operands are of any type, but what is there must fit.
    {
      Assembly c;
      c.op(Code::unreachable).op(o.code);
      immediates(c, o);
      good(name + "where it is never reached", gives ? c.drop() : c);
      const ValueType last = o.operands.back();
      Assembly wrong;
      wrong.op(Code::unreachable).value(last == i64 ? f32 : i64).op(o.code);
      immediates(wrong, o);
      mismatch(name + "never reached, with another operand", gives ? wrong.drop() : wrong);
    }
    if (o.immediate == Operation::Immediate::access) {
      for (const std::uint32_t alignment : {5U, 17U, 31U}) {
        Assembly c;
        for (const ValueType t : o.operands) c.value(t);
        c.op(o.code);
        immediates(c, o, alignment);
        bad(name + "aligned to 2^" + std::to_string(alignment), ModuleError::alignment, gives ? c.drop() : c);
      }
    }
    if (o.lanes > 0) {
      for (const std::uint32_t lane : {o.lanes, 255U}) {
        Assembly c;
        for (const ValueType t : o.operands) c.value(t);
        c.op(o.code);
        if (o.immediate == Operation::Immediate::access) c.raw({0, 0});
        c.raw({static_cast<std::uint8_t>(lane)});
        bad(name + "of lane " + std::to_string(lane), ModuleError::lane_index, gives ? c.drop() : c);
      }
    }
  }

  void structured() {
    for (const Code kind : {Code::block, Code::loop, Code::if_}) {
      const std::string name = kind == Code::block ? "block " : kind == Code::loop ? "loop " : "if ";
      const auto begin = [&](const Bytes& type) {
        Assembly c;
        if (kind == Code::if_) c.value(i32);
        return c.op(kind).raw(type);
      };
      good(name + "of nothing", begin({0x40}).op(Code::end));
      for (const ValueType t : all_types) {
        const Bytes type{static_cast<std::uint8_t>(t)};
        mismatch(name + "without its result", begin(type).op(Code::end).drop());
        const ValueType other = t == i32 ? f32 : i32;
        mismatch(name + "with another result", begin(type).value(other).op(Code::end).drop());
        mismatch(name + "with a result that it has not", begin({0x40}).value(t).op(Code::end).drop());
        mismatch(name + "with a result too many", begin(type).values({t, t}).op(Code::end).drop());
        mismatch(name + "whose result is nobody's", [&] {
          Assembly c = begin(type).value(t);
          if (kind == Code::if_) c.op(Code::else_).value(t);
          return c.op(Code::end);
        }());
      }
      mismatch(name + "without its parameters", begin({1}).drop().drop().value(i32).op(Code::end).drop());
      mismatch(name + "with its parameters exchanged",
               Assembly{}.values({i64, i32}).raw(begin({1}).bytes()).drop().drop().value(i32).op(Code::end).drop());
      bad(name + "of type 3", ModuleError::unknown_type, begin({3}).op(Code::end));
      bad(name + "of type 100", ModuleError::unknown_type, begin({0xe4, 0}).op(Code::end));
      bad(name + "without end", ModuleError::section_end, begin({0x40}));
    }
    mismatch("if without a condition", Assembly{}.op(Code::if_).raw({0x40}).op(Code::end));
    for (const ValueType t : all_types) {
      if (t == i32) continue;
      mismatch("if on another type", Assembly{}.value(t).op(Code::if_).raw({0x40}).op(Code::end));
      mismatch("if with a result and no else",
               Assembly{}.value(i32).op(Code::if_).raw({static_cast<std::uint8_t>(t)}).value(t).op(Code::end).drop());
    }
    mismatch("else without the result",
             Assembly{}.value(i32).op(Code::if_).raw({0x7f}).value(i32).op(Code::else_).op(Code::end).drop());
    mismatch("then without the result",
             Assembly{}.value(i32).op(Code::if_).raw({0x7f}).op(Code::else_).value(i32).op(Code::end).drop());
    add("else outside of if", with(Assembly{}.op(Code::else_)), Verdict::refused, {});
    add("else in a block", with(Assembly{}.op(Code::block).raw({0x40}).op(Code::else_).op(Code::end)), Verdict::refused,
        {});
    add("else twice",
        with(Assembly{}.value(i32).op(Code::if_).raw({0x40}).op(Code::else_).op(Code::else_).op(Code::end)),
        Verdict::refused, {});
    add("end twice", with(Assembly{}.op(Code::end)), Verdict::refused, {});
    add("code behind the end", with(Assembly{}.op(Code::end).op(Code::nop)), Verdict::refused, {});
    for (const ValueType t : all_types) mismatch("a function that leaves a value", Assembly{}.value(t));
  }

  void branches() {
    for (const std::uint32_t label : {1U, 2U, 100U, UINT32_MAX}) {
      bad("br to a label that there is not", ModuleError::unknown_label, Assembly{}.op(Code::br, {label}));
      bad("br_if to a label that there is not", ModuleError::unknown_label,
          Assembly{}.value(i32).op(Code::br_if, {label}));
      bad("br_table to a label that there is not", ModuleError::unknown_label,
          Assembly{}.value(i32).op(Code::br_table, {2, 0, label, 0}));
      bad("br_table by default to a label that there is not", ModuleError::unknown_label,
          Assembly{}.value(i32).op(Code::br_table, {1, 0, label}));
    }
    for (const ValueType t : all_types) {
      const Bytes type{static_cast<std::uint8_t>(t)};
      const ValueType other = t == i64 ? i32 : i64;
      const auto inside = [&](const Assembly& c) {
        return Assembly{}.op(Code::block).raw(type).raw(c.bytes()).op(Code::end).drop();
      };
      good("br with its value", inside(Assembly{}.value(t).op(Code::br, {0})));
      mismatch("br without its value", inside(Assembly{}.op(Code::br, {0})));
      mismatch("br with another value", inside(Assembly{}.value(other).op(Code::br, {0})));
      mismatch("br_if without its value", inside(Assembly{}.value(i32).op(Code::br_if, {0})));
      mismatch("br_if with another value", inside(Assembly{}.value(other).value(i32).op(Code::br_if, {0})));
      mismatch("br_table without its value", inside(Assembly{}.value(i32).op(Code::br_table, {0, 0})));
      mismatch("br_table with another value", inside(Assembly{}.value(other).value(i32).op(Code::br_table, {0, 0})));
      if (t != i32) {
        mismatch("br_if on another type", Assembly{}.value(t).op(Code::br_if, {0}));
        mismatch("br_table on another type", Assembly{}.value(t).op(Code::br_table, {0, 0}));
      }
      // The labels of a br_table take the same number of values.
      mismatch(
          "br_table whose labels differ",
          Assembly{}.op(Code::block).raw(type).value(t).value(i32).op(Code::br_table, {1, 0, 1}).op(Code::end).drop());
      mismatch("br_table whose labels differ, never reached", Assembly{}
                                                                  .op(Code::block)
                                                                  .raw(type)
                                                                  .op(Code::unreachable)
                                                                  .op(Code::br_table, {1, 0, 1})
                                                                  .op(Code::end)
                                                                  .drop());
    }
    mismatch("br_if without a condition", Assembly{}.op(Code::br_if, {0}));
    mismatch("br_table without an index", Assembly{}.op(Code::br_table, {0, 0}));
    add("br_table of 2^32 - 1 labels", with(Assembly{}.value(i32).op(Code::br_table, {UINT32_MAX, 0})),
        Verdict::refused, {});
    // Function 2 has a result.
    const auto function = [&](const Assembly& c) {
      auto sections = sample();
      Node& bodies = sections[11].content;
      Bytes body{0};
      append(body, c.bytes());
      body.push_back(0x0b);
      bodies.parts[3].parts = {code_node(body)};
      return write(sections);
    };
    add("return with its value", function(Assembly{}.value(i32).op(Code::return_)), Verdict::valid, {});
    add("return without its value", function(Assembly{}.op(Code::return_)), Verdict::refused,
        ModuleError::type_mismatch);
    add("return with another value", function(Assembly{}.value(f64).op(Code::return_)), Verdict::refused,
        ModuleError::type_mismatch);
    add("a function without its result", function(Assembly{}), Verdict::refused, ModuleError::type_mismatch);
    add("a function with another result", function(Assembly{}.value(i64)), Verdict::refused,
        ModuleError::type_mismatch);
    add("a function with two results", function(Assembly{}.values({i32, i32})), Verdict::refused,
        ModuleError::type_mismatch);
  }

  void parametric() {
    mismatch("drop of nothing", Assembly{}.drop());
    good("drop where it is never reached", Assembly{}.op(Code::unreachable).drop());
    for (const ValueType t : all_types) {
      const bool number = !is_reference(t);
      const Assembly plain = Assembly{}.values({t, t, i32}).op(Code::select).drop();
      number ? good("select", plain) : mismatch("select of references without a type", plain);
      const Bytes type{static_cast<std::uint8_t>(t)};
      good("select with a type", Assembly{}.values({t, t, i32}).op(Code::select_t, {1}).raw(type).drop());
      const ValueType other = t == f64 ? i64 : f64;
      mismatch("select of two types", Assembly{}.values({t, other, i32}).op(Code::select).drop());
      mismatch("select with another type",
               Assembly{}.values({t, t, i32}).op(Code::select_t, {1}).raw({static_cast<std::uint8_t>(other)}).drop());
      mismatch("select of one value", Assembly{}.values({t, i32}).op(Code::select).drop());
      if (t != i32) mismatch("select by another type", Assembly{}.values({f32, f32, t}).op(Code::select).drop());
      bad("select with no types", ModuleError::result_arity,
          Assembly{}.values({t, t, i32}).op(Code::select_t, {0}).drop());
      bad("select with two types", ModuleError::result_arity,
          Assembly{}.values({t, t, i32}).op(Code::select_t, {2}).raw({type[0], type[0]}).drop());
      if (number) mismatch("ref.is_null of a number", Assembly{}.value(t).op(Code::ref_is_null).drop());
    }
    mismatch("ref.is_null of nothing", Assembly{}.op(Code::ref_is_null).drop());
  }

  void variables() {
    for (const std::uint32_t index : {4U, 5U, 1000U, UINT32_MAX}) {
      bad("local.get of a local that there is not", ModuleError::unknown_local,
          Assembly{}.op(Code::local_get, {index}).drop());
      bad("local.set of a local that there is not", ModuleError::unknown_local,
          Assembly{}.value(i32).op(Code::local_set, {index}));
      bad("local.tee of a local that there is not", ModuleError::unknown_local,
          Assembly{}.value(i32).op(Code::local_tee, {index}).drop());
      bad("global.get of a global that there is not", ModuleError::unknown_global,
          Assembly{}.op(Code::global_get, {index}).drop());
      bad("global.set of a global that there is not", ModuleError::unknown_global,
          Assembly{}.value(i32).op(Code::global_set, {index}));
    }
    constexpr std::array locals{i32, f64, v128, funcref};
    for (std::uint32_t i = 0; i < locals.size(); ++i) {
      for (const ValueType t : all_types) {
        if (t == locals[i]) continue;
        mismatch("local.set of another type", Assembly{}.value(t).op(Code::local_set, {i}));
        mismatch("local.tee of another type", Assembly{}.value(t).op(Code::local_tee, {i}).drop());
      }
      mismatch("local.set of nothing", Assembly{}.op(Code::local_set, {i}));
      mismatch("local.tee of nothing", Assembly{}.op(Code::local_tee, {i}).drop());
      mismatch("local.get left", Assembly{}.op(Code::local_get, {i}));
    }
    bad("global.set of an imported constant", ModuleError::global_immutable,
        Assembly{}.value(i32).op(Code::global_set, {0}));
    bad("global.set of a constant", ModuleError::global_immutable, Assembly{}.value(v128).op(Code::global_set, {3}));
    for (const ValueType t : all_types) {
      if (t != i32) mismatch("global.set of another type", Assembly{}.value(t).op(Code::global_set, {1}));
      if (t != i64) mismatch("global.set of another type", Assembly{}.value(t).op(Code::global_set, {2}));
    }
    mismatch("global.set of nothing", Assembly{}.op(Code::global_set, {1}));
  }

  void calls() {
    good("call", Assembly{}.values({i32, i64}).op(Code::call, {2}).drop());
    good("call_indirect", Assembly{}.values({i32, i64, i32}).op(Code::call_indirect, {1, 0}).drop());
    for (const std::uint32_t index : {4U, 1000U, UINT32_MAX}) {
      bad("call of a function that there is not", ModuleError::unknown_function, Assembly{}.op(Code::call, {index}));
      bad("ref.func of a function that there is not", ModuleError::unknown_function,
          Assembly{}.op(Code::ref_func, {index}).drop());
      bad("call_indirect of a type that there is not", ModuleError::unknown_type,
          Assembly{}.value(i32).op(Code::call_indirect, {index, 0}));
      bad("call_indirect of a table that there is not", ModuleError::unknown_table,
          Assembly{}.value(i32).op(Code::call_indirect, {0, index}));
    }
    mismatch("call_indirect of a table of externref", Assembly{}.value(i32).op(Code::call_indirect, {0, 1}));
    bad("ref.func of a function that is named nowhere else", ModuleError::undeclared_reference,
        Assembly{}.op(Code::ref_func, {3}).drop());
    for (const ValueType t : all_types) {
      if (t != i32) {
        mismatch("call with another argument", Assembly{}.values({t, i64}).op(Code::call, {2}).drop());
        mismatch("call_indirect with another index",
                 Assembly{}.values({i32, i64, t}).op(Code::call_indirect, {1, 0}).drop());
      }
      if (t != i64) mismatch("call with another last argument", Assembly{}.values({i32, t}).op(Code::call, {2}).drop());
    }
    mismatch("call with an argument too few", Assembly{}.value(i64).op(Code::call, {2}).drop());
    mismatch("call with a result left", Assembly{}.values({i32, i64}).op(Code::call, {2}));
    mismatch("call with a result that it has not", Assembly{}.op(Code::call, {1}).drop());
    mismatch("call_indirect without an index", Assembly{}.values({i32, i64}).op(Code::call_indirect, {1, 0}).drop());
  }
};

}  // namespace

std::vector<CatalogueEntry> instruction_catalogue() {
  Instructions all;
  all.make();
  return all.take();
}

}  // namespace rvm::wasm::test
