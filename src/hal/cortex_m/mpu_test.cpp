// SPDX-License-Identifier: MIT OR Apache-2.0
#include "include/rvm/hal/mpu.hpp"

#include <doctest/doctest.h>

using namespace rvm;
using namespace rvm::hal::mpu;

namespace {

/// Everything an agent could do at the edges of what it has, and beyond.
void check_edges(Architecture architecture, const Range& range) {
  const auto region = encode(architecture, 1, range);
  REQUIRE(region.has_value());
  for (const Access access : {Access::read, Access::write, Access::execute}) {
    const bool granted = allows(range.access, access);
    CHECK(permits(architecture, *region, range.base, access) == granted);
    CHECK(permits(architecture, *region, range.base + range.bytes - 1, access) == granted);
    CHECK_FALSE(permits(architecture, *region, range.base - 1, access));
    CHECK_FALSE(permits(architecture, *region, range.base + range.bytes, access));
  }
}

}  // namespace

TEST_CASE("mpu: a region permits what the range says, from its first byte to its last") {
  for (const Access access : {Access::read_write, Access::read_execute}) {
    for (std::uint32_t bytes = 32; bytes <= 65536; bytes *= 2) {
      check_edges(Architecture::v7, {0x2000'0000 + bytes, bytes, access});
      check_edges(Architecture::v8, {0x3000'0000 + bytes, bytes, access});
    }
    check_edges(Architecture::v8, {0x3000'0020, 96, access});
  }
}

TEST_CASE("mpu: what the hardware cannot draw, and write with execute, is refused") {
  CHECK(encode(Architecture::v7, 0, {0x2000'0000, 48, Access::read_write}).error() == Error::unaligned);
  CHECK(encode(Architecture::v7, 0, {0x2000'0400, 2048, Access::read_write}).error() == Error::unaligned);
  CHECK(encode(Architecture::v8, 0, {0x2000'0010, 64, Access::read_write}).error() == Error::unaligned);
  CHECK(encode(Architecture::v7, 0, {0x2000'0000, 16, Access::read_write}).error() == Error::bad_argument);
  CHECK(encode(Architecture::v7, 8, {0x2000'0000, 64, Access::read_write}).error() == Error::bad_argument);
  for (const Architecture architecture : {Architecture::v7, Architecture::v8}) {
    CHECK(encode(architecture, 0, {0x2000'0000, 64, Access::write | Access::execute}).error() == Error::write_execute);
  }
}

TEST_CASE("mpu: a range of memory contains no range that wraps or reaches over its end") {
  const Range range{0x2000'1000, 0x1000, Access::read_write};
  CHECK(range.contains(0x2000'1000, 0x1000));
  CHECK(range.contains(0x2000'1fff, 1));
  CHECK(range.contains(0x2000'2000, 0));
  CHECK_FALSE(range.contains(0x2000'1fff, 2));
  CHECK_FALSE(range.contains(0x2000'0fff, 2));
  CHECK_FALSE(range.contains(0x2000'1800, UINT32_MAX));
}
