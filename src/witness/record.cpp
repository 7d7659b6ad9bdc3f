// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/record.hpp"

#include <array>
#include <string_view>

#include "rvm/witness/keys.hpp"

namespace rvm::witness {

namespace {

std::span<const std::byte> text(std::string_view s) { return std::as_bytes(std::span{s}); }

}  // namespace

crypto::Digest leaf_hash(const Record& record) {
  return crypto::sha256_prefixed(std::byte{0x00}, std::bit_cast<std::array<std::uint64_t, 8>>(record));
}

std::uint64_t record_mac(const crypto::HmacKey& record_key, const Record& record) {
  const auto bytes = crypto::bytes_of(record);
  crypto::Hmac hmac{record_key};
  hmac.update(bytes.first(offsetof(Record, record_hash)));
  hmac.update(bytes.last(sizeof(record.aux)));
  return first_eight(hmac.finish());
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
