// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Forks the template, and asks every fork two questions, with something in between that is none.
//   args: how many
#include <rvm/wasm.h>
#include <stdio.h>
#include <stdlib.h>

#include "sprout.h"

enum { most = 32 };

static int32_t edges[most], answers[most], agents[most];

static struct answer ask(int sprout, uint32_t index) {
  const struct question q = {answers[sprout], index};
  struct answer a = {0, 0, 0};
  if (rvm_send(edges[sprout], &q, sizeof q) != 0 || rvm_receive(0, &a, sizeof a) != sizeof a) {
    printf("sprout %d does not answer\n", sprout);
    exit(1);
  }
  return a;
}

int main(int argc, char** argv) {
  const int count = argc > 1 ? atoi(argv[1]) : 4;
  if (count > most) return 1;
  for (int i = 0; i < count; ++i) {
    edges[i] = rvm_fork(rvm_find("home", 4), rvm_find("template", 8), 0, &answers[i]);
    if (edges[i] < 0) {
      printf("no fork: error %d\n", -edges[i]);
      return 1;
    }
  }
  static const uint32_t expected[] = {2, 3, 5, 7, 11, 13, 17, 19, 23, 29};
  for (int round = 1; round <= 2; ++round) {
    for (int i = 0; i < count; ++i) {
      const struct answer a = ask(i, (uint32_t)(i % 10));
      if (a.prime != expected[i % 10] || a.count != (uint32_t)round) {
        printf("sprout %d says %u, answer %u\n", i, a.prime, a.count);
        return 1;
      }
      for (int other = 0; other < i; ++other) {
        if (agents[other] == a.agent) return 2;  // one agent cannot be two
      }
      agents[i] = a.agent;
      rvm_send(edges[i], "?", 1);
    }
  }
  printf("%d sprouts answered, each for itself\n", count);
  return 0;
}
