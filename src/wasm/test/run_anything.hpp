// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "rvm/wasm/module.hpp"

namespace rvm::wasm::test {

/// What running a module that nobody knows came to.
struct Ran {
  bool instantiated = false;
  std::uint64_t digest = 0;  ///< of all that its exports gave and cost
  std::uint64_t fuel = 0;    ///< spent
  std::uint32_t calls = 0;
  std::uint32_t traps = 0;
};

struct RunBounds {
  std::size_t store_bytes = std::size_t{512} << 10;
  std::uint32_t memory_pages = 4;
  std::uint64_t fuel = 20'000;  ///< of each call
  std::uint32_t calls = UINT32_MAX;
};

/// Gives the module whatever it asks for, and runs every function that it exports. Aborts if the engine leaves its bounds; the
/// buffers are exact, so that AddressSanitizer sees a step outside.
[[nodiscard]] Ran run_anything(const Module& module, const RunBounds& bounds = {});

}  // namespace rvm::wasm::test
