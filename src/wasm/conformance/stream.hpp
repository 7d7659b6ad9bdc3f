// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A script of the official test suite as bytes, so that the engine can be tested where there is neither JSON nor a text format:
// in a partition. Little-endian, nothing aligned. First comes how many pages a linear memory
// has room for (32 bits): few where many instances live beside each other. A command is its kind (8 bits), the line of the script (32 bits), and
//   module, unlinkable: name, module      malformed, invalid: text, module
//   register: name, name in imports       action, returns, traps: action, then expected values or a text
//   text_refused: nothing; what has no module because the text format's tool refused it, as the script asserts
// A text or module is its length (32 bits) and its bytes. An action is 0 (call) or 1 (get a global), the instance's name (empty:
// the last one's), the export's name, and a number of argument slots (32 bits) with the slots. Expected values are their number
// (32 bits) and, for each, its slots (8 bits), the width of its lanes in bits (8 bits), and for each lane how it matches (8 bits)
// and a word.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace rvm::wasm::conformance {

enum class Command : std::uint8_t {
  module,
  register_as,
  action,
  assert_return,
  assert_trap,
  assert_invalid,
  assert_malformed,
  assert_unlinkable,
  text_refused,
};

/// An arithmetic NaN has the highest bit of its fraction set; a canonical one has no other, and either sign.
enum class Match : std::uint8_t { bits, canonical_nan, arithmetic_nan, any_reference };

/// Reads what the packer wrote. Beyond the end everything is 0 or empty, and `broken` says so.
class Reader {
 public:
  explicit Reader(std::span<const std::byte> bytes) : rest_(bytes) {}

  template <typename T>
  [[nodiscard]] T number() {
    T value{};
    if (rest_.size() < sizeof value) {
      broken_ = true;
      rest_ = {};
      return value;
    }
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_ = rest_.subspan(sizeof value);
    return value;
  }
  [[nodiscard]] std::span<const std::byte> bytes() {
    const auto count = number<std::uint32_t>();
    if (count > rest_.size()) broken_ = true;
    const auto taken = rest_.first(broken_ ? 0 : count);
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  [[nodiscard]] std::string_view text() {
    const auto taken = bytes();
    return {reinterpret_cast<const char*>(taken.data()), taken.size()};  // char may alias
  }
  [[nodiscard]] bool empty() const { return rest_.empty(); }
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  std::span<const std::byte> rest_;
  bool broken_ = false;
};

}  // namespace rvm::wasm::conformance
