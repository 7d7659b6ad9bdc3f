// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A template: its first turn prepares something, then it waits to be forked. Every fork has what was prepared, and a count of its
// own.
#include "sprout.h"

#include <rvm/wasm.h>

enum { primes = 1000 };
static uint32_t prime[primes];
static uint32_t count;

void rvm_init(void) {
  uint32_t found = 0;
  for (uint32_t n = 2; found < primes; ++n) {
    uint32_t i = 0;
    while (i < found && n % prime[i] != 0) ++i;
    if (i == found) prime[found++] = n;
  }
}

void rvm_on_message(int32_t edge, const uint8_t* message, uint32_t bytes) {
  (void)edge;
  const struct question* q = (const struct question*)message;
  ++count;
  if (bytes != sizeof *q || q->index >= primes)
    __builtin_trap();  // the turn is aborted, and this message was not counted
  const struct answer a = {rvm_get_id(), prime[q->index], count};
  rvm_send(q->answers, &a, sizeof a);
}
