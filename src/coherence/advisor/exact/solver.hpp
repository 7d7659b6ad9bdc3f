// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Which solver the advisor's engine has. The build chooses one by the include path.
#pragma once

#include "rvm/coherence/minimum_cut.hpp"

namespace rvm::advice {

using Solver = coherence::MinimumCut;

}  // namespace rvm::advice
