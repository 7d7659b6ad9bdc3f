// SPDX-License-Identifier: MIT OR Apache-2.0
// Quicksort of pseudo-random numbers and a sieve: integer arithmetic, memory, calls, unpredictable branches.
#define COUNT 200000

static unsigned numbers[COUNT];
static unsigned char composite[COUNT];

static void sort(unsigned* a, int count) {
  while (count > 1) {
    unsigned pivot = a[(count - 1) / 2];
    int low = -1, high = count;
    for (;;) {
      do ++low;
      while (a[low] < pivot);
      do --high;
      while (a[high] > pivot);
      if (low >= high) break;
      unsigned t = a[low];
      a[low] = a[high];
      a[high] = t;
    }
    sort(a, high + 1);
    a += high + 1;
    count -= high + 1;
  }
}

__attribute__((export_name("run"))) int run(int rounds) {
  unsigned sum = 0;
  for (int round = 0; round < rounds; ++round) {
    unsigned state = 12345 + (unsigned)round;
    for (int i = 0; i < COUNT; ++i) {
      state = state * 1664525 + 1013904223;
      numbers[i] = state >> 4;
      composite[i] = 0;
    }
    sort(numbers, COUNT);
    for (int i = 2; i < COUNT; ++i) {
      if (composite[i]) continue;
      sum += numbers[i];
      for (int k = 2 * i; k < COUNT; k += i) composite[k] = 1;
    }
  }
  return (int)sum;
}
