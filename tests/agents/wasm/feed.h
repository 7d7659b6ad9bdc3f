/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * The messages of the determinism test: who sends them in a partition and who gives them to the same actor on the host make them by
 * this function. */
#pragma once
#include <stdint.h>

enum { FEED_MESSAGES = 120 };

struct feed {
  uint32_t kind; /* see mixer.c */
  uint32_t amount;
  uint64_t seed;
};

static inline struct feed feed_message(uint32_t number) {
  /* Every kind, each time with another amount; the last one ends the actor. */
  const uint64_t seed = (number + 1) * UINT64_C(0x9e3779b97f4a7c15);
  const struct feed m = {number == FEED_MESSAGES - 1 ? 255 : number % 8, (uint32_t)(seed >> 40) % 400 + number * 5,
                         seed ^ (seed >> 29)};
  return m;
}
