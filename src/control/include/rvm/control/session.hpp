// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How operator and machine know each other. Both have the control key (rvm/boot_package.h). The operator sends a nonce, the machine
// answers with one of its own, and the session's key is made of both: so neither can be answered with what was recorded
// before. A request counts if its tag is right under that key and its number is the next one. There is one session at a time;
// a new hello ends it.
#pragma once

#include <array>
#include <concepts>
#include <cstring>
#include <span>

#include "rvm/control/frame.hpp"
#include "rvm/control/message.hpp"
#include "rvm/crypto/hmac.hpp"

namespace rvm::control {

using Nonce = std::array<std::byte, nonce_bytes>;
[[nodiscard]] inline std::uint32_t mark_of(const Nonce& of_operator) {
  std::uint32_t mark = 0;
  std::memcpy(&mark, of_operator.data(), sizeof mark);
  return mark;
}

/// One side's knowledge of a session.
class Session {
 public:
  Session() = default;
  Session(const crypto::HmacKey& control, std::uint64_t id, const Nonce& of_operator, const Nonce& of_machine);
  [[nodiscard]] std::uint64_t id() const { return id_; }
  /// Whether a frame with a tag is of this session and was made by somebody who has its key.
  [[nodiscard]] bool made(const Frame& frame) const;
  /// Writes a whole frame, with its tag if the kind has one, stuffed. Returns its bytes; `to` has encoded_limit.
  std::size_t write(FrameHeader header, std::span<const std::byte> payload, std::span<std::byte> to) const;

 private:
  crypto::HmacKey key_;
  std::uint64_t id_ = 0;  ///< 0: none
};

/// Writes a frame of a kind that has no tag.
std::size_t write_untagged(FrameKind kind, std::span<const std::byte> payload, std::span<std::byte> to);

/// What the machine's end of the protocol is asked to do; the rest of the machine, as it were.
template <typename S>
concept Machine =
    requires(S& machine, const Request& request, ResponseHead& head, std::span<std::byte> data, HealthReport& health) {
      { machine.fresh_nonce() } -> std::same_as<Nonce>;  ///< never the same twice
      { machine.health() } -> std::same_as<HealthReport>;
      /// Fills `head` and as much of `data` as it needs; returns how much.
      { machine.perform(request, head, data) } -> std::same_as<std::size_t>;
    };

/// The machine's end: takes what FrameReader found and answers it.
class Responder {
 public:
  explicit Responder(std::span<const std::byte, 32> control_key) : control_(control_key) {}

  /// Returns the bytes of the answer in `to` (encoded_limit).
  template <Machine M>
  std::size_t answer(std::span<const std::byte> bytes, M& machine, std::span<std::byte> to) {
    const Parsed parsed = parse_frame(bytes);
    if (!parsed.frame) {
      return refuse(parsed.error == FrameError::version ? Refusal::version : Refusal::malformed, to);
    }
    const Frame& frame = *parsed.frame;
    switch (frame.header.kind) {
      case FrameKind::hello:
        return begin(frame, machine.fresh_nonce(), to);
      case FrameKind::health_request: {
        if (!frame.payload.empty()) return refuse(Refusal::malformed, to);
        const HealthReport report = machine.health();
        return write_untagged(FrameKind::health, crypto::bytes_of(report), to);
      }
      case FrameKind::request:
        break;
      default:
        return refuse(Refusal::malformed, to);  // what only a machine says
    }
    Request request;
    if (const auto refusal = accept(frame, request); refusal) return refuse(*refusal, to);
    std::memset(payload_.data(), 0, sizeof(ResponseHead));
    ResponseHead head;
    const std::size_t bytes_of_data = machine.perform(request, head, std::span{payload_}.subspan(sizeof(ResponseHead)));
    std::memcpy(payload_.data(), &head, sizeof head);
    return session_.write({.kind = FrameKind::response, .sequence = last_, .session = session_.id()},
                          std::span{payload_}.first(sizeof head + bytes_of_data), to);
  }

 private:
  std::size_t begin(const Frame& hello, const Nonce& nonce, std::span<std::byte> to);
  std::optional<Refusal> accept(const Frame& frame, Request& request);
  static std::size_t refuse(Refusal refusal, std::span<std::byte> to) {
    return write_untagged(FrameKind::refused, crypto::bytes_of(refusal), to);
  }

  crypto::HmacKey control_;
  Session session_;
  std::uint64_t sessions_ = 0;
  std::uint32_t last_ = 0;  ///< number of the session's last request
  std::array<std::byte, payload_limit> payload_{};
};

/// The operator's end.
class Initiator {
 public:
  explicit Initiator(std::span<const std::byte, 32> control_key) : control_(control_key) {}
  /// `nonce`: random.
  std::size_t hello(const Nonce& nonce, std::span<std::byte> to);
  enum class Challenge : std::uint8_t {
    other,     ///< it is none, or answers an earlier hello
    foreign,   ///< who made it does not have the key
    accepted,  ///< requests can be made
  };
  [[nodiscard]] Challenge accept_challenge(const Frame& frame);
  std::size_t request(const Request& request, std::span<std::byte> to);
  /// The response to the last request; nothing if the frame is not that.
  [[nodiscard]] std::optional<ResponseHead> accept_response(const Frame& frame) const;

 private:
  crypto::HmacKey control_;
  Nonce nonce_{};
  Session session_;
  std::uint32_t last_ = 0;
};

}  // namespace rvm::control
