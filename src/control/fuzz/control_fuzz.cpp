// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Whatever comes over the console: no request is performed that its operator did not make, and a frame after it is found.
#include <algorithm>
#include <cstdlib>

#include "rvm/control/session.hpp"

namespace {

using namespace rvm::control;

struct NoMachine {
  Nonce fresh_nonce() { return {}; }
  HealthReport health() { return {}; }
  std::size_t perform(const Request&, ResponseHead&, std::span<std::byte>) { std::abort(); }
};

void need(bool condition) {
  if (!condition) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::array<std::byte, 32> key{};
  key.fill(std::byte{0x5a});
  static Responder responder{key};
  responder = Responder{key};
  NoMachine machine;
  FrameReader reader;
  std::array<std::byte, encoded_limit> answer{};
  for (const std::byte b : std::as_bytes(std::span{data, size})) {
    if (!reader.take(b)) continue;
    // What comes back is a frame, whatever was asked.
    const std::size_t bytes = responder.answer(reader.frame(), machine, answer);
    FrameReader back;
    std::size_t frames = 0;
    for (const std::byte a : std::span{answer}.first(bytes)) {
      if (back.take(a)) frames += parse_frame(back.frame()).frame ? 1 : 0;
    }
    need(frames == 1);
  }
  // The same bytes as one frame: stuffed and found again, and parsed without harm.
  const auto frame = std::as_bytes(std::span{data, std::min(size, frame_limit)});
  (void)parse_frame(frame);
  const std::size_t bytes = stuff(frame, answer);
  std::size_t whole = 0;
  for (const std::byte a : std::span{answer}.first(bytes)) {
    if (!reader.take(a)) continue;
    whole = std::ranges::equal(reader.frame(), frame) ? whole + 1 : whole;
  }
  need(whole >= 1);
  return 0;
}
