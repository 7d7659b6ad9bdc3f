// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/control/session.hpp"

#include <doctest/doctest.h>

#include <random>
#include <vector>

namespace rvm::control {
namespace {

using Bytes = std::vector<std::byte>;
using Key = std::array<std::byte, 32>;

/// Answers every request with its arguments' sum, and counts what it did.
struct EchoMachine {
  std::uint64_t nonces = 0;
  std::uint64_t performed = 0;
  Request last;

  Nonce fresh_nonce() {
    Nonce nonce{};
    ++nonces;
    std::memcpy(nonce.data(), &nonces, sizeof nonces);
    return nonce;
  }
  HealthReport health() { return {.now_ns = 5, .epoch = 6, .records = 7, .durable = 8}; }
  std::size_t perform(const Request& request, ResponseHead& head, std::span<std::byte> data) {
    ++performed;
    last = request;
    head.entries = static_cast<std::uint32_t>(performed);
    for (const std::uint64_t a : request.arguments) head.next += a;
    data[0] = std::byte{42};
    return 1;
  }
};

Key key_of(std::uint8_t seed) {
  Key key{};
  for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::byte>(seed + i);
  return key;
}

struct Ends {
  explicit Ends(std::uint8_t machine_key = 1, std::uint8_t operator_key = 1)
      : responder(key_of(machine_key)), initiator(key_of(operator_key)) {}

  EchoMachine machine;
  Responder responder;
  Initiator initiator;
  FrameReader reader;
  std::array<std::byte, encoded_limit> to_machine{};
  std::array<std::byte, encoded_limit> from_machine{};

  static Bytes unstuffed(std::span<const std::byte> line) {
    FrameReader r;
    for (const std::byte b : line) {
      if (r.take(b)) return {r.frame().begin(), r.frame().end()};
    }
    return {};
  }
  /// The answer to a frame as it is without stuffing.
  Bytes send(const Bytes& frame) {
    const std::size_t bytes = responder.answer(frame, machine, from_machine);
    return unstuffed(std::span{from_machine}.first(bytes));
  }
  Bytes send_line(std::size_t bytes) { return send(unstuffed(std::span{to_machine}.first(bytes))); }
  bool open(std::uint8_t nonce = 9) {
    Nonce n{};
    n.fill(static_cast<std::byte>(nonce));
    const Bytes answer = send_line(initiator.hello(n, to_machine));
    const Parsed parsed = parse_frame(answer);
    return parsed.frame && initiator.accept_challenge(*parsed.frame) == Initiator::Challenge::accepted;
  }
  Bytes request_frame(std::uint64_t argument) {
    Request request{.operation = Operation::suspend};
    request.arguments[0] = argument;
    return unstuffed(std::span{to_machine}.first(initiator.request(request, to_machine)));
  }
};

FrameKind kind_of(const Bytes& frame) { return parse_frame(frame).frame.value().header.kind; }
Refusal refusal_of(const Bytes& frame) {
  const Frame f = parse_frame(frame).frame.value();
  REQUIRE(f.header.kind == FrameKind::refused);
  Refusal refusal{};
  REQUIRE(f.payload.size() == sizeof refusal);
  std::memcpy(&refusal, f.payload.data(), sizeof refusal);
  return refusal;
}

}  // namespace

TEST_CASE("a session: challenge, requests in order, responses that belong to them") {
  Ends e;
  REQUIRE(e.open());
  for (std::uint64_t i = 1; i < 50; ++i) {
    const Bytes answer = e.send(e.request_frame(i));
    const Parsed parsed = parse_frame(answer);
    REQUIRE(parsed.frame);
    const auto head = e.initiator.accept_response(*parsed.frame);
    REQUIRE(head);
    CHECK(head->next == i);
    CHECK(parsed.frame->payload.size() == sizeof(ResponseHead) + 1);
  }
  CHECK(e.machine.performed == 49);
}

TEST_CASE("another key opens nothing, from either side") {
  Ends e(1, 2);
  CHECK(!e.open());
  CHECK(refusal_of(e.send(e.request_frame(1))) == Refusal::authentication);
  CHECK(e.machine.performed == 0);
}

TEST_CASE("a request counts once, in its place and in its session only") {
  Ends e;
  REQUIRE(e.open());
  const Bytes first = e.request_frame(1);
  const Bytes second = e.request_frame(2);
  const Bytes third = e.request_frame(3);
  CHECK(refusal_of(e.send(second)) == Refusal::sequence);
  CHECK(kind_of(e.send(first)) == FrameKind::response);
  CHECK(refusal_of(e.send(first)) == Refusal::sequence);
  CHECK(kind_of(e.send(second)) == FrameKind::response);
  CHECK(e.machine.performed == 2);
  // A new session with the same operator's nonce: what was recorded of the old one is worth nothing.
  REQUIRE(e.open());
  for (const Bytes& old : {first, second, third}) CHECK(refusal_of(e.send(old)) == Refusal::authentication);
  CHECK(e.machine.performed == 2);
}

TEST_CASE("what was recorded before the machine began anew is worth nothing, hello included") {
  Ends before;
  REQUIRE(before.open());
  const Bytes recorded = before.request_frame(1);
  Ends after;
  after.machine.nonces = 1000;  // its nonces are others than before
  REQUIRE(after.open());        // by the same hello: the session has the same number
  CHECK(refusal_of(after.send(recorded)) == Refusal::authentication);
  CHECK(after.machine.performed == 0);
}

TEST_CASE("a response or challenge that was recorded or changed is not accepted") {
  Ends e;
  REQUIRE(e.open());
  const Bytes answer = e.send(e.request_frame(1));
  for (std::size_t i = 0; i < answer.size(); ++i) {
    Bytes changed = answer;
    changed[i] ^= std::byte{1};
    const Parsed parsed = parse_frame(changed);
    CHECK((!parsed.frame || !e.initiator.accept_response(*parsed.frame)));
  }
  (void)e.request_frame(2);
  CHECK(!e.initiator.accept_response(*parse_frame(answer).frame));  // it answers the request before
  Nonce nonce{};
  const Bytes challenge = e.send_line(e.initiator.hello(nonce, e.to_machine));
  nonce.fill(std::byte{1});
  (void)e.initiator.hello(nonce, e.to_machine);
  CHECK(e.initiator.accept_challenge(*parse_frame(challenge).frame) == Initiator::Challenge::other);
  Bytes relabelled = challenge;
  std::memset(relabelled.data() + 4, 1, 4);  // as if it answered this nonce
  CHECK(e.initiator.accept_challenge(*parse_frame(relabelled).frame) == Initiator::Challenge::foreign);
}

TEST_CASE("one changed bit anywhere in a request: refused, and nothing is done") {
  Ends e;
  REQUIRE(e.open());
  const Bytes good = e.request_frame(7);
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    Bytes changed = good;
    changed[i / 8] ^= static_cast<std::byte>(1u << (i % 8));
    const FrameKind kind = kind_of(e.send(changed));
    CHECK((kind == FrameKind::refused || kind == FrameKind::challenge));
  }
  CHECK(e.machine.performed == 0);
}

TEST_CASE("who has no session is told the machine's health and nothing else") {
  Ends e(1, 2);
  const Bytes answer = e.send_line(write_untagged(FrameKind::health_request, {}, e.to_machine));
  const Frame frame = parse_frame(answer).frame.value();
  REQUIRE(frame.header.kind == FrameKind::health);
  HealthReport report;
  REQUIRE(frame.payload.size() == sizeof report);
  std::memcpy(&report, frame.payload.data(), sizeof report);
  CHECK(report.records == 7);
  for (const FrameKind kind : {FrameKind::challenge, FrameKind::request, FrameKind::response})
    CHECK(write_untagged(kind, {}, e.to_machine) == 0);
  Bytes future(sizeof(FrameHeader));
  future[0] = std::byte{protocol_version + 1};
  CHECK(refusal_of(e.send(future)) == Refusal::version);
  CHECK(e.machine.performed == 0);
}

TEST_CASE("random frames do nothing") {
  Ends e;
  REQUIRE(e.open());
  std::mt19937_64 random(3);
  const Bytes good = e.request_frame(1);
  for (int i = 0; i < 20'000; ++i) {
    Bytes frame = good;
    frame.resize(random() % 4 == 0 ? random() % 300 : frame.size());
    for (std::uint64_t n = 1 + random() % 4; n > 0 && !frame.empty(); --n)
      frame[random() % frame.size()] = static_cast<std::byte>(random());
    if (frame == good) continue;
    (void)e.send(frame);
    if (e.machine.nonces > 1) {  // a hello came out of it
      REQUIRE(e.open());
      e.machine.nonces = 1;
    }
  }
  CHECK(e.machine.performed == 0);
}

}  // namespace rvm::control
