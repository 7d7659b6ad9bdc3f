/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * An actor whose state comes from all that might differ between machines and tiers and must not: floating point and its NaNs,
 * vectors, how far memory grows, how deep calls go, where fuel ends, random numbers, and what a turn that failed left behind. */
#include <rvm/wasm.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/api.h>
#include <wasm_simd128.h>

#include "feed.h"

static double numbers[512];
static float singles[512];
static v128_t lanes[128];
static uint64_t digest;
static uint32_t grown;
static unsigned char noise[65536];

typedef __wasi_errno_t (*random_function)(uint8_t*, __wasi_size_t);
static random_function indirect = __wasi_random_get;

static void mix(uint64_t x) { digest = (digest ^ x) * UINT64_C(0x9e3779b97f4a7c15) + (digest >> 31); }

static uint64_t bits(double d) {
  uint64_t u;
  memcpy(&u, &d, sizeof u);
  return u;
}

static uint64_t next(uint64_t* state) {
  *state ^= *state << 13;
  *state ^= *state >> 7;
  return *state ^= *state << 17;
}

/* Any bits are a number: infinities, denormals and NaNs among them. */
static void floating(uint64_t seed, uint32_t rounds) {
  for (uint32_t i = 0; i < rounds; ++i) {
    const uint64_t r = next(&seed);
    double d;
    memcpy(&d, &seed, sizeof d);
    double* const cell = &numbers[r % 512];
    *cell = *cell * 1.000001 + d / (1 + (double)(r % 7));
    numbers[(r >> 9) % 512] = __builtin_sqrt(*cell) - __builtin_floor(d) * __builtin_fabs(*cell);
    singles[(r >> 18) % 512] = (float)*cell + singles[(r >> 27) % 512] / 3;
    if (*cell != *cell) *cell = (double)(int64_t)(r >> 12);
    mix(bits(numbers[(r >> 36) % 512]));
  }
}

static void vectors(uint64_t seed, uint32_t rounds) {
  for (uint32_t i = 0; i < rounds; ++i) {
    const uint64_t r = next(&seed);
    v128_t* const cell = &lanes[r % 128];
    const v128_t other = lanes[(r >> 7) % 128];
    const v128_t fresh = wasm_i64x2_make((int64_t)r, (int64_t)seed);
    switch ((r >> 50) % 6) {
      case 0:
        *cell = wasm_f32x4_add(wasm_f32x4_mul(*cell, fresh), other);
        break;
      case 1:
        *cell = wasm_f64x2_div(*cell, wasm_f64x2_sub(fresh, other));
        break;
      case 2:
        *cell = wasm_f64x2_sqrt(wasm_v128_xor(other, fresh));
        break;
      case 3:
        *cell = wasm_i16x8_add_sat(*cell, wasm_i8x16_swizzle(fresh, other));
        break;
      case 4:
        *cell = wasm_i32x4_trunc_sat_f32x4(wasm_f32x4_min(fresh, other));
        break;
      default:
        *cell = wasm_i64x2_mul(wasm_v128_bitselect(*cell, fresh, other), fresh);
        break;
    }
    mix((uint64_t)wasm_i64x2_extract_lane(*cell, 0));
    mix((uint64_t)wasm_i64x2_extract_lane(*cell, 1));
  }
}

static uint32_t (*volatile deeper)(uint32_t); /* so that the compiler makes no loop of it */
static uint32_t depth(uint32_t left) {
  digest += left;
  return left == 0 ? 0 : deeper(left - 1) + 1;
}

void rvm_on_message(int32_t edge, const uint8_t* message, uint32_t bytes) {
  (void)edge;
  struct feed m;
  if (bytes != sizeof m) __builtin_trap();
  memcpy(&m, message, sizeof m);
  mix(m.seed);
  deeper = depth;
  switch (m.kind) {
    case 0:
      floating(m.seed, m.amount * 20);
      break;
    case 1:
      vectors(m.seed, m.amount * 20);
      break;
    case 2: /* until there is no more: every third time the turn fails, and the memory is small again */
      for (uint32_t i = 0; __builtin_wasm_memory_grow(0, 1) != (size_t)-1; ++i) ++grown;
      memset((void*)(__builtin_wasm_memory_size(0) * 65536 - 100), (int)m.seed, 100);
      mix(__builtin_wasm_memory_size(0));
      if (m.amount % 3 != 0) __builtin_trap();
      break;
    case 3:
      mix(depth(m.amount * 3));
      break; /* deeper and deeper: at some depth the stack ends */
    case 4:
      floating(m.seed, m.amount * 150);
      break; /* at some amount the fuel ends */
    case 5:  /* at some number of calls the fuel ends, within a call; half of them go through the table */
      for (uint32_t i = 0; i < m.amount / 64 + 1; ++i) {
        (void)(i % 2 == 0 ? __wasi_random_get : *(volatile random_function*)&indirect)(noise, sizeof noise);
        mix(noise[m.amount % 256]);
      }
      break;
    case 6:
      mix((uint64_t)(m.amount / (int64_t)(m.seed % 3)));
      break; /* sometimes by zero */
    case 7:
      memcpy(lanes, noise, sizeof lanes);
      vectors(m.seed, m.amount);
      floating(m.seed, m.amount);
      break;
    default:
      exit(0);
  }
}
