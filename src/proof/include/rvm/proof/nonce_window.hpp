// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstdint>

namespace rvm::proof {

/// Which nonces a prover has used: a window that slides up with the highest (as the anti-replay window of RFC 4303,
/// section 3.4.3). Below the window everything counts as used, for ever, so no nonce is accepted twice however long the prover
/// lives. All zero bytes is a fresh window.
class NonceWindow {
 public:
  static constexpr std::uint64_t width = 4096;

  /// All ones when the nonce may be used, else zero. Its time does not depend on the nonce or the window. UINT64_MAX is
  /// never fresh.
  [[nodiscard]] std::uint64_t fresh(std::uint64_t nonce) const {
    const std::uint64_t ahead = at_least(nonce, above_);
    const std::uint64_t inside = at_least(width, above_ - nonce);  // wraps to a huge distance when it is ahead
    const std::uint64_t used = 0 - (seen_[nonce % width / 64] >> (nonce % 64) & 1);
    return (ahead | (inside & ~used)) & ~(0 - std::uint64_t{nonce == UINT64_MAX});
  }

  /// Precondition: fresh(nonce).
  void use(std::uint64_t nonce) {
    if (nonce >= above_) {
      if (nonce - above_ >= width) {
        seen_ = {};
      } else {
        for (std::uint64_t n = above_; n < nonce; ++n) seen_[n % width / 64] &= ~(std::uint64_t{1} << (n % 64));
      }
      above_ = nonce + 1;
    }
    seen_[nonce % width / 64] |= std::uint64_t{1} << (nonce % 64);
  }

 private:
  /// All ones when a >= b.
  [[nodiscard]] static std::uint64_t at_least(std::uint64_t a, std::uint64_t b) { return 0 - std::uint64_t{a >= b}; }

  std::uint64_t above_ = 0;  ///< one more than the highest used
  std::array<std::uint64_t, width / 64> seen_{};
};

}  // namespace rvm::proof
