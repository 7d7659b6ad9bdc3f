// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/machine/console.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t kept_texts = 8;
constexpr std::size_t kept_marks = 4096;  // per agent

std::uint64_t number(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_number_integer() ? it->get<std::uint64_t>() : 0;
}

bool flag(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_boolean() && it->get<bool>();
}

std::string text(const Json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

BootReport boot(const Json& o) {
  return {.cpus = number(o, "cpus"),
          .memory = number(o, "memory"),
          .partitions = number(o, "partitions"),
          .agents = number(o, "agents"),
          .first_witness_ns = number(o, "first_witness_ns"),
          .log_records = number(o, "log_records"),
          .vmid_bits = number(o, "vmid_bits"),
          .ipa_bits = number(o, "ipa_bits")};
}

AgentReport agent(const Json& o) {
  AgentReport a{.id = number(o, "id"),
                .partition = number(o, "partition"),
                .name = text(o, "name"),
                .state = text(o, "state"),
                .exit = number(o, "exit"),
                .cpu_ns = number(o, "cpu_ns"),
                .messages = number(o, "messages"),
                .refused = number(o, "refused"),
                .faults = number(o, "faults"),
                .deadlines_met = number(o, "deadlines_met"),
                .deadlines_missed = number(o, "deadlines_missed"),
                .latency = {}};
  if (const auto it = o.find("latency"); it != o.end() && it->is_object()) {
    a.latency = LatencyReport{number(*it, "p50"), number(*it, "p99"), number(*it, "max")};
  }
  return a;
}

SummaryReport summary(const Json& o) {
  return {.partitions = number(o, "partitions"),
          .agents = number(o, "agents"),
          .messages = number(o, "messages"),
          .switches = number(o, "switches"),
          .refused = number(o, "refused"),
          .faults = number(o, "faults"),
          .vmid_reclaims = number(o, "vmid_reclaims"),
          .throttled = number(o, "throttled"),
          .records = number(o, "records"),
          .durable = number(o, "durable"),
          .tree_size = number(o, "tree_size"),
          .root = text(o, "root"),
          .closed = flag(o, "closed"),
          .reason = text(o, "reason")};
}

/// False when the line is not one of the known reports.
bool take_report(MachineReport& report, std::string_view line) {
  const Json object = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) {
    return false;
  }
  const std::string type = text(object, "t");
  if (type == "boot") {
    report.boot = boot(object);
  } else if (type == "durable") {
    report.durable = std::max(report.durable, number(object, "seq"));
  } else if (type == "fault") {
    report.faults.push_back({number(object, "agent"), number(object, "partition"), text(object, "name"),
                             text(object, "kind"), text(object, "address")});
  } else if (type == "agent") {
    report.agents.push_back(agent(object));
  } else if (type == "moved") {
    return parse_move_report(line).has_value();  // for whoever watches
  } else if (type == "coherence") {
    auto parsed = parse_coherence_report(line);
    if (!parsed || report.coherence) {
      return false;
    }
    report.coherence = *parsed;
  } else if (type == "quote") {
    report.quote = text(object, "note");
  } else if (type == "refused") {
    report.refusal = text(object, "reason");
  } else if (type == "log_stopped") {
    report.log_stopped = text(object, "reason");
  } else if (type == "panic") {
    report.panicked = true;
  } else if (type == "summary") {
    report.summary = summary(object);
  } else {
    return false;
  }
  return true;
}

void keep_last(std::vector<std::string>& lines, std::string_view line) {
  if (lines.size() == kept_texts) {
    lines.erase(lines.begin());
  }
  lines.emplace_back(line);
}

}  // namespace

ConsoleLine classify(std::string_view line) {
  using Source = ConsoleLine::Source;
  if (line.starts_with("rvm# ")) {
    return {Source::kernel_report, {}, line.substr(5)};
  }
  if (line.starts_with("rvm: ")) {
    return {Source::kernel_text, {}, line.substr(5)};
  }
  const auto bar = line.find("| ");
  if (bar != std::string_view::npos && bar != 0 &&
      line.substr(0, bar).find_first_of(" :#|") == std::string_view::npos) {
    return {Source::agent, line.substr(0, bar), line.substr(bar + 2)};
  }
  if (line.ends_with('|') && line.size() > 1 && line.find_first_of(" :#|") == line.size() - 1) {
    return {Source::agent, line.substr(0, line.size() - 1), {}};
  }
  return {Source::other, {}, line};
}

bool is_state_line(const ConsoleLine& line) {
  return line.source == ConsoleLine::Source::kernel_report && line.text.starts_with(R"({"t":"state",)");
}

void MachineReport::take(const ConsoleLine& line) {
  if (is_state_line(line)) {
    return;  // for whoever asked for them
  }
  switch (line.source) {
    case ConsoleLine::Source::kernel_report:
      if (!take_report(*this, line.text)) {
        keep_last(malformed, line.text);
      }
      break;
    case ConsoleLine::Source::kernel_text:
    case ConsoleLine::Source::other:
      if (!line.text.empty()) {
        keep_last(last_texts, line.text);
      }
      break;
    case ConsoleLine::Source::agent:
      if (line.text.starts_with("attack: ") || line.text.starts_with("victim: ") || line.text.starts_with("bench: ")) {
        auto entry = marked.find(line.agent);
        if (entry == marked.end()) {
          entry = marked.emplace(line.agent, std::vector<std::string>{}).first;
        }
        if (entry->second.size() < kept_marks) {
          entry->second.emplace_back(line.text);
        }
      }
      break;
  }
}

}  // namespace rvm::host
