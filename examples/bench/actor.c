// SPDX-License-Identifier: MIT OR Apache-2.0
// A small actor, which the benchmark forks.
#include <rvm/wasm.h>

static uint32_t sum;

void rvm_on_message(int32_t edge, const uint8_t* message, uint32_t bytes) {
  (void)edge;
  for (uint32_t i = 0; i < bytes; ++i) sum += message[i];
}
