/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/* A command that sends the actor numbers and prints the totals that come back. */
#include <rvm/wasm.h>
#include <stdio.h>

int main(void) {
  const int64_t numbers[] = {1, 2, -100, 3}; /* no answer to -100: the actor undoes that turn */
  for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; ++i) {
    rvm_send(rvm_find("numbers", 7), &numbers[i], sizeof numbers[i]);
  }
  for (int answers = 0; answers < 3; ++answers) {
    int64_t total = 0;
    if (rvm_receive(rvm_find("totals", 6), &total, sizeof total) != sizeof total) return 1;
    printf("the total is %lld\n", (long long)total);
  }
  return 0; /* the machine stops: the actor is a service, which nobody waits for */
}
