// SPDX-License-Identifier: MIT OR Apache-2.0
#include "text.hpp"

#include "lock.hpp"
#include "rvm/hal/port.hpp"

namespace rvm::kernel {
namespace {
constinit TicketLock console_lock;
}

void Line::print() {
  buffer_[length_] = '\n';
  console_lock.lock();
  hal::Port::console_write({buffer_.data(), length_ + 1});
  console_lock.unlock();
  length_ = 0;
}

}  // namespace rvm::kernel
