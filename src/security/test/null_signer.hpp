// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Signs nothing: for tests about what surrounds a signature. Its functions are in null_signer.cpp, which only rvm_test_signers
// has, so a program that is no test does not link with it; structure.release looks for it in what is released.
#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <string_view>

#include "rvm/crypto/signer.hpp"

namespace rvm::security::test {

class NullSigner {
 public:
  static constexpr std::string_view signature_type =
      "\xff"
      "rvm.local/null";
  [[nodiscard]] std::span<const std::byte> identity() const;
  [[nodiscard]] std::array<std::byte, 1> sign(std::span<const std::byte> message) const;
};
static_assert(crypto::Signer<NullSigner>);

}  // namespace rvm::security::test
