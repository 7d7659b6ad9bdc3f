/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * SHA-256 (FIPS 180-4) for agents, in plain C: what a proof needs. About 2 500 instructions a block of 64 bytes; no vector
 * registers, so that an agent which uses none elsewhere does not begin to.
 */
#ifndef RVM_SHA256_H
#define RVM_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* A digest as four words in memory order: the first byte is bits 0-7 of words[0]. */
struct rvm_sha256 {
  uint64_t words[4];
};

static inline uint32_t rvm_sha256_rotate(uint32_t x, unsigned n) { return x >> n | x << (32 - n); }

static inline void rvm_sha256_block(uint32_t h[8], const uint8_t* block) {
  static const uint32_t k[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
  };
  uint32_t w[64];
  for (unsigned i = 0; i < 16; ++i) {
    /* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): it does not follow a struct into its bytes */
    w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 | (uint32_t)block[4 * i + 2] << 8 |
           (uint32_t)block[4 * i + 3];
  }
  for (unsigned i = 16; i < 64; ++i) {
    const uint32_t a = w[i - 15];
    const uint32_t b = w[i - 2];
    w[i] = w[i - 16] + (rvm_sha256_rotate(a, 7) ^ rvm_sha256_rotate(a, 18) ^ a >> 3) + w[i - 7] +
           (rvm_sha256_rotate(b, 17) ^ rvm_sha256_rotate(b, 19) ^ b >> 10);
  }
  uint32_t s[8];
  for (unsigned i = 0; i < 8; ++i) s[i] = h[i];
  for (unsigned i = 0; i < 64; ++i) {
    const uint32_t t1 = s[7] +
                        (rvm_sha256_rotate(s[4], 6) ^ rvm_sha256_rotate(s[4], 11) ^ rvm_sha256_rotate(s[4], 25)) +
                        ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
    const uint32_t t2 = (rvm_sha256_rotate(s[0], 2) ^ rvm_sha256_rotate(s[0], 13) ^ rvm_sha256_rotate(s[0], 22)) +
                        ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
    for (unsigned j = 7; j > 0; --j) s[j] = s[j - 1];
    s[4] += t1;
    s[0] = t1 + t2;
  }
  for (unsigned i = 0; i < 8; ++i) h[i] += s[i];
}

static inline struct rvm_sha256 rvm_sha256_of(const void* data, size_t bytes) {
  uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  const uint8_t* from = (const uint8_t*)data;
  const uint64_t bits = (uint64_t)bytes * 8;
  for (; bytes >= 64; bytes -= 64, from += 64) rvm_sha256_block(h, from);
  uint8_t tail[128];
  const size_t length = bytes < 56 ? 64 : 128;
  /* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): nor here */
  for (size_t i = 0; i < length; ++i) tail[i] = i < bytes ? from[i] : 0;
  tail[bytes] = 0x80;
  for (unsigned i = 0; i < 8; ++i) tail[length - 1 - i] = (uint8_t)(bits >> (8 * i));
  for (size_t done = 0; done < length; done += 64) rvm_sha256_block(h, tail + done);
  struct rvm_sha256 digest;
  for (unsigned i = 0; i < 4; ++i) {
    digest.words[i] = (uint64_t)__builtin_bswap32(h[2 * i + 1]) << 32 | __builtin_bswap32(h[2 * i]);
  }
  return digest;
}

#endif
