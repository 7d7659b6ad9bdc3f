// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Frames on a byte stream that anybody may have written anything to. Each is encoded so that it contains no zero byte (consistent
// overhead byte stuffing, Cheshire and Baker, SIGCOMM 1997) and is enclosed in zeros: whatever was on the line before, the next
// frame is found.
//
//   header | payload | tag (of the kinds that have one: HMAC-SHA-256 of header and payload under the session's key)
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace rvm::control {

inline constexpr std::uint8_t protocol_version = 1;
inline constexpr std::size_t payload_limit = 3840;
inline constexpr std::size_t tag_bytes = 32;
inline constexpr std::size_t nonce_bytes = 16;

enum class FrameKind : std::uint8_t {
  hello = 1,           ///< operator: its nonce
  challenge = 2,       ///< machine: its nonce; under the new session's key
  request = 3,         ///< operator, under the session's key
  response = 4,        ///< machine, under the session's key
  health_request = 5,  ///< anybody
  health = 6,          ///< machine: a HealthReport, to anybody
  refused = 7,         ///< machine: why the last frame had no effect, to anybody
};
[[nodiscard]] constexpr bool has_tag(FrameKind kind) {
  return kind == FrameKind::challenge || kind == FrameKind::request || kind == FrameKind::response;
}

struct FrameHeader {
  std::uint8_t version = protocol_version;
  FrameKind kind = FrameKind::hello;
  std::uint16_t payload_bytes = 0;
  /// Of a request, 1 for a session's first; of a response, that of its request; of a challenge, the first four bytes of the nonce
  /// that it answers.
  std::uint32_t sequence = 0;
  std::uint64_t session = 0;  ///< as its challenge named it; 0 in frames of no session
};
static_assert(sizeof(FrameHeader) == 16);

inline constexpr std::size_t frame_limit = sizeof(FrameHeader) + payload_limit + tag_bytes;
/// A stuffed frame between its zeros: a byte more for every 254, and one.
inline constexpr std::size_t encoded_limit = frame_limit + frame_limit / 254 + 1 + 2;
static_assert(encoded_limit <= 4096, "a frame fits a page");

enum class FrameError : std::uint8_t { malformed, version };

struct Frame {
  FrameHeader header;
  std::span<const std::byte> payload;
  std::span<const std::byte> tagged;  ///< header and payload, as they were sent
  std::span<const std::byte> tag;     ///< empty for kinds without one
};

/// What a frame without its stuffing says. Nothing but a whole frame of a known kind passes; `version`: it begins as a frame does,
/// of another version.
struct Parsed {
  std::optional<Frame> frame;
  FrameError error = FrameError::malformed;
};
[[nodiscard]] Parsed parse_frame(std::span<const std::byte> bytes);

/// Stuffs a frame and encloses it in zeros. `to` has encoded_limit bytes; returns how many are used, 0 if the frame is too long.
[[nodiscard]] std::size_t stuff(std::span<const std::byte> frame, std::span<std::byte> to);

/// Finds frames in a stream. Holds one frame; what is longer than any frame, or not stuffed as it should be, is dropped.
class FrameReader {
 public:
  /// Takes a byte. True: a frame is complete, and `frame` is what was in it until the next call.
  [[nodiscard]] bool take(std::byte b);
  [[nodiscard]] std::span<const std::byte> frame() const { return std::span{buffer_}.first(complete_); }
  [[nodiscard]] std::uint64_t dropped() const { return dropped_; }

 private:
  void begin();

  std::array<std::byte, frame_limit> buffer_{};
  std::size_t used_ = 0;
  std::size_t complete_ = 0;
  std::uint32_t left_ = 0;  ///< bytes of the current block still to come
  bool zero_due_ = false;   ///< a zero stands where the next block begins
  bool started_ = false;    ///< something came since the last zero
  bool bad_ = false;
  std::uint64_t dropped_ = 0;
};

}  // namespace rvm::control
