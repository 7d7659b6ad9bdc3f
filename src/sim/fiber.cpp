// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A fiber is entered once with swapcontext and from then on switched with _setjmp and _longjmp, which make no system call.
// Under AddressSanitizer, which follows stacks, every switch is a swapcontext that is announced to it.
#include "fiber.hpp"

#include <cstdint>

#if defined(__has_feature)
  #if __has_feature(address_sanitizer)
    #define RVM_SIM_ANNOUNCE 1
    #include <sanitizer/asan_interface.h>
    #include <sanitizer/common_interface_defs.h>
  #endif
#endif

namespace rvm::sim {

Fiber::Fiber() : stack_(new std::byte[stack_bytes]) {}
Fiber::~Fiber() = default;

void Fiber::enter(unsigned high, unsigned low) {
  // Sound: makecontext passes only ints; this is the pointer that start() took apart.
  auto* const self = reinterpret_cast<Fiber*>(std::uintptr_t{high} << 32 | low);
#if defined(RVM_SIM_ANNOUNCE)
  __sanitizer_finish_switch_fiber(nullptr, &self->caller_stack_, &self->caller_stack_bytes_);
#endif
  self->body_(self->argument_);
}

void Fiber::start(Body body, void* argument) {
  body_ = body;
  argument_ = argument;
  entered_ = false;
  own_fake_stack_ = nullptr;
#if defined(RVM_SIM_ANNOUNCE)
  __asan_unpoison_memory_region(stack_.get(), stack_bytes);
#endif
  getcontext(&own_);
  own_.uc_stack.ss_sp = stack_.get();
  own_.uc_stack.ss_size = stack_bytes;
  own_.uc_link = nullptr;
  const auto self = reinterpret_cast<std::uintptr_t>(this);
  // Sound: makecontext is declared for functions without parameters and passes the ints that follow.
  makecontext(&own_, reinterpret_cast<void (*)()>(&Fiber::enter), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
}

#if defined(RVM_SIM_ANNOUNCE)

void Fiber::resume() {
  entered_ = true;
  __sanitizer_start_switch_fiber(&caller_fake_stack_, stack_.get(), stack_bytes);
  swapcontext(&caller_, &own_);
  __sanitizer_finish_switch_fiber(caller_fake_stack_, nullptr, nullptr);
}

void Fiber::pause() {
  __sanitizer_start_switch_fiber(&own_fake_stack_, caller_stack_, caller_stack_bytes_);
  swapcontext(&own_, &caller_);
  __sanitizer_finish_switch_fiber(own_fake_stack_, &caller_stack_, &caller_stack_bytes_);
}

#else

void Fiber::resume() {
  if (_setjmp(caller_jump_) != 0) return;
  if (entered_) _longjmp(own_jump_, 1);
  entered_ = true;
  swapcontext(&caller_, &own_);
}

void Fiber::pause() {
  if (_setjmp(own_jump_) == 0) _longjmp(caller_jump_, 1);
}

#endif

}  // namespace rvm::sim
