// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One stack per simulated core, switched by hand, so that a core can stand in the middle of the kernel (idle, or waiting for
// another core) while others go on, and always in the same order.
#pragma once

#include <ucontext.h>

#include <csetjmp>
#include <cstddef>
#include <memory>

namespace rvm::sim {

class Fiber {
 public:
  using Body = void (*)(void* argument);

  Fiber();
  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;
  ~Fiber();

  /// Starts afresh at `body`, which must never return; whatever the stack held is forgotten. Runs nothing yet.
  void start(Body body, void* argument);
  /// Runs the fiber until it pauses. Called from outside any fiber.
  void resume();
  /// Back to whoever resumed this fiber. Called on the fiber.
  void pause();

 private:
  static void enter(unsigned high, unsigned low);

  static constexpr std::size_t stack_bytes = std::size_t{256} << 10;
  std::unique_ptr<std::byte[]> stack_;
  ucontext_t own_{};
  ucontext_t caller_{};
  [[maybe_unused]] std::jmp_buf own_jump_{};
  [[maybe_unused]] std::jmp_buf caller_jump_{};
  bool entered_ = false;
  Body body_ = nullptr;
  void* argument_ = nullptr;
  [[maybe_unused]] void* own_fake_stack_ = nullptr;     // AddressSanitizer's
  [[maybe_unused]] void* caller_fake_stack_ = nullptr;  // likewise
  [[maybe_unused]] const void* caller_stack_ = nullptr;
  [[maybe_unused]] std::size_t caller_stack_bytes_ = 0;
};

}  // namespace rvm::sim
