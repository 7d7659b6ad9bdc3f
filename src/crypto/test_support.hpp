// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <doctest/doctest.h>

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rvm/crypto/sha256.hpp"

namespace rvm::crypto::test {

inline std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span{text}); }

inline std::string hex(std::span<const std::byte> data) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  for (std::byte b : data) {
    text += digits[std::to_integer<unsigned>(b) >> 4];
    text += digits[std::to_integer<unsigned>(b) & 15];
  }
  return text;
}

inline std::vector<std::byte> unhex(std::string_view text) {
  std::vector<std::byte> data;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    data.push_back(static_cast<std::byte>(std::stoi(std::string{text.substr(i, 2)}, nullptr, 16)));
  }
  return data;
}

/// Runs `body` with the portable block function and, if this CPU has one, with the accelerated one.
template <typename Body>
void with_each_implementation(Body body) {
  for (auto wanted : {Implementation::portable, Implementation::armv8_sha2, Implementation::x86_sha}) {
    if (!use_implementation(wanted)) continue;
    CAPTURE(static_cast<int>(wanted));
    body();
  }
  select_implementation();
}

}  // namespace rvm::crypto::test
