// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/record.hpp"

#include <array>
#include <string_view>

#include "rvm/witness/keys.hpp"

namespace rvm::witness {

namespace {

using Words = std::array<std::uint64_t, sizeof(Record) / sizeof(std::uint64_t)>;

std::span<const std::byte> text(std::string_view s) { return std::as_bytes(std::span{s}); }

}  // namespace

crypto::Digest leaf_hash(const Record& record) {
  const auto w = std::bit_cast<Words>(record);
  // Word by word: as a whole the compiler would have memcpy copy it.
  return crypto::sha256_prefixed(std::byte{0x00}, {w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7]});
}

std::uint64_t record_mac(const crypto::HmacKey& record_key, const Record& record) {
  static_assert(offsetof(Record, record_hash) == 6 * sizeof(std::uint64_t));
  const auto w = std::bit_cast<Words>(record);
  return first_eight(record_key.mac_words({w[0], w[1], w[2], w[3], w[4], w[5], w[7]}));
}

Keys derive_keys(std::span<const std::byte, device_key_bytes> device_key) {
  Keys keys;
  keys.record = crypto::HmacKey{device_key};
  keys.key_id = first_eight(keys.record.mac(text("rvm key id")));
  crypto::Digest volume_key;
  // 32 bytes are within what HKDF can give, so this cannot fail.
  if (!crypto::hkdf_sha256(device_key, {}, text("rvm log volume v1"), volume_key)) __builtin_trap();
  keys.volume = crypto::HmacKey{volume_key};
  crypto::wipe(volume_key);
  return keys;
}

}  // namespace rvm::witness
