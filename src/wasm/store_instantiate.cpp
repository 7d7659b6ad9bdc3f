// SPDX-License-Identifier: MIT OR Apache-2.0
//
// From a module to an instance: imports are matched, definitions get their place in the arena, segments are written.
#include <algorithm>

#include "rvm/wasm/store.hpp"

namespace rvm::wasm {

namespace {

/// Whether what is `now` long and declared as `have` may stand where `want` is asked for.
bool matches(std::uint32_t now, const SizeRange& have, const SizeRange& want) {
  if (now < want.minimum) return false;
  return !want.has_maximum || (have.has_maximum && have.maximum <= want.maximum);
}

}  // namespace

Value Store::evaluate(const Instance& instance, const ConstantExpression& expression) const {
  switch (expression.kind) {
    case ConstantExpression::Kind::constant:
      return {{expression.bits[0], expression.bits[1]}};
    case ConstantExpression::Kind::function_reference:
      return {{reference(*instance.functions[expression.index]), 0}};
    case ConstantExpression::Kind::global:
      return instance.globals[expression.index]->value;
    case ConstantExpression::Kind::null_reference:
      break;
  }
  return {};
}

bool Store::intern_types(Instance& instance) {
  for (std::size_t i = 0; i < instance.types.size(); ++i) {
    instance.types[i] = intern(instance.module->types[i]);
    if (instance.types[i] == UINT32_MAX) return false;
  }
  return true;
}

bool Store::link(Instance& instance, std::span<const Extern> imports, LinkError& error) {
  const Module& module = *instance.module;
  error = LinkError::unknown_import;
  if (imports.size() != module.imports.size()) return false;
  error = LinkError::incompatible_import;
  for (std::size_t i = 0; i < imports.size(); ++i) {
    const Import& wanted = module.imports[i];
    const Extern& given = imports[i];
    if (given.kind != wanted.kind) return false;
    const std::uint32_t index = wanted.index;
    switch (wanted.kind) {
      case ExternKind::function:
        if (given.function->type != instance.types[module.functions[index]]) return false;
        instance.functions[index] = given.function;
        break;
      case ExternKind::table: {
        const TableType& type = module.tables[index];
        if (given.table->type != type.element) return false;
        if (!matches(given.table->length, given.table->size, type.size)) return false;
        instance.tables[index] = given.table;
        break;
      }
      case ExternKind::memory: {
        const auto pages = static_cast<std::uint32_t>(given.memory->bytes / memory_page_bytes);
        if (!matches(pages, given.memory->pages, module.memories[index].pages)) return false;
        instance.memory = given.memory;
        break;
      }
      case ExternKind::global: {
        const GlobalType& type = module.globals[index].type;
        if (given.global->type.value != type.value || given.global->type.is_mutable != type.is_mutable) return false;
        instance.globals[index] = given.global;
        break;
      }
    }
  }
  return true;
}

/// What the module itself defines. False: no room.
bool Store::define(Instance& instance) {
  const Module& module = *instance.module;
  const auto defined = arena_.allocate<Function>(module.bodies.size());
  if (defined.size() != module.bodies.size()) return false;
  for (std::size_t i = 0; i < defined.size(); ++i) {
    const std::size_t index = module.imported_functions + i;
    const FunctionType& type = module.function_type(static_cast<std::uint32_t>(index));
    defined[i] = {.type = instance.types[module.functions[index]],
                  .parameter_slots = type.parameter_slots,
                  .result_slots = type.result_slots,
                  .code = &module.code[module.bodies[i].entry],
                  .instance = &instance};
    instance.functions[index] = &defined[i];
  }
  for (std::size_t i = module.imported_tables; i < module.tables.size(); ++i) {
    const auto made = table(module.tables[i]);
    if (!made) return false;
    instance.tables[i] = *made;
  }
  if (module.imported_memories == 0 && !module.memories.empty()) {
    const auto made = memory(module.memories[0]);
    if (!made) return false;
    instance.memory = *made;
  }
  for (std::size_t i = module.imported_globals; i < module.globals.size(); ++i) {
    const auto made = global(module.globals[i].type, evaluate(instance, module.globals[i].value));
    if (!made) return false;
    instance.globals[i] = *made;
  }
  return true;
}

std::expected<Instance*, LinkError> Store::instantiate(const Module& module, std::span<const Extern> imports) {
  const auto place = arena_.allocate<Instance>(1);
  if (place.empty()) return std::unexpected{LinkError::out_of_memory};
  Instance& instance = place[0];
  instance.module = &module;
  instance.functions = arena_.allocate<Function*>(module.functions.size());
  instance.tables = arena_.allocate<Table*>(module.tables.size());
  instance.globals = arena_.allocate<Global*>(module.globals.size());
  instance.types = arena_.allocate<std::uint32_t>(module.types.size());
  instance.dropped_data = arena_.allocate<bool>(module.data.size());
  instance.dropped_elements = arena_.allocate<bool>(module.elements.size());
  if (instance.functions.size() != module.functions.size() || instance.tables.size() != module.tables.size() ||
      instance.globals.size() != module.globals.size() || instance.types.size() != module.types.size() ||
      instance.dropped_data.size() != module.data.size() ||
      instance.dropped_elements.size() != module.elements.size() || !intern_types(instance)) {
    return std::unexpected{LinkError::out_of_memory};
  }
  LinkError error{};
  if (!link(instance, imports, error)) return std::unexpected{error};
  if (!define(instance)) return std::unexpected{LinkError::out_of_memory};
  return &instance;
}

Trap Store::initialize(Instance& instance) {
  const Module& module = *instance.module;
  for (std::uint32_t i = 0; i < module.elements.size(); ++i) {
    const ElementSegment& segment = module.elements[i];
    if (segment.mode == SegmentMode::active) {
      const auto to = static_cast<std::uint32_t>(evaluate(instance, segment.offset).bits[0]);
      const auto count = static_cast<std::uint32_t>(segment.elements.size());
      const Trap trap = table_initialize(*this, instance, segment.table, i, to, 0, count);
      if (trap != Trap::none) return trap;
    }
    if (segment.mode != SegmentMode::passive) instance.dropped_elements[i] = true;
  }
  for (std::uint32_t i = 0; i < module.data.size(); ++i) {
    const DataSegment& segment = module.data[i];
    if (segment.mode != SegmentMode::active) continue;
    const auto to = static_cast<std::uint32_t>(evaluate(instance, segment.offset).bits[0]);
    const Trap trap = memory_initialize(instance, i, to, 0, static_cast<std::uint32_t>(segment.bytes.size()));
    if (trap != Trap::none) return trap;
    instance.dropped_data[i] = true;
  }
  return Trap::none;
}

Trap table_initialize(const Store& store, Instance& instance, std::uint32_t table, std::uint32_t segment,
                      std::uint32_t to, std::uint32_t from, std::uint32_t count) {
  std::span<const ConstantExpression> elements = instance.module->elements[segment].elements;
  if (instance.dropped_elements[segment]) elements = {};
  Table& t = *instance.tables[table];
  if (std::uint64_t{from} + count > elements.size() || std::uint64_t{to} + count > t.length) return Trap::table_bounds;
  for (std::uint32_t i = 0; i < count; ++i) t.elements[to + i] = store.evaluate(instance, elements[from + i]).bits[0];
  return Trap::none;
}

}  // namespace rvm::wasm
