/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* An actor: one call, one turn. What a turn does happens whole or not at all. */
#include <rvm/wasm.h>
#include <stdio.h>
#include <string.h>

static int64_t total;

void rvm_init(void) { printf("hello, I am agent %d\n", rvm_get_id()); }

void rvm_on_message(int32_t edge, const uint8_t* message, uint32_t bytes) {
  (void)edge;
  int64_t number = 0;
  if (bytes != sizeof number) __builtin_trap();
  memcpy(&number, message, sizeof number);
  total += number;
  rvm_send(rvm_find("totals", 6), &total, sizeof total); /* leaves when this turn commits */
  if (total < 0) __builtin_trap();                       /* undoes it: nothing was added, nothing was sent */
}
