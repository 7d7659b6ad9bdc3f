// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/codec.hpp"

#include <lz4.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

namespace rvm::witness {

namespace {

static_assert(sizeof(CodecMemory::state) >= sizeof(LZ4_stream_t));

constexpr std::uint16_t not_compressed = 0x8000;

constexpr std::uint64_t zigzag(std::uint64_t difference) {
  return difference << 1 ^ (std::uint64_t{0} - (difference >> 63));
}
constexpr std::uint64_t unzigzag(std::uint64_t z) { return z >> 1 ^ (std::uint64_t{0} - (z & 1)); }

/// The eight-byte words of a record that the columns hold, eight columns each: timestamp; kind to actor; target and capability;
/// payload; aux. The others are the sequence number, prev_hash and record_hash.
constexpr std::array<std::size_t, column_count / 8> groups{1, 2, 3, 4, 7};

/// Swaps rows and columns of 8 x 8 bytes, byte c of word r with byte r of word c: halves, then quarters, then single bytes.
void transpose(Rows& m) {
  const auto exchange = [&m](std::size_t distance, std::uint64_t mask) {
    for (std::size_t i = 0; i < 8; ++i) {
      if ((i & distance) != 0) continue;
      const std::uint64_t moved = (m[i] >> 8 * distance ^ m[i + distance]) & mask;
      m[i + distance] ^= moved;
      m[i] ^= moved << 8 * distance;
    }
  };
  exchange(4, 0x0000'0000'ffff'ffff);
  exchange(2, 0x0000'ffff'0000'ffff);
  exchange(1, 0x00ff'00ff'00ff'00ff);
}

}  // namespace

void BlockEncoder::add(const Record& r) {
  const auto words = std::bit_cast<std::array<std::uint64_t, sizeof(Record) / 8>>(r);
  const std::size_t row = added_ % 8;
  for (std::size_t g = 0; g < groups.size(); ++g) rows_[g][row] = words[groups[g]];
  rows_[0][row] = zigzag(r.timestamp_ns - previous_time_);
  previous_time_ = r.timestamp_ns;
  memory_.macs[added_] = r.record_hash;
  ++added_;
  if (row != 7 && added_ != count_) return;
  const std::size_t first = added_ - row - 1;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    transpose(rows_[g]);
    for (std::size_t c = 0; c < 8; ++c) {
      std::byte* const to = memory_.columns.data() + (8 * g + c) * count_ + first;
      if (row == 7 && count_ % 8 == 0) {
        std::memcpy(std::assume_aligned<8>(to), &rows_[g][c], 8);
      } else {
        std::memcpy(to, &rows_[g][c], row + 1);
      }
    }
  }
}

std::size_t BlockEncoder::finish(std::span<std::byte> into) {
  const std::size_t plain = count_ * column_count;
  const auto packed = into.subspan(block_overhead);
  // LZ4 takes characters; any bytes may be viewed so.
  const int compressed = LZ4_compress_fast_extState(
      memory_.state.data(), reinterpret_cast<const char*>(memory_.columns.data()),
      reinterpret_cast<char*>(packed.data()), static_cast<int>(plain), static_cast<int>(plain) - 1, 1);
  std::size_t columns = static_cast<std::size_t>(compressed);
  auto mark = static_cast<std::uint16_t>(columns);
  if (compressed <= 0) {
    columns = plain;
    mark = static_cast<std::uint16_t>(plain | not_compressed);
    std::memcpy(packed.data(), memory_.columns.data(), plain);
  }
  std::memcpy(into.data(), &mark, sizeof(mark));
  std::memcpy(packed.data() + columns, memory_.macs.data(), count_ * sizeof(std::uint64_t));
  return block_overhead + columns + count_ * sizeof(std::uint64_t);
}

std::size_t decode_block(std::span<const std::byte> bytes, std::uint64_t first_sequence, std::span<Record> records,
                         std::span<std::byte, block_records * column_count> columns) {
  const std::size_t count = records.size();
  const std::size_t plain = count * column_count;
  std::uint16_t mark = 0;
  if (bytes.size() < block_overhead) return 0;
  std::memcpy(&mark, bytes.data(), sizeof(mark));
  const std::size_t packed = mark & ~unsigned{not_compressed};
  const std::size_t whole = block_overhead + packed + count * sizeof(std::uint64_t);
  if (bytes.size() < whole) return 0;
  const std::byte* const from = bytes.data() + block_overhead;
  if ((mark & not_compressed) != 0) {
    if (packed != plain) return 0;
    std::memcpy(columns.data(), from, plain);
  } else if (LZ4_decompress_safe(reinterpret_cast<const char*>(from), reinterpret_cast<char*>(columns.data()),
                                 static_cast<int>(packed), static_cast<int>(plain)) != static_cast<int>(plain)) {
    return 0;
  }
  std::uint64_t time = 0;
  for (std::size_t first = 0; first < count; first += 8) {
    const std::size_t rows = std::min<std::size_t>(8, count - first);
    std::array<Rows, groups.size()> words;
    for (std::size_t g = 0; g < groups.size(); ++g) {
      for (std::size_t c = 0; c < 8; ++c) {
        const std::byte* const column = columns.data() + (8 * g + c) * count + first;
        if (rows == 8 && count % 8 == 0) {
          std::memcpy(&words[g][c], std::assume_aligned<8>(column), 8);
        } else {
          words[g][c] = 0;
          std::memcpy(&words[g][c], column, rows);
        }
      }
      transpose(words[g]);
    }
    for (std::size_t row = 0; row < rows; ++row) {
      std::array<std::uint64_t, sizeof(Record) / 8> record{};
      for (std::size_t g = 0; g < groups.size(); ++g) record[groups[g]] = words[g][row];
      record[0] = first_sequence + first + row;
      record[1] = time += unzigzag(words[0][row]);
      std::memcpy(&record[6], from + packed + (first + row) * sizeof(std::uint64_t), sizeof(std::uint64_t));
      records[first + row] = std::bit_cast<Record>(record);
    }
  }
  return whole;
}

}  // namespace rvm::witness
