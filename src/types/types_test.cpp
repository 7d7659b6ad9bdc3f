// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include "rvm/types/address.hpp"
#include "rvm/types/error.hpp"
#include "rvm/types/handle.hpp"
#include "rvm/types/ids.hpp"
#include "rvm/types/rights.hpp"
#include "rvm/types/time.hpp"

namespace rvm {

static_assert(!std::is_convertible_v<PartitionId, AgentId>, "ids of different kinds must not mix");
static_assert(!std::is_convertible_v<PhysicalAddress, GuestAddress>, "address kinds must not mix");

TEST_CASE("generations skip zero when they wrap") {
  Generation g{UINT16_MAX};
  CHECK(next(g) == Generation{1});
  CHECK(next(Generation{0}) == Generation{1});
}

TEST_CASE("handles survive the trip through a register") {
  for (std::uint32_t slot : {0u, 1u, 255u, 65535u}) {
    for (std::uint16_t generation : {std::uint16_t{1}, std::uint16_t{77}, std::uint16_t{UINT16_MAX}}) {
      const Handle h{static_cast<std::uint16_t>(slot), Generation{generation}};
      CHECK(Handle::from_abi(h.to_abi()) == h);
      CHECK(h.to_abi() != RVM_INVALID_HANDLE);
    }
  }
}

TEST_CASE("bits above a handle's 32 make it invalid") {
  CHECK(Handle::from_abi(std::uint64_t{1} << 32 | 0x10001).generation == Generation{0});
  CHECK(Handle::from_abi(UINT64_MAX).generation == Generation{0});
}

TEST_CASE("rights: containment over every pair") {
  for (unsigned have = 0; have < 128; ++have) {
    for (unsigned need = 0; need < 128; ++need) {
      CHECK(Rights{have}.contains(Rights{need}) == ((have & need) == need));
    }
  }
  CHECK(Rights{0xff}.bits() == RVM_RIGHT_ALL);
}

TEST_CASE("every error has a description and a failure class") {
  for (const ErrorDescription& d : error_descriptions) {
    CHECK(!d.text.empty());
    CHECK(d.failure_class <= 4);
    CHECK((d.error == Error::ok) == (d.failure_class == 0));
    CHECK(describe(d.error).name == d.name);
  }
}

TEST_CASE("time saturates at never") {
  CHECK(never + Nanoseconds{1} == never);
  CHECK(Nanoseconds{1} + Nanoseconds{2} == Nanoseconds{3});
}

TEST_CASE("write and execute exclude each other") {
  CHECK(write_xor_execute(Access::read_write));
  CHECK(write_xor_execute(Access::read_execute));
  CHECK(!write_xor_execute(Access::write | Access::execute));
}

}  // namespace rvm
