// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "../faulty_cut.hpp"

namespace rvm::advice {

using Solver = coherence::test::FaultyCut;

}  // namespace rvm::advice
