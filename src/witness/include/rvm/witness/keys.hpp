// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/crypto/hmac.hpp"

namespace rvm::witness {

inline constexpr std::size_t device_key_bytes = 32;

/// Everything the log derives from the device key. The device key itself is not kept.
struct Keys {
  crypto::HmacKey record;    ///< HMAC(device key): the MAC in each record
  crypto::HmacKey volume;    ///< HKDF(device key, info "rvm log volume v1"): the MACs of the superblocks
  std::uint64_t key_id = 0;  ///< first 8 bytes of HMAC(device key, "rvm key id"): tells keys apart, reveals nothing
};

[[nodiscard]] Keys derive_keys(std::span<const std::byte, device_key_bytes> device_key);

}  // namespace rvm::witness
