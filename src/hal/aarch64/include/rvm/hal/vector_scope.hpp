// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "rvm/hal/port.hpp"

namespace rvm::hal {

/// While one of these lives, kernel code may use the vector registers. An agent's values that are in them are kept and come
/// back at the end; values the kernel leaves behind are unreachable, since whoever is given vector registers has all of
/// them loaded first. Cost: a few instructions, and about 70 more when the current agent has live vector registers.
/// May be nested; no switch_context or deactivate inside.
class VectorScope {
 public:
  [[nodiscard]] VectorScope();
  ~VectorScope();
  VectorScope(const VectorScope&) = delete;
  VectorScope& operator=(const VectorScope&) = delete;

 private:
  enum class Undo : std::uint8_t { nothing, forbid, restore };
  Undo undo_;
  VectorRegisters saved_;  ///< filled only for Undo::restore
};

}  // namespace rvm::hal
