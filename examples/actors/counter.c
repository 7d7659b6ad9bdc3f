/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * An actor that adds up what it is sent. Three messages are bad for it: each changes the total and answers before it goes wrong,
 * and none of that ever happened, for the turn is undone. */
#include <rvm/wasm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int64_t total;
static int32_t answers;
static char* notes[64];

void rvm_init(void) {
  answers = rvm_find("answers", 7);
  printf("counting\n");
}

void rvm_on_message(int32_t edge, const uint8_t* message, uint32_t bytes) {
  (void)edge;
  int64_t number = 0;
  if (bytes != sizeof number) __builtin_trap(); /* not even undone: nothing was done yet */
  memcpy(&number, message, sizeof number);
  total += number;
  rvm_send(answers, &total, sizeof total);
  printf("total %lld\n", (long long)total);
  if (number == 666) __builtin_trap();
  if (number == 777) {
    for (unsigned i = 0; i < 64; ++i) notes[i] = malloc(100000); /* memory grows, until there is none */
    for (volatile unsigned i = 0;; ++i) {
    }
  }
  if (number == 888) rvm_send(999999, &total, sizeof total); /* an edge that it does not have */
  if (number == 0) exit(0);
}
