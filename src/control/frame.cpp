// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/control/frame.hpp"

#include <algorithm>
#include <cstring>

namespace rvm::control {
namespace {

constexpr std::size_t longest_block = 254;

constexpr bool is_kind(std::uint8_t value) {
  return value >= static_cast<std::uint8_t>(FrameKind::hello) && value <= static_cast<std::uint8_t>(FrameKind::refused);
}

}  // namespace

Parsed parse_frame(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(FrameHeader)) return {};
  FrameHeader header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.version != protocol_version) return {std::nullopt, FrameError::version};
  if (!is_kind(static_cast<std::uint8_t>(header.kind)) || header.payload_bytes > payload_limit) return {};
  const std::size_t tag = has_tag(header.kind) ? tag_bytes : 0;
  const std::size_t tagged = sizeof header + header.payload_bytes;
  if (bytes.size() != tagged + tag) return {};
  return {Frame{header, bytes.subspan(sizeof header, header.payload_bytes), bytes.first(tagged), bytes.last(tag)}, {}};
}

std::size_t stuff(std::span<const std::byte> frame, std::span<std::byte> to) {
  if (frame.size() > frame_limit || to.size() < encoded_limit) return 0;
  std::size_t at = 0;
  to[at++] = std::byte{0};
  std::size_t block = at++;  // where the current block's length goes
  for (const std::byte b : frame) {
    if (at - block > longest_block) {
      to[block] = std::byte{0xff};
      block = at++;
    }
    if (b == std::byte{0}) {
      to[block] = static_cast<std::byte>(at - block);
      block = at++;
    } else {
      to[at++] = b;
    }
  }
  to[block] = static_cast<std::byte>(at - block);
  to[at++] = std::byte{0};
  return at;
}

void FrameReader::begin() {
  used_ = 0;
  left_ = 0;
  zero_due_ = started_ = bad_ = false;
}

bool FrameReader::take(std::byte b) {
  if (b == std::byte{0}) {
    const bool whole = started_ && !bad_ && left_ == 0;
    if (started_ && !whole) ++dropped_;
    complete_ = whole ? used_ : 0;
    begin();
    return whole;
  }
  started_ = true;
  if (bad_) return false;
  if (left_ == 0) {
    // A block's length. Between two blocks of which the first was not a longest one, a zero is meant.
    const auto length = std::to_integer<std::uint32_t>(b);
    if (zero_due_) {
      if (used_ == buffer_.size()) {
        bad_ = true;
        return false;
      }
      buffer_[used_++] = std::byte{0};
    }
    left_ = length - 1;
    zero_due_ = length != longest_block + 1;
    return false;
  }
  if (used_ == buffer_.size()) {
    bad_ = true;
    return false;
  }
  buffer_[used_++] = b;
  --left_;
  return false;
}

}  // namespace rvm::control
