// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How records lie in a segment: in blocks of at most 128, each packed by itself, so that packing one is a bounded step and a
// reader can take one alone. A record's sequence number follows from its place and prev_hash from the record before it; both are
// left out. Of the rest, timestamps are turned into zigzag differences, and all but the MACs is laid out by columns of single
// bytes, most of which then hardly change from one record to the next, and compressed with LZ4.
//
//   0    2   bytes of columns that follow; bit 15: they are not compressed
//   2    c   columns: byte 0 of the timestamp difference of every record, then byte 1, ... (order of `columns` below)
//   2+c  8n  record_hash of every record
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/witness/record.hpp"

namespace rvm::witness {

inline constexpr std::uint32_t block_records = 128;
inline constexpr std::size_t column_count = 40;                                    ///< bytes of a record in the columns
inline constexpr std::size_t packed_bytes = column_count + sizeof(std::uint64_t);  ///< of a record, not compressed
inline constexpr std::size_t block_overhead = 2;
inline constexpr std::size_t block_bytes_max = block_overhead + block_records * packed_bytes;

/// What the payload of `records` records takes at most.
[[nodiscard]] constexpr std::size_t payload_bytes_max(std::size_t records) {
  return records * packed_bytes + (records + block_records - 1) / block_records * block_overhead;
}

/// Working memory of encoder and decoder.
struct CodecMemory {
  std::array<Record, block_records> records;  ///< for whoever decodes
  std::array<std::uint64_t, block_records> macs;
  alignas(std::uint64_t) std::array<std::byte, block_records * column_count> columns;  ///< before or after compression
  alignas(std::uint64_t) std::array<std::byte, (1 << 12) + 64> state;                  ///< LZ4's
};

using Rows = std::array<std::uint64_t, 8>;

/// Packs a block record by record.
class BlockEncoder {
 public:
  /// Of `count` records, 1 to block_records.
  BlockEncoder(CodecMemory& memory, std::uint32_t count) : memory_(memory), count_(count) {}
  void add(const Record& record);
  /// All records were added. Writes the block; `into` has room for block_bytes_max. Returns its bytes.
  [[nodiscard]] std::size_t finish(std::span<std::byte> into);

 private:
  CodecMemory& memory_;
  std::uint32_t count_;
  std::uint32_t added_ = 0;
  std::uint64_t previous_time_ = 0;
  std::array<Rows, column_count / 8> rows_;  // words of the records since the last multiple of eight
};

/// Unpacks the block of `records.size()` records (1 to block_records) at the start of `bytes`, the first of which has the number
/// `first_sequence`. `columns` is aligned to 8. Their prev_hash stays 0. Returns the block's bytes, or 0 when it is malformed.
[[nodiscard]] std::size_t decode_block(std::span<const std::byte> bytes, std::uint64_t first_sequence,
                                       std::span<Record> records,
                                       std::span<std::byte, block_records * column_count> columns);

}  // namespace rvm::witness
