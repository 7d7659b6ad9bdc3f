// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The halves of a word of a record that holds two numbers.
#pragma once

#include <cstdint>

namespace rvm::witness {

constexpr std::uint32_t high(std::uint64_t word) { return static_cast<std::uint32_t>(word >> 32); }
constexpr std::uint32_t low(std::uint64_t word) { return static_cast<std::uint32_t>(word); }

}  // namespace rvm::witness
