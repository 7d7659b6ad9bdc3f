// SPDX-License-Identifier: MIT OR Apache-2.0
#include "spec_values.hpp"

namespace rvm::wasm::test {

namespace {

unsigned bits_of(const std::string& type) {
  if (type == "i8") return 8;
  if (type == "i16") return 16;
  return type == "i32" || type == "f32" ? 32 : 64;
}

std::uint64_t number(const std::string& text) {
  return text[0] == '-' ? static_cast<std::uint64_t>(std::stoll(text)) : std::stoull(text);
}

/// An arithmetic NaN has the highest bit of its fraction set; a canonical one has no other, and either sign.
bool matches_bits(const std::string& type, const std::string& expected, std::uint64_t bits) {
  const bool narrow = type == "f32";
  const std::uint64_t quiet = narrow ? 0x7fc00000 : 0x7ff8000000000000;
  const std::uint64_t sign = narrow ? 0x80000000 : 0x8000000000000000;
  if (expected == "nan:canonical") return (bits & ~sign) == quiet;
  if (expected == "nan:arithmetic") return (bits & quiet) == quiet;
  const unsigned width = bits_of(type);
  const std::uint64_t mask = width == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << width) - 1;
  return bits == (number(expected) & mask);
}

}  // namespace

std::vector<std::uint64_t> slots_of(const Json& value) {
  const std::string type = value.at("type");
  if (type == "v128") {
    const std::string lane = value.at("lane_type");
    const unsigned bits = bits_of(lane);
    std::vector<std::uint64_t> slots(2);
    unsigned at = 0;
    for (const std::string text : value.at("value")) {
      const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
      slots[at / 64] |= (number(text) & mask) << at % 64;
      at += bits;
    }
    return slots;
  }
  const std::string text = value.at("value");
  if (type == "externref" || type == "funcref") return {text == "null" ? 0 : number(text) + 1};
  return {bits_of(type) == 32 ? number(text) & UINT32_MAX : number(text)};
}

bool matches(const Json& expected, std::span<const std::uint64_t>& slots) {
  const std::string type = expected.at("type");
  if (slots.size() < (type == "v128" ? 2U : 1U)) return false;
  if (type == "v128") {
    const std::string lane = expected.at("lane_type");
    const unsigned bits = bits_of(lane);
    bool same = true;
    unsigned at = 0;
    for (const std::string text : expected.at("value")) {
      const std::uint64_t mask = bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1;
      same = same && matches_bits(lane, text, slots[at / 64] >> at % 64 & mask);
      at += bits;
    }
    slots = slots.subspan(2);
    return same;
  }
  const std::uint64_t bits = slots[0];
  slots = slots.subspan(1);
  if (!expected.contains("value")) return bits != 0;  // any reference
  const std::string text = expected.at("value");
  if (type == "externref" || type == "funcref") return bits == (text == "null" ? 0 : number(text) + 1);
  return matches_bits(type, text, bits);
}

}  // namespace rvm::wasm::test
