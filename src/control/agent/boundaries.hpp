// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Boundaries by hand: what the operator asks for becomes the hypercall that any agent would make, refused for the same reasons. One
// reason more is the manifest's: whose boundary it calls static stays as it is, as it does for the coherence engine.
#pragma once

#include <cstdint>
#include <rvm/agent.hpp>
#include <span>

#include "rvm/control/message.hpp"

namespace rvm::control {

class Boundaries {
 public:
  explicit Boundaries(agent::Partition hypervisor) : hypervisor_(hypervisor) {}

  // Each returns an rvm_error or a ControlStatus, with nothing changed unless it is RVM_ERROR_OK. `scratch` is overwritten; it has room
  // for some structures of SYSTEM_READ.

  /// `leaving` and `digest` as Operation::split has them; the new partition's id in `made`.
  std::uint32_t split(std::uint64_t partition, std::uint64_t leaving, std::uint64_t digest,
                      std::span<std::byte> scratch, std::uint64_t& made) const;
  std::uint32_t merge(std::uint64_t survivor, std::uint64_t absorbed, std::span<std::byte> scratch) const;
  std::uint32_t migrate(std::uint64_t agent, std::uint64_t destination, std::span<std::byte> scratch) const;

 private:
  template <typename Entry, typename Visit>
  rvm_error each(std::uint64_t what, std::span<std::byte> scratch, Visit visit) const;
  std::uint32_t check_movable(std::uint64_t one, std::uint64_t other, std::span<std::byte> scratch) const;

  agent::Partition hypervisor_;
};

}  // namespace rvm::control
