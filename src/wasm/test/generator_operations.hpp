// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <vector>

#include "../code.hpp"
#include "rvm/wasm/types.hpp"

namespace rvm::wasm::test {

using Types = std::vector<ValueType>;

struct Operation {
  Code code = Code::nop;
  Types operands;
  ValueType result = ValueType::unknown;
  enum class Immediate : std::uint8_t { none, access, lane } immediate = Immediate::none;
  std::uint32_t lanes = 0;
  bool shows_nan = false;
  bool may_trap = false;
};

/// Every instruction that only computes or touches memory, from the engine's own table.
[[nodiscard]] std::vector<Operation> make_operations();

}  // namespace rvm::wasm::test
