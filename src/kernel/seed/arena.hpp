// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The memory of agents where there is no translation: two ranges behind the protection unit. As ../appliance/arena.hpp for what
// IPC needs; the range is that of the agent that made the hypercall.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

[[nodiscard]] Status copy_in(State& s, Partition& p, GuestAddress from, std::span<std::byte> to);
[[nodiscard]] Status copy_out(State& s, Partition& p, GuestAddress to, std::span<const std::byte> from);

}  // namespace rvm::kernel
