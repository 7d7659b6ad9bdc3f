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

namespace {

// LD1 and ST1 need no more than the alignment of their elements, whatever SCTLR_ELx.A and the memory type (Arm ARM
// B2.5.2). The compiler, told to be strict, would use a load for each element.
uint8x16_t load_bytes(const std::byte* p) {
  uint8x16_t v;
  asm("ld1 {%0.16b}, [%1]" : "=w"(v) : "r"(p), "m"(*reinterpret_cast<const std::byte(*)[16]>(p)));
  return v;
}
uint32x4_t load_words(const std::uint32_t* p) {
  uint32x4_t v;
  asm("ld1 {%0.4s}, [%1]" : "=w"(v) : "r"(p), "m"(*reinterpret_cast<const std::uint32_t(*)[4]>(p)));
  return v;
}
void store_words(std::uint32_t* p, uint32x4_t v) {  // NOLINT(readability-non-const-parameter): the assembly writes
  asm("st1 {%1.4s}, [%2]" : "=m"(*reinterpret_cast<std::uint32_t(*)[4]>(p)) : "w"(v), "r"(p));
}

}  // namespace

void sha256_blocks_vector(std::uint32_t* state, const std::byte* blocks, std::size_t count) {
  const std::uint32_t* constants = sha256_constants.data();
  asm("" : "+r"(constants));  // one base register instead of an address computation for each load
  uint32x4_t abcd = load_words(state);
  uint32x4_t efgh = load_words(state + 4);
  for (; count != 0; --count, blocks += 64) {
    uint32x4_t w[4];
    for (unsigned i = 0; i < 4; ++i) {
      w[i] = vreinterpretq_u32_u8(vrev32q_u8(load_bytes(blocks + std::size_t{16} * i)));
    }
    const uint32x4_t abcd_before = abcd;
    const uint32x4_t efgh_before = efgh;
#pragma clang loop unroll(full)
    for (unsigned i = 0; i < 16; ++i) {  // four rounds each
      const uint32x4_t input = vaddq_u32(
          w[i % 4],
          vld1q_u32(static_cast<const std::uint32_t*>(__builtin_assume_aligned(constants + std::size_t{4} * i, 16))));
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
  store_words(state, abcd);
  store_words(state + 4, efgh);
}

}  // namespace rvm::crypto
