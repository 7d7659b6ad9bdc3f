// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <stdint.h>

struct question {
  int32_t answers;  // the edge by which to answer, as the sprout knows it
  uint32_t index;
};
struct answer {
  int32_t agent;
  uint32_t prime;
  uint32_t count;  // of questions that this sprout has answered
};
