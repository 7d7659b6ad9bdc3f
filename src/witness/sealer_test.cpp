// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/sealer.hpp"

#include <doctest/doctest.h>

#include <bit>
#include <cstring>
#include <random>
#include <vector>

#include "test/log_fixture.hpp"

using namespace rvm;
using namespace rvm::witness;

namespace {

// RFC 6962 section 2.1, as it is written there.
crypto::Digest merkle_tree_hash(std::span<const crypto::Digest> leaves) {
  if (leaves.empty()) return crypto::sha256({});
  if (leaves.size() == 1) return leaves[0];
  const std::size_t k = std::bit_floor(leaves.size() - 1);
  return node_hash(merkle_tree_hash(leaves.first(k)), merkle_tree_hash(leaves.subspan(k)));
}

std::vector<std::byte> with_prefix(std::byte prefix, std::span<const std::byte> data) {
  std::vector<std::byte> all{prefix};
  all.insert(all.end(), data.begin(), data.end());
  return all;
}

}  // namespace

TEST_CASE("Merkle frontier: the root is that of RFC 6962 at every size") {
  crypto::select_implementation();
  std::mt19937_64 random{4};
  MerkleFrontier frontier;
  std::vector<crypto::Digest> leaves;
  for (std::size_t n = 0; n < 300; ++n) {
    REQUIRE(frontier.size() == n);
    REQUIRE(frontier.root() == merkle_tree_hash(leaves));
    for (std::size_t level = 0; level < MerkleFrontier::levels; ++level) {
      if ((n >> level & 1) == 0) REQUIRE(frontier.node(level) == crypto::Digest{});
    }
    crypto::Digest leaf;
    for (auto& b : leaf) b = static_cast<std::byte>(random());
    leaves.push_back(leaf);
    frontier.append(leaf);
  }
}

TEST_CASE("Merkle frontier: stored and restored it goes on as before") {
  MerkleFrontier a;
  for (unsigned i = 0; i < 37; ++i) a.append(crypto::sha256(crypto::bytes_of(i)));
  MerkleFrontier b;
  b.restore_size(a.size());
  for (std::size_t level = 0; level < MerkleFrontier::levels; ++level) b.restore_node(level, a.node(level));
  CHECK(a == b);
  a.append({});
  b.append({});
  CHECK(a.root() == b.root());
}

TEST_CASE("hashes are what the specification says, from first principles") {
  Record record{};
  auto* bytes = reinterpret_cast<std::byte*>(&record);  // a record may be seen as bytes
  for (std::size_t i = 0; i < record_bytes; ++i) bytes[i] = static_cast<std::byte>(i + 1);
  CHECK(leaf_hash(record) == crypto::sha256(with_prefix(std::byte{0}, {bytes, record_bytes})));
  std::array<std::byte, 32> key;
  key.fill(std::byte{9});
  std::vector<std::byte> message{bytes, bytes + 48};
  message.insert(message.end(), bytes + 56, bytes + 64);
  const crypto::Digest mac = crypto::HmacKey{key}.mac(message);
  std::uint64_t expected;
  std::memcpy(&expected, mac.data(), 8);
  CHECK(record_mac(derive_keys(key).record, record) == expected);
  const crypto::Digest id = crypto::HmacKey{key}.mac(test::text("rvm key id"));
  CHECK(derive_keys(key).key_id == first_eight(id));
}

TEST_CASE("sealer: chain, MACs and tree of random traffic, in batches of any size") {
  std::mt19937_64 random{5};
  std::vector<Record> slots(64);
  const Keys keys = test::test_keys();
  Ring ring;
  Sealer sealer;
  REQUIRE(ring.init(slots, 0));
  sealer.start(keys);
  CHECK(sealer.head() == crypto::Digest{});
  std::vector<crypto::Digest> leaves;
  while (leaves.size() < 2000) {
    for (auto n = random() % 20; n > 0; --n) {
      if (!ring.emit(Lane::ordinary, {.kind = Kind::region_map, .payload = random()}, Nanoseconds{random()})) break;
    }
    const std::uint32_t max = static_cast<std::uint32_t>(random() % 12);
    const std::uint64_t before = ring.sealed();
    const std::uint32_t sealed = sealer.seal(ring, max);
    REQUIRE(sealed == std::min<std::uint64_t>(max, ring.reserved() - before));
    for (std::uint64_t n = before; n < before + sealed; ++n) {
      const Record& record = *ring.sealed_record(n).value();
      REQUIRE(record.sequence == n);
      REQUIRE(record.prev_hash == (leaves.empty() ? 0 : first_eight(leaves.back())));
      REQUIRE(record.record_hash == record_mac(keys.record, record));
      leaves.push_back(leaf_hash(record));
    }
    REQUIRE(sealer.size() == leaves.size());
    if (!leaves.empty()) REQUIRE(sealer.head() == leaves.back());
    ring.mark_durable(ring.sealed());
  }
  CHECK(sealer.root() == merkle_tree_hash(leaves));
  const Fields head = sealer.tree_head(true);
  CHECK(head.kind == Kind::tree_head);
  CHECK(head.flags == tree_head_closing);
  CHECK(head.payload == leaves.size());
  CHECK(head.aux == first_eight(merkle_tree_hash(leaves)));
  CHECK(sealer.tree_head(false).flags == 0);
}

TEST_CASE("sealer: stops before a record that is reserved but not committed, and at the drain's limit") {
  std::vector<Record> slots(64);
  Ring ring;
  Sealer sealer;
  REQUIRE(ring.init(slots, 0));
  sealer.start(test::test_keys());
  const auto emit = [&ring] { return ring.emit(Lane::ordinary, {.kind = Kind::ipc_send}, Nanoseconds{1}).has_value(); };
  REQUIRE(emit());
  auto held = ring.reserve(Lane::ordinary);
  REQUIRE(held);
  REQUIRE(emit());
  CHECK(sealer.seal(ring, 10) == 1);
  CHECK(sealer.seal(ring, 10) == 0);
  CHECK(ring.sealed() == 1);
  ring.commit(std::move(*held), {.kind = Kind::ipc_send}, Nanoseconds{1});
  sealer.allow_until(2);
  CHECK(sealer.seal(ring, 10) == 1);
  sealer.allow_until(100);
  CHECK(sealer.seal(ring, 10) == 1);
}

TEST_CASE("sealer: accepts from disk only what fits sequence, chain and MAC") {
  std::vector<Record> slots(8);
  Ring ring;
  Sealer sealer, reader;
  REQUIRE(ring.init(slots, 0));
  sealer.start(test::test_keys());
  reader.start(test::test_keys());
  for (int i = 0; i < 3; ++i) REQUIRE(ring.emit(Lane::ordinary, {.kind = Kind::ipc_send}, Nanoseconds{1}));
  CHECK(sealer.seal(ring, 3) == 3);
  CHECK_FALSE(reader.accept(ring.slot(1)));
  CHECK(reader.accept(ring.slot(0)));
  CHECK_FALSE(reader.accept(ring.slot(0)));
  CHECK_FALSE(reader.accept(ring.slot(2)));
  for (std::size_t i = 0; i < record_bytes; ++i) {
    Record changed = ring.slot(1);
    reinterpret_cast<std::byte*>(&changed)[i] ^= std::byte{1};  // a record may be seen as bytes
    CHECK_FALSE(reader.accept(changed));
  }
  CHECK(reader.size() == 1);
  CHECK(reader.accept(ring.slot(1)));
  CHECK(reader.accept(ring.slot(2)));
  CHECK(reader.root() == sealer.root());
}
