// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Memory, tables and globals.
#include <algorithm>

#include "interpreter.hpp"

namespace rvm::wasm {

using namespace type;

// Where an access goes, in the three forms of an address. At most 33 bits, so nothing here overflows.
#define RVM_WASM_AT_OFFSET (fp[field_b(word)] + field_c(word))
#define RVM_WASM_AT_SUM_K static_cast<std::uint32_t>(fp[field_b(word)] + constant_c<std::uint64_t>(word))
#define RVM_WASM_AT_SUM static_cast<std::uint32_t>(fp[field_b(word)] + fp[field_c(word)])

// clang-format off
#define RVM_WASM_READ(name, address, type, cell)                                             \
  RVM_WASM_HANDLER(name) {                                                                   \
    const std::uint64_t at = address;                                                        \
    if (at + sizeof(cell) > memory_bytes) [[unlikely]] RVM_WASM_STOP(Trap::memory_bounds);   \
    cell value;                                                                              \
    std::memcpy(&value, memory + at, sizeof value);                                          \
    using Bits = std::conditional_t<sizeof(type) == 4, std::uint32_t, std::uint64_t>;        \
    put(fp, field_a(word), static_cast<Bits>(value));                                        \
    RVM_WASM_NEXT(1);                                                                        \
  }
#define RVM_X(name, code, text, type, cell)                                                  \
  RVM_WASM_READ(name, RVM_WASM_AT_OFFSET, type, cell)                                        \
  RVM_WASM_READ(name##_k, RVM_WASM_AT_SUM_K, type, cell)                                     \
  RVM_WASM_READ(name##_x, RVM_WASM_AT_SUM, type, cell)
RVM_WASM_LOAD(RVM_X)
#undef RVM_X
#define RVM_WASM_WRITE(name, address, cell)                                                  \
  RVM_WASM_HANDLER(name) {                                                                   \
    const std::uint64_t at = address;                                                        \
    if (at + sizeof(cell) > memory_bytes) [[unlikely]] RVM_WASM_STOP(Trap::memory_bounds);   \
    const auto value = static_cast<cell>(fp[field_a(word)]);                                 \
    std::memcpy(memory + at, &value, sizeof value);                                          \
    RVM_WASM_NEXT(1);                                                                        \
  }
#define RVM_X(name, code, text, type, cell)                                                  \
  RVM_WASM_WRITE(name, RVM_WASM_AT_OFFSET, cell)                                             \
  RVM_WASM_WRITE(name##_k, RVM_WASM_AT_SUM_K, cell)                                          \
  RVM_WASM_WRITE(name##_x, RVM_WASM_AT_SUM, cell)
RVM_WASM_STORE(RVM_X)
#undef RVM_X
// clang-format on

RVM_WASM_HANDLER(far_address) {
  fp[field_a(word)] = fp[field_b(word)] + pc[1];
  RVM_WASM_NEXT(2);
}

RVM_WASM_HANDLER(global_read) {
  fp[field_a(word)] = instance->globals.data()[upper(word)]->value.bits[0];
  RVM_WASM_NEXT(1);
}
RVM_WASM_HANDLER(global_read_v128) {
  const Value& value = instance->globals.data()[upper(word)]->value;
  put(fp, field_a(word), V128{value.bits[0], value.bits[1]});
  RVM_WASM_NEXT(1);
}
RVM_WASM_HANDLER(global_write) {
  instance->globals.data()[upper(word)]->value.bits[0] = fp[field_a(word)];
  RVM_WASM_NEXT(1);
}
RVM_WASM_HANDLER(global_write_v128) {
  Value& value = instance->globals.data()[upper(word)]->value;
  std::memcpy(value.bits, fp + field_a(word), sizeof value.bits);
  RVM_WASM_NEXT(1);
}

RVM_WASM_HANDLER(function_reference) {
  fp[field_a(word)] = execution->store().reference(*instance->functions.data()[upper(word)]);
  RVM_WASM_NEXT(1);
}

// --- Bulk instructions -----------------------------------------------------------------------------------------------

namespace {

// What they move is paid for beside the instruction: a unit per 16 bytes, as vector instructions would cost.
constexpr std::uint64_t bytes_per_unit = 16;
constexpr std::uint64_t elements_per_unit = 2;

[[nodiscard]] std::uint32_t operand(const std::uint64_t* fp, std::uint32_t slot) {
  return static_cast<std::uint32_t>(fp[slot]);
}
[[nodiscard]] bool inside(std::uint64_t from, std::uint64_t count, std::uint64_t size) { return from + count <= size; }

}  // namespace

RVM_WASM_HANDLER(memory_pages) {
  fp[field_a(word)] = memory_bytes / memory_page_bytes;
  RVM_WASM_NEXT(1);
}
RVM_WASM_HANDLER(memory_extend) {
  fp[field_a(word)] = execution->store().grow(*instance->memory, operand(fp, field_b(word)));
  memory = instance->memory->base;
  memory_bytes = instance->memory->bytes;
  RVM_WASM_NEXT(1);
}
RVM_WASM_HANDLER(memory_move) {
  const std::uint32_t to = operand(fp, field_a(word));
  const std::uint32_t from = operand(fp, field_b(word));
  const std::uint32_t count = operand(fp, field_c(word));
  if (!inside(to, count, memory_bytes) || !inside(from, count, memory_bytes)) RVM_WASM_STOP(Trap::memory_bounds);
  RVM_WASM_PAY(count / bytes_per_unit);
  if (count > 0) std::memmove(memory + to, memory + from, count);
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(memory_set_range) {
  const std::uint32_t to = operand(fp, field_a(word));
  const std::uint32_t count = operand(fp, field_c(word));
  if (!inside(to, count, memory_bytes)) RVM_WASM_STOP(Trap::memory_bounds);
  RVM_WASM_PAY(count / bytes_per_unit);
  if (count > 0) std::memset(memory + to, static_cast<std::uint8_t>(operand(fp, field_b(word))), count);
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(memory_initialize) {
  const std::uint32_t count = operand(fp, field_c(word));
  RVM_WASM_PAY(count / bytes_per_unit);
  const Trap trap =
      memory_initialize(*instance, upper(pc[1]), operand(fp, field_a(word)), operand(fp, field_b(word)), count);
  if (trap != Trap::none) RVM_WASM_STOP(trap);
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(data_release) {
  instance->dropped_data[upper(word)] = true;
  RVM_WASM_NEXT(1);
}

RVM_WASM_HANDLER(table_read) {
  const Table& table = *instance->tables.data()[pc[1]];
  const std::uint32_t index = operand(fp, field_b(word));
  if (index >= table.length) [[unlikely]]
    RVM_WASM_STOP(Trap::table_bounds);
  fp[field_a(word)] = table.elements.data()[index];
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(table_write) {
  Table& table = *instance->tables.data()[pc[1]];
  const std::uint32_t index = operand(fp, field_a(word));
  if (index >= table.length) [[unlikely]]
    RVM_WASM_STOP(Trap::table_bounds);
  table.elements.data()[index] = fp[field_b(word)];
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(table_length) {
  fp[field_a(word)] = instance->tables.data()[pc[1]]->length;
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(table_extend) {
  const std::uint32_t by = operand(fp, field_c(word));
  RVM_WASM_PAY(by / elements_per_unit);
  fp[field_a(word)] = execution->store().grow(*instance->tables.data()[pc[1]], by, fp[field_b(word)]);
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(table_set_range) {
  Table& table = *instance->tables.data()[pc[1]];
  const std::uint32_t to = operand(fp, field_a(word));
  const std::uint32_t count = operand(fp, field_c(word));
  if (!inside(to, count, table.length)) RVM_WASM_STOP(Trap::table_bounds);
  RVM_WASM_PAY(count / elements_per_unit);
  std::ranges::fill(table.elements.subspan(to, count), fp[field_b(word)]);
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(table_move) {
  const Table& source = *instance->tables.data()[upper(pc[1])];
  Table& table = *instance->tables.data()[static_cast<std::uint32_t>(pc[1])];
  const std::uint32_t to = operand(fp, field_a(word));
  const std::uint32_t from = operand(fp, field_b(word));
  const std::uint32_t count = operand(fp, field_c(word));
  if (!inside(to, count, table.length) || !inside(from, count, source.length)) RVM_WASM_STOP(Trap::table_bounds);
  RVM_WASM_PAY(count / elements_per_unit);
  if (count > 0) {
    std::memmove(table.elements.data() + to, source.elements.data() + from, count * sizeof(std::uint64_t));
  }
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(table_initialize) {
  const std::uint32_t count = operand(fp, field_c(word));
  RVM_WASM_PAY(count / elements_per_unit);
  const Trap trap = table_initialize(execution->store(), *instance, static_cast<std::uint32_t>(pc[1]), upper(pc[1]),
                                     operand(fp, field_a(word)), operand(fp, field_b(word)), count);
  if (trap != Trap::none) RVM_WASM_STOP(trap);
  RVM_WASM_NEXT(2);
}
RVM_WASM_HANDLER(element_release) {
  instance->dropped_elements[upper(word)] = true;
  RVM_WASM_NEXT(1);
}

}  // namespace rvm::wasm
