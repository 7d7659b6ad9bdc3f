// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/control/frame.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

namespace rvm::control {
namespace {

using Bytes = std::vector<std::byte>;

Bytes stuffed(const Bytes& frame) {
  Bytes out(encoded_limit);
  out.resize(stuff(frame, out));
  return out;
}

/// Every frame that a reader finds in a stream.
std::vector<Bytes> found(const Bytes& stream, FrameReader& reader) {
  std::vector<Bytes> all;
  for (const std::byte b : stream) {
    if (reader.take(b)) all.emplace_back(reader.frame().begin(), reader.frame().end());
  }
  return all;
}

Bytes random_bytes(std::mt19937_64& random, std::size_t count, unsigned zeros_in) {
  Bytes out(count);
  for (std::byte& b : out) b = random() % zeros_in == 0 ? std::byte{0} : static_cast<std::byte>(random());
  return out;
}

}  // namespace

TEST_CASE("what was stuffed is found again: every length around a block, with and without zeros") {
  std::mt19937_64 random(1);
  for (std::size_t length = 1; length <= 1100; ++length) {
    for (const unsigned zeros_in : {1u, 3u, 300u, 1u << 30}) {
      const Bytes frame = random_bytes(random, length, zeros_in);
      const Bytes line = stuffed(frame);
      REQUIRE(line.size() >= length + 3);
      CHECK(std::count(line.begin(), line.end(), std::byte{0}) == 2);
      FrameReader reader;
      const auto frames = found(line, reader);
      REQUIRE(frames.size() == 1);
      CHECK(frames[0] == frame);
    }
  }
  const Bytes longest(frame_limit, std::byte{7});
  FrameReader reader;
  REQUIRE(found(stuffed(longest), reader).size() == 1);
  CHECK(stuffed(Bytes(frame_limit + 1)).empty());
}

TEST_CASE("a frame is found after any garbage, and after a frame that was cut off") {
  std::mt19937_64 random(2);
  const Bytes frame = random_bytes(random, 200, 5);
  const Bytes line = stuffed(frame);
  for (int i = 0; i < 2000; ++i) {
    Bytes stream = random_bytes(random, random() % 9000, 1u << (random() % 12));
    const Bytes cut = stuffed(random_bytes(random, 1 + random() % 3000, 4));
    stream.insert(stream.end(), cut.begin(), cut.begin() + static_cast<std::ptrdiff_t>(random() % cut.size()));
    stream.insert(stream.end(), line.begin(), line.end());
    FrameReader reader;
    const auto frames = found(stream, reader);
    REQUIRE(!frames.empty());
    CHECK(frames.back() == frame);
  }
}

TEST_CASE("of a frame that ends in the middle of a block nothing is made") {
  const Bytes line = stuffed(Bytes(200, std::byte{5}));
  for (std::size_t cut = 2; cut < line.size() - 1; ++cut) {
    Bytes stream(line.begin(), line.begin() + static_cast<std::ptrdiff_t>(cut));
    stream.push_back(std::byte{0});
    FrameReader reader;
    CHECK(found(stream, reader).empty());
    CHECK(reader.dropped() == 1);
  }
}

TEST_CASE("what is longer than any frame is dropped, and counted") {
  FrameReader reader;
  Bytes line(3 * frame_limit, std::byte{0xff});
  line.push_back(std::byte{0});
  CHECK(found(line, reader).empty());
  CHECK(reader.dropped() == 1);
  CHECK(found(stuffed(Bytes(20, std::byte{9})), reader).size() == 1);
}

TEST_CASE("only whole frames of a known kind parse, and only with exactly their payload and tag") {
  for (unsigned kind = 0; kind < 256; ++kind) {
    for (const std::size_t payload : {0u, 1u, 16u, 48u}) {
      FrameHeader header{.kind = static_cast<FrameKind>(kind), .payload_bytes = static_cast<std::uint16_t>(payload)};
      const bool known = kind >= 1 && kind <= 7;
      const std::size_t whole =
          sizeof header + payload + (known && has_tag(static_cast<FrameKind>(kind)) ? tag_bytes : 0);
      for (std::size_t bytes = 0; bytes < whole + 40; ++bytes) {
        Bytes frame(bytes);
        if (bytes != 0) std::memcpy(frame.data(), &header, std::min(sizeof header, bytes));
        const Parsed parsed = parse_frame(frame);
        CHECK(parsed.frame.has_value() == (known && bytes == whole));
        if (!parsed.frame) continue;
        CHECK(parsed.frame->payload.size() == payload);
        CHECK(parsed.frame->tagged.size() + parsed.frame->tag.size() == bytes);
      }
    }
  }
  FrameHeader long_one{.payload_bytes = payload_limit + 1};
  Bytes frame(sizeof long_one + payload_limit + 1);
  std::memcpy(frame.data(), &long_one, sizeof long_one);
  CHECK(!parse_frame(frame).frame);
  FrameHeader other{.version = protocol_version + 1};
  std::memcpy(frame.data(), &other, sizeof other);
  CHECK(parse_frame(frame).error == FrameError::version);
}

}  // namespace rvm::control
