// SPDX-License-Identifier: MIT OR Apache-2.0
#include "generator_body.hpp"

#include <algorithm>
#include <array>
#include <iterator>

#include "generator_exact.hpp"

namespace rvm::wasm::test {

namespace {

class Body {
 public:
  Body(Source& source, const GeneratorOptions& options, const std::vector<Signature>& functions, std::size_t self,
       const Types& globals)
      : source_(source), options_(options), functions_(functions), self_(self), globals_(globals) {}

  Bytes make() {
    locals_ = functions_[self_].parameters;
    const std::size_t parameters = locals_.size();
    for (std::uint32_t n = source_.below(6); n > 0; --n) locals_.push_back(type());
    // The last locals count loops, one per depth.
    first_counter_ = locals_.size();
    for (unsigned i = 0; i < deepest; ++i) locals_.push_back(ValueType::i32);
    labels_.push_back(functions_[self_].results);
    const bool large = options_.exact && source_.below(4) == 0;
    fill(functions_[self_].results, (large ? 120 : 20) + source_.below(30));
    Bytes body;
    unsigned_leb(body, locals_.size() - parameters);
    for (std::size_t i = parameters; i < locals_.size(); ++i) {
      body.push_back(1);
      body.push_back(static_cast<std::uint8_t>(locals_[i]));
    }
    append(body, code_);
    Bytes sized;
    unsigned_leb(sized, body.size());
    append(sized, body);
    return sized;
  }

 private:
  static constexpr unsigned deepest = 4;

  ValueType type() {
    constexpr std::array all{ValueType::i32, ValueType::i32, ValueType::i64, ValueType::i64,
                             ValueType::f32, ValueType::f64, ValueType::v128};
    return all[source_.below(all.size())];
  }
  void op(Code code) {
    const auto number = static_cast<std::uint32_t>(code);
    if (number < 0x100) return code_.push_back(static_cast<std::uint8_t>(number));
    code_.push_back(static_cast<std::uint8_t>(number >> 8));
    unsigned_leb(code_, number & 0xff);
  }
  void op(Code code, std::uint64_t immediate) {
    op(code);
    unsigned_leb(code_, immediate);
  }
  std::uint64_t interesting() {
    constexpr std::array<std::uint64_t, 10> edges{0,          1,          UINT64_MAX, 0x7fffffff,         0x80000000,
                                                  0x7f800000, 0x3ff00000, INT64_MAX,  0x7ff0000000000000, 32};
    return source_.below(2) == 0 ? edges[source_.below(edges.size())] : source_.next() % 300;
  }
  void constant(ValueType t) {
    switch (t) {
      case ValueType::i32:
        op(Code::i32_const);
        return signed_leb(code_, static_cast<std::int32_t>(interesting()));
      case ValueType::i64:
        op(Code::i64_const);
        return signed_leb(code_, static_cast<std::int64_t>(interesting()));
      default: {
        op(t == ValueType::f32 ? Code::f32_const : t == ValueType::f64 ? Code::f64_const : Code::v128_const);
        const unsigned bytes = t == ValueType::f32 ? 4 : t == ValueType::f64 ? 8 : 16;
        if (options_.exact && source_.below(2) == 0) return edge(t);
        // Numbers, not NaNs: those come from computing.
        for (unsigned i = 0; i < bytes; ++i)
          code_.push_back(static_cast<std::uint8_t>(source_.below(i + 1 == bytes ? 0x7f : 256)));
        return;
      }
    }
  }
  /// A number, or numbers, at an edge of floating point: zeros, infinities, NaNs, denormals, the greatest and the least, where integers end.
  void edge(ValueType t) {
    constexpr std::array<std::uint32_t, 20> single{0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000,
                                                   0xffc00000, 0x7f800001, 0x00000001, 0x807fffff, 0x00800000,
                                                   0x7f7fffff, 0xff7fffff, 0x3f800000, 0xbf800000, 0x3f000000,
                                                   0x4f000000, 0x4f800000, 0xcf000000, 0x5f000000, 0x3effffff};
    constexpr std::array<std::uint64_t, 20> wide{0,
                                                 0x8000000000000000,
                                                 0x7ff0000000000000,
                                                 0xfff0000000000000,
                                                 0x7ff8000000000000,
                                                 0xfff8000000000000,
                                                 0x7ff0000000000001,
                                                 1,
                                                 0x800fffffffffffff,
                                                 0x0010000000000000,
                                                 0x7fefffffffffffff,
                                                 0xffefffffffffffff,
                                                 0x3ff0000000000000,
                                                 0xbff0000000000000,
                                                 0x3fe0000000000000,
                                                 0x41dfffffffc00000,
                                                 0x41e0000000000000,
                                                 0x43e0000000000000,
                                                 0xc3e0000000000000,
                                                 0x36a0000000000000};
    const auto write = [&](std::uint64_t bits, unsigned bytes) {
      for (unsigned i = 0; i < bytes; ++i) code_.push_back(static_cast<std::uint8_t>(bits >> (8 * i)));
    };
    if (t == ValueType::f32) return write(single[source_.below(single.size())], 4);
    if (t == ValueType::f64) return write(wide[source_.below(wide.size())], 8);
    if (source_.below(2) == 0) {
      for (unsigned i = 0; i < 2; ++i) write(wide[source_.below(wide.size())], 8);
    } else {
      for (unsigned i = 0; i < 4; ++i) write(single[source_.below(single.size())], 4);
    }
  }
  /// Pushes a value of the type, from anywhere.
  void value(ValueType t) {
    stack_.push_back(t);
    const std::uint32_t way = source_.below(4);
    const Types& variables = way == 3 ? globals_ : locals_;
    std::vector<std::size_t> fitting;
    for (std::size_t i = 0; i < variables.size(); ++i) {
      if (variables[i] == t) fitting.push_back(i);
    }
    if (way == 0 || fitting.empty()) return constant(t);
    op(way == 3 ? Code::global_get : Code::local_get,
       fitting[source_.below(static_cast<std::uint32_t>(fitting.size()))]);
  }
  /// Makes the top of the stack these types: what is there when it fits, new values when not.
  void want(const Types& types) {
    const std::size_t own = stack_.size() - base_;
    std::size_t have = std::min(own, types.size());
    while (have > 0 && !std::equal(stack_.end() - static_cast<std::ptrdiff_t>(have), stack_.end(), types.begin()))
      --have;
    for (std::size_t i = have; i < types.size(); ++i) value(types[i]);
  }
  void took(const Types& types) { stack_.resize(stack_.size() - types.size()); }
  void gave(const Types& types) { stack_.insert(stack_.end(), types.begin(), types.end()); }

  /// The condition of a branch: mostly a comparison, because those become one with it.
  void condition() {
    const std::uint32_t way = source_.below(8);
    if (way == 0) return want({ValueType::i32});
    const bool wide = source_.below(2) == 0;
    const ValueType t = wide ? ValueType::i64 : ValueType::i32;
    if (way == 1) {
      want({t});
      op(wide ? Code::i64_eqz : Code::i32_eqz);
      stack_.back() = ValueType::i32;
      return;
    }
    want({t, t});
    const Code first = wide ? Code::i64_eq : Code::i32_eq;
    op(static_cast<Code>(static_cast<std::uint32_t>(first) + source_.below(10)));
    took({t, t});
    gave({ValueType::i32});
  }

  /// A condition above what a branch takes along: its operands must not eat into that.
  void condition_over() {
    const std::size_t outer = base_;
    base_ = stack_.size();
    condition();
    base_ = outer;
  }

  void compute() {
    static const std::vector<Operation> operations = make_operations();
    // Half of all are of integers, which is where the translator joins instructions.
    static const std::vector<Operation> integer = [] {
      std::vector<Operation> some;
      std::ranges::copy_if(operations, std::back_inserter(some), [](const Operation& o) {
        return std::ranges::all_of(o.operands,
                                   [](ValueType t) { return t == ValueType::i32 || t == ValueType::i64; }) &&
               o.result != ValueType::v128;
      });
      return some;
    }();
    const std::vector<Operation>& chosen = source_.below(2) == 0 ? operations : integer;
    const Operation& o = chosen[source_.below(static_cast<std::uint32_t>(chosen.size()))];
    if (o.shows_nan && !options_.nan_bits) return;
    // Most accesses lie inside memory and most operations do not trap: a trap ends the run.
    const bool daring = source_.below(64) == 63;
    if (o.may_trap && !daring) return;
    if (o.immediate == Operation::Immediate::access && !daring) {
      want({ValueType::i32});
      op(Code::i32_const);
      signed_leb(code_, 0x3fff);
      op(Code::i32_and);
      if (source_.below(2) == 0) {  // base and index, or base and distance
        want({ValueType::i32, ValueType::i32});
        op(Code::i32_const);
        signed_leb(code_, source_.below(3000));
        op(Code::i32_and);
        op(Code::i32_add);
        took({ValueType::i32});
      }
    }
    want(o.operands);
    op(o.code);
    if (o.immediate == Operation::Immediate::access) {
      code_.push_back(0);
      unsigned_leb(code_, source_.below(8) == 7 ? source_.below(daring ? 80'000 : 49'000) : source_.below(64));
    }
    if (o.lanes > 0) code_.push_back(static_cast<std::uint8_t>(source_.below(o.lanes)));
    took(o.operands);
    if (o.result != ValueType::unknown) gave({o.result});
    if (options_.exact) settle_sign(o.code);
  }

  /// Promoting is the one instruction of which wabt's NaN keeps its sign, as it may: a multiplication by 1 takes it away.
  void settle_sign(Code code) {
    const bool vector = code == Code::f64x2_promote_low_f32x4;
    if (!vector && code != Code::f64_promote_f32) return;
    op(vector ? Code::v128_const : Code::f64_const);
    for (unsigned i = 0; i < (vector ? 2 : 1); ++i) append(code_, {0, 0, 0, 0, 0, 0, 0xf0, 0x3f});
    op(vector ? Code::f64x2_mul : Code::f64_mul);
  }

  void variable() {
    const bool global = source_.below(4) == 0;
    const std::size_t count = global ? globals_.size() : first_counter_;
    if (count == 0) return;
    const std::size_t index = source_.below(static_cast<std::uint32_t>(count));
    const ValueType t = (global ? globals_ : locals_)[index];
    want({t});
    if (global) {
      op(Code::global_set, index);
      return took({t});
    }
    const bool tee = source_.below(2) == 0;
    op(tee ? Code::local_tee : Code::local_set, index);
    if (!tee) took({t});
  }

  void select() {
    const ValueType t = type();
    want({t, t, ValueType::i32});
    op(Code::select);
    took({t, ValueType::i32});
  }

  void call() {
    if (self_ == 0) return;
    const std::size_t callee = source_.below(static_cast<std::uint32_t>(self_));
    want(functions_[callee].parameters);
    if (source_.below(3) == 0) {
      op(Code::i32_const);
      signed_leb(code_, static_cast<std::int64_t>(callee));
      op(Code::call_indirect, callee);  // each function has the type of its own number
      unsigned_leb(code_, 0);
    } else {
      op(Code::call, callee);
    }
    took(functions_[callee].parameters);
    gave(functions_[callee].results);
  }

  void bulk() {
    if (source_.below(4) == 0) {
      want({ValueType::i32});
      op(Code::memory_grow, 0);
      return;
    }
    if (source_.below(32) == 31) {
      want({ValueType::i32, ValueType::i32, ValueType::i32});
    } else {
      for (unsigned i = 0; i < 3; ++i) {
        op(Code::i32_const);
        signed_leb(code_, source_.below(30'000));
      }
      gave({ValueType::i32, ValueType::i32, ValueType::i32});
    }
    const bool copy = source_.below(2) == 0;
    op(copy ? Code::memory_copy : Code::memory_fill, 0);
    if (copy) code_.push_back(0);
    took({ValueType::i32, ValueType::i32, ValueType::i32});
  }

  /// Table 1, elements 1 and data 0, which are passive.
  void segments_and_tables() {
    const auto small = [&](std::uint32_t bound) {
      op(Code::i32_const);
      signed_leb(code_, source_.below(source_.below(48) == 47 ? 4 * bound : bound));
    };
    const auto reference = [&] {
      if (source_.below(2) == 0) return op(Code::ref_func, self_);
      op(Code::ref_null);
      code_.push_back(0x70);
    };
    switch (source_.below(10)) {
      case 0:
        op(Code::table_size, 1);
        return gave({ValueType::i32});
      case 1:
        reference();
        small(3);
        op(Code::table_grow, 1);
        return gave({ValueType::i32});
      case 2:
        small(second_table_elements);
        reference();
        return op(Code::table_set, 1);
      case 3:
        small(second_table_elements);
        op(Code::table_get, 1);
        op(Code::ref_is_null);
        return gave({ValueType::i32});
      case 4:
        small(4);
        reference();
        small(4);
        return op(Code::table_fill, 1);
      case 5:
        small(4);
        small(4);
        small(4);
        op(Code::table_copy, 1);
        return code_.push_back(1);
      case 6:
        small(4);
        small(2);
        small(2);
        op(Code::table_init, 1);
        return code_.push_back(1);
      case 7:
        small(30'000);
        small(32);
        small(32);
        op(Code::memory_init, 0);
        return code_.push_back(0);
      case 8:
        if (source_.below(16) == 0) op(source_.below(2) == 0 ? Code::data_drop : Code::elem_drop, 0);
        return;
      default: {
        const ValueType t = type();
        want({t, t, ValueType::i32});
        op(Code::select_t, 1);
        code_.push_back(static_cast<std::uint8_t>(t));
        return took({t, ValueType::i32});
      }
    }
  }

  [[nodiscard]] bool is_loop(std::uint32_t depth) const {
    return std::ranges::find(loops_, labels_.size() - 1 - depth) != loops_.end();
  }
  /// A branch to some label that is no loop's. True: what follows is unreachable.
  bool branch() {
    const auto depth = source_.below(static_cast<std::uint32_t>(labels_.size()));
    if (is_loop(depth)) return false;
    const Types types = labels_[labels_.size() - 1 - depth];
    const std::uint32_t way = source_.below(8);
    if (way == 0) {
      want(types);
      op(Code::br, depth);
      return true;
    }
    if (way == 1) {
      Types all = types;
      all.push_back(ValueType::i32);
      want(all);
      Bytes targets;
      std::uint32_t count = 0;
      for (std::uint32_t i = 0; i < labels_.size(); ++i) {
        if (is_loop(i) || labels_[labels_.size() - 1 - i] != types) continue;
        unsigned_leb(targets, i);
        ++count;
      }
      op(Code::br_table, count);
      append(code_, targets);
      unsigned_leb(code_, depth);
      return true;
    }
    want(types);
    condition_over();
    op(Code::br_if, depth);
    took({ValueType::i32});
    return false;
  }

  void block() {
    if (labels_.size() > deepest) return;
    const std::size_t counter = first_counter_ + labels_.size() - 1;
    const std::uint32_t kind = source_.below(3);
    Types result;
    if (source_.below(2) == 0) result.push_back(type());
    if (kind == 1) {
      op(Code::i32_const);
      signed_leb(code_, 1 + source_.below(4));
      op(Code::local_set, counter);
    }
    if (kind == 2) condition();
    if (kind == 2) took({ValueType::i32});
    op(kind == 0 ? Code::block : kind == 1 ? Code::loop : Code::if_);
    code_.push_back(result.empty() ? 0x40 : static_cast<std::uint8_t>(result[0]));
    const std::size_t outer = base_;
    base_ = stack_.size();
    const std::uint32_t steps = 2 + source_.below(10);
    if (kind == 1) {
      // A block inside takes the branches, so that the loop goes round by its own counter only.
      op(Code::block);
      code_.push_back(0x40);
      labels_.push_back({});
      loops_.push_back(labels_.size() - 1);
      labels_.push_back({});
      fill({}, steps);
      labels_.pop_back();
      labels_.pop_back();
      loops_.pop_back();
      op(Code::local_get, counter);
      op(Code::i32_const, 1);
      op(Code::i32_sub);
      op(Code::local_tee, counter);
      op(Code::br_if, 0);
      for (const ValueType t : result) value(t);
      op(Code::end);
    } else {
      labels_.push_back(result);
      fill(result, steps, kind == 2);
      labels_.pop_back();
    }
    stack_.resize(base_);
    base_ = outer;
    gave(result);
  }

  /// Instructions up to and with the end of a block that has these results.
  void fill(const Types& results, std::uint32_t steps, bool arms = false) {
    bool live = true;
    for (std::uint32_t i = 0; i < steps && live && !source_.exhausted(); ++i) live = step();
    if (live) {
      while (stack_.size() > base_ + results.size()) drop();
      if (!std::equal(stack_.begin() + static_cast<std::ptrdiff_t>(base_), stack_.end(), results.begin(),
                      results.end())) {
        while (stack_.size() > base_) drop();
        for (const ValueType t : results) value(t);
      }
    }
    stack_.resize(base_);
    if (arms) {
      op(Code::else_);
      return fill(results, steps);
    }
    op(Code::end);
  }
  void drop() {
    op(Code::drop);
    stack_.pop_back();
  }

  bool step() {
    const std::uint32_t choice = source_.below(options_.exact ? 36 : 33);
    if (choice < 12)
      compute();
    else if (choice < 19)
      variable();
    else if (choice < 24)
      value(type());
    else if (choice < 25)
      select();
    else if (choice < 26)
      call();
    else if (choice < 27)
      bulk();
    else if (choice < 30)
      block();
    else if (choice < 33)
      return !branch();
    else
      segments_and_tables();
    return true;
  }

  Source& source_;
  const GeneratorOptions& options_;
  const std::vector<Signature>& functions_;
  std::size_t self_;
  const Types& globals_;
  Types locals_;
  std::size_t first_counter_ = 0;
  Types stack_;
  std::size_t base_ = 0;  ///< operands below belong to outer blocks
  std::vector<Types> labels_;
  std::vector<std::size_t> loops_;
  Bytes code_;
};

}  // namespace

Bytes generate_body(Source& source, const GeneratorOptions& options, const std::vector<Signature>& functions,
                    std::size_t self, const Types& globals) {
  return Body{source, options, functions, self, globals}.make();
}

}  // namespace rvm::wasm::test
