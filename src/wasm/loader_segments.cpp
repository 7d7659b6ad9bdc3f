// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Imports, constant expressions, and the sections made of them.
#include <algorithm>

#include "code.hpp"
#include "loader.hpp"
#include "syntax.hpp"

namespace rvm::wasm {

void Loader::imports(Module& module) {
  const std::uint32_t count = reader_.count();
  const auto list = room<Import>(count);
  // How many are of each kind is known at the end; until then each index space has room for all.
  const auto functions = room<std::uint32_t>(count);
  const auto tables = room<TableType>(count);
  const auto memories = room<MemoryType>(count);
  const auto globals = room<GlobalDefinition>(count);
  for (Import& import : list) {
    if (!reader_.ok()) return;
    import_item(import, module, functions, tables, memories, globals);
  }
  if (!reader_.ok()) return;
  module.imports = list;
  module.functions = functions.first(module.imported_functions);
  module.tables = tables.first(module.imported_tables);
  module.memories = memories.first(module.imported_memories);
  module.globals = globals.first(module.imported_globals);
  if (module.memories.size() > 1) reader_.fail(ModuleError::multiple_memories);
}

void Loader::import_item(Import& import, Module& module, std::span<std::uint32_t> functions,
                         std::span<TableType> tables, std::span<MemoryType> memories,
                         std::span<GlobalDefinition> globals) {
  import.module = keep(reader_.name());
  import.name = keep(reader_.name());
  const std::uint32_t at = reader_.offset();
  const std::uint8_t kind = reader_.byte();
  if (kind > 3) reader_.fail(ModuleError::import_kind, at);
  if (!reader_.ok()) return;
  import.kind = static_cast<ExternKind>(kind);
  switch (import.kind) {
    case ExternKind::function:
      import.index = module.imported_functions++;
      functions[import.index] = type_index(module);
      break;
    case ExternKind::table:
      import.index = module.imported_tables++;
      tables[import.index] = reader_.table_type();
      break;
    case ExternKind::memory:
      import.index = module.imported_memories++;
      memories[import.index] = reader_.memory_type();
      break;
    case ExternKind::global:
      import.index = module.imported_globals++;
      globals[import.index].type = reader_.global_type();
      break;
  }
}

/// A function named outside of bodies: ref.func may name it inside.
void Loader::refer(std::uint32_t function, const Module& module) {
  if (!reader_.ok()) return;
  if (function >= module.functions.size()) return reader_.fail(ModuleError::unknown_function);
  if (referable_.empty()) {
    referable_ = room<std::uint64_t>(static_cast<std::uint32_t>(module.functions.size() / 64 + 1));
    if (!reader_.ok()) return;
  }
  referable_[function / 64] |= std::uint64_t{1} << function % 64;
}

ConstantExpression Loader::expression(const Module& module, ValueType expected) {
  ConstantExpression value;
  ValueType type = ValueType::unknown;
  bool given = false;
  while (reader_.ok()) {
    const std::uint32_t at = reader_.offset();
    if (reader_.remaining() == 0) reader_.fail(ModuleError::section_end);
    const Code code = read_code(reader_);
    if (!reader_.ok()) break;
    if (code == Code::end) break;
    if (given) {
      // More than one value is left, unless what follows is no constant instruction at all.
      reader_.fail(ModuleError::type_mismatch, at);
      break;
    }
    given = true;
    value = {};
    switch (code) {
      case Code::i32_const:
        type = ValueType::i32;
        value.bits[0] = static_cast<std::uint32_t>(reader_.s32());
        break;
      case Code::i64_const:
        type = ValueType::i64;
        value.bits[0] = static_cast<std::uint64_t>(reader_.s64());
        break;
      case Code::f32_const:
        type = ValueType::f32;
        value.bits[0] = reader_.fixed(4);
        break;
      case Code::f64_const:
        type = ValueType::f64;
        value.bits[0] = reader_.fixed(8);
        break;
      case Code::ref_null:
        type = reader_.reference_type();
        value.kind = ConstantExpression::Kind::null_reference;
        break;
      case Code::ref_func:
        type = ValueType::funcref;
        value.kind = ConstantExpression::Kind::function_reference;
        value.index = reader_.u32();
        refer(value.index, module);
        break;
      case Code::global_get:
        value.kind = ConstantExpression::Kind::global;
        value.index = reader_.u32();
        if (value.index >= module.imported_globals) {
          reader_.fail(ModuleError::unknown_global, at);
        } else if (module.globals[value.index].type.is_mutable) {
          reader_.fail(ModuleError::constant_required, at);
        } else {
          type = module.globals[value.index].type.value;
        }
        break;
      case Code::v128_const:
        type = ValueType::v128;
        value.bits[0] = reader_.fixed(8);
        value.bits[1] = reader_.fixed(8);
        break;
      default:
        reader_.fail(is_instruction(code) ? ModuleError::constant_required : ModuleError::illegal_opcode, at);
    }
  }
  if (reader_.ok() && type != expected) reader_.fail(ModuleError::type_mismatch);
  return value;
}

void Loader::elements(Module& module) {
  const auto list = room<ElementSegment>(reader_.count());
  for (ElementSegment& segment : list) {
    if (!reader_.ok()) return;
    element(segment, module);
  }
  module.elements = list;
}

/// The eight forms of an element segment differ in three bits: not active; table index (or declarative); expressions.
void Loader::element(ElementSegment& segment, Module& module) {
  const std::uint32_t at = reader_.offset();
  const std::uint32_t flags = reader_.u32();
  if (flags > 7) return reader_.fail(ModuleError::segment_kind, at);
  const bool has_type = (flags & 3) != 0;
  const bool expressions = (flags & 4) != 0;
  if ((flags & 1) != 0) {
    segment.mode = (flags & 2) != 0 ? SegmentMode::declarative : SegmentMode::passive;
  } else {
    segment.table = (flags & 2) != 0 ? reader_.u32() : 0;
    if (reader_.ok() && segment.table >= module.tables.size()) return reader_.fail(ModuleError::unknown_table, at);
    segment.offset = expression(module, ValueType::i32);
  }
  if (has_type && expressions) {
    segment.type = reader_.reference_type();
  } else if (has_type && reader_.byte() != 0) {
    return reader_.fail(ModuleError::element_kind, at);
  }
  if (reader_.ok() && segment.mode == SegmentMode::active && module.tables[segment.table].element != segment.type) {
    return reader_.fail(ModuleError::type_mismatch, at);
  }
  const auto items = room<ConstantExpression>(reader_.count());
  for (ConstantExpression& item : items) {
    if (!reader_.ok()) return;
    if (expressions) {
      item = expression(module, segment.type);
    } else {
      item.kind = ConstantExpression::Kind::function_reference;
      item.index = reader_.u32();
      refer(item.index, module);
    }
  }
  segment.elements = items;
}

void Loader::data(Module& module) {
  has_data_ = true;
  const std::uint32_t count = reader_.count();
  if (reader_.ok() && has_data_count_ && count != data_count_) return reader_.fail(ModuleError::data_count);
  const auto list = room<DataSegment>(count);
  for (DataSegment& segment : list) {
    if (!reader_.ok()) return;
    data_segment(segment, module);
  }
  module.data = list;
}

void Loader::data_segment(DataSegment& segment, Module& module) {
  const std::uint32_t at = reader_.offset();
  const std::uint32_t flags = reader_.u32();
  if (flags > 2) return reader_.fail(ModuleError::segment_kind, at);
  if (flags == 1) {
    segment.mode = SegmentMode::passive;
  } else {
    const std::uint32_t memory = flags == 2 ? reader_.u32() : 0;
    if (reader_.ok() && memory >= module.memories.size()) return reader_.fail(ModuleError::unknown_memory, at);
    segment.offset = expression(module, ValueType::i32);
  }
  const auto bytes = reader_.take(reader_.u32());
  const auto copy = room<std::byte>(static_cast<std::uint32_t>(bytes.size()));
  if (!reader_.ok()) return;
  std::ranges::copy(bytes, copy.begin());
  segment.bytes = copy;
}

}  // namespace rvm::wasm
