// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <vector>

#include "encoding.hpp"
#include "generator.hpp"
#include "generator_operations.hpp"

namespace rvm::wasm::test {

struct Signature {
  Types parameters;
  Types results;
};

/// The body, behind its size, of function `self` of the module.
[[nodiscard]] Bytes generate_body(Source& source, const GeneratorOptions& options,
                                  const std::vector<Signature>& functions, std::size_t self, const Types& globals);

}  // namespace rvm::wasm::test
