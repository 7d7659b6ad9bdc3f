// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Bad modules on purpose: for each rule of the binary format (WebAssembly 2.0, chapter 5) and of validation (chapter 3) modules
// that break it and nothing else, made from one sample that breaks none. Where a rule is one of each instruction, there is a
// module for each instruction.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "encoding.hpp"

namespace rvm::wasm::test {

struct CatalogueEntry {
  enum class Verdict : std::uint8_t {
    valid,    ///< the sample itself, and other ways to write it: the bad ones differ from it in what their names say
    refused,  ///< for `reason`, if there is one
    either    ///< whatever another validator says of it
  };
  std::string name;
  Bytes bytes;
  Verdict verdict = Verdict::refused;
  std::optional<ModuleError> reason;
};

[[nodiscard]] std::vector<CatalogueEntry> format_catalogue();
[[nodiscard]] std::vector<CatalogueEntry> instruction_catalogue();
[[nodiscard]] std::vector<CatalogueEntry> definition_catalogue();

}  // namespace rvm::wasm::test
