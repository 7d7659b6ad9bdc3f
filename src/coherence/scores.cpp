// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/scores.hpp"

#include <algorithm>
#include <bit>

namespace rvm::coherence {

BasisPoints fraction(std::uint64_t part, std::uint64_t whole, BasisPoints of_nothing) {
  if (whole == 0) return of_nothing;
  if (part >= whole) return one;
  // Room for the factor 10000 < 2^14. The bits that fall off are below one in 2^49.
  const int excess = static_cast<int>(std::bit_width(whole)) - 50;
  if (excess > 0) {
    part >>= excess;
    whole >>= excess;
  }
  return BasisPoints{static_cast<std::uint16_t>(part * one.value / whole)};
}

BasisPoints pressure(Graph::Sums sums) { return fraction(sums.external, sums.total(), BasisPoints{0}); }

BasisPoints mutual_coherence(std::uint64_t between, Graph::Sums a, Graph::Sums b) {
  const std::uint64_t both = a.total() + b.total();
  return fraction(between, both - std::min(between, both), BasisPoints{0});
}

BasisPoints cohesion(std::uint64_t cut, std::uint64_t internal, std::uint32_t members) {
  if (members < 2) return one;
  const int excess = static_cast<int>(std::bit_width(internal)) - 56;  // room for a factor of members_maximum
  if (excess > 0) {
    cut >>= excess;
    internal >>= excess;
  }
  return fraction(std::min(cut, internal) * members, 2 * internal, one);
}

BasisPoints smooth(BasisPoints smoothed, BasisPoints sample, BasisPoints alpha) {
  const int distance = int{sample.value} - int{smoothed.value};
  int step = distance * int{alpha.value} / one.value;
  if (step == 0) step = distance > 0 ? 1 : distance < 0 ? -1 : 0;  // or it would stop short of where it is going
  return BasisPoints{static_cast<std::uint16_t>(smoothed.value + step)};
}

}  // namespace rvm::coherence
