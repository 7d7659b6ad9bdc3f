// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a check of a log answers when something in it is wrong.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace rvm::witness {

[[nodiscard]] inline std::unexpected<std::string> wrong(std::string why) { return std::unexpected{std::move(why)}; }

}  // namespace rvm::witness
