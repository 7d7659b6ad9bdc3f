// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/codec.hpp"

#include <lz4.h>

#include <cstring>

namespace rvm::witness {

namespace {

static_assert(sizeof(CodecMemory::state) >= sizeof(LZ4_stream_t));

constexpr std::uint16_t not_compressed = 0x8000;

constexpr std::uint64_t zigzag(std::uint64_t difference) {
  return difference << 1 ^ (std::uint64_t{0} - (difference >> 63));
}
constexpr std::uint64_t unzigzag(std::uint64_t z) { return z >> 1 ^ (std::uint64_t{0} - (z & 1)); }

}  // namespace

void BlockEncoder::add(const Record& r) {
  std::byte* column = memory_.columns.data() + added_;
  const auto put = [&column, stride = count_](std::uint64_t value, unsigned bytes) {
    for (; bytes != 0; --bytes, value >>= 8, column += stride) *column = static_cast<std::byte>(value);
  };
  put(zigzag(r.timestamp_ns - previous_time_), 8);
  put(static_cast<std::uint8_t>(r.action_kind), 1);
  put(r.proof_tier, 1);
  put(r.flags, 2);
  put(r.actor_partition, 4);
  put(r.target_object, 4);
  put(r.capability_hash, 4);
  put(r.payload, 8);
  put(r.aux, 8);
  previous_time_ = r.timestamp_ns;
  memory_.macs[added_] = r.record_hash;
  ++added_;
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
  for (std::size_t i = 0; i < count; ++i) {
    const std::byte* column = columns.data() + i;
    const auto take = [&column, count](unsigned n) {
      std::uint64_t value = 0;
      for (unsigned b = 0; b < n; ++b, column += count) value |= std::to_integer<std::uint64_t>(*column) << (8 * b);
      return value;
    };
    Record& r = records[i];
    r.sequence = first_sequence + i;
    time += unzigzag(take(8));
    r.timestamp_ns = time;
    r.action_kind = static_cast<Kind>(take(1));
    r.proof_tier = static_cast<std::uint8_t>(take(1));
    r.flags = static_cast<std::uint16_t>(take(2));
    r.actor_partition = static_cast<std::uint32_t>(take(4));
    r.target_object = static_cast<std::uint32_t>(take(4));
    r.capability_hash = static_cast<std::uint32_t>(take(4));
    r.payload = take(8);
    r.aux = take(8);
    r.prev_hash = 0;
    std::memcpy(&r.record_hash, from + packed + i * sizeof(std::uint64_t), sizeof(r.record_hash));
  }
  return whole;
}

}  // namespace rvm::witness
