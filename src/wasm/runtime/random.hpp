// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace rvm::wasm {

/// Numbers that are the same on every machine and in every replay: block n is SHA-256("RVM-RANDOM-1" || seed || n || name), with
/// the manifest's seed and the agent's name. Nobody who knows the manifest is surprised by them: they are no source of keys.
class Random {
 public:
  Random(std::uint64_t seed, std::string_view name) : seed_(seed), name_(name) {}
  void fill(std::span<std::byte> bytes);
  [[nodiscard]] std::uint64_t position() const { return block_; }
  void set_position(std::uint64_t block) { block_ = block; }

 private:
  std::uint64_t seed_;
  std::string_view name_;
  std::uint64_t block_ = 0;
};

}  // namespace rvm::wasm
