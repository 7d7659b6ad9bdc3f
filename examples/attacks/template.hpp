// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstdint>

#include "rvm/agent.hpp"

namespace attacks {

/// What forks do, by the top byte of their argument.
enum class Role : std::uint8_t {
  writer = 1,  ///< overwrites everything that it shares with its template
  watcher,     ///< sees to it that what it has does not change
  thief,       ///< reads the victim's memory
  bomb,        ///< makes more of itself
};

/// In the template's memory, and so in that of its forks. Pages of their own.
struct alignas(4096) Shared {
  static constexpr std::uint64_t magic = 0x5eed'0000'0000'0001;
  std::array<std::uint64_t, 1024> words;
  std::array<std::uint64_t, 512> end_of_bombs;  ///< [0]: nanoseconds since boot
};

/// Forks `original` into `home`, and gives the fork what it takes to do the same: each agent's handles are its own.
inline rvm_error fork_on(rvm_handle home, rvm_handle original, std::uint64_t priority, std::uint64_t argument) {
  rvm_handle made = 0;
  const rvm_error e = rvm_agent_fork(home, original, priority, argument, &made, nullptr);
  if (e != RVM_ERROR_OK) return e;
  rvm_new_edge edge{};
  if (rvm_edge_create(rvm_find(RVM_DIRECTORY_SELF, RVM_OBJECT_AGENT), made, 2, 0, &edge) == RVM_ERROR_OK) {
    for (const rvm_handle own : {home, original}) {
      rvm_handle copy = 0;
      if (rvm_cap_derive(own, RVM_RIGHT_EXECUTE | RVM_RIGHT_GRANT | RVM_RIGHT_PROVE, 0, &copy) == RVM_ERROR_OK)
        (void)rvm_cap_transfer(copy, edge.sender);
    }
    (void)rvm_cap_drop(edge.sender);
    (void)rvm_cap_drop(edge.owner);
  }
  const rvm_error resumed = rvm_agent_resume(made);
  (void)rvm_cap_drop(made);
  return resumed;
}

}  // namespace attacks
