// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/wasm/execution.hpp"

#include <algorithm>
#include <utility>

#include "compiled_run.hpp"
#include "interpreter.hpp"

namespace rvm::wasm {

namespace {

// What a call from outside returns to: behind what looks like a call, whose frame is the caller's.
constexpr std::uint64_t exit_code[] = {encode(Op::call_defined), 0, encode(Op::exit)};

RVM_WASM_HANDLER(corrupt) { RVM_WASM_STOP(Trap::corrupt_code); }

consteval Dispatch make_dispatch() {
  Dispatch d{};
  for (Handler& h : d.handlers) h = handle_corrupt;
  // clang-format off
#define RVM_X(name, ...) d.handlers[number(Op::name)] = handle_##name;
  RVM_WASM_HANDLED(RVM_X)
#undef RVM_X
#define RVM_X(name, ...) d.handlers[number(Op::name##_k)] = handle_##name##_k;
  RVM_WASM_INTEGER_BINARY(RVM_X)
  RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...)                                \
  d.handlers[number(Op::name##_k)] = handle_##name##_k; \
  d.handlers[number(Op::name##_x)] = handle_##name##_x;
  RVM_WASM_LOAD(RVM_X)
  RVM_WASM_STORE(RVM_X)
#undef RVM_X
#define RVM_X(name, ...)                                  \
  d.handlers[number(Op::if_##name)] = handle_if_##name;   \
  d.handlers[number(Op::if_##name##_k)] = handle_if_##name##_k;
  RVM_WASM_COMPARE(RVM_X)
#undef RVM_X
  // clang-format on
  return d;
}

constinit const Dispatch the_dispatch = make_dispatch();

/// Every instruction but the first ends the run. One that had to be paid first is tried again.
RVM_WASM_HANDLER(stepped) {
  if (pc == execution->stepping()) RVM_WASM_TAIL the_dispatch.handlers[word % dispatch_entries](RVM_WASM_PASS);
  RVM_WASM_TRANSFER(stepped);
}

consteval Dispatch make_stop_dispatch() {
  Dispatch d{};
  for (Handler& h : d.handlers) h = handle_stepped;
  return d;
}

constinit const Dispatch stop_dispatch = make_stop_dispatch();

}  // namespace

RVM_WASM_FUNCTION(stop_with) {
  static_cast<void>(memory), static_cast<void>(memory_bytes), static_cast<void>(dispatch);
  execution->stop(static_cast<Trap>(word), fuel, pc, fp, instance);
}

RVM_WASM_FUNCTION(refill_for) {
  fuel += static_cast<std::int64_t>(word);
  if (!execution->refill(fuel, static_cast<std::int64_t>(word))) RVM_WASM_STOP(execution->reason());
  RVM_WASM_AGAIN;
}

bool Execution::refill(std::int64_t& left, std::int64_t needed) {
  if (interrupted_.exchange(false, std::memory_order_relaxed)) {
    reason_ = Trap::interrupted;
    return false;
  }
  const auto wanted = static_cast<std::uint64_t>(std::max(slice, needed - left));
  const std::uint64_t given = std::min(wanted, fuel_);
  if (static_cast<std::uint64_t>(left) + given < static_cast<std::uint64_t>(needed)) {
    reason_ = Trap::out_of_fuel;
    return false;
  }
  fuel_ -= given;
  left += static_cast<std::int64_t>(given);
  return true;
}

bool Execution::reserve(std::int64_t needed) {
  if (left_ >= needed) return true;
  const std::uint64_t given = std::min(static_cast<std::uint64_t>(std::max(slice, needed - left_)), fuel_);
  if (left_ + static_cast<std::int64_t>(given) < needed) return false;
  fuel_ -= given;
  left_ += static_cast<std::int64_t>(given);
  return true;
}

Trap Execution::call(const Function& function, std::span<const std::uint64_t> arguments) {
  result_slots_ = function.result_slots;
  const std::size_t needed = std::max(function.parameter_slots + header_slots, function.result_slots);
  if (needed > stack_.size()) return reason_ = Trap::stack_exhausted;
  std::ranges::copy(arguments, stack_.begin());
  if (function.host != not_host) {
    const Host& host = store_.host();
    const std::size_t slots = std::max(function.parameter_slots, function.result_slots);
    return reason_ = host.call(host.user, function.host, nullptr, stack_.first(slots));
  }
  const auto exit = reinterpret_cast<std::uintptr_t>(&exit_code[2]);
  stack_[function.parameter_slots] = exit;
  stack_[function.parameter_slots + 1] = exit << 16;
  pc_ = function.code;
  fp_ = stack_.data();
  instance_ = function.instance;
  return run();
}

void Execution::interpret(const Dispatch& dispatch) {
  const Memory* const memory = instance_->memory;
  transfer_ = Transfer::none;
  const std::int64_t left = std::exchange(left_, 0);
  the_dispatch.handlers[*pc_ % dispatch_entries](pc_, fp_, memory == nullptr ? nullptr : memory->base,
                                                 memory == nullptr ? 0 : memory->bytes, instance_, this, &dispatch,
                                                 left, *pc_);
}

/// Does the instruction at pc and nothing further.
void Execution::interpret_one() {
  stepping_ = pc_;
  interpret(stop_dispatch);
}

Trap Execution::run() {
  for (;;) {
    interpret(the_dispatch);
    if (transfer_ == Transfer::none) return reason_;
    CompiledRun compiled{*this};
    if (!compiled.go_on()) return reason_;
  }
}

Trap Execution::resume() {
  if (instance_->attached) {
    CompiledRun compiled{*this};
    if (compiled.enter_at(pc_) && !compiled.go_on()) return reason_;
  }
  return run();
}

}  // namespace rvm::wasm
