// SPDX-License-Identifier: MIT OR Apache-2.0
//
// SHA-256 with the Armv8 Cryptographic Extension (Arm ARM C7.2, SHA256H, SHA256H2, SHA256SU0, SHA256SU1). Uses v0-v7 and
// v16-v31 only, and needs floating point enabled at the current exception level.
#include <arm_neon.h>

#include "sha256_blocks.hpp"

namespace rvm::crypto {

// ID_AA64ISAR0_EL1.SHA2, bits 12-15: 0 means none, 1 or 2 that the SHA-256 instructions exist. Readable at EL1 and EL2;
// Linux emulates the read for EL0.
bool sha256_vector_available() {
  std::uint64_t features;
  asm("mrs %0, id_aa64isar0_el1" : "=r"(features));
  return ((features >> 12) & 0xf) != 0;
}

void sha256_blocks_vector(std::uint32_t* state, const std::byte* blocks, std::size_t count) {
  uint32x4_t abcd = vld1q_u32(state);
  uint32x4_t efgh = vld1q_u32(state + 4);
  for (; count != 0; --count, blocks += 64) {
    uint32x4_t w[4];
    for (unsigned i = 0; i < 4; ++i) {
      const auto* bytes = reinterpret_cast<const std::uint8_t*>(blocks) + 16 * i;  // bytes may be viewed as bytes
      w[i] = vreinterpretq_u32_u8(vrev32q_u8(vld1q_u8(bytes)));
    }
    const uint32x4_t abcd_before = abcd;
    const uint32x4_t efgh_before = efgh;
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < 16; ++i) {  // four rounds each
      const uint32x4_t input = vaddq_u32(w[i % 4], vld1q_u32(&sha256_constants[4 * i]));
      if (i < 12) {
        w[i % 4] = vsha256su1q_u32(vsha256su0q_u32(w[i % 4], w[(i + 1) % 4]), w[(i + 2) % 4], w[(i + 3) % 4]);
      }
      const uint32x4_t previous = abcd;
      abcd = vsha256hq_u32(abcd, efgh, input);
      efgh = vsha256h2q_u32(efgh, previous, input);
    }
    abcd = vaddq_u32(abcd, abcd_before);
    efgh = vaddq_u32(efgh, efgh_before);
  }
  vst1q_u32(state, abcd);
  vst1q_u32(state + 4, efgh);
}

}  // namespace rvm::crypto
