// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "state.hpp"

namespace rvm::kernel {

inline constexpr unsigned first_message_register = 2;
inline constexpr std::uint32_t register_message_bytes = RVM_MESSAGE_REGISTERS * sizeof(std::uint64_t);

/// x2-x9 from one context to another, written out so that it is loads and stores and not a call.
[[gnu::always_inline]] inline void move_message_registers(hal::Context& from, hal::Context& to) {
  const std::uint64_t a = from.reg(2), b = from.reg(3), c = from.reg(4), d = from.reg(5);
  to.reg(2) = a;
  to.reg(3) = b;
  to.reg(4) = c;
  to.reg(5) = d;
  const std::uint64_t e = from.reg(6), f = from.reg(7), g = from.reg(8), h = from.reg(9);
  to.reg(6) = e;
  to.reg(7) = f;
  to.reg(8) = g;
  to.reg(9) = h;
}

/// One message of `bytes` was delivered along `edge`.
[[gnu::always_inline]] inline void count_delivery(State& s, Edge& edge, std::uint32_t bytes) {
  ++s.messages;
  ++edge.epoch_messages;
  edge.epoch_bytes += bytes;
  if (!edge.in_epoch_list) [[unlikely]] {
    edge.in_epoch_list = true;
    s.epoch_edges.push_back(edge);
  }
}

}  // namespace rvm::kernel
