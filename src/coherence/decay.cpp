// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/decay.hpp"

#include "rvm/types/invariant.hpp"

namespace rvm::coherence {

Decay::Scale Decay::product(Scale a, Scale b) {
  const std::uint64_t m = std::uint64_t{a.mantissa} * b.mantissa;  // 2^62 up to 2^64
  const unsigned carry = static_cast<unsigned>(m >> 63);
  return {static_cast<std::uint32_t>(m >> (31 + carry)), a.exponent + b.exponent + carry};
}

void Decay::rate(BasisPoints rate) {
  ensure(rate <= rate_maximum);
  // 1 / (1 - rate) lies in 1..2.
  const std::uint64_t growth = (std::uint64_t{10000} << 31) / (10000u - rate.value);
  const unsigned carry = static_cast<unsigned>(growth >> 32);
  growth_[0] = {static_cast<std::uint32_t>(growth >> carry), carry};
  for (std::size_t i = 1; i < growth_.size(); ++i) growth_[i] = product(growth_[i - 1], growth_[i - 1]);
}

void Decay::advance(std::uint64_t epochs) {
  // Beyond the table's reach, a minute of epochs, only the lowest rates leave anything of a weight.
  const std::uint64_t reach = (std::uint64_t{1} << growth_.size()) - 1;
  if (epochs > reach) epochs = reach;
  for (std::size_t i = 0; epochs != 0; ++i, epochs >>= 1) {
    if ((epochs & 1) != 0) scale_ = product(scale_, growth_[i]);
  }
}

std::uint64_t Decay::bytes(std::uint64_t units) const {
  const unsigned shift = 31 - unit_bits - static_cast<unsigned>(scale_.exponent % generation_bits);
  // Rounded to the nearest. Small values keep their fraction; large ones do not need it.
  return units < std::uint64_t{1} << 40 ? ((units << shift) + scale_.mantissa / 2) / scale_.mantissa
                                        : units / (scale_.mantissa >> shift);
}

}  // namespace rvm::coherence
