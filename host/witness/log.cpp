// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/witness/log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>

#include "rvm/witness_verify/query.hpp"
#include "rvm/witness_verify/verify.hpp"

namespace rvm::host {

namespace {

constexpr std::uint16_t cause_faulted = 1;  // flags of TaskTerminate (rvm/witness/kinds.hpp)
constexpr std::size_t problems_in_text = 5;

/// What the verifier throws when the system cannot read becomes a Failure.
template <typename T, typename Work>
Outcome<T> reading(const std::filesystem::path& path, Work&& work) {
  auto file = witness::LogFile::open(path);
  if (!file) {
    return failure(ExitCode::environment, file.error(), "check the path and its permissions");
  }
  try {
    return work(*file);
  } catch (const std::system_error& error) {
    return failure(ExitCode::environment, fmt::format("cannot read {}: {}", path.string(), error.what()),
                   "check the disk");
  }
}

std::string described(const witness::VerifyReport& report) {
  std::string text;
  for (std::size_t i = 0; i < std::min(problems_in_text, report.problems.size()); ++i) {
    const witness::Problem& p = report.problems[i];
    text += fmt::format("{}{}: {} (byte {})", i == 0 ? "" : "\n  then ", p.what, p.why, p.offset);
  }
  if (report.problem_count > problems_in_text) {
    text += fmt::format("\n  and {} more", report.problem_count - problems_in_text);
  }
  return text;
}

LogCheck check_of(const witness::VerifyReport& report) {
  return {.verified = report.ok,
          .problem = described(report),
          .notes = report.notes,
          .closed = report.state == witness::LogState::closed,
          .boots = report.boots,
          .records = report.records,
          .durable = report.durable,
          .tree_size = report.tree_size,
          .root = witness::to_hex(report.root),
          .signed_heads = report.signed_heads,
          .known_heads = report.known_heads,
          .heads = report.heads,
          .origin = report.origin};
}

witness::VerifyOptions options_of(const witness::Keys& keys, const Key& device_key, bool allow_open,
                                  const LogDemands& demands) {
  witness::VerifyOptions options;
  options.keys = &keys;
  options.allow_open = allow_open;
  if (demands.tree) {
    options.anchor = witness::TreeAnchor{demands.tree->size, crypto::Digest{demands.tree->root}};
  }
  options.head_key = demands.head_key ? demands.head_key->key : witness::derive_identity(device_key.bytes).public_key();
  options.heads = demands.heads;
  options.cosigner = demands.cosigner;
  return options;
}

}  // namespace

std::string kind_name(witness::Kind kind) {
  const witness::KindDescription* const description = witness::describe(kind);
  return description == nullptr ? fmt::format("kind {:#04x}", static_cast<unsigned>(kind))
                                : std::string(description->name);
}

Outcome<LogCheck> check_volume(const std::filesystem::path& path, const Key& device_key, const LogDemands& demands) {
  return reading<LogCheck>(path, [&](const witness::LogFile& file) {
    const witness::Keys keys = witness::derive_keys(device_key.bytes);
    const witness::VerifyOptions options = options_of(keys, device_key, true, demands);
    return check_of(file.looks_like_flash() ? witness::verify_flash(file, options)
                                            : witness::verify_volume(file, options));
  });
}

Outcome<LogCheck> check_raw(const std::filesystem::path& path, const Key& device_key, bool allow_open,
                            const LogDemands& demands) {
  return reading<LogCheck>(path, [&](const witness::LogFile& file) {
    const witness::Keys keys = witness::derive_keys(device_key.bytes);
    return check_of(witness::verify_raw(file, options_of(keys, device_key, allow_open, demands)));
  });
}

Outcome<void> visit_records(const std::filesystem::path& path, const std::function<bool(const witness::Record&)>& visit,
                            std::uint64_t end) {
  return reading<void>(path, [&](const witness::LogFile& file) -> Outcome<void> {
    const auto visited = witness::for_each_record(
        file, [&](const witness::Record& r, std::uint64_t) { return r.sequence < end && visit(r); });
    if (!visited) {
      return failure(ExitCode::failed, visited.error(), "`rvm witness verify` says what is wrong with it");
    }
    return {};
  });
}

void LogEvidence::take(const witness::Record& r) {
  if (r.action_kind == witness::Kind::proof_rejected) {
    rejected.insert({r.actor_partition, r.target_object});
  } else if (r.action_kind == witness::Kind::task_terminate && r.flags == cause_faulted) {
    faulted_agents.insert(r.target_object);
  }
}

Outcome<LogEvidence> collect_evidence(const std::filesystem::path& path, std::uint64_t first_sequence) {
  LogEvidence evidence;
  const auto visited = visit_records(path, [&](const witness::Record& record) {
    if (record.sequence >= first_sequence) {
      evidence.take(record);
    }
    return true;
  });
  return visited ? Outcome<LogEvidence>(std::move(evidence)) : std::unexpected(visited.error());
}

}  // namespace rvm::host
