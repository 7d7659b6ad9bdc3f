// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The host interface "rvm": how a module talks to other agents. An i32 that is negative is a refusal: minus the rvm_error.
//
//   find(name, bytes) -> handle              of a capability in the agent's directory
//   send(edge, pointer, bytes) -> 0          an actor's messages leave when its turn commits
//   receive(edge, pointer, bytes) -> length  commands only: an actor is given its messages
//   alloc(bytes) -> address, free(address, bytes) -> 0   whole WebAssembly pages at the end of linear memory
//   spawn(partition, image, priority, argument) -> handle; an actor's begin when its turn commits, and it gets 0
//   fork(partition, original, priority, pointer) -> edge to a copy of an actor that waits; at pointer is put by which edge it
//     answers. It begins when the turn commits
//   yield(), get_time() -> i64 ns since boot, get_id() -> agent id
//   gpu_launch, gpu_alloc, gpu_free, gpu_transfer, gpu_sync   refused as unknown operations: this machine has no GPU module
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "actor_system.hpp"
#include "host_call.hpp"

namespace rvm::wasm {

class AgentInterface {
 public:
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-member-init): text_
  explicit AgentInterface(ActorSystem& system) : system_(system) {}

  struct Import {
    std::uint32_t number;
    Signature signature;
  };
  [[nodiscard]] static std::optional<Import> find_import(std::string_view name);

  /// What such a call costs in fuel, beside its instruction.
  [[nodiscard]] static std::uint64_t price(std::uint32_t number, const HostCall& c);
  [[nodiscard]] Trap call(std::uint32_t number, const HostCall& c);

  /// From now on everything that others could see waits for the end of the turn, and time stands still at `now`.
  void begin_turn(std::uint64_t now);
  [[nodiscard]] std::span<const rvm_turn_message> outgoing() const {
    return std::span{messages_}.first(message_count_);
  }
  /// The turn has committed: what else it asked for is done.
  void finish_turn();
  /// It has not: nor is that.
  void abandon_turn();

  /// Linear memory that is free to be allocated again. All that the interface keeps between turns.
  struct Free {
    std::uint32_t address = 0;
    std::uint32_t bytes = 0;
  };
  using State = std::array<Free, 16>;
  [[nodiscard]] const State& state() const { return free_; }
  void restore(const State& state) { free_ = state; }
  /// Whole pages, zero; 0: none. For the runtime, too.
  [[nodiscard]] std::uint32_t allocate(Memory& memory, std::uint32_t bytes);
  void use(Store& store) { store_ = &store; }

  using Function = std::int64_t (AgentInterface::*)(const HostCall&);

 private:
  friend struct AgentInterfaceTable;
  std::int64_t find(const HostCall& c);
  std::int64_t send(const HostCall& c);
  std::int64_t receive(const HostCall& c);
  std::int64_t alloc(const HostCall& c);
  std::int64_t free(const HostCall& c);
  std::int64_t spawn(const HostCall& c);
  std::int64_t fork(const HostCall& c);
  std::int64_t yield(const HostCall& c);
  std::int64_t get_time(const HostCall& c);
  std::int64_t get_id(const HostCall& c);
  std::int64_t no_gpu(const HostCall& c);

  struct Spawn {
    std::uint32_t partition, image, priority;
    std::uint64_t argument;
  };

  ActorSystem& system_;
  Store* store_ = nullptr;
  std::optional<std::uint64_t> turn_time_;  ///< of the turn, when this is an actor
  State free_{};
  std::array<rvm_turn_message, RVM_TURN_MESSAGES_MAX> messages_{};
  std::uint32_t message_count_ = 0;
  std::array<Spawn, 8> spawns_{};
  std::uint32_t spawn_count_ = 0;
  std::array<ActorSystem::Fork, 8> forks_{};
  std::uint32_t fork_count_ = 0;
  std::uint32_t text_bytes_ = 0;
  std::array<std::byte, std::size_t{64} << 10> text_;  ///< of the messages; not touched before there are some
};

}  // namespace rvm::wasm
