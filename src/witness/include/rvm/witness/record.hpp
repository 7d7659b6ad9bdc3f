// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The witness record: 64 bytes that say who did what to what, when, under which capability. Its bytes in memory are its
// bytes on disk. The meaning of the per-kind fields is the table in rvm/witness/kinds.hpp.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "rvm/crypto/hmac.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/types/ids.hpp"
#include "rvm/types/time.hpp"
#include "rvm/witness/kinds.hpp"

namespace rvm::witness {

static_assert(std::endian::native == std::endian::little, "records are little-endian and used in place");

inline constexpr std::size_t record_bytes = 64;

struct alignas(record_bytes) Record {
  std::uint64_t sequence;      ///< 0 for the first of a log, then strictly +1, across boots
  std::uint64_t timestamp_ns;  ///< since boot; BootAttestation gives the offset to Unix time
  Kind action_kind;
  std::uint8_t proof_tier;        ///< 1..3
  std::uint16_t flags;            ///< per kind
  std::uint32_t actor_partition;  ///< 0 is the hypervisor
  std::uint32_t target_object;    ///< per kind
  std::uint32_t capability_hash;  ///< truncated hash of the capability used, 0 if none
  std::uint64_t payload;          ///< per kind
  std::uint64_t prev_hash;        ///< first 8 bytes of the previous record's leaf hash; 0 in the very first
  std::uint64_t record_hash;      ///< first 8 bytes of HMAC-SHA-256(device key, bytes 0..47 and 56..63)
  std::uint64_t aux;              ///< per kind
};

static_assert(sizeof(Record) == record_bytes && std::is_trivially_copyable_v<Record> &&
              std::is_standard_layout_v<Record>);
static_assert(std::has_unique_object_representations_v<Record>, "no padding: every byte is hashed");
static_assert(offsetof(Record, sequence) == 0 && offsetof(Record, timestamp_ns) == 8);
static_assert(offsetof(Record, action_kind) == 16 && offsetof(Record, proof_tier) == 17 &&
              offsetof(Record, flags) == 18);
static_assert(offsetof(Record, actor_partition) == 20 && offsetof(Record, target_object) == 24);
static_assert(offsetof(Record, capability_hash) == 28 && offsetof(Record, payload) == 32);
static_assert(offsetof(Record, prev_hash) == 40 && offsetof(Record, record_hash) == 48 && offsetof(Record, aux) == 56);

/// What the emitter says; the rest of a record is added by ring and sealer.
struct Fields {
  Kind kind;
  std::uint8_t tier = 1;
  std::uint16_t flags = 0;
  PartitionId actor{};  // NOLINT(readability-redundant-member-init): initialisers may leave it out
  std::uint32_t target = 0;
  std::uint32_t capability_hash = 0;
  std::uint64_t payload = 0;
  std::uint64_t aux = 0;
};

/// The first 8 bytes of a digest as they lie in a record.
[[nodiscard]] constexpr std::uint64_t first_eight(const crypto::Digest& digest) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < 8; ++i) value |= std::to_integer<std::uint64_t>(digest[i]) << (8 * i);
  return value;
}

/// SHA-256(0x00 || record), the Merkle leaf hash of RFC 6962 section 2.1. Two SHA-256 blocks.
[[nodiscard]] crypto::Digest leaf_hash(const Record& record);

/// The value of `record_hash` under the record key (the device key). Three SHA-256 blocks.
[[nodiscard]] std::uint64_t record_mac(const crypto::HmacKey& record_key, const Record& record);

/// Tier and flags of a TreeHead record.
inline constexpr std::uint8_t tree_head_tier = 3;
inline constexpr std::uint16_t tree_head_closing = 1;  ///< the last record before an orderly shutdown

}  // namespace rvm::witness
