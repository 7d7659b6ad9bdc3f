// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "rvm/wasm/store.hpp"

namespace rvm::wasm {

struct Dispatch;

/// A stack, fuel, and how the last call on them ended. One call at a time: a host function must not call back on the
/// execution that called it.
class Execution {
 public:
  /// The bound of the stack is the bound of call depth: every frame has at least its header.
  Execution(Store& store, std::span<std::uint64_t> stack) : store_(store), stack_(stack) {}
  Execution(const Execution&) = delete;
  Execution& operator=(const Execution&) = delete;
  ~Execution() = default;

  /// Calls a function with `arguments` in slots and runs until it returns or traps. Precondition: arguments has the
  /// function's parameter slots; the upper half of 32-bit values is zero. After Trap::none, results() has its results.
  [[nodiscard]] Trap call(const Function& function, std::span<const std::uint64_t> arguments);
  [[nodiscard]] std::span<const std::uint64_t> results() const { return stack_.first(result_slots_); }

  /// Goes on with a call that ended with out_of_fuel or interrupted, as if it had not. Nothing had been done that was not paid.
  [[nodiscard]] Trap resume();

  void set_fuel(std::uint64_t units) { fuel_ = units; }
  [[nodiscard]] std::uint64_t fuel() const { return fuel_; }

  /// Ends the call that is under way with Trap::interrupted after at most `slice` more units of fuel. From any thread or an
  /// interrupt; where it strikes is not deterministic, what the call does up to there and after resume() is.
  void interrupt() { interrupted_.store(true, std::memory_order_relaxed); }
  static constexpr std::int64_t slice = 65536;

  // For the interpreter.
  [[nodiscard]] Store& store() { return store_; }
  [[nodiscard]] const std::uint64_t* stack_end() const { return stack_.data() + stack_.size(); }
  /// More fuel for code that has `left` of its slice and needs `needed`. False: it ends, reason() says why.
  [[nodiscard]] bool refill(std::int64_t& left, std::int64_t needed);
  void stop(Trap reason, std::int64_t left, const std::uint64_t* pc, std::uint64_t* fp, Instance* instance) {
    reason_ = reason;
    keep_fuel(reason, left);
    pc_ = pc;
    fp_ = fp;
    instance_ = instance;
  }
  [[nodiscard]] Trap reason() const { return reason_; }

  /// How the interpreter hands over to whoever runs it.
  enum class Transfer : std::uint8_t {
    none,             ///< the run has ended
    enter_compiled,   ///< pc: the word that stands for a function; its header is written
    return_compiled,  ///< pc: an instruction of compiled code; frame: the callee's
    stepped           ///< one instruction is done; pc: the next one
  };
  void transfer(Transfer to, std::int64_t left, const std::uint64_t* pc, std::uint64_t* fp, Instance* instance) {
    transfer_ = to;
    left_ = left;
    pc_ = pc;
    fp_ = fp;
    instance_ = instance;
  }
  [[nodiscard]] const std::uint64_t* stepping() const { return stepping_; }

 private:
  friend class CompiledRun;
  [[nodiscard]] Trap run();
  /// What is left of a slice, when the run ends. A trap takes all fuel: compiled code does not keep count of it to the unit.
  void keep_fuel(Trap reason, std::int64_t left) {
    const bool goes_on =
        reason == Trap::none || reason == Trap::out_of_fuel || reason == Trap::interrupted || reason == Trap::host;
    fuel_ = goes_on ? fuel_ + static_cast<std::uint64_t>(left) : 0;
  }
  /// Whether the slice has enough for compiled code, which is given it if there is as much.
  [[nodiscard]] bool reserve(std::int64_t needed);
  void interpret(const Dispatch& dispatch);
  void interpret_one();
  Store& store_;
  std::span<std::uint64_t> stack_;
  std::uint64_t fuel_ = UINT64_MAX / 2;  ///< not yet given to the code that runs
  std::uint32_t result_slots_ = 0;
  Trap reason_ = Trap::none;
  std::atomic<bool> interrupted_{false};
  const std::uint64_t* pc_ = nullptr;
  std::uint64_t* fp_ = nullptr;
  Instance* instance_ = nullptr;
  std::int64_t left_ = 0;  ///< of a slice, between interpreter and compiled code
  Transfer transfer_ = Transfer::none;
  const std::uint64_t* stepping_ = nullptr;  ///< the instruction that interpret_one does
};

}  // namespace rvm::wasm
