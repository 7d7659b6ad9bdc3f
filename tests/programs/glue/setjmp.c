/* SPDX-License-Identifier: MIT OR Apache-2.0
 *
 * What setjmp and longjmp promise (C11 7.13), through every kind of frame: recursion, function pointers, the C library, functions
 * with results of each type, an inner setjmp that is not meant. */
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

static jmp_buf outer, inner;
static int visits;

static int deep(int n, int value) {
  char frame[64];
  frame[n % 64] = (char)n;
  if (n == 0) longjmp(outer, value);
  return deep(n - 1, value) + frame[n % 64];
}

static long long wide(int n) { return n > 0 ? wide(n - 1) * 3 : deep(0, 5); }
static double real(int n) { return n > 0 ? real(n - 1) / 2 : (double)wide(2); }
static float single(int n) { return n > 0 ? single(n - 1) / 2 : (float)real(2); }

static int by_value(const void* a, const void* b) {
  if (++visits == 7) longjmp(outer, 70);
  return *(const int*)a - *(const int*)b;
}

static void not_for_me(void) {
  if (setjmp(inner) == 0) {
    deep(3, 33);
  } else {
    printf("wrong\n");
  }
}

static void rethrown(void) {
  switch (setjmp(inner)) {
    case 0:
      longjmp(inner, 1);
    case 1:
      longjmp(inner, 2);
    case 2:
      longjmp(outer, 22);
  }
}

static int (*volatile through)(int, int) = deep;

int main(void) {
  for (volatile int round = 0; round < 3; ++round) {
    volatile int kept = round * 10;
    int changed = round;
    const int result = setjmp(outer);
    printf("round %d: %d, kept %d\n", round, result, kept);
    if (result == 0) {
      kept += 5;
      changed = through(20, round);
      printf("not reached %d\n", changed);
    }
  }
  volatile int step = 0;
  const int result = setjmp(outer);
  printf("step %d: %d\n", step, result);
  switch (step++) {
    case 0:
      return (int)wide(3);
    case 1:
      return (int)real(3);
    case 2:
      return (int)single(3);
    case 3:
      not_for_me();
      break;
    case 4:
      rethrown();
      break;
    case 5: {
      int numbers[] = {5, 3, 9, 1, 7, 2, 8};
      qsort(numbers, sizeof numbers / sizeof numbers[0], sizeof numbers[0], by_value);
      break;
    }
    case 6:
      longjmp(outer, 0);
  }
  int sum = 0;
  for (volatile int i = 0; i < 4; ++i) {
    if (setjmp(inner) == 0) {
      if (i % 2 != 0) longjmp(inner, 1);
      sum += 1;
    } else {
      sum += 100;
    }
  }
  printf("sum %d, visits %d\n", sum, visits);
  return sum == 202 ? 0 : 1;
}
