/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * Sends the messages of feed.h. */
#include <rvm/wasm.h>
#include <stdio.h>

#include "feed.h"

int main(void) {
  const int32_t edge = rvm_find("messages", 8);
  for (uint32_t i = 0; i < FEED_MESSAGES; ++i) {
    const struct feed m = feed_message(i);
    if (rvm_send(edge, &m, sizeof m) != 0) {
      printf("message %u is refused\n", i);
      return 1;
    }
  }
  return 0;
}
