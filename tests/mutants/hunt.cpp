// SPDX-License-Identifier: MIT OR Apache-2.0
//
// hunt FIRST COUNT STEPS: simulates seeds one after another until one breaks an invariant; prints it and exits with 1.
#include <cstdio>
#include <cstdlib>

#include "rvm/sim/simulate.hpp"

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::uint64_t first = std::strtoull(argv[1], nullptr, 10);
  const std::uint64_t count = std::strtoull(argv[2], nullptr, 10);
  const auto steps = static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10));
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const rvm::sim::Result result = rvm::sim::simulate({.seed = seed, .steps = steps});
    if (!result.violation) continue;
    std::printf("seed %llu, step %u: %s: %s\n", static_cast<unsigned long long>(seed), result.violation->step,
                result.violation->invariant.c_str(), result.violation->detail.c_str());
    return 1;
  }
  return 0;
}
