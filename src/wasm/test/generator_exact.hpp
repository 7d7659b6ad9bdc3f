// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What generated modules have when every bit of what they do is to be compared: results that are integers, and a function that
// digests the whole state.
#pragma once

#include "encoding.hpp"
#include "generator_operations.hpp"

namespace rvm::wasm::test {

/// A function without parameters that calls `callee` and gives its results, floating-point numbers by their bits.
[[nodiscard]] Bytes bits_body(std::uint32_t callee, const Types& results);
[[nodiscard]] Types bits_types(const Types& results);

/// Elements of table 1 that exist from the beginning.
inline constexpr std::uint32_t second_table_elements = 8;
/// A function that gives a digest, i64, of memory 0, all globals, and what is null in table 1.
[[nodiscard]] Bytes state_body(const Types& globals);

}  // namespace rvm::wasm::test
