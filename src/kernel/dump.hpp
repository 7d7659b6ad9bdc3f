// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// Prints every object as it is, one `rvm#` line each, for comparison with what the log's records alone give
/// (`rvm witness replay --compare`). At an orderly shutdown, when the package asks for it. Under the kernel lock.
void dump_state(State& s);

}  // namespace rvm::kernel
