// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/crypto/hmac.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace rvm::crypto {

HmacKey::HmacKey(std::span<const std::byte> key) {
  std::array<std::byte, Sha256::block_bytes> block{};
  if (key.size() > block.size()) {
    const Digest hashed = sha256(key);
    std::ranges::copy(hashed, block.begin());
  } else {
    std::ranges::copy(key, block.begin());
  }
  for (std::byte& b : block) b ^= std::byte{0x36};
  Sha256 inner;
  inner.update(block);
  inner_ = inner.state();
  for (std::byte& b : block) b ^= std::byte{0x36} ^ std::byte{0x5c};
  Sha256 outer;
  outer.update(block);
  outer_ = outer.state();
  wipe(block);
}

Digest HmacKey::mac(std::span<const std::byte> message) const {
  Hmac hmac{*this};
  hmac.update(message);
  return hmac.finish();
}

Digest HmacKey::identity() const {
  constexpr std::string_view text = "rvm key id";
  return mac(std::as_bytes(std::span{text}));
}

void HmacKey::erase() {
  wipe(std::as_writable_bytes(std::span{inner_}));
  wipe(std::as_writable_bytes(std::span{outer_}));
}

Digest Hmac::finish() {
  const Digest inner = inner_.finish();
  Sha256 outer{key_.outer_, Sha256::block_bytes};
  outer.update(inner);
  return outer.finish();
}

// RFC 5869: extract PRK = HMAC(salt, key material), then expand T(i) = HMAC(PRK, T(i-1) || info || i).
Status hkdf_sha256(std::span<const std::byte> key_material, std::span<const std::byte> salt,
                   std::span<const std::byte> info, std::span<std::byte> output) {
  if (output.size() > 255 * digest_bytes) return fail(Error::bad_argument);
  Digest extracted = HmacKey{salt}.mac(key_material);  // an empty salt is 32 zeros, which HMAC pads to the same block
  HmacKey key{extracted};
  wipe(extracted);
  Digest previous{};
  for (std::uint8_t counter = 1; !output.empty(); ++counter) {
    Hmac hmac{key};
    if (counter > 1) hmac.update(previous);
    hmac.update(info);
    hmac.update(bytes_of(counter));
    previous = hmac.finish();
    const std::size_t taken = std::min(output.size(), previous.size());
    std::memcpy(output.data(), previous.data(), taken);
    output = output.subspan(taken);
  }
  wipe(previous);
  key.erase();
  return {};
}

bool equal_constant_time(std::span<const std::byte> a, std::span<const std::byte> b) {
  if (a.size() != b.size()) return false;
  std::byte difference{0};
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference |= a[i] ^ b[i];
    asm volatile("" : "+r"(difference));  // the compiler must not learn that the loop could end early
  }
  return difference == std::byte{0};
}

void wipe(std::span<std::byte> secret) {
  if (secret.empty()) return;
  std::memset(secret.data(), 0, secret.size());
  asm volatile("" : : "r"(secret.data()) : "memory");  // the zeros may be read, so they must be written
}

}  // namespace rvm::crypto
