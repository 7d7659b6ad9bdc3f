// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "rvm/wasm/arena.hpp"
#include "rvm/wasm/types.hpp"

namespace rvm::wasm {

struct Import {
  std::string_view module;
  std::string_view name;
  ExternKind kind = ExternKind::function;
  std::uint32_t index = 0;  ///< in the index space of its kind
};

struct Export {
  std::string_view name;
  ExternKind kind = ExternKind::function;
  std::uint32_t index = 0;
};

/// The expressions that initialise globals, offsets and elements.
struct ConstantExpression {
  enum class Kind : std::uint8_t { constant, null_reference, function_reference, global };
  Kind kind = Kind::constant;
  std::uint32_t index = 0;  ///< of the function or the global
  std::uint64_t bits[2]{};  ///< of the constant
};

struct GlobalDefinition {
  GlobalType type;
  ConstantExpression value;  ///< unused for imports
};

enum class SegmentMode : std::uint8_t { active, passive, declarative };

struct ElementSegment {
  SegmentMode mode = SegmentMode::active;
  ValueType type = ValueType::funcref;
  std::uint32_t table = 0;
  ConstantExpression offset;
  std::span<const ConstantExpression> elements;
};

struct DataSegment {
  SegmentMode mode = SegmentMode::active;
  ConstantExpression offset;
  std::span<const std::byte> bytes;
};

/// A function's internal code. Positions are in words of Module::code.
struct FunctionBody {
  std::uint32_t entry = 0;  ///< where it is entered: at `begin`, or at a prologue before `end`
  std::uint32_t frame_slots = 0;
  std::uint32_t begin = 0;
  std::uint32_t end = 0;
  std::uint32_t zero_slot = 0;  ///< the slot that holds zero, if any instruction reads it
};

/// A validated and translated module. Immutable once loaded and free of pointers out of its arena, so that any number of
/// instances, in any number of partitions, may share one copy. The bytes it was loaded from are no longer needed.
struct Module {
  std::span<const FunctionType> types;
  std::span<const Import> imports;
  // Index spaces: imports first, then definitions.
  std::span<const std::uint32_t> functions;  ///< each one's type
  std::span<const TableType> tables;
  std::span<const MemoryType> memories;
  std::span<const GlobalDefinition> globals;
  std::uint32_t imported_functions = 0;
  std::uint32_t imported_tables = 0;
  std::uint32_t imported_memories = 0;
  std::uint32_t imported_globals = 0;

  std::span<const Export> exports;
  std::span<const ElementSegment> elements;
  std::span<const DataSegment> data;
  std::uint32_t start = UINT32_MAX;  ///< a function, or UINT32_MAX

  std::span<const FunctionBody> bodies;  ///< of the functions that are not imports
  std::span<const std::uint64_t> code;

  [[nodiscard]] const Export* find_export(std::string_view name) const;
  [[nodiscard]] const FunctionType& function_type(std::uint32_t function) const { return types[functions[function]]; }
};

/// Decodes, validates and translates a module in one pass over its bytes. What is left in the arena after an error is garbage
/// in the low end: load into an arena of its own. Time and memory are linear in the size of the module.
[[nodiscard]] std::expected<const Module*, LoadError> load(std::span<const std::byte> bytes, Arena& arena,
                                                           const Limits& limits = {});

}  // namespace rvm::wasm
