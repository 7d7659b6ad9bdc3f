// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/proof/p3.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <functional>
#include <string_view>
#include <vector>

#include "rvm/witness/effects.hpp"
#include "rvm/witness/merkle.hpp"
#include "rvm/witness/note.hpp"
#include "rvm/witness/record.hpp"

namespace rvm::proof {
namespace {

template <std::size_t N, typename From>
void put(std::uint8_t (&to)[N], const From& from) {
  static_assert(sizeof(From) == N);
  std::memcpy(to, &from, N);
}

crypto::Ed25519Key key_of(std::uint8_t number) {
  crypto::Ed25519Seed seed;
  seed.fill(std::byte{number});
  return crypto::Ed25519Key{seed};
}

/// An act with evidence that is as it should be; tests spoil one thing.
struct Case {
  crypto::Ed25519Key machine_key = key_of(1);
  crypto::Ed25519Key operator_key = key_of(2);
  Machine machine{.key = machine_key.public_key(), .log_origin = "rvm.local/0123456789abcdef0123456789abcdef"};
  Act act{.operation = RVM_HVC_LEASE_GRANT, .partition = "timekeepers", .object = "clock"};
  rvm_evidence evidence{};
  std::uint64_t now = 1'700'000'000'000'000'000;

  Case() {
    machine.kernel.fill(std::byte{3});
    machine.programs.fill(std::byte{4});
  }
  [[nodiscard]] bool holds() const { return evidence_holds(evidence, act, machine, now); }
};

struct Preimage : Case {
  explicit Preimage(std::uint32_t bytes = 32) {
    act.evidence_kind = evidence.kind = RVM_EVIDENCE_PREIMAGE;
    evidence.count = bytes;
    for (std::uint32_t i = 0; i < bytes; ++i) evidence.as.preimage[i] = static_cast<std::uint8_t>(i + 1);
    put(act.evidence_value, crypto::sha256(std::as_bytes(std::span{evidence.as.preimage}).first(bytes)));
  }
};

struct Attestation : Case {
  Attestation() {
    act.evidence_kind = evidence.kind = RVM_EVIDENCE_ATTESTATION;
    put(act.evidence_value, operator_key.public_key());
    evidence.as.attestation.not_before_ns = now - 10;
    evidence.as.attestation.not_after_ns = now + 10;
    sign(operator_key);
  }
  void sign(const crypto::Ed25519Key& key) {
    auto& shown = evidence.as.attestation;
    const auto subject = attestation_subject(act, machine, shown.not_before_ns, shown.not_after_ns);
    put(shown.signature, key.sign(crypto::bytes_of(subject)));
  }
};

/// A log of `size` records, of which number `index` is shown.
struct InLog : Case {
  std::vector<witness::Record> records;

  explicit InLog(std::uint64_t size = 11, std::uint64_t index = 6, bool first_of_boot = false) {
    std::vector<crypto::Digest> leaves;
    witness::MerkleFrontier tree;
    for (std::uint64_t i = 0; i < size; ++i) {
      records.push_back({.sequence = i,
                         .timestamp_ns = 100 * i,
                         .action_kind = witness::Kind::capability_grant,
                         .proof_tier = 2,
                         .flags = 0,
                         .actor_partition = 2,
                         .target_object = static_cast<std::uint32_t>(i),
                         .capability_hash = 0,
                         .payload = 0,
                         .prev_hash = i == 0 ? 0 : witness::first_eight(leaves.back()),
                         .record_hash = 0x1234,
                         .aux = 0});
      leaves.push_back(witness::leaf_hash(records.back()));
      tree.append(leaves.back());
    }
    auto& shown = evidence.as.record;
    evidence.kind = act.evidence_kind = RVM_EVIDENCE_RECORD;
    evidence.count = 0;
    path(leaves, index);
    put(shown.record, records[index]);
    put(shown.previous, records[index == 0 ? 0 : index - 1]);
    put(shown.root, tree.root());
    shown.tree_size = size;
    shown.timestamp_ns = now;
    shown.first_of_boot = first_of_boot ? 1 : 0;
    sign(tree.root());
    const rvm_record_pattern wanted{
        static_cast<std::uint32_t>(witness::Kind::capability_grant), 2, static_cast<std::uint32_t>(index), {}};
    put(act.evidence_value, wanted);
  }
  void sign(const crypto::Digest& root) {
    auto& shown = evidence.as.record;
    crypto::Digest measurement;
    std::memcpy(&measurement, shown.measurement, sizeof measurement);
    witness::HeadText head{machine.log_origin, shown.tree_size, root, shown.timestamp_ns, {}};
    if (shown.first_of_boot != 0) head.boot.emplace(measurement, machine.key);
    witness::NoteText note;
    witness::write_head(note, head);
    put(shown.signature, machine_key.sign(std::as_bytes(std::span{note.view()})));
  }
  /// RFC 6962 section 2.1.1, as it is written there.
  void path(std::span<const crypto::Digest> leaves, std::uint64_t index) {
    if (leaves.size() == 1) return;
    std::size_t half = 1;
    while (half * 2 < leaves.size()) half *= 2;
    const bool left = index < half;
    path(left ? leaves.first(half) : leaves.subspan(half), left ? index : index - half);
    witness::MerkleFrontier other;
    for (const crypto::Digest& leaf : left ? leaves.subspan(half) : leaves.first(half)) other.append(leaf);
    put(evidence.as.record.path[evidence.count++], other.root());
  }
  [[nodiscard]] witness::Record shown_record() const {
    witness::Record record;
    std::memcpy(&record, evidence.as.record.record, sizeof record);
    return record;
  }
  void show(const witness::Record& record) { put(evidence.as.record.record, record); }
};

/// Each change alone makes good evidence bad.
template <typename Of>
void refuses(const std::vector<std::function<void(Of&)>>& changes) {
  for (std::size_t i = 0; i < changes.size(); ++i) {
    CAPTURE(i);
    Of c;
    REQUIRE(c.holds());
    changes[i](c);
    CHECK_FALSE(c.holds());
  }
}

}  // namespace

TEST_CASE("P3 preimage: the bytes, all of them, and only those") {
  for (const std::uint32_t bytes : {RVM_EVIDENCE_PREIMAGE_MIN, 33u, RVM_EVIDENCE_PREIMAGE_MAX})
    CHECK(Preimage{bytes}.holds());
  CHECK_FALSE(Preimage{RVM_EVIDENCE_PREIMAGE_MIN - 1}.holds());
  refuses<Preimage>({
      [](Preimage& c) { c.evidence.as.preimage[31] ^= 1; },
      [](Preimage& c) { c.evidence.count = 31; },
      [](Preimage& c) { c.evidence.count = 33; },
      [](Preimage& c) { c.evidence.count = 65; },
      [](Preimage& c) { c.act.evidence_value[0] ^= 1; },
      [](Preimage& c) { c.act.evidence_kind = RVM_EVIDENCE_NONE; },
      [](Preimage& c) { c.act.evidence_kind = RVM_EVIDENCE_ATTESTATION; },
  });
}

TEST_CASE("P3 attestation: by this key, for this act, on this machine, with this software, now") {
  refuses<Attestation>({
      [](Attestation& c) { c.sign(c.machine_key); },
      [](Attestation& c) { c.evidence.as.attestation.signature[63] ^= 1; },
      [](Attestation& c) { c.act.operation = RVM_HVC_LEASE_RENEW; },
      [](Attestation& c) { c.act.partition[0] = 'u'; },
      [](Attestation& c) { c.act.object[4] = 'K'; },
      [](Attestation& c) { c.machine.key = c.operator_key.public_key(); },
      [](Attestation& c) { c.machine.kernel[31] = std::byte{0}; },
      [](Attestation& c) { c.machine.programs[0] = std::byte{0}; },
      [](Attestation& c) { c.machine.log_origin = {}; },
      [](Attestation& c) { ++c.evidence.as.attestation.not_after_ns; },
      [](Attestation& c) { --c.evidence.as.attestation.not_before_ns; },
      [](Attestation& c) { c.now += 11; },
      [](Attestation& c) { c.now -= 11; },
      [](Attestation& c) { c.evidence.count = 1; },
      [](Attestation& c) { c.evidence.kind = c.act.evidence_kind = 4; },
      [](Attestation& c) { c.evidence.kind = c.act.evidence_kind = RVM_EVIDENCE_NONE; },
      // A key of small order verifies forged signatures where verification is not strict.
      [](Attestation& c) {
        std::memset(c.act.evidence_value, 0, 32);
        std::memset(c.evidence.as.attestation.signature, 0, 64);
      },
  });
  Attestation c;
  c.now = c.evidence.as.attestation.not_after_ns;
  CHECK(c.holds());
}

TEST_CASE("P3 record: every record of logs of every size up to 20") {
  for (std::uint64_t size = 1; size <= 20; ++size) {
    for (std::uint64_t index = 0; index < size; ++index) {
      CAPTURE(size);
      CAPTURE(index);
      CHECK(InLog(size, index, index % 2 == 1).holds());
    }
  }
}

TEST_CASE("P3 record: the action, its place in chain and tree, and the head's signature") {
  refuses<InLog>({
      [](InLog& c) { c.act.evidence_value[0] ^= 1; },  // another kind
      [](InLog& c) { c.act.evidence_value[4] ^= 1; },  // another actor
      [](InLog& c) { c.act.evidence_value[8] ^= 1; },  // another object
      [](InLog& c) { put(c.evidence.as.record.previous, c.records[4]); },
      [](InLog& c) { c.evidence.as.record.previous[20] ^= 1; },
      [](InLog& c) { c.evidence.as.record.path[0][0] ^= 1; },
      [](InLog& c) { --c.evidence.count; },
      [](InLog& c) { ++c.evidence.count; },
      [](InLog& c) { c.evidence.count = RVM_EVIDENCE_PATH_MAX + 1; },
      [](InLog& c) { c.evidence.as.record.root[0] ^= 1; },
      [](InLog& c) { ++c.evidence.as.record.tree_size; },
      [](InLog& c) { c.evidence.as.record.tree_size = 0; },
      [](InLog& c) { c.evidence.as.record.tree_size = UINT64_MAX; },
      [](InLog& c) { ++c.evidence.as.record.timestamp_ns; },
      [](InLog& c) { c.evidence.as.record.first_of_boot = 1; },
      [](InLog& c) { c.evidence.as.record.first_of_boot = 2; },
      [](InLog& c) { c.evidence.as.record.signature[0] ^= 1; },
      [](InLog& c) { c.machine.key = c.operator_key.public_key(); },
      [](InLog& c) { c.machine.log_origin = "rvm.local/0123456789abcdef0123456789abcdee"; },
      // The record changed, and everything that the changer can make fit made to fit.
      [](InLog& c) {
        witness::Record changed = c.shown_record();
        changed.payload = 1;
        c.show(changed);
      },
      [](InLog& c) {
        witness::Record changed = c.shown_record();
        changed.sequence = 5;
        c.show(changed);
      },
  });
}

TEST_CASE("P3 record: an action that was refused or failed is none") {
  InLog c(1, 0);
  witness::Record failed = c.shown_record();
  failed.flags |= witness::record_failed;
  c.show(failed);
  const crypto::Digest root = witness::leaf_hash(failed);
  put(c.evidence.as.record.root, root);
  c.sign(root);
  CHECK_FALSE(c.holds());
  failed.flags = 0;
  c.show(failed);
  put(c.evidence.as.record.root, witness::leaf_hash(failed));
  c.sign(witness::leaf_hash(failed));
  CHECK(c.holds());
}

}  // namespace rvm::proof
