// SPDX-License-Identifier: MIT OR Apache-2.0
#include "console.hpp"

#include <algorithm>

namespace rvm::wasm {

bool Console::write(std::string_view text) {
  if (!holding_) {
    put(text);
    return true;
  }
  if (text.size() > held_.size() - held_bytes_) return false;
  std::ranges::copy(text, held_.begin() + static_cast<std::ptrdiff_t>(held_bytes_));
  held_bytes_ += text.size();
  return true;
}

void Console::release() {
  put({held_.data(), held_bytes_});
  held_bytes_ = 0;
}

void Console::put(std::string_view text) {
  while (!text.empty()) {
    const std::size_t room = line_.size() - line_bytes_;
    const std::size_t end = text.substr(0, room).find('\n');
    const std::string_view piece = text.substr(0, std::min(end, room));
    std::ranges::copy(piece, line_.begin() + static_cast<std::ptrdiff_t>(line_bytes_));
    line_bytes_ += piece.size();
    text.remove_prefix(piece.size());
    if (end != std::string_view::npos) {
      text.remove_prefix(1);
      system_.print({line_.data(), line_bytes_});
      line_bytes_ = 0;
    } else if (line_bytes_ == line_.size()) {
      flush();
    }
  }
}

void Console::flush() {
  if (line_bytes_ != 0) system_.print({line_.data(), line_bytes_});
  line_bytes_ = 0;
}

}  // namespace rvm::wasm
