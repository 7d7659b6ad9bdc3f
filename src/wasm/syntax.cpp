// SPDX-License-Identifier: MIT OR Apache-2.0
#include "syntax.hpp"

namespace rvm::wasm {

namespace {

void read_numbers(Reader& reader, unsigned count) {
  for (unsigned i = 0; i < count; ++i) static_cast<void>(reader.u32());
}

/// What follows the code of an instruction; `depth` is that of the blocks.
void read_immediates(Reader& reader, Code code, std::uint32_t& depth) {
  // clang-format off
  switch (code) {
    case Code::block: case Code::loop: case Code::if_:
      ++depth;
      static_cast<void>(reader.s33());
      return;
    case Code::end:
      --depth;
      return;
    case Code::br: case Code::br_if: case Code::call: case Code::local_get: case Code::local_set: case Code::local_tee:
    case Code::global_get: case Code::global_set: case Code::table_get: case Code::table_set: case Code::ref_func:
    case Code::data_drop: case Code::elem_drop: case Code::table_grow: case Code::table_size: case Code::table_fill:
      return read_numbers(reader, 1);
    case Code::br_table:
      for (std::uint32_t left = reader.count() + 1; left > 0 && reader.ok(); --left) read_numbers(reader, 1);
      return;
    case Code::select_t:
      for (std::uint32_t left = reader.count(); left > 0 && reader.ok(); --left) static_cast<void>(reader.value_type());
      return;
    case Code::memory_size: case Code::memory_grow: case Code::memory_fill:
      if (reader.byte() != 0) reader.fail(ModuleError::zero_byte);
      return;
    case Code::memory_copy:
      if ((reader.byte() | reader.byte()) != 0) reader.fail(ModuleError::zero_byte);
      return;
    case Code::i32_const: static_cast<void>(reader.s32()); return;
    case Code::i64_const: static_cast<void>(reader.s64()); return;
    case Code::f32_const: static_cast<void>(reader.fixed(4)); return;
    case Code::f64_const: static_cast<void>(reader.fixed(8)); return;
    case Code::ref_null: static_cast<void>(reader.reference_type()); return;
    case Code::v128_const: case Code::i8x16_shuffle: static_cast<void>(reader.take(16)); return;
    case Code::call_indirect: case Code::table_init: case Code::table_copy: case Code::memory_init: case Code::v128_store:
#define RVM_X(name, ...) case Code::name:
    RVM_WASM_LOAD(RVM_X)
    RVM_WASM_STORE(RVM_X)
    RVM_WASM_SIMD_LOAD(RVM_X)
      return read_numbers(reader, 2);
    RVM_WASM_SIMD_LOAD_LANE(RVM_X)
    RVM_WASM_SIMD_STORE_LANE(RVM_X)
      read_numbers(reader, 2);
      static_cast<void>(reader.byte());
      return;
    RVM_WASM_SIMD_EXTRACT(RVM_X)
    RVM_WASM_SIMD_REPLACE(RVM_X)
      static_cast<void>(reader.byte());
      return;
#undef RVM_X
    default:
      return;
  }
  // clang-format on
}

}  // namespace

bool is_instruction(Code code) {
  // clang-format off
  switch (code) {
#define RVM_X(name, ...) case Code::name:
    RVM_WASM_INSTRUCTIONS(RVM_X)
#undef RVM_X
      return true;
  }
  // clang-format on
  return false;
}

Code read_code(Reader& reader) {
  const std::uint32_t at = reader.offset();
  const std::uint32_t first = reader.byte();
  if (first != 0xfc && first != 0xfd) return static_cast<Code>(first);
  const std::uint32_t second = reader.u32();
  if (second > 0xff) reader.fail(ModuleError::illegal_opcode, at);
  return static_cast<Code>(first << 8 | second);
}

void read_body(Reader& reader) {
  reader.set_end_error(ModuleError::section_end);
  for (std::uint32_t groups = reader.count(); groups > 0 && reader.ok(); --groups) {
    read_numbers(reader, 1);
    static_cast<void>(reader.value_type());
  }
  for (std::uint32_t depth = 1; depth > 0 && reader.ok();) {
    const std::uint32_t at = reader.offset();
    const Code code = read_code(reader);
    if (reader.ok() && !is_instruction(code)) reader.fail(ModuleError::illegal_opcode, at);
    if (reader.ok()) read_immediates(reader, code, depth);
  }
  if (reader.ok() && reader.remaining() > 0) reader.fail(ModuleError::section_size);
}

}  // namespace rvm::wasm
