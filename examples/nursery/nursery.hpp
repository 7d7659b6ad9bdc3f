// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "rvm/agent.hpp"

namespace nursery {

/// What a keeper asks each of its seedlings.
struct Question {
  std::uint32_t answer_on;  ///< handle of the edge to the keeper
  std::uint32_t number;
};
struct Answer {
  std::uint64_t agent;
  std::uint64_t value;  ///< the square of the number
};

}  // namespace nursery
