// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "address_space.hpp"
#include "rvm/abi.h"
#include "system.hpp"

namespace rvm::wasm {

/// What the runtime asks of an agent that talks to others. Errors are the kernel's.
class ActorSystem : public System {
 public:
  struct Received {
    std::uint32_t edge = 0;  ///< the handle by which the directory knows it, 0: none
    std::uint32_t length = 0;
    std::uint32_t kind = RVM_MESSAGE_BYTES;
  };

  /// The handle of a capability in the directory, or 0.
  [[nodiscard]] virtual std::uint32_t find(std::string_view name) = 0;
  /// `edge` 0: from any. Waits if `wait`.
  [[nodiscard]] virtual std::expected<Received, rvm_error> receive(std::uint32_t edge, std::span<std::byte> buffer,
                                                                   bool wait) = 0;
  [[nodiscard]] virtual rvm_error send(std::uint32_t edge, std::span<const std::byte> message) = 0;
  /// What the kernel calls a pointer.
  [[nodiscard]] virtual std::uint64_t kernel_address(const std::byte* pointer) {
    return reinterpret_cast<std::uintptr_t>(pointer);
  }
  /// As the hypercalls of these names; a commit waits for space, though not for ever.
  [[nodiscard]] virtual rvm_error commit(std::span<const rvm_turn_message> messages, std::uint64_t message_digest,
                                         std::uint64_t state_root) = 0;
  virtual void abort(std::uint32_t reason, std::uint64_t message_digest, std::uint64_t state_root) = 0;
  /// The new agent's handle.
  [[nodiscard]] virtual std::expected<std::uint32_t, rvm_error> spawn(std::uint32_t partition, std::uint32_t image,
                                                                      std::uint32_t priority,
                                                                      std::uint64_t argument) = 0;
  /// A copy of an agent that waits, in this partition or another: its handle, an edge to it, and the edge from it as it knows it.
  /// It begins with `start`, or never was: `drop`.
  struct Fork {
    std::uint32_t agent = 0;
    std::uint32_t edge = 0;
    std::uint32_t answers = 0;
  };
  /// Where there is nobody to fork, no capability is one for it.
  [[nodiscard]] virtual std::expected<Fork, rvm_error> fork(std::uint32_t /*partition*/, std::uint32_t /*original*/,
                                                            std::uint32_t /*priority*/) {
    return std::unexpected{RVM_ERROR_BAD_CAPABILITY};
  }
  virtual void start(const Fork& /*fork*/) {}
  virtual void drop(const Fork& /*fork*/) {}
  /// Waits for ever, to be forked.
  virtual void rest() {}

  /// Whether memory can be sealed: from then on these pages are executed and no longer written.
  [[nodiscard]] virtual bool can_seal() { return false; }
  [[nodiscard]] virtual bool seal(std::span<std::byte> /*pages*/) { return false; }
  /// The agent's own translation tables; nullptr: memories are checked by instructions and compared after each turn.
  [[nodiscard]] virtual AddressSpace* address_space() { return nullptr; }

  [[nodiscard]] virtual std::uint32_t id() = 0;
  [[nodiscard]] virtual std::uint32_t inbound_edges() = 0;  ///< at most

 protected:
  ~ActorSystem() = default;
};

}  // namespace rvm::wasm
