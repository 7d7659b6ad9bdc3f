// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Values as wast2json writes them: decimal numbers of bits, lanes, and patterns for NaN.
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "rvm/wasm/types.hpp"

namespace rvm::wasm::test {

using Json = nlohmann::json;

/// The slots of an argument.
[[nodiscard]] std::vector<std::uint64_t> slots_of(const Json& value);
/// Whether `slots` are what is expected. Takes those it looked at from the front.
[[nodiscard]] bool matches(const Json& expected, std::span<const std::uint64_t>& slots);

}  // namespace rvm::wasm::test
