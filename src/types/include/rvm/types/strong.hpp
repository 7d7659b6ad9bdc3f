// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <compare>
#include <cstdint>

namespace rvm {

/// An integer that only mixes with its own kind. `Tag` names the kind; `value` is the plain number.
/// Replaces bare integers for ids, addresses and counts, so that passing one for another does not compile.
template <typename Tag, typename Representation>
struct Strong {
  using representation = Representation;
  Representation value{};

  constexpr Strong() = default;
  constexpr explicit Strong(Representation v) : value(v) {}
  friend constexpr auto operator<=>(Strong, Strong) = default;
};

}  // namespace rvm
