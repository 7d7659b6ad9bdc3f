// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <span>
#include <string_view>

namespace rvm::host {

/// The candidate that differs from `word` by the fewest edits (insert, delete, replace, swap neighbours), for
/// "did you mean"; empty when none is close: more than a third of the word's letters, at least one, would change.
[[nodiscard]] std::string_view nearest(std::string_view word, std::span<const std::string_view> candidates);

}  // namespace rvm::host
