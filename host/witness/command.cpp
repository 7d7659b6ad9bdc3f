// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/witness/command.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "host/common/units.hpp"
#include "host/witness/heads.hpp"
#include "rvm/witness/kinds.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

constexpr const char* bad_log_cure =
    "someone or something changed the log, or --key names another key than the machine had; keep the file as evidence";

std::string name_of(const LogSource& source) { return source.file.string(); }

Outcome<LogDemands> demands_of(const LogSource& source) {
  LogDemands demands;
  if (source.known_tree) {
    demands.tree = parse_known_tree(*source.known_tree);
    if (!demands.tree) {
      return failure(ExitCode::usage, fmt::format("'{}' is no tree", *source.known_tree),
                     "write SIZE:ROOT, as `rvm run --json` prints tree_size and root");
    }
  }
  if (source.known_heads) {
    auto notes = read_notes(*source.known_heads);
    if (!notes) {
      return std::unexpected(notes.error());
    }
    demands.heads = std::move(*notes);
  }
  for (const auto& [file, into] :
       {std::pair{&source.cosigner, &demands.cosigner}, {&source.head_key, &demands.head_key}}) {
    if (!*file) {
      continue;
    }
    const auto key = read_verifier_key(**file);
    if (!key) {
      return std::unexpected(key.error());
    }
    *into = *key;
  }
  return demands;
}

}  // namespace

Outcome<LogCheck> check_log(const LogSource& source) {
  const auto demands = demands_of(source);
  if (!demands) {
    return std::unexpected(demands.error());
  }
  const auto key = load_device_key(source.key);
  if (!key) {
    return std::unexpected(key.error());
  }
  return source.raw ? check_raw(source.file, *key, source.allow_open, *demands)
                    : check_volume(source.file, *key, *demands);
}

Failure not_verified(const LogSource& source, const LogCheck& log) {
  return {ExitCode::failed, fmt::format("{} does not verify: {}", name_of(source), log.problem), bad_log_cure};
}

std::optional<KnownTree> parse_known_tree(std::string_view text) {
  const auto size = take_number(text);
  KnownTree tree;
  if (!size || text.size() != 1 + 2 * tree.root.size() || text.front() != ':') {
    return std::nullopt;
  }
  tree.size = *size;
  text.remove_prefix(1);
  for (std::byte& byte : tree.root) {
    std::string_view pair = text.substr(0, 2);
    const auto value = take_number(pair, 16);
    if (!value || !pair.empty()) {
      return std::nullopt;
    }
    byte = static_cast<std::byte>(*value);
    text.remove_prefix(2);
  }
  return tree;
}

std::string record_json(const witness::Record& r) {
  Json out;
  out["sequence"] = r.sequence;
  out["timestamp_ns"] = r.timestamp_ns;
  out["kind"] = kind_name(r.action_kind);
  out["action_kind"] = static_cast<unsigned>(r.action_kind);
  out["proof_tier"] = r.proof_tier;
  out["flags"] = r.flags;
  out["actor_partition_id"] = r.actor_partition;
  out["target_object_id"] = r.target_object;
  out["capability_hash"] = fmt::format("{:08x}", r.capability_hash);
  out["payload"] = r.payload;
  out["aux"] = r.aux;
  out["prev_hash"] = fmt::format("{:016x}", r.prev_hash);
  out["record_hash"] = fmt::format("{:016x}", r.record_hash);
  return out.dump();
}

std::string record_text(const witness::Record& r) {
  const witness::KindDescription* const d = witness::describe(r.action_kind);
  std::string text =
      fmt::format("{:>8} {:>14.6f} s  partition {:<5} {:<22}", r.sequence, static_cast<double>(r.timestamp_ns) / 1e9,
                  r.actor_partition, kind_name(r.action_kind));
  if (d == nullptr) {
    return text;
  }
  const auto field = [&](std::string_view meaning, const std::string& value) {
    if (meaning != "-") {
      text += fmt::format("  {} {}", meaning, value);
    }
  };
  field(d->target, fmt::format("{}", r.target_object));
  field(d->flags, fmt::format("{:#x}", r.flags));
  field(d->payload, fmt::format("{:#x}", r.payload));
  field(d->aux, fmt::format("{:#x}", r.aux));
  return text;
}

ExitCode witness_verify_command(const LogSource& source, bool json) {
  const auto log = check_log(source);
  if (!log) {
    return report(log.error());
  }
  if (json) {
    Json out;
    out["verified"] = log->verified;
    out["records"] = log->records;
    out["durable"] = log->durable;
    out["boots"] = log->boots;
    out["closed"] = log->closed;
    out["tree_size"] = log->tree_size;
    out["root"] = log->root;
    out["signed_heads"] = log->signed_heads;
    if (source.known_heads) {
      out["known_heads"] = log->known_heads;
    }
    if (!log->verified) {
      out["problem"] = log->problem;
    }
    fmt::print("{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
  }
  if (!log->verified) {
    return report(not_verified(source, *log));
  }
  if (!json) {
    fmt::print("{}: verified\n  {} records of {} boots, none missing or changed\n  {}\n  root {}\n", name_of(source),
               format_count(log->records), log->boots,
               log->closed ? "closed by an orderly shutdown"
                           : "open: the machine was stopped by force; all it reported durable is here",
               log->root);
    if (!source.raw) {
      fmt::print("  {} verified\n", format_count(log->signed_heads, "signed tree head", "signed tree heads"));
    }
    if (source.known_heads) {
      fmt::print("  contains {} of {}\n", format_count(log->known_heads, "head", "heads"),
                 source.known_heads->string());
    }
    for (const std::string& note : log->notes) {
      fmt::print("  note: {}\n", note);
    }
  }
  return ExitCode::ok;
}

}  // namespace rvm::host
