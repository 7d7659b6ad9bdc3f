// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rvm/types/capacities.hpp"

namespace rvm::kernel {

/// A line of console text in a fixed buffer; what does not fit is cut. No locale, no allocation.
class Line {
 public:
  Line& text(std::string_view s);
  /// From a NUL-padded name.
  template <std::size_t N>
  Line& name(const std::array<char, N>& n) {
    return name({n.data(), N});
  }
  Line& number(std::uint64_t value);
  Line& hex(std::uint64_t value, int digits = 1);
  Line& hex(std::span<const std::byte> bytes);
  /// ,"key":value or "key":value at the start of an object
  Line& field(std::string_view key, std::uint64_t value) { return this->key(key).number(value); }
  Line& key(std::string_view key);
  /// ,"key":"value"; the value needs no escapes.
  Line& string(std::string_view key, std::string_view value) {
    return this->key(key).text("\"").text(value).text("\"");
  }
  /// Agent text: control characters and bytes outside ASCII become \xNN, so that no agent can start a line of its own making.
  Line& escaped(char c);

  [[nodiscard]] std::string_view view() const { return {buffer_.data(), length_}; }
  void clear() { length_ = 0; }

  /// Sends the line, with a line feed, to the console as a whole. Takes the console's own lock.
  void print();

 private:
  Line& name(std::span<const char> padded);
  void put(char c);
  std::array<char, capacity::line_bytes> buffer_;
  std::size_t length_ = 0;
};

/// The report rvm# {"t":TYPE,"note":NOTE}. A note may be longer than a Line; it needs no escapes but for its line feeds.
void print_note(std::string_view type, std::string_view note);

}  // namespace rvm::kernel
