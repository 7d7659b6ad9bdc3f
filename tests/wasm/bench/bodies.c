// SPDX-License-Identifier: MIT OR Apache-2.0
// Eight bodies under gravity: double-precision arithmetic, square roots, small inner loops.
#define BODIES 8

struct body {
  double place[3], speed[3], mass;
};
static struct body bodies[BODIES];

__attribute__((export_name("run"))) int run(int rounds) {
  unsigned state = 1;
  for (int i = 0; i < BODIES; ++i) {
    for (int k = 0; k < 3; ++k) {
      state = state * 1664525 + 1013904223;
      bodies[i].place[k] = (double)(state >> 8) / 65536;
      bodies[i].speed[k] = 0;
    }
    bodies[i].mass = 1 + i;
  }
  for (int round = 0; round < rounds * 40000; ++round) {
    for (int i = 0; i < BODIES; ++i) {
      for (int j = i + 1; j < BODIES; ++j) {
        double d[3], square = 1;
        for (int k = 0; k < 3; ++k) {
          d[k] = bodies[i].place[k] - bodies[j].place[k];
          square += d[k] * d[k];
        }
        double pull = 0.001 / (square * __builtin_sqrt(square));
        for (int k = 0; k < 3; ++k) {
          bodies[i].speed[k] -= d[k] * bodies[j].mass * pull;
          bodies[j].speed[k] += d[k] * bodies[i].mass * pull;
        }
      }
    }
    for (int i = 0; i < BODIES; ++i) {
      for (int k = 0; k < 3; ++k) bodies[i].place[k] += 0.001 * bodies[i].speed[k];
    }
  }
  double sum = 0;
  for (int i = 0; i < BODIES; ++i) sum += bodies[i].place[0];
  return (int)(sum * 1000);
}
