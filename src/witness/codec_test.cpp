// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/codec.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <random>
#include <vector>

#include "rvm/witness/segment_index.hpp"

using namespace rvm;
using namespace rvm::witness;

namespace {

struct Codec {
  std::unique_ptr<CodecMemory> memory = std::make_unique<CodecMemory>();
  std::vector<std::byte> bytes = std::vector<std::byte>(block_bytes_max);

  std::size_t encode(std::span<const Record> records) {
    BlockEncoder encoder{*memory, static_cast<std::uint32_t>(records.size())};
    for (const Record& r : records) encoder.add(r);
    return encoder.finish(bytes);
  }
  std::size_t decode(std::size_t size, std::uint64_t first, std::span<Record> records) {
    return decode_block(std::span{bytes}.first(size), first, records, memory->columns);
  }
};

std::vector<Record> noise(std::mt19937_64& random, std::size_t count, std::uint64_t first) {
  std::vector<Record> records(count);
  for (Record& r : records) {
    std::array<std::uint64_t, sizeof(Record) / 8> words;
    for (auto& w : words) w = random();
    std::memcpy(static_cast<void*>(&r), words.data(), sizeof(r));
    r.sequence = first++;
    r.prev_hash = 0;
  }
  return records;
}

/// As a kernel would write: times that grow, a few kinds, partitions and objects.
std::vector<Record> usual(std::mt19937_64& random, std::size_t count, std::uint64_t first) {
  std::vector<Record> records = noise(random, count, first);
  std::uint64_t time = 1'000'000'000;
  for (Record& r : records) {
    r.timestamp_ns = time += 20'000 + random() % 4096;
    r.action_kind = random() % 8 == 0 ? Kind::region_map : Kind::ipc_send;
    r.proof_tier = 1;
    r.flags = 1;
    r.actor_partition = static_cast<std::uint32_t>(random() % 8);
    r.target_object = static_cast<std::uint32_t>(random() % 16);
    r.capability_hash = 0;
    r.payload = random() % 64;
    r.aux = random() % 4096;
  }
  return records;
}

bool same(std::span<const Record> a, std::span<const Record> b) {
  return std::ranges::equal(std::as_bytes(a), std::as_bytes(b));
}

}  // namespace

TEST_CASE("codec: what is packed is unpacked, whatever is in it") {
  std::mt19937_64 random{1};
  Codec codec;
  for (std::size_t count = 1; count <= block_records; ++count) {
    for (const auto& records : {noise(random, count, count), usual(random, count, 7), std::vector<Record>(count)}) {
      auto numbered = records;
      for (std::size_t i = 0; i < count; ++i) numbered[i].sequence = 100 + i;
      const std::size_t size = codec.encode(numbered);
      REQUIRE(size <= block_bytes_max);
      REQUIRE(size <= payload_bytes_max(count));
      std::vector<Record> read(count);
      REQUIRE(codec.decode(size, 100, read) == size);
      REQUIRE(same(numbered, read));
    }
  }
}

TEST_CASE("codec: usual records shrink to less than a third") {
  std::mt19937_64 random{2};
  Codec codec;
  const auto records = usual(random, block_records, 0);
  CHECK(codec.encode(records) * 3 < block_records * record_bytes);
}

TEST_CASE("codec: a block that was cut or changed is refused or read within its bounds") {
  std::mt19937_64 random{3};
  Codec codec;
  const auto records = usual(random, 40, 0);
  const std::size_t size = codec.encode(records);
  const auto whole = codec.bytes;
  std::vector<Record> read(records.size());
  for (std::size_t cut = 0; cut < size; ++cut) CHECK(codec.decode(cut, 0, read) == 0);
  for (int round = 0; round < 20000; ++round) {
    codec.bytes = whole;
    for (auto n = 1 + random() % 4; n > 0; --n) codec.bytes[random() % size] = static_cast<std::byte>(random());
    REQUIRE(codec.decode(size, 0, read) <= size);
  }
}

TEST_CASE("index: never denies what is there") {
  std::mt19937_64 random{4};
  for (const auto& records : {noise(random, 1024, 0), usual(random, 1024, 0)}) {
    SegmentIndex index;
    for (const Record& r : records) index.add(r);
    for (const Record& r : records) {
      REQUIRE(index.first_time <= r.timestamp_ns);
      REQUIRE(index.last_time >= r.timestamp_ns);
      REQUIRE(index.has(r.action_kind));
      REQUIRE(index.partitions.may_contain(r.actor_partition));
      REQUIRE(index.objects.may_contain(SegmentIndex::object_key(r.action_kind, r.target_object)));
    }
  }
}

TEST_CASE("index: mostly denies what is not there") {
  std::mt19937_64 random{5};
  SegmentIndex index;
  for (const Record& r : usual(random, 1024, 0)) index.add(r);
  unsigned wrong = 0;
  for (std::uint32_t id = 1000; id < 11000; ++id) {
    wrong += index.objects.may_contain(SegmentIndex::object_key(Kind::region_map, id)) ? 1 : 0;
  }
  CHECK(wrong < 100);
  CHECK_FALSE(index.has(Kind::boot_complete));
}
