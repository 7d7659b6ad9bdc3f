// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

namespace rvm::hal {

/// Where the core may use every register at any time, or has no vector registers, there is nothing to keep.
class VectorScope {
 public:
  [[nodiscard]] VectorScope() {}  // not defaulted: an unused variable of a trivial type would be a warning
  ~VectorScope() {}
  VectorScope(const VectorScope&) = delete;
  VectorScope& operator=(const VectorScope&) = delete;
};

}  // namespace rvm::hal
