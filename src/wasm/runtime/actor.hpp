// SPDX-License-Identifier: MIT OR Apache-2.0
//
// An actor: between messages its stack is empty, and its state is its memory, globals and tables. Each message is one turn. A turn
// that returns commits: its messages leave, its text is printed, and a TurnCommit record says which message led to which state.
// One that traps or runs out of fuel is undone: it leaves a TurnAbort record, and the actor goes on with the next message from
// the state that it had. What a turn does depends on the message, the state and the time at which it began, and on nothing else.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "agent_interface.hpp"
#include "console.hpp"
#include "rvm/wasm/execution.hpp"
#include "turn_state.hpp"
#include "wasi.hpp"

namespace rvm::wasm {

/// Reasons of TurnAbort: a trap's number, or one of these.
enum class AbortReason : std::uint8_t {
  exhausted = static_cast<std::uint8_t>(Trap::out_of_fuel),
  refused = 0x80,  ///< the kernel refused a message that it sent
  not_bytes,       ///< the message was a capability or a region, which it has no use for
};

class Actor {
 public:
  struct Surroundings {
    ActorSystem& system;
    Console& console;
    Wasi& wasi;
    AgentInterface& interface;
  };
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): message_
  Actor(const Surroundings& around, Execution& execution, Instance& instance, std::uint64_t fuel)
      : around_(around), execution_(execution), instance_(instance), fuel_(fuel) {}
  Actor(const Actor&) = delete;
  Actor& operator=(const Actor&) = delete;
  ~Actor() = default;

  /// `copy` is as large as the store, and zero as `tree` is. What is wrong with the module, or "".
  [[nodiscard]] std::string_view prepare(std::span<std::byte> copy, Arena& tree);
  /// Its first turn. Nothing: it goes on; else its exit code.
  [[nodiscard]] std::optional<int> begin();
  /// Until it exits, or nobody is left who could send it a message. The exit code. A fork of the agent begins here, with all that this
  /// one has between two turns.
  [[nodiscard]] int serve();

 private:
  enum class After : std::uint8_t { committed, aborted, exited };
  [[nodiscard]] After turn(const Function& function, std::span<const std::uint64_t> arguments,
                           std::span<const std::byte> message);
  [[nodiscard]] After commit(std::uint64_t message_digest);
  void undo(std::uint32_t reason, std::uint64_t message_digest);
  [[nodiscard]] crypto::Digest beside() const;
  [[nodiscard]] int end();

  Surroundings around_;
  Execution& execution_;
  Instance& instance_;
  std::uint64_t fuel_;
  const Function* on_message_ = nullptr;
  std::uint32_t buffer_ = 0;  ///< in linear memory: where messages are put
  std::optional<TurnState> state_;
  Wasi::State wasi_state_;
  AgentInterface::State interface_state_{};
  std::array<std::byte, RVM_MESSAGE_BYTES_MAX> message_;  ///< as it was received
  std::uint64_t root_ = 0;                                ///< first 8 bytes of the state's digest
};

}  // namespace rvm::wasm
