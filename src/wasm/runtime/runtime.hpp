// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs the module of a bundle: checks and translates it, gives it what it imports, and runs it as the command or the actor that
// its exports say it is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

#include "actor.hpp"
#include "agent_interface.hpp"
#include "bundle.hpp"
#include "console.hpp"
#include "rvm/wasm/compiler.hpp"
#include "rvm/wasm/execution.hpp"
#include "system.hpp"
#include "wasi.hpp"

namespace rvm::wasm {

/// Exit codes that are the runtime's own, as shells and other runtimes have them.
inline constexpr int exit_refused = 126;  ///< the module cannot run here
inline constexpr int exit_trapped = 134;  ///< it trapped, or its fuel was used up

/// Of an agent's heap, what the runtime takes for itself. The same everywhere, so that a module has the same memory everywhere.
inline constexpr std::size_t runtime_bytes = std::size_t{128} << 10;

class Runtime {
 public:
  /// `memory` is zero, and all that the module and its instance will have.
  Runtime(ActorSystem& system, const Bundle& bundle, const Identity& identity, std::span<std::byte> memory)
      : system_(system),
        bundle_(bundle),
        console_(system),
        wasi_(system, bundle, identity, console_),
        interface_(system),
        memory_(memory) {}
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;
  ~Runtime() = default;

  /// The agent's exit code. Why it is not the module's own is printed.
  [[nodiscard]] int run();
  /// In a fork of an agent that waits in run(): goes on with its actor, whose exit code this is. What the bundle says holds on.
  [[nodiscard]] int go_on();

 private:
  /// The heap divided: a stack, the store, and for an actor as much again to undo its turns, with what their digests need;
  /// translation tables, where it has some of its own.
  struct Parts {
    std::span<std::uint64_t> stack;
    std::span<std::byte> store;
    std::span<std::byte> copy;
    std::span<std::byte> tree;
    std::span<std::byte> tables;
  };
  [[nodiscard]] const Module* load();
  void compile(const Module& module, Arena& arena, std::size_t code_bytes, std::size_t most);
  [[nodiscard]] Parts divide(bool actor) const;
  [[nodiscard]] std::optional<std::span<const Extern>> link(const Module& module, Store& store, Arena& arena);
  [[nodiscard]] std::optional<Extern> imported(const Import& import, const FunctionType& type, Store& store);
  [[nodiscard]] std::uint64_t fuel() const;
  [[nodiscard]] Limits limits(const Module& module, bool actor, Arena& tree) const;
  /// nullptr: it cannot be, and why was printed.
  [[nodiscard]] Instance* instantiate(const Module& module, Store& store, Arena& arena);
  [[nodiscard]] static Trap initialize(const Module& module, Instance& instance, Execution& execution);
  [[nodiscard]] int run_command(Instance& instance, Execution& execution);
  [[nodiscard]] int run_actor(Instance& instance, Execution& execution, Arena& tree);
  [[nodiscard]] int ended(Trap trap);
  void complain(std::initializer_list<std::string_view> parts);

  [[nodiscard]] Host host();
  static std::uint64_t host_price(void* user, std::uint32_t function, Instance* caller, std::span<std::uint64_t> slots);
  static Trap host_call(void* user, std::uint32_t function, Instance* caller, std::span<std::uint64_t> slots);

  ActorSystem& system_;
  const Bundle& bundle_;
  Console console_;
  Wasi wasi_;
  AgentInterface interface_;
  std::span<std::byte> memory_;
  std::optional<Compiled> compiled_;
  const std::byte* code_ = nullptr;
  // What there is while the module runs, one upon the other. Not on the stack: a fork finds it here.
  Parts parts_;
  std::optional<Arena> tree_;
  std::optional<Arena> arena_;
  std::optional<Store> store_;
  std::optional<Execution> execution_;
  std::optional<Actor> actor_;
};

}  // namespace rvm::wasm
