// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Code for the catalogue: instructions one after another, and entries that are the sample with such code in it.
#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <utility>
#include <vector>

#include "../code.hpp"
#include "catalogue.hpp"
#include "generator_operations.hpp"
#include "sample.hpp"

namespace rvm::wasm::test {

/// Instructions in the binary format.
class Assembly {
 public:
  Assembly& op(Code code) {
    const auto number = static_cast<std::uint32_t>(code);
    if (number >= 0x100) bytes_.push_back(static_cast<std::uint8_t>(number >> 8));
    number >= 0x100 ? unsigned_leb(bytes_, number & 0xff) : bytes_.push_back(static_cast<std::uint8_t>(number));
    return *this;
  }
  Assembly& op(Code code, std::initializer_list<std::uint32_t> immediates) {
    op(code);
    for (const std::uint32_t i : immediates) unsigned_leb(bytes_, i);
    return *this;
  }
  Assembly& raw(const Bytes& b) {
    append(bytes_, b);
    return *this;
  }
  Assembly& value(ValueType t) {
    switch (t) {
      case ValueType::i32:
        return op(Code::i32_const, {0});
      case ValueType::i64:
        return op(Code::i64_const, {0});
      case ValueType::f32:
        return op(Code::f32_const).raw(Bytes(4));
      case ValueType::f64:
        return op(Code::f64_const).raw(Bytes(8));
      case ValueType::v128:
        return op(Code::v128_const).raw(Bytes(16));
      default:
        return op(Code::ref_null).raw({static_cast<std::uint8_t>(t)});
    }
  }
  Assembly& values(std::initializer_list<ValueType> types) {
    for (const ValueType t : types) value(t);
    return *this;
  }
  Assembly& drop() { return op(Code::drop); }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_;
};

inline constexpr std::array all_types{ValueType::i32,  ValueType::i64,     ValueType::f32,      ValueType::f64,
                                      ValueType::v128, ValueType::funcref, ValueType::externref};

/// The sample with this as function 1, of type [] -> [], with locals 0: i32, 1: f64, 2: v128, 3: funcref.
inline Bytes with(const Assembly& code) {
  Bytes body{4, 1, 0x7f, 1, 0x7c, 1, 0x7b, 1, 0x70};
  append(body, code.bytes());
  body.push_back(0x0b);
  return write(sample(code_node(body)));
}

/// Entries, and the ways to add them.
class Entries {
 public:
  using Verdict = CatalogueEntry::Verdict;

  void good(std::string name, const Assembly& code) {
    all_.push_back({std::move(name), with(code), Verdict::valid, {}});
  }
  void bad(std::string name, ModuleError reason, const Assembly& code) {
    all_.push_back({std::move(name), with(code), Verdict::refused, reason});
  }
  void mismatch(std::string name, const Assembly& code) { bad(std::move(name), ModuleError::type_mismatch, code); }

  static void immediates(Assembly& c, const Operation& o, std::uint32_t alignment = 0) {
    if (o.immediate == Operation::Immediate::access) {
      Bytes b;
      unsigned_leb(b, alignment);
      b.push_back(0);
      c.raw(b);
    }
    if (o.lanes > 0) c.raw({0});
  }

  void add(std::string name, Bytes bytes, Verdict verdict, std::optional<ModuleError> reason = {}) {
    all_.push_back({std::move(name), std::move(bytes), verdict, reason});
  }
  [[nodiscard]] std::vector<CatalogueEntry> take() { return std::move(all_); }

 private:
  std::vector<CatalogueEntry> all_;
};

}  // namespace rvm::wasm::test
