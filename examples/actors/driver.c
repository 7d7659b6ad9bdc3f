/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * A command that sends numbers to the counter and checks its answers: those to bad numbers never come. */
#include <rvm/wasm.h>
#include <stdio.h>

static int64_t ask(int32_t numbers, int32_t answers, int64_t number) {
  rvm_send(numbers, &number, sizeof number);
  int64_t total = -1;
  return rvm_receive(answers, &total, sizeof total) == sizeof total ? total : -1;
}

int main(void) {
  const int32_t numbers = rvm_find("numbers", 7);
  const int32_t answers = rvm_find("answers", 7);
  const int64_t bad[] = {666, 777, 888};
  int64_t expected = 0;
  for (int64_t round = 1; round <= 10; ++round) {
    for (unsigned i = 0; i < 3; ++i) rvm_send(numbers, &bad[i], sizeof bad[i]);
    rvm_send(numbers, "x", 1);
    expected += round;
    const int64_t total = ask(numbers, answers, round);
    if (total != expected) {
      printf("wrong: %lld, not %lld\n", (long long)total, (long long)expected);
      return 1;
    }
  }
  printf("10 right answers beside 40 aborted turns\n");
  return ask(numbers, answers, 0) == expected ? 0 : 1;
}
