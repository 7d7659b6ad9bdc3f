// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <initializer_list>

namespace rvm::sim {

/// splitmix64 (Steele, Lea, Flood 2014). A generator per step, made from seed and step number, so that leaving out one step
/// changes no choice of another.
class Random {
 public:
  constexpr Random(std::uint64_t seed, std::uint64_t stream) : state_(mix(seed + golden) ^ mix(stream * golden + 1)) {}

  constexpr std::uint64_t next() { return mix(state_ += golden); }
  /// 0 .. limit - 1; limit > 0. The bias is below limit / 2^32 (Lemire's multiplication without rejection).
  constexpr std::uint32_t below(std::uint32_t limit) {
    return static_cast<std::uint32_t>((next() >> 32) * limit >> 32);
  }
  /// True in one of `n` cases.
  constexpr bool one_in(std::uint32_t n) { return below(n) == 0; }
  constexpr std::uint64_t pick(std::initializer_list<std::uint64_t> from) {
    return from.begin()[below(static_cast<std::uint32_t>(from.size()))];
  }

  [[nodiscard]] static constexpr std::uint64_t mix(std::uint64_t z) {
    z = (z ^ z >> 30) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ z >> 27) * 0x94d0'49bb'1331'11eb;
    return z ^ z >> 31;
  }

 private:
  static constexpr std::uint64_t golden = 0x9e37'79b9'7f4a'7c15;
  std::uint64_t state_;
};

}  // namespace rvm::sim
