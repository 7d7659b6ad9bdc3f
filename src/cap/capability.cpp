// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/cap/capability.hpp"

#include <array>
#include <span>

#include "rvm/crypto/sha256.hpp"

namespace rvm::cap {

namespace {

/// Appends `bytes` little-endian bytes of `value`.
class Encoder {
 public:
  void put(std::uint64_t value, unsigned bytes) {
    for (unsigned i = 0; i < bytes; ++i) {
      buffer_[used_++] = static_cast<std::byte>(value >> (8 * i));
    }
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return {buffer_.data(), used_}; }

 private:
  std::array<std::byte, 32> buffer_;
  std::size_t used_ = 0;
};

}  // namespace

/// Canonical encoding, 19 bytes, little-endian: object id (4), object generation (2), object type (1), rights (1),
/// badge (8), slot generation (2), depth (1).
void Capability::update_hash() {
  Encoder encoder;
  encoder.put(object_id_, 4);
  encoder.put(object_generation_, 2);
  encoder.put(static_cast<std::uint64_t>(type_), 1);
  encoder.put(rights_.bits(), 1);
  encoder.put(badge_, 8);
  encoder.put(generation_.value, 2);
  encoder.put(depth_, 1);
  const crypto::Digest digest = crypto::sha256(encoder.bytes());
  hash_ = std::to_integer<std::uint32_t>(digest[0]) << 24 | std::to_integer<std::uint32_t>(digest[1]) << 16 |
          std::to_integer<std::uint32_t>(digest[2]) << 8 | std::to_integer<std::uint32_t>(digest[3]);
}

}  // namespace rvm::cap
