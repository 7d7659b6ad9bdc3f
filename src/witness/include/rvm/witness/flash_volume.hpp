// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The witness log on NOR flash: what a microcontroller's kernel writes and the host's verifier reads. Described for readers in
// docs/log-flash.md.
//
// The flash is a ring of segments. Segment number n lies in slot n mod slots, so each is erased as often as the others. A segment
// begins with a header that says where the log stood when it was begun: with the right edge of the Merkle tree, so that the log goes on
// after the oldest records were erased, and one that lost them can still be checked against every signed head. Behind the header
// lie entries of 64 bytes, as they were made: records, and signed tree heads of three entries each.
//
// Flash is programmed from 1 to 0 and erased to 1. An entry is whole when it verifies; what an interrupted write left does not,
// and then the segment ends there and the next begins. A header's first word is programmed last.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/crypto/ed25519.hpp"
#include "rvm/witness/keys.hpp"
#include "rvm/witness/merkle.hpp"
#include "rvm/witness/note.hpp"
#include "rvm/witness/record.hpp"

namespace rvm::witness {

inline constexpr std::size_t flash_segment_bytes = 4096;
inline constexpr std::array<char, 8> flash_magic{'R', 'V', 'M', 'F', 'L', 'S', 'H', '1'};
inline constexpr std::array<char, 8> flash_head_magic{'R', 'V', 'M', 'H', 'E', 'A', 'D', '1'};
inline constexpr std::byte erased{0xff};

/// Followed by the nodes of the tree of `first_sequence` leaves, from the lowest level up, one for each bit set in that number,
/// and erased bytes up to the next multiple of 64.
struct FlashHeader {
  std::array<char, 8> magic;
  std::uint64_t number;  ///< of the segment, from 1
  std::uint64_t first_sequence;
  std::array<std::byte, 16> volume_id;
  std::uint64_t key_id;
  std::uint64_t flash_bytes;     ///< of the whole ring
  std::uint64_t reserved;        ///< zero
  crypto::Digest previous_leaf;  ///< leaf hash of the record before the first; zero if there is none
  crypto::Digest mac;            ///< HMAC(volume key, what is before it, nodes)
};
static_assert(sizeof(FlashHeader) == 128 && std::has_unique_object_representations_v<FlashHeader>);

/// A signed tree head. Its note is made again from this, and has the same bytes as the one that was signed.
struct FlashHead {
  std::array<char, 8> magic;
  std::uint64_t size;
  std::uint64_t unix_ns;
  std::uint64_t first_of_boot;  ///< 1: the note tells what booted
  crypto::Digest root;
  crypto::Digest measurement;  ///< of the first of a boot, else zero
  std::array<std::byte, 64> signature;
  std::array<std::byte, 32> mac;  ///< HMAC(volume key, what is before it)
};
static_assert(sizeof(FlashHead) == 3 * record_bytes && std::has_unique_object_representations_v<FlashHead>);

[[nodiscard]] constexpr std::size_t flash_header_extent(std::uint64_t first_sequence) {
  const auto nodes = static_cast<std::size_t>(std::popcount(first_sequence));
  return (sizeof(FlashHeader) + nodes * crypto::digest_bytes + record_bytes - 1) / record_bytes * record_bytes;
}
// The largest tree leaves room for records.
static_assert(flash_header_extent((std::uint64_t{1} << (MerkleFrontier::levels - 1)) - 1) + 4 * record_bytes <=
              flash_segment_bytes);

[[nodiscard]] bool is_erased(std::span<const std::byte> bytes);

/// The MAC that belongs in a header. `nodes`: what follows it.
[[nodiscard]] crypto::Digest flash_header_mac(const Keys& keys, const FlashHeader& header, const MerkleFrontier& tree);
[[nodiscard]] crypto::Digest flash_head_mac(const Keys& keys, const FlashHead& head);

/// Calls `visit(const Digest&)` for each node that follows a header, in order.
template <typename Visit>
void each_flash_node(const MerkleFrontier& tree, Visit visit) {
  for (std::size_t level = 0; level < MerkleFrontier::levels; ++level) {
    if ((tree.size() >> level & 1) != 0) visit(tree.node(level));
  }
}

/// Writes the note of a head without its signature line, which put_signature adds. `key`: of the log's identity.
void write_flash_head(NoteWriter& note, std::string_view origin, const FlashHead& head,
                      const crypto::Ed25519PublicKey& key);

}  // namespace rvm::witness
