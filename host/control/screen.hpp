// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <termios.h>

#include <chrono>
#include <string>

namespace rvm::host {

/// The terminal as a screen (ECMA-48, and the alternate screen of xterm), given back as it was however the program leaves.
class Screen {
 public:
  Screen();
  ~Screen();
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;

  struct Size {
    unsigned width;
    unsigned height;
  };
  [[nodiscard]] static Size size();
  /// Shows lines from the top; what was there before is cleared.
  void show(const std::string& lines);
  /// Waits. True: somebody wants to leave (q, Ctrl-C, SIGTERM, the input has ended). Returns early when the size changes.
  [[nodiscard]] bool wait(std::chrono::milliseconds time);

 private:
  termios before_{};
  bool changed_ = false;
};

}  // namespace rvm::host
