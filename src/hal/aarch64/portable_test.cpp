// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The parts of the AArch64 port that touch no hardware.
#include <doctest/doctest.h>

#include <random>

#include "rvm/hal/clock.hpp"
#include "syndrome.hpp"

using namespace rvm;
using namespace rvm::hal;

TEST_CASE("clock: exact for QEMU's counter, and a timer never fires early") {
  constexpr Clock qemu = Clock::from_frequency(62'500'000, 0);
  static_assert(Clock::scaled(1, qemu.scale) == 16);
  static_assert(Clock::scaled(62'500'000ull * 86400 * 365, qemu.scale) == 1'000'000'000ull * 86400 * 365);
  CHECK(Clock::from_frequency(999'999, 0).scale == 0);

  std::mt19937_64 random{3};
  for (const std::uint64_t hertz :
       {1'000'000ull, 19'200'000ull, 24'000'000ull, 54'000'000ull, 62'500'000ull, 1'000'000'000ull, 3'333'333'333ull}) {
    const Clock clock = Clock::from_frequency(hertz, 0);
    for (int i = 0; i < 10'000; ++i) {
      const std::uint64_t at = random() >> (11 + random() % 40);
      const std::uint64_t fires = Clock::scaled(at, clock.inverse) + 1;  // as Port::set_timer
      const std::uint64_t now = Clock::scaled(fires, clock.scale);
      REQUIRE(now >= at);
      REQUIRE(now - at <= 2 * (1'000'000'000 / hertz + 1) + (at >> 40));
    }
  }
}

TEST_CASE("syndrome: each class of exception has its meaning") {
  const auto kind = [](std::uint64_t exception_class, std::uint64_t specific = 0) {
    return fault_kind(Syndrome{{.raw = exception_class << 26 | specific}});
  };
  CHECK(kind(0x00) == FaultKind::undefined);
  CHECK(kind(0x01) == FaultKind::wait);
  CHECK(kind(0x16, 1) == FaultKind::hypervisor_call);
  CHECK(kind(0x17) == FaultKind::secure_call);
  CHECK(kind(0x18) == FaultKind::undefined);
  CHECK(kind(0x19) == FaultKind::undefined);
  CHECK(kind(0x3c) == FaultKind::breakpoint);
  CHECK(kind(0x2f) == FaultKind::external);
  CHECK(kind(0x24, 0b000110) == FaultKind::data_abort);
  CHECK(kind(0x20, 0b001111) == FaultKind::instruction_abort);
  CHECK(kind(0x24, 0b010000) == FaultKind::external);
  CHECK(kind(0x24, 0b100001) == FaultKind::unaligned);
  CHECK(is_permission_fault(Syndrome{{.raw = 0b001101}}));
  CHECK_FALSE(is_permission_fault(Syndrome{{.raw = 0b000101}}));
}

TEST_CASE("syndrome: addresses") {
  CHECK(abort_address(0x9000 << 4 >> 4, 0x0900'0018) == GuestAddress{0x90'0018});
  CHECK(abort_address(0x0000'0fff'ffff'fff0, 0xfff) == GuestAddress{0x000f'ffff'ffff'ffff});
  CHECK(is_exception_vector(0x200, 0));
  CHECK(is_exception_vector(0x10'0780, 0x10'0000));
  CHECK_FALSE(is_exception_vector(0x204, 0));
  CHECK_FALSE(is_exception_vector(0x800, 0));
}
