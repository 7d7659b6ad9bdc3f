// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>

#include "rvm/types/error.hpp"
#include "rvm/types/invariant.hpp"

namespace rvm::memory {

/// Pages a partition owns, translation tables included, and how many it may own. A quota of 0 sets no limit but the
/// machine's. The caller holds the kernel lock.
struct PageAccount {
  std::uint32_t used = 0;
  std::uint32_t quota = 0;

  /// Error::no_memory when `pages` more would exceed the quota; nothing is charged then.
  [[nodiscard]] constexpr Status charge(std::uint32_t pages) {
    const std::uint32_t limit = quota == 0 ? UINT32_MAX : quota;
    if (used > limit || pages > limit - used) {
      return fail(Error::no_memory);
    }
    used += pages;
    return {};
  }

  constexpr void credit(std::uint32_t pages) {
    ensure(pages <= used);
    used -= pages;
  }
};

}  // namespace rvm::memory
