// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/witness/search.hpp"

#include <fmt/format.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "host/common/nearest.hpp"
#include "host/common/units.hpp"
#include "rvm/witness/kinds.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

volatile std::sig_atomic_t interrupted = 0;

/// Puts the kind that is asked for by name into the filter.
Outcome<void> resolve_kind(LogQuery& query) {
  if (!query.kind) {
    return {};
  }
  if (const witness::KindDescription* const found = witness::find_kind(*query.kind); found != nullptr) {
    query.filter.kind = found->kind;
    return {};
  }
  std::vector<std::string_view> names;
  names.reserve(witness::kinds.size());
  for (const witness::KindDescription& k : witness::kinds) {
    names.push_back(k.name);
  }
  const auto guess = nearest(*query.kind, names);
  return failure(ExitCode::usage,
                 fmt::format("there is no kind of record '{}'{}", *query.kind,
                             guess.empty() ? "" : fmt::format("; did you mean '{}'?", guess)),
                 "`rvm witness query --help` lists the kinds");
}

/// Searches once, under the device key.
Outcome<witness::SearchReport> search(const LogSource& source, const witness::RecordFilter& filter, bool durable_only,
                                      const std::function<bool(const witness::Record&)>& visit) {
  const auto key = load_device_key(source.key);
  if (!key) {
    return std::unexpected(key.error());
  }
  const auto file = witness::LogFile::open(source.file);
  if (!file) {
    return failure(ExitCode::environment, file.error(), "check the path and its permissions");
  }
  try {
    const witness::Keys keys = witness::derive_keys(key->bytes);
    auto found = witness::search_volume(*file, &keys, filter, visit, durable_only);
    if (!found) {
      return failure(ExitCode::failed, fmt::format("{} cannot be searched: {}", source.file.string(), found.error()),
                     "`rvm witness verify` tells what is wrong; --key names the key of the machine that wrote it");
    }
    return *found;
  } catch (const std::system_error& error) {
    return failure(ExitCode::environment, fmt::format("cannot read {}: {}", source.file.string(), error.what()),
                   "check the disk");
  }
}

void show(const witness::Record& record, bool json) {
  fmt::print("{}\n", json ? record_json(record) : record_text(record));
}

}  // namespace

void LogStatistics::take(const witness::Record& record) {
  const witness::KindDescription* const d = witness::describe(record.action_kind);
  ++by_kind[d != nullptr ? std::string(d->name) : "unknown"];
  ++by_partition[record.actor_partition];
  boots += record.action_kind == witness::Kind::boot_complete ? 1 : 0;
  refusals += record.action_kind == witness::Kind::proof_rejected ? 1 : 0;
}

ExitCode witness_query_command(const LogSource& source, LogQuery query, bool json) {
  if (const auto kind = resolve_kind(query); !kind) {
    return report(kind.error());
  }
  std::uint64_t shown = 0;
  const auto found = search(source, query.filter, false, [&](const witness::Record& record) {
    if (shown < query.limit) {
      show(record, json);
      ++shown;
    }
    return shown < query.limit;
  });
  std::fflush(stdout);
  if (!found) {
    return report(found.error());
  }
  if (!json) {
    fmt::print(stderr, "{} of {} records; {} of {} segments were read\n", format_count(found->matches),
               format_count(found->records), format_count(found->segments_read), format_count(found->segments));
  }
  return ExitCode::ok;
}

ExitCode witness_follow_command(const LogSource& source, LogQuery query, bool json) {
  if (const auto kind = resolve_kind(query); !kind) {
    return report(kind.error());
  }
  constexpr auto interval = std::chrono::milliseconds(100);
  constexpr unsigned failures_max = 20;  // a superblock that is just being written is not readable for a moment
  interrupted = 0;
  auto* const before = std::signal(SIGINT, [](int) { interrupted = 1; });
  std::uint64_t shown = 0;
  unsigned failures = 0;
  ExitCode code = ExitCode::ok;
  while (interrupted == 0 && shown < query.limit) {
    const auto found = search(source, query.filter, true, [&](const witness::Record& record) {
      show(record, json);
      return ++shown < query.limit;
    });
    std::fflush(stdout);
    if (!found && ++failures > failures_max) {
      code = report(found.error());
      break;
    }
    if (found) {
      failures = 0;
      query.filter.first_sequence = std::max(query.filter.first_sequence, found->records);
      if (found->closed) {
        break;
      }
    }
    std::this_thread::sleep_for(interval);
  }
  std::signal(SIGINT, before);
  return code;
}

ExitCode witness_stats_command(const LogSource& source, bool json) {
  LogStatistics statistics;
  const auto found = search(source, {}, false, [&](const witness::Record& record) {
    statistics.take(record);
    return true;
  });
  if (!found) {
    return report(found.error());
  }
  const double per_record =
      found->records == 0 ? 0.0 : static_cast<double>(found->bytes) / static_cast<double>(found->records);
  if (json) {
    Json out;
    out["records"] = found->records;
    out["segments"] = found->segments;
    out["bytes"] = found->bytes;
    out["bytes_per_record"] = per_record;
    out["boots"] = statistics.boots;
    out["refusals"] = statistics.refusals;
    out["closed"] = found->closed;
    out["kinds"] = statistics.by_kind;
    for (const auto& [partition, count] : statistics.by_partition) {
      out["partitions"][std::to_string(partition)] = count;
    }
    fmt::print("{}\n", out.dump());
    return ExitCode::ok;
  }
  fmt::print("{} records of {} boots in {} segments, {} on disk: {:.1f} bytes a record\n", format_count(found->records),
             statistics.boots, format_count(found->segments), format_size(found->bytes), per_record);
  for (const auto& [kind, count] : statistics.by_kind) {
    fmt::print("  {:<24} {:>12}\n", kind, format_count(count));
  }
  fmt::print("by {} partitions\n", statistics.by_partition.size());
  return ExitCode::ok;
}

}  // namespace rvm::host
