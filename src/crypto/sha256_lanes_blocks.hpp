// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the instruction sets offer to sha256_lanes.cpp. Call only what `..._available` allows.
#pragma once

#include "sha256_blocks.hpp"

namespace rvm::crypto {

/// The states after HMAC's two pads.
struct PadStates {
  const Sha256::State& inner;
  const Sha256::State& outer;
};

/// sha256_prefixed_each and mac_each of exactly four, with the SHA extensions (sha256_lanes_x86.cpp).
void sha256_prefixed_four(std::byte prefix, const std::byte* bodies, Digest* digests);
void mac_four(const PadStates& key, const std::byte* messages, Digest* digests);

/// The same of 1 to 16, with AVX-512 (sha256_lanes_avx512.cpp). The time does not depend on `count`.
[[nodiscard]] bool sixteen_available();
void sha256_prefixed_sixteen(std::byte prefix, const std::byte* bodies, Digest* digests, std::size_t count);
void mac_sixteen(const PadStates& key, const std::byte* messages, Digest* digests, std::size_t count);

}  // namespace rvm::crypto
