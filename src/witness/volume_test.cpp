// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/volume.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstring>
#include <random>
#include <vector>

#include "test/log_fixture.hpp"

using namespace rvm;
using namespace rvm::witness;

namespace {

using Image = std::array<std::byte, superblock_bytes>;

struct Sample {
  VolumeHead head;
  MerkleFrontier tree;
};

Sample sample(std::uint64_t records, std::uint64_t generation) {
  Sample s;
  for (std::uint64_t i = 0; i < records; ++i) s.tree.append(crypto::sha256(crypto::bytes_of(i)));
  s.head.volume_id.fill(std::byte{0x42});
  s.head.key_id = test::test_keys().key_id;
  s.head.generation = generation;
  s.head.capacity = 1 << 24;
  s.head.records = records;
  s.head.append = data_start + 512 * records;
  s.head.segments = records;
  s.head.last_leaf = crypto::sha256({});
  s.head.chain = chain_start(s.head.volume_id);
  s.head.root = s.tree.root();
  return s;
}

Image encode(const Sample& s) {
  Image image;
  encode_superblock(s.head, s.tree, test::test_keys(), image);
  return image;
}

SuperblockReading decode(const Image& image, unsigned slot, const Keys* keys, Sample& into) {
  return decode_superblock(image, slot, keys, into.head, into.tree);
}

}  // namespace

TEST_CASE("superblock: what is encoded is decoded, with and without the key") {
  const Keys keys = test::test_keys();
  for (std::uint64_t records : {0u, 1u, 2u, 1000u, 9000u}) {
    const Sample s = sample(records, 8);
    for (const Keys* k : {&keys, static_cast<const Keys*>(nullptr)}) {
      Sample read;
      CHECK(decode(encode(s), 0, k, read).condition == SuperblockCondition::valid);
      CHECK(read.tree == s.tree);
      CHECK(read.head.records == records);
      CHECK(read.head.append == s.head.append);
      CHECK(read.head.volume_id == s.head.volume_id);
      CHECK(read.head.last_leaf == s.head.last_leaf);
      CHECK(read.head.chain == s.head.chain);
    }
  }
}

TEST_CASE("superblock: blank, foreign, other key, other slot, other version") {
  const Keys keys = test::test_keys();
  const Keys other = test::test_keys(8);
  Sample read;
  CHECK(decode(Image{}, 0, &keys, read).condition == SuperblockCondition::blank);
  Image noise;
  noise.fill(std::byte{0x5a});
  CHECK(decode(noise, 0, &keys, read).condition == SuperblockCondition::foreign);
  const Image image = encode(sample(5, 8));
  CHECK(decode(image, 0, &other, read).condition == SuperblockCondition::wrong_key);
  CHECK(decode(image, 1, &keys, read).condition == SuperblockCondition::damaged);
  Image newer = image;
  for (const unsigned version : {1u, 3u}) {
    newer[offsetof(SuperblockSector, version)] = static_cast<std::byte>(version);
    const crypto::Digest digest = crypto::sha256(std::span{newer}.first(offsetof(SuperblockSector, digest)));
    std::memcpy(newer.data() + offsetof(SuperblockSector, digest), digest.data(), digest.size());
    CHECK(decode(newer, 0, &keys, read).condition == SuperblockCondition::unsupported);
  }
}

TEST_CASE("superblock: any flipped byte is damage, never valid and never an interrupted write") {
  const Keys keys = test::test_keys();
  const Image image = encode(sample(11, 3));
  for (std::size_t i = 0; i < image.size(); ++i) {
    Image flipped = image;
    flipped[i] ^= std::byte{0x10};
    Sample read;
    const SuperblockCondition condition = decode(flipped, 1, &keys, read).condition;
    CAPTURE(i);
    REQUIRE((condition == SuperblockCondition::damaged || (condition == SuperblockCondition::foreign && i < 8)));
    // Without the key the 32 bytes of each sector's MAC cannot be judged.
    if (i % sector_bytes < offsetof(SuperblockSector, mac) || i >= 2 * sector_bytes) {
      REQUIRE(decode(flipped, 1, nullptr, read).condition != SuperblockCondition::valid);
    }
  }
}

TEST_CASE("superblock: every mixture of the sectors of two generations is one of them or torn") {
  const Keys keys = test::test_keys();
  for (auto [before, after] : {std::pair{5u, 7u}, {4000u, 4100u}, {8191u, 8192u}, {8192u, 9000u}}) {
    const Image old_image = encode(sample(before, 4));
    const Image new_image = encode(sample(after, 6));
    for (unsigned choice = 0; choice < 256; ++choice) {
      Image mixed = old_image;
      for (std::size_t s = 0; s < superblock_sectors; ++s) {
        if ((choice >> s & 1) != 0)
          std::copy_n(new_image.begin() + static_cast<std::ptrdiff_t>(s * sector_bytes), sector_bytes,
                      mixed.begin() + static_cast<std::ptrdiff_t>(s * sector_bytes));
      }
      Sample read;
      const SuperblockCondition expected =
          mixed == old_image || mixed == new_image ? SuperblockCondition::valid : SuperblockCondition::torn;
      REQUIRE(decode(mixed, 0, &keys, read).condition == expected);
    }
  }
}

TEST_CASE("segment: what is encoded is decoded; any flipped byte is a problem") {
  std::mt19937_64 random{6};
  VolumeHead head = sample(9, 1).head;
  head.last_leaf = crypto::sha256(crypto::bytes_of(head.records));
  for (std::size_t payload_bytes : {1u, 175u, 176u, 177u, 900u}) {
    constexpr std::uint32_t records = 100;
    std::vector<std::byte> bytes(segment_extent(payload_bytes));
    const auto payload = std::span{bytes}.subspan(segment_header_bytes).first(payload_bytes);
    for (std::byte& b : payload) b = static_cast<std::byte>(random());
    SegmentIndex index;
    index.add(Record{});
    const crypto::Digest digest =
        encode_segment_header(head, records, index, payload, std::span{bytes}.first<segment_header_bytes>());
    const SegmentReading reading = decode_segment(bytes, head);
    CHECK(reading.problem == SegmentProblem::none);
    CHECK(reading.records == records);
    CHECK(reading.extent == bytes.size());
    CHECK(reading.payload_bytes == payload_bytes);
    CHECK(reading.digest == digest);
    CHECK(reading.previous_leaf == head.last_leaf);
    CHECK(reading.index == index);
    CHECK(decode_segment_header(std::span{bytes}.first<segment_header_bytes>(), bytes.size(), head).problem ==
          SegmentProblem::none);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      bytes[i] ^= std::byte{1};
      const SegmentProblem problem = decode_segment(bytes, head).problem;
      REQUIRE(problem != SegmentProblem::none);
      if (i >= segment_header_bytes) {
        REQUIRE(problem == (i < segment_header_bytes + payload_bytes ? SegmentProblem::payload_mismatch
                                                                     : SegmentProblem::padding_not_zero));
      }
      bytes[i] ^= std::byte{1};
    }
    VolumeHead later = head;
    later.records += records;
    CHECK(decode_segment(bytes, later).problem == SegmentProblem::wrong_sequence);
    VolumeHead forked = head;
    forked.chain = crypto::sha256({});
    CHECK(decode_segment(bytes, forked).problem == SegmentProblem::digest_mismatch);
    VolumeHead elsewhere = head;
    elsewhere.volume_id[0] = std::byte{1};
    CHECK(decode_segment(bytes, elsewhere).problem == SegmentProblem::other_volume);
    CHECK(decode_segment(std::span{bytes}.first(bytes.size() - 1), head).problem == SegmentProblem::bad_length);
    CHECK(decode_segment({}, head).problem == SegmentProblem::bad_length);
  }
}

TEST_CASE("segment: as many records as are said to fit do, at their largest") {
  for (std::uint64_t room = sector_bytes; room <= segment_bytes_max; room += sector_bytes) {
    const std::uint64_t records = segment_records_that_fit(room);
    REQUIRE(records > 0);
    REQUIRE(segment_extent(payload_bytes_max(static_cast<std::size_t>(records))) <= room);
    if (records < segment_records_max) {
      REQUIRE(segment_header_bytes + payload_bytes_max(static_cast<std::size_t>(records + 1)) > room);
    }
  }
  CHECK(segment_records_that_fit(0) == 0);
}

// A parser of what an attacker may have written: any bytes, no crash (the sanitizers watch), never accepted.
TEST_CASE("superblock and segment: random bytes behind right magic numbers") {
  std::mt19937_64 random{7};
  const Keys keys = test::test_keys();
  const VolumeHead head = sample(9, 1).head;
  std::vector<std::byte> bytes(segment_bytes_max);
  for (int round = 0; round < 3000; ++round) {
    const std::size_t filled = random() % 200;
    for (std::size_t i = 0; i < filled; ++i) bytes[i] = static_cast<std::byte>(random());
    std::memcpy(bytes.data(), segment_magic.data(), segment_magic.size());
    if (round % 2 == 0) {
      const auto count = static_cast<std::uint32_t>(random() % 1200);
      const std::uint32_t payload = count * 64;
      std::memcpy(bytes.data() + 4, &count, 4);
      std::memcpy(bytes.data() + 16, &payload, 4);
    }
    const std::size_t size = random() % (bytes.size() + 1);
    REQUIRE(decode_segment(std::span{bytes}.first(size), head).problem != SegmentProblem::none);
    std::memcpy(bytes.data(), superblock_magic.data(), superblock_magic.size());
    Sample read;
    REQUIRE(decode_superblock(std::span{bytes}.first<superblock_bytes>(), 0, round % 3 == 0 ? nullptr : &keys,
                              read.head, read.tree)
                .condition != SuperblockCondition::valid);
  }
}
