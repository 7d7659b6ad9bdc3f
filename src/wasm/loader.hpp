// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <span>

#include "reader.hpp"
#include "rvm/wasm/arena.hpp"
#include "rvm/wasm/module.hpp"

namespace rvm::wasm {

/// Reads a module's sections in order. Function bodies go to the Translator as they come.
class Loader {
 public:
  Loader(Reader& reader, Arena& arena, const Limits& limits) : reader_(reader), arena_(arena), limits_(limits) {}
  /// The reader has the error when this is false.
  [[nodiscard]] bool run(Module& module);

 private:
  /// Room in the arena for what a vector's count announces.
  template <typename T>
  [[nodiscard]] std::span<T> room(std::uint32_t count) {
    const std::span<T> items = arena_.allocate<T>(count);
    if (items.size() != count) reader_.fail(ModuleError::out_of_memory);
    return reader_.ok() ? items : std::span<T>{};
  }
  [[nodiscard]] std::string_view keep(std::string_view text);

  void section(std::uint8_t id, Module& module);
  void types(Module& module);
  [[nodiscard]] std::span<const ValueType> value_types();
  void imports(Module& module);
  void import_item(Import& import, Module& module, std::span<std::uint32_t> functions, std::span<TableType> tables,
                   std::span<MemoryType> memories, std::span<GlobalDefinition> globals);
  void functions(Module& module);
  void tables(Module& module);
  void memories(Module& module);
  void globals(Module& module);
  void exports(Module& module);
  void start(Module& module);
  void elements(Module& module);
  void element(ElementSegment& segment, Module& module);
  void code(Module& module);
  void data(Module& module);
  void data_segment(DataSegment& segment, Module& module);
  [[nodiscard]] ConstantExpression expression(const Module& module, ValueType expected);
  void refer(std::uint32_t function, const Module& module);
  [[nodiscard]] std::uint32_t type_index(const Module& module);

  Reader& reader_;
  Arena& arena_;
  const Limits& limits_;
  // The index spaces while they grow: what Module shows as constant.
  std::span<std::uint64_t> referable_;  ///< functions that appear outside of bodies, so that ref.func may name them
  std::uint32_t referable_functions_ = 0;
  std::uint32_t data_count_ = 0;
  bool has_data_count_ = false;
  bool has_code_ = false;
  bool has_data_ = false;
};

}  // namespace rvm::wasm
