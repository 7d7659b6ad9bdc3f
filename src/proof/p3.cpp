// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/proof/p3.hpp"

#include <array>
#include <bit>
#include <cstring>
#include <span>

#include "rvm/witness/effects.hpp"
#include "rvm/witness/merkle.hpp"
#include "rvm/witness/note.hpp"
#include "rvm/witness/record.hpp"

namespace rvm::proof {
namespace {

template <typename To, typename From>
To copied(const From& from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof to);
  return to;
}

bool holds_preimage(const rvm_evidence& evidence, const Act& act) {
  const auto preimage = std::as_bytes(std::span{evidence.as.preimage}).first(evidence.count);
  return crypto::sha256(preimage) == copied<crypto::Digest>(act.evidence_value);
}

bool is_chained(const witness::Record& record, const witness::Record& previous) {
  if (record.sequence == 0) return record.prev_hash == 0;
  return previous.sequence + 1 == record.sequence &&
         witness::first_eight(witness::leaf_hash(previous)) == record.prev_hash;
}

bool tells_of(const witness::Record& record, const rvm_record_pattern& wanted) {
  return static_cast<std::uint32_t>(record.action_kind) == wanted.kind &&
         record.actor_partition == wanted.actor_partition && record.target_object == wanted.target_object &&
         (record.flags & witness::record_failed) == 0;
}

bool is_signed_head(const rvm_evidence_record& shown, const crypto::Digest& root, const Machine& machine) {
  const auto measurement = copied<crypto::Digest>(shown.measurement);
  witness::HeadText head{machine.log_origin, shown.tree_size, root, shown.timestamp_ns, {}};
  if (shown.first_of_boot == 1) head.boot.emplace(measurement, machine.key);
  witness::NoteText note;
  witness::write_head(note, head);
  return crypto::verify(machine.key, std::as_bytes(std::span{note.view()}),
                        copied<crypto::Ed25519Signature>(shown.signature));
}

bool holds_record(const rvm_evidence& evidence, const Act& act, const Machine& machine) {
  const rvm_evidence_record& shown = evidence.as.record;
  const auto record = copied<witness::Record>(shown.record);
  const auto root = copied<crypto::Digest>(shown.root);
  std::array<crypto::Digest, RVM_EVIDENCE_PATH_MAX> path;
  static_assert(sizeof path == sizeof shown.path);
  std::memcpy(&path, shown.path, std::size_t{32} * evidence.count);
  return shown.first_of_boot <= 1 && tells_of(record, copied<rvm_record_pattern>(act.evidence_value)) &&
         is_chained(record, copied<witness::Record>(shown.previous)) &&
         witness::verify_inclusion(witness::leaf_hash(record), record.sequence, shown.tree_size,
                                   std::span{path}.first(evidence.count), root) &&
         is_signed_head(shown, root, machine);
}

bool holds_attestation(const rvm_evidence& evidence, const Act& act, const Machine& machine, std::uint64_t unix_ns) {
  const rvm_evidence_attestation& shown = evidence.as.attestation;
  if (unix_ns < shown.not_before_ns || unix_ns > shown.not_after_ns) return false;
  const rvm_attestation_subject subject = attestation_subject(act, machine, shown.not_before_ns, shown.not_after_ns);
  return crypto::verify(copied<crypto::Ed25519PublicKey>(act.evidence_value), crypto::bytes_of(subject),
                        copied<crypto::Ed25519Signature>(shown.signature));
}

}  // namespace

rvm_attestation_subject attestation_subject(const Act& act, const Machine& machine, std::uint64_t not_before,
                                            std::uint64_t not_after) {
  static_assert(std::endian::native == std::endian::little);
  rvm_attestation_subject subject{};
  std::memcpy(subject.domain, RVM_ATTESTATION_DOMAIN, sizeof subject.domain);
  subject.abi_version = RVM_ABI_VERSION;
  subject.operation = act.operation;
  std::memcpy(subject.partition, act.partition, sizeof subject.partition);
  std::memcpy(subject.object, act.object, sizeof subject.object);
  std::memcpy(subject.machine, machine.key.data(), sizeof subject.machine);
  std::memcpy(subject.kernel, machine.kernel.data(), sizeof subject.kernel);
  std::memcpy(subject.programs, machine.programs.data(), sizeof subject.programs);
  subject.not_before_ns = not_before;
  subject.not_after_ns = not_after;
  return subject;
}

std::size_t evidence_bytes(std::uint32_t kind, std::uint32_t count) {
  constexpr std::size_t head = offsetof(rvm_evidence, as);
  switch (kind) {
    case RVM_EVIDENCE_PREIMAGE:
      return count >= RVM_EVIDENCE_PREIMAGE_MIN && count <= RVM_EVIDENCE_PREIMAGE_MAX ? head + count : 0;
    case RVM_EVIDENCE_RECORD:
      return count <= RVM_EVIDENCE_PATH_MAX ? head + offsetof(rvm_evidence_record, path) + std::size_t{32} * count : 0;
    case RVM_EVIDENCE_ATTESTATION:
      return count == 0 ? head + sizeof(rvm_evidence_attestation) : 0;
    default:
      return 0;
  }
}

bool evidence_holds(const rvm_evidence& evidence, const Act& act, const Machine& machine, std::uint64_t unix_ns) {
  if (evidence.kind != act.evidence_kind || evidence_bytes(evidence.kind, evidence.count) == 0) return false;
  if (evidence.kind == RVM_EVIDENCE_PREIMAGE) return holds_preimage(evidence, act);
  if (machine.log_origin.empty()) return false;
  if (evidence.kind == RVM_EVIDENCE_RECORD) return holds_record(evidence, act, machine);
  return holds_attestation(evidence, act, machine, unix_ns);
}

}  // namespace rvm::proof
