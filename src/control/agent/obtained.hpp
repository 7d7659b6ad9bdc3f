// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <rvm/agent.hpp>

namespace rvm::control {

/// A capability that is obtained for one act and given up when it is over.
template <agent::AnyHandle H>
class Obtained {
 public:
  /// `rights`: RVM_RIGHT_*, of those that the capability to the hypervisor has.
  Obtained(agent::Partition hypervisor, std::uint64_t id, std::uint64_t rights)
      : error_(rvm_cap_obtain(hypervisor.raw, H::type, id, rights, &handle_.raw)) {}
  ~Obtained() {
    if (handle_) (void)agent::drop(handle_);
  }
  Obtained(const Obtained&) = delete;
  Obtained& operator=(const Obtained&) = delete;

  [[nodiscard]] explicit operator bool() const { return error_ == RVM_ERROR_OK; }
  [[nodiscard]] rvm_error error() const { return error_; }
  [[nodiscard]] H operator*() const { return handle_; }
  /// The object has ended, and what led to it with it.
  void forget() { handle_ = {}; }

 private:
  H handle_;
  rvm_error error_;
};

}  // namespace rvm::control
