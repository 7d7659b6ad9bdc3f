// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the swarm's agents say to one another.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/agent.hpp"

namespace traffic {

/// Notification bits.
inline constexpr std::uint64_t go = 1;           ///< leader to workers: start
inline constexpr std::uint64_t region_read = 2;  ///< sink to sender: I am done with the region you gave me

/// What a worker tells the leader when it has finished.
struct Report {
  std::uint64_t calls;     ///< answered, every answer checked
  std::uint64_t messages;  ///< received, every checksum checked
  std::uint64_t bytes;     ///< in those messages
  std::uint64_t shared;    ///< regions read while their owner kept them
  std::uint64_t moved;     ///< regions that changed owner
  std::uint64_t errors;    ///< anything that was not as it should be
};

/// In front of every byte message from a sender to a sink.
struct Header {
  std::uint64_t sequence;
  std::uint64_t checksum;  ///< of the bytes that follow
};
inline constexpr std::uint64_t last_message = ~std::uint64_t{0};  ///< as a sequence: no more will come

inline constexpr std::uint64_t region_pages = 4;
inline constexpr std::uint64_t region_bytes = region_pages * RVM_PAGE_SIZE;

/// FNV-1a over 64-bit words, then the tail bytes: enough to notice a byte out of place.
[[nodiscard]] inline std::uint64_t checksum(std::span<const std::byte> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  std::size_t i = 0;
  for (; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * 0x100000001b3;
  }
  for (; i < bytes.size(); ++i) hash = (hash ^ static_cast<std::uint64_t>(bytes[i])) * 0x100000001b3;
  return hash;
}

/// xorshift64*: a repeatable stream of numbers; the seed must not be 0.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed | 1) {}
  [[nodiscard]] std::uint64_t next() {
    state_ ^= state_ >> 12;
    state_ ^= state_ << 25;
    state_ ^= state_ >> 27;
    return state_ * 0x2545f4914f6cdd1d;
  }

 private:
  std::uint64_t state_;
};

/// Fills whole words with the stream of `seed`; `matches` checks that nothing changed on the way.
inline void fill(std::span<std::uint64_t> words, std::uint64_t seed) {
  Random random{seed};
  for (std::uint64_t& w : words) w = random.next();
}
[[nodiscard]] inline bool matches(std::span<const std::uint64_t> words, std::uint64_t seed) {
  Random random{seed};
  for (const std::uint64_t w : words)
    if (w != random.next()) return false;
  return true;
}

}  // namespace traffic
