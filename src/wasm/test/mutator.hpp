// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Real modules made wrong, or different: bytes, integers, whole sections, and instructions of one function in another, with the
// sizes around them mended most of the time, so that what is wrong is found deep inside.
#pragma once

#include <vector>

#include "encoding.hpp"
#include "generator.hpp"

namespace rvm::wasm::test {

/// One of `corpus` with a few changes, taken from others of it as well. The same numbers give the same module.
[[nodiscard]] Bytes mutated(Source& source, const std::vector<Bytes>& corpus);

}  // namespace rvm::wasm::test
