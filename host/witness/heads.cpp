// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/witness/heads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <ctime>
#include <nlohmann/json.hpp>

#include "host/common/file.hpp"
#include "host/common/units.hpp"
#include "rvm/abi.h"
#include "rvm/proof/p3.hpp"
#include "rvm/witness_verify/proof.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

Outcome<std::string> read_text(const std::filesystem::path& file, std::string_view purpose) {
  const auto bytes = read_file(file, purpose, std::uint64_t{1} << 26);
  if (!bytes) {
    return std::unexpected(bytes.error());
  }
  std::string text(bytes->size(), '\0');
  std::ranges::transform(*bytes, text.begin(), [](std::byte b) { return std::to_integer<char>(b); });
  return text;
}

/// A proof of both kinds and what it is about.
struct Proofs {
  witness::Record record{};
  witness::Record previous{};  ///< the record before it; zeros for record 0
  crypto::Digest leaf{};
  witness::Checkpoint head;
  std::string note;
  witness::Proof inclusion;
  crypto::Digest from_root{};
  witness::Proof consistency;
};

/// The newest head that covers the record.
Outcome<Proofs> choose_head(const LogCheck& log, const ProofRequest& request) {
  Proofs out;
  if (log.heads.empty()) {
    return failure(ExitCode::failed, "the log has no signed tree head",
                   "let the machine shut down in good order, or run longer than a quarter of a second");
  }
  out.note = log.heads.back();
  out.head = witness::parse_checkpoint(witness::parse_note(out.note)->text).value();
  if (request.sequence >= out.head.size) {
    return failure(ExitCode::usage,
                   fmt::format("the newest signed head is over {} records, so record {} is not in it", out.head.size,
                               request.sequence),
                   "give a smaller --seq");
  }
  if (request.from && (*request.from == 0 || *request.from > out.head.size)) {
    return failure(ExitCode::usage, fmt::format("--from {} is not between 1 and {}", *request.from, out.head.size),
                   "give the size of an earlier head");
  }
  return out;
}

/// Passes over the log once.
Outcome<Proofs> prove(const LogSource& source, const LogCheck& log, const ProofRequest& request) {
  auto out = choose_head(log, request);
  if (!out) {
    return out;
  }
  const std::uint64_t size = out->head.size;
  const std::uint64_t from = request.from.value_or(size);
  witness::SubtreeRoots inclusion{witness::inclusion_ranges(request.sequence, size)};
  witness::SubtreeRoots consistency{witness::consistency_ranges(from, size)};
  witness::MerkleFrontier early;
  const auto add = [&](const witness::Record& record) {
    const crypto::Digest leaf = witness::leaf_hash(record);
    inclusion.add(leaf);
    if (request.from) {
      consistency.add(leaf);
    }
    if (record.sequence < from && request.from) {
      early.append(leaf);
    }
    if (record.sequence + 1 == request.sequence) {
      out->previous = record;
    }
    if (record.sequence == request.sequence) {
      out->record = record;
      out->leaf = leaf;
    }
    return true;
  };
  const auto visited = visit_records(source.file, add, size);
  if (!visited) {
    return std::unexpected(visited.error());
  }
  out->inclusion = inclusion.roots();
  bool holds = witness::verify_inclusion(out->leaf, request.sequence, size, out->inclusion, out->head.root);
  if (request.from) {
    out->consistency = consistency.roots();
    out->from_root = early.root();
    holds = holds && witness::verify_consistency(from, size, out->consistency, out->from_root, out->head.root);
  }
  if (!holds) {
    return failure(ExitCode::failed, "the proof does not lead to the signed root",
                   "the log changed while it was read; try again");
  }
  return out;
}

Json list_of(const witness::Proof& proof) {
  Json out = Json::array();
  for (const crypto::Digest& node : proof) {
    out.push_back(witness::to_base64(node));
  }
  return out;
}

void put(std::span<std::uint8_t> to, std::span<const std::byte> from) {
  std::ranges::copy(from.first(std::min(from.size(), to.size())), std::as_writable_bytes(to).begin());
}

/// What an agent shows for tier P3 (rvm_evidence), base64; empty for a log that is too long for it.
std::string evidence_of(const Proofs& p) {
  if (p.inclusion.size() > RVM_EVIDENCE_PATH_MAX) {
    return {};
  }
  rvm_evidence evidence{};
  evidence.kind = RVM_EVIDENCE_RECORD;
  evidence.count = static_cast<std::uint32_t>(p.inclusion.size());
  rvm_evidence_record& shown = evidence.as.record;
  std::memcpy(shown.record, &p.record, sizeof shown.record);
  std::memcpy(shown.previous, &p.previous, sizeof shown.previous);
  shown.tree_size = p.head.size;
  shown.timestamp_ns = p.head.timestamp_ns;
  put(shown.root, p.head.root);
  for (const std::string& line : p.head.extensions) {
    constexpr std::string_view label = "measurement ";
    const auto measurement = line.starts_with(label) ? witness::from_base64(line.substr(label.size())) : std::nullopt;
    if (measurement) {
      shown.first_of_boot = 1;
      put(shown.measurement, *measurement);
    }
  }
  for (const witness::NoteSignature& signature : witness::parse_note(p.note)->signatures) {
    if (signature.name == p.head.origin) {
      put(shown.signature, signature.bytes);
    }
  }
  for (std::size_t i = 0; i < p.inclusion.size(); ++i) {
    put(shown.path[i], p.inclusion[i]);
  }
  const auto bytes = std::as_bytes(std::span(&evidence, 1));
  return witness::to_base64(bytes.first(proof::evidence_bytes(evidence.kind, evidence.count)));
}

void print_json(const Proofs& p, const ProofRequest& request) {
  Json out;
  out["origin"] = p.head.origin;
  out["sequence"] = request.sequence;
  out["record"] = hex(std::as_bytes(std::span(&p.record, 1)));
  out["leaf_hash"] = witness::to_base64(p.leaf);
  out["tree_size"] = p.head.size;
  out["root"] = witness::to_base64(p.head.root);
  out["inclusion"] = list_of(p.inclusion);
  out["inclusion_bytes"] = p.inclusion.size() * crypto::digest_bytes;
  if (request.from) {
    out["consistency"] = {
        {"from", *request.from}, {"root", witness::to_base64(p.from_root)}, {"proof", list_of(p.consistency)}};
  }
  out["head"] = p.note;
  out["evidence"] = evidence_of(p);
  fmt::print("{}\n", out.dump());
}

void print_text(const Proofs& p, const ProofRequest& request) {
  fmt::print("record {} is in the tree of {} records, leaf {}\n", request.sequence, format_count(p.head.size),
             witness::to_base64(p.leaf));
  for (const crypto::Digest& node : p.inclusion) {
    fmt::print("  {}\n", witness::to_base64(node));
  }
  if (request.from) {
    fmt::print("the tree began as that of {} records, root {}\n", format_count(*request.from),
               witness::to_base64(p.from_root));
    for (const crypto::Digest& node : p.consistency) {
      fmt::print("  {}\n", witness::to_base64(node));
    }
  }
  fmt::print("evidence for an agent to show:\n  {}\nsigned head:\n\n{}", evidence_of(p), p.note);
}

}  // namespace

Outcome<std::vector<std::string>> read_notes(const std::filesystem::path& file) {
  const auto text = read_text(file, "tree heads");
  if (!text) {
    return std::unexpected(text.error());
  }
  auto notes = witness::split_notes(*text);
  if (!notes) {
    return failure(ExitCode::usage, fmt::format("{}: {}", file.string(), notes.error()),
                   "give a file that `rvm witness export --heads` wrote");
  }
  return *notes;
}

Outcome<witness::VerifierKey> read_verifier_key(const std::filesystem::path& file) {
  const auto text = read_text(file, "verifier key");
  if (!text) {
    return std::unexpected(text.error());
  }
  auto key = witness::parse_verifier_key(*text);
  if (!key) {
    return failure(ExitCode::usage, fmt::format("{}: {}", file.string(), key.error()),
                   "give a file that --pubkey wrote: one line name+hash+base64");
  }
  return *key;
}

Outcome<void> export_heads(const LogCheck& log, const crypto::Ed25519PublicKey& identity, const HeadExport& wanted) {
  if (wanted.heads) {
    std::string text;
    for (const std::string& note : log.heads) {
      text += (text.empty() ? "" : "\n") + note;
    }
    if (const auto written = write_file(*wanted.heads, as_bytes(text)); !written) {
      return written;
    }
    fmt::print("{}: {}\n", wanted.heads->string(), format_count(log.heads.size(), "signed head", "signed heads"));
  }
  if (wanted.pubkey) {
    const witness::VerifierKey key{log.origin, witness::SignatureType::ed25519, identity};
    if (const auto written = write_file(*wanted.pubkey, as_bytes(key.line() + "\n")); !written) {
      return written;
    }
    fmt::print("{}: {}\n", wanted.pubkey->string(), key.line());
  }
  return {};
}

ExitCode witness_prove_command(const LogSource& source, const ProofRequest& request, bool json) {
  const auto log = check_log(source);
  if (!log) {
    return report(log.error());
  }
  if (!log->verified) {
    return report(not_verified(source, *log));
  }
  const auto proofs = prove(source, *log, request);
  if (!proofs) {
    return report(proofs.error());
  }
  if (json) {
    print_json(*proofs, request);
  } else {
    print_text(*proofs, request);
  }
  return ExitCode::ok;
}

ExitCode witness_cosign_command(const CosignRequest& request) {
  const auto notes = read_notes(request.notes);
  if (!notes) {
    return report(notes.error());
  }
  const auto seed = load_device_key(request.key);
  if (!seed) {
    return report(seed.error());
  }
  const crypto::Ed25519Key key{crypto::Ed25519Seed{seed->bytes}};
  const std::string name = request.name.value_or("rvm.local/cosigner-" + hex(std::span{key.public_key()}.first<4>()));
  std::optional<witness::VerifierKey> log_key;
  if (request.log_key) {
    const auto read = read_verifier_key(*request.log_key);
    if (!read) {
      return report(read.error());
    }
    log_key = *read;
  }
  std::string text;
  for (const std::string& note : *notes) {
    const auto parsed = witness::parse_note(note);
    const auto signed_by_log =
        parsed && log_key ? witness::check_signature(*parsed, *log_key) : std::expected<void, std::string>{};
    if (!parsed || !signed_by_log) {
      return report({ExitCode::failed,
                     fmt::format("{}: {}", request.notes.string(), parsed ? signed_by_log.error() : parsed.error()),
                     "nothing was cosigned; see where the file comes from"});
    }
    text += (text.empty() ? "" : "\n") +
            witness::cosigned(note, *parsed, name, key, static_cast<std::uint64_t>(std::time(nullptr)));
  }
  if (const auto written = write_file(request.notes, as_bytes(text)); !written) {
    return report(written.error());
  }
  const witness::VerifierKey verifier{name, witness::SignatureType::cosignature, key.public_key()};
  if (request.pubkey) {
    if (const auto written = write_file(*request.pubkey, as_bytes(verifier.line() + "\n")); !written) {
      return report(written.error());
    }
  }
  fmt::print("{}: {} cosigned as {}\n", request.notes.string(), format_count(notes->size(), "head", "heads"),
             verifier.line());
  return ExitCode::ok;
}

}  // namespace rvm::host
