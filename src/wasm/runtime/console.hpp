// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "system.hpp"

namespace rvm::wasm {

/// Text on its way to the console, cut into lines. What an actor writes during a turn is held until the turn commits.
class Console {
 public:
  explicit Console(System& system) : system_(system) {}

  /// False: it is held and there is no room for it; nothing was taken.
  [[nodiscard]] bool write(std::string_view text);
  /// From now on what is written waits for release() or discard().
  void hold() { holding_ = true; }
  void release();
  void discard() { held_bytes_ = 0; }
  /// Prints a line that was begun.
  void flush();

  static constexpr std::size_t held_limit = 16384;

 private:
  void put(std::string_view text);

  System& system_;
  bool holding_ = false;
  std::size_t held_bytes_ = 0;
  std::size_t line_bytes_ = 0;
  std::array<char, System::line_bytes> line_{};
  std::array<char, held_limit> held_{};
};

}  // namespace rvm::wasm
