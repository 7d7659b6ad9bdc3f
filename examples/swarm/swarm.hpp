// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What conductor and members agree on.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rvm/agent.hpp"

namespace swarm {

/// The conductor's signals; a phase is over for a member when it has sent and received all that the phase has for it.
enum class Phase : std::uint64_t {
  form,      ///< everybody talks with the own team
  mix,       ///< the same with new teams: half of each
  turn,      ///< as before, and one member asks for what is not its own
  dissolve,  ///< now and then a word to somebody of another team
  again,     ///< the new teams once more
  reach,     ///< the hostile one reads the memory of another agent
  end
};
[[nodiscard]] constexpr std::uint64_t bit(Phase phase) { return std::uint64_t{1} << std::to_underlying(phase); }

/// Names of edges in the sender's directory begin with one of these, in the receiver's with `inbound` and one of these.
struct Channel {
  std::string_view name;
  bool all_rounds;  ///< a message in each round of the phase, or in every second one
};
inline constexpr std::string_view inbound = "from-";

/// Which edges carry messages in a phase; an empty name is none.
struct Pattern {
  Channel first, second;
};
[[nodiscard]] constexpr Pattern pattern_of(Phase phase) {
  switch (phase) {
    case Phase::form:
      return {{"form", true}, {"near", false}};
    case Phase::mix:
    case Phase::turn:
    case Phase::again:
      return {{"mix", true}, {"near", false}};
    case Phase::dissolve:
      return {{"chat", true}, {}};
    default:
      return {};
  }
}

/// How many rounds a phase has, from the arguments that all members share: of a busy phase, of the idle one.
[[nodiscard]] inline std::uint64_t rounds_of(Phase phase) {
  return phase == Phase::dissolve ? rvm::agent::argument_number(1, 10) : rvm::agent::argument_number(0, 200);
}

/// In front of every message. What follows is made from the checksum, so that it can be told from any other.
struct Header {
  std::uint64_t sequence;  ///< of this edge, from 0 on, through all phases
  std::uint64_t checksum;
};
inline constexpr std::size_t longest_message = 240;
inline constexpr std::size_t idle_message = 32;

/// What a member tells the conductor when a phase is over for it.
struct Report {
  std::uint64_t phase;
  std::uint64_t sent, received;          ///< messages
  std::uint64_t sent_sum, received_sum;  ///< of their checksums
  std::uint64_t wrong;                   ///< lost, repeated, out of order or changed
};

/// FNV-1a over 64-bit words; the length is a multiple of 8.
[[nodiscard]] inline std::uint64_t checksum(std::uint64_t seed, std::span<const std::byte> bytes) {
  std::uint64_t hash = 0xcbf29ce484222325 ^ seed;
  for (std::size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, bytes.data() + i, 8);
    hash = (hash ^ word) * 0x100000001b3;
  }
  return hash;
}

}  // namespace swarm
