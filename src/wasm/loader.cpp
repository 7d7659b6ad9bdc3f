// SPDX-License-Identifier: MIT OR Apache-2.0
#include "loader.hpp"

#include <algorithm>

#include "syntax.hpp"
#include "translator.hpp"

namespace rvm::wasm {

namespace {

// Section ids. The data count stands between elements and code, though its number came later.
enum Section : std::uint8_t {
  custom,
  type,
  import,
  function,
  table,
  memory,
  global,
  export_,
  start_,
  element_,
  code_,
  data_,
  data_count
};
constexpr std::uint8_t place[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 10};

constexpr std::uint32_t magic = 0x6d736100;
constexpr std::uint32_t version = 1;

}  // namespace

std::string_view Loader::keep(std::string_view text) {
  if (text.empty()) return {};
  const auto copy = arena_.allocate<char>(text.size());
  if (copy.empty()) {
    reader_.fail(ModuleError::out_of_memory);
    return {};
  }
  std::ranges::copy(text, copy.begin());
  return {copy.data(), copy.size()};
}

bool Loader::run(Module& module) {
  if (reader_.fixed(4) != magic && reader_.ok()) reader_.fail(ModuleError::magic, 0);
  if (reader_.fixed(4) != version && reader_.ok()) reader_.fail(ModuleError::version, 4);
  std::uint8_t reached = 0;
  while (reader_.ok() && reader_.remaining() > 0) {
    const std::uint32_t at = reader_.offset();
    const std::uint8_t id = reader_.byte();
    if (id >= std::size(place)) {
      reader_.fail(ModuleError::section_id, at);
      break;
    }
    const std::uint32_t size = reader_.u32();
    if (id != custom) {
      if (place[id] <= reached) {
        reader_.fail(ModuleError::section_order, at);
        break;
      }
      reached = place[id];
    }
    const std::size_t outer = reader_.enter(size, ModuleError::length);
    const ModuleError meaning = reader_.set_end_error(ModuleError::section_end);
    if (id == custom) {
      static_cast<void>(reader_.name());
      if (reader_.ok()) static_cast<void>(reader_.take(reader_.remaining()));
    } else {
      section(id, module);
    }
    if (reader_.ok() && reader_.remaining() != 0) reader_.fail(ModuleError::section_size);
    reader_.set_end_error(meaning);
    reader_.leave(outer);
  }
  if (module.functions.size() > module.imported_functions && !has_code_) reader_.fail(ModuleError::code_count);
  if (has_data_count_ && !has_data_ && data_count_ != 0) reader_.fail(ModuleError::data_count);
  return reader_.ok();
}

void Loader::section(std::uint8_t id, Module& module) {
  switch (id) {
    case type:
      return types(module);
    case import:
      return imports(module);
    case function:
      return functions(module);
    case table:
      return tables(module);
    case memory:
      return memories(module);
    case global:
      return globals(module);
    case export_:
      return exports(module);
    case start_:
      return start(module);
    case element_:
      return elements(module);
    case code_:
      return code(module);
    case data_:
      return data(module);
    default:
      data_count_ = reader_.u32();
      has_data_count_ = true;
  }
}

std::span<const ValueType> Loader::value_types() {
  const auto list = room<ValueType>(reader_.count());
  for (ValueType& t : list) t = reader_.value_type();
  return list;
}

void Loader::types(Module& module) {
  const auto list = room<FunctionType>(reader_.count());
  for (FunctionType& t : list) {
    if (!reader_.ok()) return;
    if (reader_.byte() != 0x60) reader_.fail(ModuleError::type_form);
    t.parameters = value_types();
    t.results = value_types();
    for (const ValueType v : t.parameters) t.parameter_slots += slots(v);
    for (const ValueType v : t.results) t.result_slots += slots(v);
    // A call may need both in one frame, and the fields of the internal code have 16 bits.
    if (std::max(t.parameter_slots, t.result_slots) > limits_.frame_slots / 2)
      reader_.fail(ModuleError::frame_too_large);
  }
  module.types = list;
}

std::uint32_t Loader::type_index(const Module& module) {
  const std::uint32_t at = reader_.offset();
  const std::uint32_t index = reader_.u32();
  if (index >= module.types.size()) reader_.fail(ModuleError::unknown_type, at);
  return index;
}

void Loader::functions(Module& module) {
  const std::uint32_t count = reader_.count();
  const auto list = room<std::uint32_t>(module.imported_functions + count);
  if (!reader_.ok()) return;
  std::ranges::copy(module.functions, list.begin());
  for (std::uint32_t& f : list.subspan(module.imported_functions)) f = type_index(module);
  module.functions = list;
}

void Loader::tables(Module& module) {
  const std::uint32_t count = reader_.count();
  const auto list = room<TableType>(module.imported_tables + count);
  if (!reader_.ok()) return;
  std::ranges::copy(module.tables, list.begin());
  for (TableType& t : list.subspan(module.imported_tables)) t = reader_.table_type();
  module.tables = list;
}

void Loader::memories(Module& module) {
  const std::uint32_t count = reader_.count();
  const auto list = room<MemoryType>(module.imported_memories + count);
  if (!reader_.ok()) return;
  std::ranges::copy(module.memories, list.begin());
  for (MemoryType& m : list.subspan(module.imported_memories)) m = reader_.memory_type();
  module.memories = list;
  if (list.size() > 1) reader_.fail(ModuleError::multiple_memories);
}

void Loader::globals(Module& module) {
  const std::uint32_t count = reader_.count();
  const auto list = room<GlobalDefinition>(module.imported_globals + count);
  if (!reader_.ok()) return;
  std::ranges::copy(module.globals, list.begin());
  for (GlobalDefinition& g : list.subspan(module.imported_globals)) {
    g.type = reader_.global_type();
    // Only imported globals are visible to it: module.globals does not have the new ones.
    g.value = expression(module, g.type.value);
  }
  module.globals = list;
}

void Loader::exports(Module& module) {
  const std::size_t mark = arena_.high_mark();
  const auto list = room<Export>(reader_.count());
  for (Export& e : list) {
    if (!reader_.ok()) return;
    e.name = keep(reader_.name());
    const std::uint32_t at = reader_.offset();
    const std::uint8_t kind = reader_.byte();
    if (kind > 3) reader_.fail(ModuleError::export_kind, at);
    e.kind = static_cast<ExternKind>(kind);
    e.index = reader_.u32();
    switch (e.kind) {
      case ExternKind::function:
        refer(e.index, module);
        break;
      case ExternKind::table:
        if (e.index >= module.tables.size()) reader_.fail(ModuleError::unknown_table, at);
        break;
      case ExternKind::memory:
        if (e.index >= module.memories.size()) reader_.fail(ModuleError::unknown_memory, at);
        break;
      case ExternKind::global:
        if (e.index >= module.globals.size()) reader_.fail(ModuleError::unknown_global, at);
        break;
    }
  }
  // Names are unique: sorted, equal ones are neighbours.
  const auto sorted = arena_.allocate_high<std::string_view>(list.size());
  if (sorted.size() != list.size()) return reader_.fail(ModuleError::out_of_memory);
  std::ranges::transform(list, sorted.begin(), &Export::name);
  std::ranges::sort(sorted);
  if (std::ranges::adjacent_find(sorted) != sorted.end()) reader_.fail(ModuleError::duplicate_export);
  arena_.release_high(mark);
  module.exports = list;
}

void Loader::start(Module& module) {
  const std::uint32_t at = reader_.offset();
  const std::uint32_t index = reader_.u32();
  if (!reader_.ok()) return;
  if (index >= module.functions.size()) return reader_.fail(ModuleError::unknown_function, at);
  const FunctionType& t = module.function_type(index);
  if (!t.parameters.empty() || !t.results.empty()) return reader_.fail(ModuleError::start_function, at);
  module.start = index;
}

void Loader::code(Module& module) {
  has_code_ = true;
  const std::uint32_t count = reader_.count();
  const auto defined = module.functions.size() - module.imported_functions;
  if (reader_.ok() && count != defined) reader_.fail(ModuleError::code_count);
  const auto bodies = room<FunctionBody>(count);
  if (!reader_.ok()) return;
  if (referable_.size() * 64 < module.functions.size()) {
    // Nothing was referred to beyond what there is room for: the bitmap covers every function from here on.
    const auto all = room<std::uint64_t>(static_cast<std::uint32_t>(module.functions.size() / 64 + 1));
    if (!reader_.ok()) return;
    std::ranges::copy(referable_, all.begin());
    referable_ = all;
  }
  const std::size_t mark = arena_.high_mark();
  const Surroundings around{module, referable_, data_count_, has_data_count_, reader_.byte_behind() == data_};
  Translator translator{reader_, arena_, limits_, around};
  for (std::uint32_t i = 0; i < count && reader_.ok(); ++i) {
    const std::uint32_t size = reader_.u32();
    const std::size_t outer = reader_.enter(size, ModuleError::section_end);
    const std::uint32_t start = reader_.offset();
    const auto body = reader_.rest();
    bodies[i] = translator.translate(module.imported_functions + i);
    if (reader_.ok() && reader_.remaining() != 0) reader_.fail(ModuleError::section_size);
    if (!reader_.ok() && describe(reader_.error().reason).kind == ErrorClass::invalid) {
      Reader again{body};
      read_body(again);
      if (!again.ok()) reader_.replace_error({again.error().reason, start + again.error().offset});
    }
    reader_.leave(outer);
  }
  translator.give_back();
  arena_.release_high(mark);
  if (!reader_.ok()) return;
  arena_.commit(translator.code());
  module.code = translator.code();
  module.bodies = bodies;
}

const Export* Module::find_export(std::string_view name) const {
  const auto found = std::ranges::find(exports, name, &Export::name);
  return found == exports.end() ? nullptr : &*found;
}

std::expected<const Module*, LoadError> load(std::span<const std::byte> bytes, Arena& arena, const Limits& limits) {
  Reader reader{bytes};
  if (bytes.size() > UINT32_MAX || limits.frame_slots > UINT16_MAX) reader.fail(ModuleError::too_large);
  const auto module = arena.allocate<Module>(1);
  if (module.empty()) reader.fail(ModuleError::out_of_memory);
  const std::size_t mark = arena.high_mark();
  const bool loaded = reader.ok() && Loader{reader, arena, limits}.run(module[0]);
  arena.release_high(mark);
  if (!loaded) return std::unexpected{reader.error()};
  return &module[0];
}

}  // namespace rvm::wasm
