// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/wasm/store.hpp"

#include <algorithm>

namespace rvm::wasm {

namespace {

template <typename T>
std::expected<T*, LinkError> one(Arena& arena) {
  const auto place = arena.allocate<T>(1);
  if (place.empty()) return std::unexpected{LinkError::out_of_memory};
  return &place[0];
}

constexpr std::size_t view_alignment = 4096;  // of translation

bool inside(std::uint64_t from, std::uint64_t count, std::uint64_t size) { return from + count <= size; }

}  // namespace

std::uint32_t Store::intern(const FunctionType& type) {
  std::uint32_t hash = 0;
  for (const ValueType t : type.parameters) hash = hash * 31 + static_cast<std::uint32_t>(t);
  hash = hash * 31 + 1;
  for (const ValueType t : type.results) hash = hash * 31 + static_cast<std::uint32_t>(t);
  InternedType*& bucket = types_[hash % std::size(types_)];
  for (const InternedType* t = bucket; t != nullptr; t = t->next) {
    if (std::ranges::equal(t->type.parameters, type.parameters) && std::ranges::equal(t->type.results, type.results)) {
      return t->number;
    }
  }
  const auto place = one<InternedType>(arena_);
  if (!place) return UINT32_MAX;
  **place = {type, type_count_++, bucket};
  bucket = *place;
  return bucket->number;
}

std::expected<Function*, LinkError> Store::host_function(const FunctionType& type, std::uint32_t number) {
  const std::uint32_t interned = intern(type);
  const auto place = one<Function>(arena_);
  if (!place || interned == UINT32_MAX) return std::unexpected{LinkError::out_of_memory};
  **place = {
      .type = interned, .host = number, .parameter_slots = type.parameter_slots, .result_slots = type.result_slots};
  return *place;
}

std::expected<Table*, LinkError> Store::table(const TableType& type) {
  const auto place = one<Table>(arena_);
  if (!place || type.size.minimum > limits_.table_elements) return std::unexpected{LinkError::out_of_memory};
  Table& table = **place;
  table.length = type.size.minimum;
  table.size = type.size;
  table.type = type.element;
  if (table.length > 0) {
    table.elements = arena_.allocate<std::uint64_t>(table.length);
    if (table.elements.empty()) return std::unexpected{LinkError::out_of_memory};
  }
  return *place;
}

/// The room for growth is reserved at once, because a memory must not move. An arena whose pages come on first use (as those
/// of the kernel and of mmap do) pays for what is touched only.
std::expected<Memory*, LinkError> Store::memory(const MemoryType& type) {
  const auto place = one<Memory>(arena_);
  const std::uint32_t room = std::min(type.pages.maximum, limits_.memory_pages);
  if (!place || type.pages.minimum > room) return std::unexpected{LinkError::out_of_memory};
  Memory& memory = **place;
  memory.bytes = std::uint64_t{type.pages.minimum} * memory_page_bytes;
  memory.room = room;
  memory.pages = type.pages;
  memory.guarded = limits_.guarded;
  if (room > 0 || memory.guarded) {
    const bool elsewhere = memory.guarded && host_.view != nullptr;
    const auto bytes = memory.guarded && !elsewhere ? arena_.reserve(guarded_bytes, memory_page_bytes)
                                                    : arena_.reserve(std::max<std::size_t>(room, 1) * memory_page_bytes,
                                                                     elsewhere ? view_alignment : 16);
    if (bytes.empty()) return std::unexpected{LinkError::out_of_memory};
    memory.place = bytes.data();
    memory.base = elsewhere ? host_.view(host_.user, bytes) : bytes.data();
    if (memory.base == nullptr) return std::unexpected{LinkError::out_of_memory};
  }
  if (memory.guarded &&
      (!host_.resize(host_.user, memory.base, 0, 0) || !host_.resize(host_.user, memory.base, 0, memory.bytes))) {
    return std::unexpected{LinkError::out_of_memory};
  }
  return *place;
}

std::expected<Global*, LinkError> Store::global(const GlobalType& type, Value value) {
  const auto place = one<Global>(arena_);
  if (place) **place = {value, type};
  return place;
}

std::expected<Extern, LinkError> Store::find(Instance& instance, std::string_view name) {
  const Export* found = instance.module->find_export(name);
  if (found == nullptr) return std::unexpected{LinkError::unknown_import};
  Extern e{.kind = found->kind};
  switch (found->kind) {
    case ExternKind::function:
      e.function = instance.functions[found->index];
      break;
    case ExternKind::table:
      e.table = instance.tables[found->index];
      break;
    case ExternKind::memory:
      e.memory = instance.memory;
      break;
    case ExternKind::global:
      e.global = instance.globals[found->index];
      break;
  }
  return e;
}

std::uint32_t Store::grow(Memory& memory, std::uint32_t by) {
  const auto before = static_cast<std::uint32_t>(memory.bytes / memory_page_bytes);
  if (by > memory.room - before) return UINT32_MAX;
  const std::uint64_t bytes = memory.bytes + std::uint64_t{by} * memory_page_bytes;
  if (memory.guarded && !host_.resize(host_.user, memory.base, memory.bytes, bytes)) return UINT32_MAX;
  memory.bytes = bytes;  // zero: no byte beyond the size was ever written
  return before;
}

std::uint32_t Store::grow(Table& table, std::uint32_t by, std::uint64_t fill) {
  const std::uint32_t before = table.length;
  const std::uint32_t most = std::min(table.size.maximum, limits_.table_elements);
  if (before > most || by > most - before) return UINT32_MAX;
  const std::uint32_t after = before + by;
  if (after > table.elements.size()) {
    // Twice as much each time, so that what is left behind is never more than what is in use.
    std::span<std::uint64_t> wider = arena_.allocate<std::uint64_t>(std::min(most, std::max(after, 2 * before)));
    if (wider.empty()) wider = arena_.allocate<std::uint64_t>(after);
    if (wider.empty()) return UINT32_MAX;
    std::ranges::copy(table.elements.first(before), wider.begin());
    table.elements = wider;
  }
  std::ranges::fill(table.elements.subspan(before, by), fill);
  table.length = after;
  return before;
}

Trap memory_initialize(Instance& instance, std::uint32_t segment, std::uint32_t to, std::uint32_t from,
                       std::uint32_t count) {
  const std::span<const std::byte> bytes =
      instance.dropped_data[segment] ? std::span<const std::byte>{} : instance.module->data[segment].bytes;
  Memory& memory = *instance.memory;
  if (!inside(from, count, bytes.size()) || !inside(to, count, memory.bytes)) return Trap::memory_bounds;
  if (count > 0) std::memcpy(memory.base + to, bytes.data() + from, count);
  return Trap::none;
}

}  // namespace rvm::wasm
