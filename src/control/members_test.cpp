// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/control/members.hpp"

#include <doctest/doctest.h>

#include <array>

namespace rvm::control {

TEST_CASE("a digest of members tells who they are, how many, and in which order") {
  const std::array<std::uint32_t, 3> some{1, 2, 65'537};
  // Of 01000000 02000000 01000100, as any SHA-256 says.
  CHECK(members_digest(some) == 0x457df345e17f5635);
  const std::array<std::uint32_t, 3> turned{2, 1, 65'537};
  CHECK(members_digest(turned) != members_digest(some));
  CHECK(members_digest(std::span{some}.first(2)) != members_digest(some));
  CHECK(members_digest({}) != members_digest(std::span{some}.first(1)));
}

}  // namespace rvm::control
