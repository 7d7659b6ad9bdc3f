// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The binary format, written.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rvm/wasm/types.hpp"

namespace rvm::wasm::test {

using Bytes = std::vector<std::uint8_t>;

inline void unsigned_leb(Bytes& out, std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(static_cast<std::uint8_t>(value | 0x80));
  out.push_back(static_cast<std::uint8_t>(value));
}
inline void signed_leb(Bytes& out, std::int64_t value) {
  for (; value < -64 || value > 63; value >>= 7) out.push_back(static_cast<std::uint8_t>((value & 0x7f) | 0x80));
  out.push_back(static_cast<std::uint8_t>(value & 0x7f));
}
inline void append(Bytes& out, const Bytes& more) { out.insert(out.end(), more.begin(), more.end()); }
inline void section(Bytes& out, std::uint8_t id, const Bytes& content) {
  out.push_back(id);
  unsigned_leb(out, content.size());
  append(out, content);
}
inline void type_list(Bytes& out, std::span<const ValueType> types) {
  unsigned_leb(out, types.size());
  for (const ValueType t : types) out.push_back(static_cast<std::uint8_t>(t));
}

}  // namespace rvm::wasm::test
