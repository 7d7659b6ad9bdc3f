// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/control/session.hpp"

#include <algorithm>
#include <string_view>

namespace rvm::control {
namespace {

constexpr std::string_view session_domain = "RVM-CONTROL-1";

crypto::Digest session_key(const crypto::HmacKey& control, std::uint64_t id, const Nonce& of_operator,
                           const Nonce& of_machine) {
  crypto::Hmac hmac{control};
  hmac.update(std::as_bytes(std::span{session_domain}));
  hmac.update(crypto::bytes_of(id));
  hmac.update(of_operator);
  hmac.update(of_machine);
  return hmac.finish();
}

}  // namespace

Session::Session(const crypto::HmacKey& control, std::uint64_t id, const Nonce& of_operator, const Nonce& of_machine)
    : id_(id) {
  crypto::Digest key = session_key(control, id, of_operator, of_machine);
  key_ = crypto::HmacKey{key};
  crypto::wipe(key);
}

bool Session::made(const Frame& frame) const {
  if (id_ == 0 || frame.header.session != id_ || frame.tag.size() != tag_bytes) return false;
  return crypto::equal_constant_time(key_.mac(frame.tagged), frame.tag);
}

std::size_t Session::write(FrameHeader header, std::span<const std::byte> payload, std::span<std::byte> to) const {
  if (payload.size() > payload_limit) return 0;
  std::array<std::byte, frame_limit> frame;
  header.payload_bytes = static_cast<std::uint16_t>(payload.size());
  std::memcpy(frame.data(), &header, sizeof header);
  std::ranges::copy(payload, frame.begin() + sizeof header);
  std::size_t bytes = sizeof header + payload.size();
  if (has_tag(header.kind)) {
    const crypto::Digest tag = key_.mac(std::span{frame}.first(bytes));
    std::memcpy(frame.data() + bytes, tag.data(), tag.size());
    bytes += tag.size();
  }
  return stuff(std::span{frame}.first(bytes), to);
}

std::size_t write_untagged(FrameKind kind, std::span<const std::byte> payload, std::span<std::byte> to) {
  return has_tag(kind) ? 0 : Session{}.write({.kind = kind}, payload, to);
}

std::size_t Responder::begin(const Frame& hello, const Nonce& nonce, std::span<std::byte> to) {
  if (hello.payload.size() != nonce_bytes) return refuse(Refusal::malformed, to);
  Nonce of_operator;
  std::ranges::copy(hello.payload, of_operator.begin());
  session_ = Session{control_, ++sessions_, of_operator, nonce};
  last_ = 0;
  return session_.write({.kind = FrameKind::challenge, .sequence = mark_of(of_operator), .session = session_.id()},
                        nonce, to);
}

std::optional<Refusal> Responder::accept(const Frame& frame, Request& request) {
  if (!session_.made(frame)) return Refusal::authentication;
  if (last_ == UINT32_MAX || frame.header.sequence != last_ + 1) return Refusal::sequence;
  if (frame.payload.size() != sizeof request) return Refusal::malformed;
  std::memcpy(&request, frame.payload.data(), sizeof request);
  if (request.reserved != 0) return Refusal::malformed;
  ++last_;
  return std::nullopt;
}

std::size_t Initiator::hello(const Nonce& nonce, std::span<std::byte> to) {
  nonce_ = nonce;
  session_ = Session{};
  last_ = 0;
  return write_untagged(FrameKind::hello, nonce_, to);
}

Initiator::Challenge Initiator::accept_challenge(const Frame& frame) {
  if (frame.header.kind != FrameKind::challenge || frame.payload.size() != nonce_bytes ||
      frame.header.sequence != mark_of(nonce_))
    return Challenge::other;
  Nonce of_machine;
  std::ranges::copy(frame.payload, of_machine.begin());
  const Session session{control_, frame.header.session, nonce_, of_machine};
  if (!session.made(frame)) return Challenge::foreign;
  session_ = session;
  return Challenge::accepted;
}

std::size_t Initiator::request(const Request& request, std::span<std::byte> to) {
  return session_.write({.kind = FrameKind::request, .sequence = ++last_, .session = session_.id()},
                        crypto::bytes_of(request), to);
}

std::optional<ResponseHead> Initiator::accept_response(const Frame& frame) const {
  if (frame.header.kind != FrameKind::response || frame.header.sequence != last_ || !session_.made(frame) ||
      frame.payload.size() < sizeof(ResponseHead))
    return std::nullopt;
  ResponseHead head;
  std::memcpy(&head, frame.payload.data(), sizeof head);
  return head;
}

}  // namespace rvm::control
