// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The vocabulary of the WebAssembly specification, version 2.0: value types, function types, limits, and why a module is
// refused or a computation traps.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace rvm::wasm {

/// Values are those of the binary format; `unknown` is the bottom type of unreachable code (validation algorithm).
enum class ValueType : std::uint8_t {
  unknown = 0,
  i32 = 0x7f,
  i64 = 0x7e,
  f32 = 0x7d,
  f64 = 0x7c,
  v128 = 0x7b,
  funcref = 0x70,
  externref = 0x6f,
};

[[nodiscard]] constexpr bool is_reference(ValueType t) { return t == ValueType::funcref || t == ValueType::externref; }
[[nodiscard]] constexpr bool is_float(ValueType t) { return t == ValueType::f32 || t == ValueType::f64; }
[[nodiscard]] constexpr bool is_value_type(std::uint8_t byte) {
  return (byte >= 0x7b && byte <= 0x7f) || byte == 0x70 || byte == 0x6f;
}
/// What a value takes in a frame or a call's arguments, in 64-bit slots. The upper half of a 32-bit value's slot is zero.
[[nodiscard]] constexpr std::uint32_t slots(ValueType t) { return t == ValueType::v128 ? 2 : 1; }

struct FunctionType {
  std::span<const ValueType> parameters;
  std::span<const ValueType> results;
  std::uint32_t parameter_slots = 0;
  std::uint32_t result_slots = 0;
};

/// A size and how far it may grow, in pages or elements.
struct SizeRange {
  std::uint32_t minimum = 0;
  std::uint32_t maximum = UINT32_MAX;
  bool has_maximum = false;
};

struct TableType {
  ValueType element = ValueType::funcref;
  SizeRange size;
};

struct MemoryType {
  SizeRange pages;
};

struct GlobalType {
  ValueType value = ValueType::i32;
  bool is_mutable = false;
};

enum class ExternKind : std::uint8_t { function = 0, table = 1, memory = 2, global = 3 };

inline constexpr std::uint32_t memory_page_bytes = 65536;
inline constexpr std::uint32_t memory_pages_max = 65536;

/// What a module may ask for. Beyond it a module is refused, or memory.grow and table.grow give -1.
struct Limits {
  std::uint32_t frame_slots =
      50'000;                       ///< locals and operands of one function; fields of the internal code have 16 bits
  std::uint32_t nesting = 4096;     ///< blocks within blocks of one function
  std::uint32_t operands = 16'384;  ///< operand stack of one function, while it is being validated
  std::uint32_t memory_pages = memory_pages_max;
  std::uint32_t table_elements = 10'000'000;
  /// Linear memories have all that an address can reach to themselves, and Host::resize makes of it accessible what exists.
  bool guarded = false;
};

/// What an access can reach from a memory's base, in whole pages: an address has 32 bits, an offset too, and it touches at most
/// 16 bytes.
inline constexpr std::uint64_t guarded_bytes = (std::uint64_t{2} << 32) + memory_page_bytes;

/// Why a module is refused: class, name, the text of the specification's own tests.
#define RVM_WASM_MODULE_ERRORS(X) \
  X(malformed, unexpected_end, "unexpected end") \
  X(malformed, magic, "magic header not detected") \
  X(malformed, version, "unknown binary version") \
  X(malformed, section_id, "malformed section id") \
  X(malformed, section_order, "unexpected content after last section") \
  X(malformed, section_size, "section size mismatch") \
  X(malformed, section_end, "unexpected end of section or function") \
  X(malformed, length, "length out of bounds") \
  X(malformed, integer_long, "integer representation too long") \
  X(malformed, integer_large, "integer too large") \
  X(malformed, utf8, "malformed UTF-8 encoding") \
  X(malformed, value_type, "malformed value type") \
  X(malformed, reference_type, "malformed reference type") \
  X(malformed, type_form, "malformed type form") \
  X(malformed, import_kind, "malformed import kind") \
  X(malformed, export_kind, "malformed export kind") \
  X(malformed, mutability, "malformed mutability") \
  X(malformed, limits_flag, "malformed limits flags") \
  X(malformed, segment_kind, "malformed segment kind") \
  X(malformed, element_kind, "malformed element kind") \
  X(malformed, illegal_opcode, "illegal opcode") \
  X(malformed, zero_byte, "zero byte expected") \
  X(malformed, too_many_locals, "too many locals") \
  X(malformed, code_count, "function and code section have inconsistent lengths") \
  X(malformed, data_count, "data count and data section have inconsistent lengths") \
  X(malformed, data_count_required, "data count section required") \
  X(malformed, memop_flags, "malformed memop flags") \
  X(invalid, type_mismatch, "type mismatch") \
  X(invalid, unknown_type, "unknown type") \
  X(invalid, unknown_function, "unknown function") \
  X(invalid, unknown_table, "unknown table") \
  X(invalid, unknown_memory, "unknown memory") \
  X(invalid, unknown_global, "unknown global") \
  X(invalid, unknown_local, "unknown local") \
  X(invalid, unknown_label, "unknown label") \
  X(invalid, unknown_element, "unknown elem segment") \
  X(invalid, unknown_data, "unknown data segment") \
  X(invalid, undeclared_reference, "undeclared function reference") \
  X(invalid, global_immutable, "global is immutable") \
  X(invalid, constant_required, "constant expression required") \
  X(invalid, alignment, "alignment must not be larger than natural") \
  X(invalid, lane_index, "invalid lane index") \
  X(invalid, result_arity, "invalid result arity") \
  X(invalid, duplicate_export, "duplicate export name") \
  X(invalid, multiple_memories, "multiple memories") \
  X(invalid, memory_size, "memory size must be at most 65536 pages (4GiB)") \
  X(invalid, size_range, "size minimum must not be greater than maximum") \
  X(invalid, start_function, "start function") \
  X(limit, out_of_memory, "the arena is full") \
  X(limit, frame_too_large, "a function's locals and operands exceed the limit") \
  X(limit, nesting, "blocks are nested too deeply") \
  X(limit, too_large, "the module exceeds the engine's limits")

enum class ModuleError : std::uint8_t {
#define RVM_X(kind, name, text) name,
  RVM_WASM_MODULE_ERRORS(RVM_X)
#undef RVM_X
};

/// Malformed: not the binary format. Invalid: does not validate. Limit: this engine's bounds.
enum class ErrorClass : std::uint8_t { malformed, invalid, limit };

struct ModuleErrorDescription {
  ErrorClass kind;
  std::string_view text;
};

inline constexpr std::array module_error_descriptions{
#define RVM_X(kind, name, text) ModuleErrorDescription{ErrorClass::kind, text},
    RVM_WASM_MODULE_ERRORS(RVM_X)
#undef RVM_X
};

[[nodiscard]] constexpr const ModuleErrorDescription& describe(ModuleError e) {
  return module_error_descriptions[static_cast<std::size_t>(e)];
}

/// A refused module: the reason, and the byte of the module at which it was seen.
struct LoadError {
  ModuleError reason = ModuleError::unexpected_end;
  std::uint32_t offset = 0;
};

/// How a computation ended. The texts are those of the specification's tests.
#define RVM_WASM_TRAPS(X) \
  X(none, "no trap") \
  X(unreachable, "unreachable") \
  X(memory_bounds, "out of bounds memory access") \
  X(table_bounds, "out of bounds table access") \
  X(undefined_element, "undefined element") \
  X(uninitialized_element, "uninitialized element") \
  X(indirect_type, "indirect call type mismatch") \
  X(divide_by_zero, "integer divide by zero") \
  X(integer_overflow, "integer overflow") \
  X(invalid_conversion, "invalid conversion to integer") \
  X(stack_exhausted, "call stack exhausted") \
  X(out_of_fuel, "out of fuel") \
  X(interrupted, "interrupted") \
  X(host, "refused by the host") \
  X(corrupt_code, "corrupt internal code")

enum class Trap : std::uint8_t {
#define RVM_X(name, text) name,
  RVM_WASM_TRAPS(RVM_X)
#undef RVM_X
};

inline constexpr std::array trap_texts{
#define RVM_X(name, text) std::string_view{text},
    RVM_WASM_TRAPS(RVM_X)
#undef RVM_X
};

[[nodiscard]] constexpr std::string_view describe(Trap t) { return trap_texts[static_cast<std::size_t>(t)]; }

}  // namespace rvm::wasm
