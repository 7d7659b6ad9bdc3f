// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Valid modules from a stream of random numbers: every choice is taken among what validates, so that each module must load
// and each run must agree with every other engine. Exported are functions f0, f1, ... without parameters. All loops count, and
// functions call earlier ones only, so every run ends.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "rvm/wasm/types.hpp"

namespace rvm::wasm::test {

/// Numbers from given bytes, zeros once they are used up; or from a seed, without end.
class Source {
 public:
  explicit Source(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}
  explicit Source(std::uint64_t seed) : state_(seed * 2 + 1) {}

  [[nodiscard]] std::uint32_t below(std::uint32_t bound) { return bound == 0 ? 0 : next() % bound; }
  [[nodiscard]] std::uint32_t next();
  [[nodiscard]] bool exhausted() const { return state_ == 0 && at_ >= bytes_.size(); }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t at_ = 0;
  std::uint64_t state_ = 0;
};

struct GeneratorOptions {
  /// Leave out what shows the bits of a NaN, in which engines may differ.
  bool nan_bits = true;
  /// All that they do is seen to the bit: results are integers and vectors, and the last function, "s", digests the state. For
  /// engines that make NaNs canonical, as this one and wabt's do. Modules have a second table and passive segments, too.
  bool exact = false;
};

[[nodiscard]] std::vector<std::uint8_t> generate_module(Source& source, const GeneratorOptions& options);

}  // namespace rvm::wasm::test
