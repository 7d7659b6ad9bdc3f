// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace rvm::kernel {

/// A line of console text in a fixed buffer; what does not fit is cut. No locale, no allocation.
class Line {
 public:
  Line& text(std::string_view s) {
    for (const char c : s) put(c);
    return *this;
  }
  /// From a NUL-padded name.
  template <std::size_t N>
  Line& name(const std::array<char, N>& n) {
    for (std::size_t i = 0; i < N && n[i] != '\0'; ++i) put(n[i]);
    return *this;
  }
  Line& number(std::uint64_t value) {
    std::array<char, 20> digits{};
    std::size_t i = digits.size();
    do {
      digits[--i] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    for (; i < digits.size(); ++i) put(digits[i]);
    return *this;
  }
  Line& hex(std::uint64_t value, int digits = 1) {
    for (int shift = 60; shift >= 0; shift -= 4) {
      if (shift / 4 < digits || value >> shift != 0) put("0123456789abcdef"[value >> shift & 15]);
    }
    return *this;
  }
  Line& hex(std::span<const std::byte> bytes) {
    for (const std::byte b : bytes) hex(std::to_integer<std::uint64_t>(b), 2);
    return *this;
  }
  /// ,"key":value or "key":value at the start of an object
  Line& field(std::string_view key, std::uint64_t value) { return this->key(key).number(value); }
  Line& key(std::string_view key) {
    if (length_ > 0 && buffer_[length_ - 1] != '{') put(',');
    return text("\"").text(key).text("\":");
  }
  /// Agent text: control characters and bytes outside ASCII become \xNN, so that no agent can start a line of its own making.
  Line& escaped(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) {
      put(c);
    } else if (c == '\t') {
      put(' ');
    } else {
      text("\\x").hex(byte, 2);
    }
    return *this;
  }

  [[nodiscard]] std::string_view view() const { return {buffer_.data(), length_}; }
  void clear() { length_ = 0; }

  /// Sends the line, with a line feed, to the console as a whole. Takes the console's own lock.
  void print();

 private:
  void put(char c) {
    if (length_ < buffer_.size() - 1) buffer_[length_++] = c;
  }
  std::array<char, 1200> buffer_;
  std::size_t length_ = 0;
};

}  // namespace rvm::kernel
