// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Forward decay (Cormode, Shkapenyuk, Srivastava and Xu, "Forward decay: a practical time decay model for streaming
// systems", ICDE 2009). Instead of shrinking every weight in every epoch, what is added later counts for more: a byte of
// epoch t is worth (1 / (1 - rate))^t units. All weights then share one scale, so that sums, comparisons and ratios need no
// decay at all, an epoch costs one multiplication however many edges there are, and the rate may change at any time.
//
// The scale is kept as mantissa * 2^exponent. Every 8 bits of exponent begin a new *generation*; a value that was last
// written g generations ago is shifted right by 8 g bits when it is used next. Shifts compose exactly, so a weight does not
// depend on how often it was looked at.
#pragma once

#include <array>
#include <cstdint>

#include "rvm/types/time.hpp"

namespace rvm::coherence {

class Decay {
 public:
  static constexpr BasisPoints rate_maximum{5000};
  static constexpr unsigned generation_bits = 8;
  static constexpr unsigned unit_bits = 8;  ///< a byte is worth 2^8 to 2^16 units, by how old the generation is

  /// How much weight loses per epoch from now on, 0 (nothing) to rate_maximum.
  void rate(BasisPoints rate);

  /// `epochs` pass. O(log epochs).
  void advance(std::uint64_t epochs);

  [[nodiscard]] std::uint32_t generation() const {
    return static_cast<std::uint32_t>(scale_.exponent / generation_bits);
  }

  /// What `bytes` delivered now are worth, in units of this generation; below 2^48.
  [[nodiscard]] std::uint64_t units(std::uint32_t bytes) const {
    return bytes * std::uint64_t{scale_.mantissa} >> (31 - unit_bits - scale_.exponent % generation_bits);
  }

  /// The inverse, for people and records: what `units` of this generation weigh, in bytes.
  [[nodiscard]] std::uint64_t bytes(std::uint64_t units) const;

  /// A value of generation `since`, in units of this one.
  [[nodiscard]] std::uint64_t aged(std::uint64_t value, std::uint32_t since) const {
    const std::uint32_t passed = generation() - since;
    return passed >= 64 / generation_bits ? 0 : value >> passed * generation_bits;
  }

 private:
  /// mantissa / 2^31 * 2^exponent, with the mantissa's top bit set.
  struct Scale {
    std::uint32_t mantissa = std::uint32_t{1} << 31;
    std::uint64_t exponent = 0;
  };
  [[nodiscard]] static Scale product(Scale a, Scale b);

  Scale scale_;
  std::array<Scale, 16> growth_{};  ///< of 2^i epochs
};

}  // namespace rvm::coherence
