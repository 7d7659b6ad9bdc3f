// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/witness/export.hpp"

#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <utility>
#include <vector>

#include "host/common/file.hpp"
#include "host/common/units.hpp"
#include "rvm/witness/effects.hpp"
#include "rvm/witness/kinds.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;
using witness::Kind;
using witness::Record;

std::string csv_line(const Record& r) {
  return fmt::format("{},{},{},{},{},{},{},{:08x},{},{:016x},{:016x},{}\r\n", r.sequence, r.timestamp_ns,
                     kind_name(r.action_kind), r.proof_tier, r.flags, r.actor_partition, r.target_object,
                     r.capability_hash, r.payload, r.prev_hash, r.record_hash, r.aux);
}

/// The first eight bytes of a name, as records carry it.
std::string name_of(std::uint64_t word) {
  std::string name;
  for (; (word & 0xff) != 0; word >>= 8) {
    const auto c = static_cast<char>(word & 0xff);
    name += c >= ' ' && c <= '~' ? c : '?';
  }
  return name;
}

/// Whether a record's target is an agent, on whose track it then appears.
bool about_agent(Kind kind) {
  switch (kind) {
    case Kind::task_spawn:
    case Kind::task_terminate:
    case Kind::task_suspend:
    case Kind::task_resume:
    case Kind::proof_rejected:
    case Kind::notification_signal:
      return true;
    default:
      return false;
  }
}

/// Trace events, with each boot's times moved behind the one before.
class TraceWriter {
 public:
  explicit TraceWriter(const WriteText& write) : write_(write) {
    write_("{\"displayTimeUnit\":\"ns\",\"traceEvents\":[\n");
    name("process_name", 0, 0, "hypervisor");
  }
  void take(const Record& r) {
    constexpr unsigned first_phase = 1;
    if (r.action_kind == Kind::boot_attestation && (r.flags & 0xffU) == first_phase) {
      end_agents();
      base_ = last_;
    }
    last_ = std::max(last_, base_ + r.timestamp_ns);
    const bool failed = witness::changes_objects(r.action_kind) && (r.flags & witness::record_failed) != 0;
    if (!failed && r.action_kind == Kind::partition_create) {
      name("process_name", r.target_object, 0, fmt::format("partition {} {}", r.target_object, name_of(r.aux)));
    } else if (!failed && r.action_kind == Kind::task_spawn) {
      const auto partition = static_cast<std::uint32_t>(r.payload >> 32);
      home_[r.target_object] = partition;
      name("thread_name", partition, r.target_object, fmt::format("agent {} {}", r.target_object, name_of(r.aux)));
      span("B", partition, r.target_object, base_ + r.timestamp_ns);
    } else if (!failed && r.action_kind == Kind::task_terminate) {
      if (const auto found = home_.extract(r.target_object)) {
        span("E", found.mapped(), r.target_object, base_ + r.timestamp_ns);
      }
    }
    const auto agent = about_agent(r.action_kind) ? r.target_object : 0;
    const auto home = home_.find(agent);
    Json event = begin("i", home != home_.end() ? home->second : r.actor_partition, agent, base_ + r.timestamp_ns);
    event["name"] = kind_name(r.action_kind);
    event["s"] = "t";
    event["args"] = {{"sequence", r.sequence},
                     {"target", r.target_object},
                     {"flags", r.flags},
                     {"payload", fmt::format("{:#x}", r.payload)},
                     {"aux", fmt::format("{:#x}", r.aux)}};
    put(event);
  }
  void finish() {
    end_agents();
    write_("\n]}\n");
  }

 private:
  static Json begin(const char* phase, std::uint32_t partition, std::uint32_t agent, std::uint64_t time) {
    return Json{{"ph", phase}, {"pid", partition}, {"tid", agent}, {"ts", static_cast<double>(time) / 1000.0}};
  }
  void span(const char* phase, std::uint32_t partition, std::uint32_t agent, std::uint64_t time) {
    Json event = begin(phase, partition, agent, time);
    event["name"] = "alive";
    put(event);
  }
  void name(const char* what, std::uint32_t partition, std::uint32_t agent, const std::string& text) {
    Json event = begin("M", partition, agent, 0);
    event["name"] = what;
    event["args"] = {{"name", text}};
    put(event);
  }
  void put(const Json& event) {
    write_(std::exchange(first_, false) ? "" : ",\n");
    write_(event.dump());
  }
  void end_agents() {
    for (const auto& [agent, partition] : std::exchange(home_, {})) {
      span("E", partition, agent, last_);
    }
  }

  const WriteText& write_;
  std::map<std::uint32_t, std::uint32_t> home_;  // partition of each living agent
  std::uint64_t base_ = 0;
  std::uint64_t last_ = 0;
  bool first_ = true;
};

}  // namespace

Outcome<void> export_text(ExportForm form, const VisitRecords& visit, const WriteText& write) {
  if (form == ExportForm::trace) {
    TraceWriter trace(write);
    if (auto visited = visit([&](const Record& r) {
          trace.take(r);
          return true;
        });
        !visited) {
      return visited;
    }
    trace.finish();
    return {};
  }
  if (form == ExportForm::csv) {
    write(
        "sequence,timestamp_ns,kind,proof_tier,flags,actor_partition_id,target_object_id,capability_hash,payload,"
        "prev_hash,record_hash,aux\r\n");
  }
  return visit([&](const Record& r) {
    write(form == ExportForm::csv ? csv_line(r) : record_json(r) + "\n");
    return true;
  });
}

ExitCode witness_export_command(const LogSource& source, const std::optional<RecordExport>& wanted,
                                const HeadExport& heads, bool force) {
  const auto log = check_log(source);
  if (!log) {
    return report(log.error());
  }
  if (!log->verified && !force) {
    Failure refused = not_verified(source, *log);
    refused.cure = "--force exports what can be read all the same; it will not verify either";
    return report(refused);
  }
  if (heads.heads || heads.pubkey) {
    const auto key = load_device_key(source.key);
    if (!key) {
      return report(key.error());
    }
    if (const auto written = export_heads(*log, witness::derive_identity(key->bytes).public_key(), heads); !written) {
      return report(written.error());
    }
  }
  if (!wanted) {
    return ExitCode::ok;
  }
  Bytes content;
  std::uint64_t records = 0;
  const auto append = [&content](std::span<const std::byte> bytes) {
    content.insert(content.end(), bytes.begin(), bytes.end());
  };
  const VisitRecords visit = [&](const std::function<bool(const Record&)>& each) {
    records = 0;
    const auto count = [&](const Record& r) {
      ++records;
      return each(r);
    };
    return visit_records(source.file, count, log->verified ? log->records : UINT64_MAX);
  };
  Outcome<void> visited;
  if (wanted->form == ExportForm::raw) {
    content.reserve(log->records * witness::record_bytes);
    visited = visit([&](const Record& r) {
      append(std::as_bytes(std::span(&r, 1)));
      return true;
    });
  } else {
    visited = export_text(wanted->form, visit, [&](std::string_view text) { append(as_bytes(text)); });
  }
  if (!visited && !force) {
    return report(visited.error());
  }
  if (const auto written = write_file(wanted->output, content); !written) {
    return report(written.error());
  }
  fmt::print("{}: {} records{}\n", wanted->output.string(), format_count(records),
             log->verified ? "" : ", NOT verified");
  return ExitCode::ok;
}

}  // namespace rvm::host
