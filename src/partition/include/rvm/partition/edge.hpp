// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "rvm/abi.h"
#include "rvm/cap/capability.hpp"
#include "rvm/partition/list.hpp"
#include "rvm/types/address.hpp"
#include "rvm/types/capacities.hpp"
#include "rvm/types/ids.hpp"

namespace rvm::partition {

struct Agent;

/// One queued message. Up to `inline_bytes` lie in the slot; longer ones have a page of their own.
struct MessageSlot {
  static constexpr std::size_t inline_bytes = capacity::inline_message_bytes;
  std::uint16_t length = 0;
  std::uint8_t kind = RVM_MESSAGE_BYTES;
  std::uint8_t reserved[5]{};
  PhysicalAddress page;  ///< 0: the bytes are inline
  std::byte bytes[inline_bytes]{};
};
static_assert(sizeof(MessageSlot) == 16 + MessageSlot::inline_bytes);

/// Pages of a queue of this many messages.
[[nodiscard]] constexpr std::uint32_t queue_pages(std::uint32_t capacity) {
  return static_cast<std::uint32_t>(pages_for(capacity * sizeof(MessageSlot)));
}

/// A one-way channel: exactly one sending and one receiving agent, both fixed by the kernel. Messages are delivered once
/// and in order within the edge's life.
struct Edge {
  EdgeId id;
  std::uint16_t reuse = 0;
  std::uint16_t next_free = 0;
  cap::ObjectCapabilities holders;

  Agent* sender = nullptr;
  Agent* receiver = nullptr;
  std::uint64_t badge = 0;
  std::uint32_t notify_bit = 64;  ///< 64: none

  // Bounded FIFO; its pages are allocated at the first send and charged to the sender's partition.
  std::uint32_t capacity = 0;  ///< power of two
  std::uint16_t payer = 0;     ///< index of the partition charged
  std::uint32_t head = 0;
  std::uint32_t count = 0;
  std::uint32_t staged = 0;  ///< messages behind those, which a hypercall under way may still take back
  MessageSlot* slots = nullptr;

  // Traffic since the last summary record.
  std::uint32_t epoch_messages = 0;
  std::uint32_t epoch_bytes = 0;
  std::uint32_t epoch_refused = 0;
  // All traffic before that.
  std::uint64_t past_messages = 0;
  std::uint64_t past_bytes = 0;
  bool in_epoch_list = false;
  bool in_pending_list = false;

  Link<Edge> outbound_link;
  Link<Edge> inbound_link;
  Link<Edge> pending_link;
  Link<Edge> epoch_link;
};

}  // namespace rvm::partition
