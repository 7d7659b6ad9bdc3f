// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/commands.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/common/file.hpp"
#include "host/control/compare.hpp"
#include "host/control/describe.hpp"
#include "host/control/graph.hpp"
#include "host/control/reach.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

std::string name_or_gone(const Snapshot& s, std::uint32_t agent) {
  const rvm_agent_status* const a = agent_of(s, agent);
  return a != nullptr ? a->name : agent == 0 ? "(gone)" : fmt::format("agent {}", agent);
}

void print_partitions(const Snapshot& s) {
  fmt::print("{:>6} {:<24}{:<11}{:<15}{:>7}{:>8}{:>8}{:>10}{:>10}{:>9}\n", "id", "partition", "state", "type", "agents",
             "pages", "quota", "coherence", "pressure", "refused");
  for (const auto& p : s.partitions) {
    const Json j = json_of(p);
    fmt::print("{:>6} {:<24}{:<11}{:<15}{:>7}{:>8}{:>8}{:>10}{:>10}{:>9}\n", p.id, p.name, state_name(p),
               j["type"].get<std::string>(), p.agents, p.pages,
               p.page_quota == 0 ? "-" : fmt::format("{}", p.page_quota), basis_points(p.coherence_bp),
               basis_points(p.pressure_bp), p.refused);
  }
}

void print_agents(const Snapshot& s) {
  fmt::print("{:>6} {:<24}{:<20}{:<17}{:>5}{:>9}{:>10}{:>12}{:>9}\n", "id", "agent", "partition", "does", "core",
             "priority", "CPU", "messages", "refused");
  for (const auto& a : s.agents) {
    const rvm_partition_status* const p = partition_of(s, a.partition);
    fmt::print("{:>6} {:<24}{:<20}{:<17}{:>5}{:>9}{:>10}{:>12}{:>9}\n", a.id, a.name, p == nullptr ? "?" : p->name,
               activity(a), a.core, a.priority, format_duration(Nanoseconds{a.cpu_ns}), format_count(a.messages),
               a.refused);
  }
}

ExitCode print_machines(bool json) {
  const auto running = running_machines();
  if (!running) {
    return report(running.error());
  }
  Json out = Json::array();
  for (const RunningMachine& m : *running) {
    if (json) {
      out.push_back({{"machine", m.name}, {"folder", m.folder.string()}});
    } else {
      fmt::print("{}\n", m.name);
    }
  }
  if (json) {
    fmt::print("{}\n", out.dump());
  }
  return ExitCode::ok;
}

ExitCode print_health(const ControlOptions& options) {
  const auto machine = choose_machine(options.machine);
  if (!machine) {
    return report(machine.error());
  }
  auto connection = Connection::open_unauthenticated(*machine);
  const auto health = connection ? connection->health() : std::unexpected(connection.error());
  if (!health) {
    return report(health.error());
  }
  if (options.json) {
    print_json(*machine, {{"now_ns", health->now_ns},
                          {"epoch", health->epoch},
                          {"records", health->records},
                          {"durable", health->durable}});
  } else {
    fmt::print("{}: up for {}, epoch {}, {} records, {} of them on disk\n", machine->name,
               format_duration(Nanoseconds{health->now_ns}), format_count(health->epoch), format_count(health->records),
               format_count(health->durable));
  }
  return ExitCode::ok;
}

const char* verb(control::Operation operation) {
  switch (operation) {
    case control::Operation::suspend:
      return "suspend";
    case control::Operation::resume:
      return "resume";
    default:
      return "kill";
  }
}

}  // namespace

ExitCode ps_command(const ControlOptions& options) {
  if (options.machines) {
    return print_machines(options.json);
  }
  if (options.health) {
    return print_health(options);
  }
  const auto seen = look(options);
  if (!seen) {
    return report(seen.error());
  }
  if (options.json) {
    print_json(seen->reached.machine, json_of(seen->snapshot));
  } else if (options.partitions) {
    print_partitions(seen->snapshot);
  } else {
    print_agents(seen->snapshot);
  }
  return ExitCode::ok;
}

ExitCode inspect_command(const ControlOptions& options) {
  const auto seen = look(options);
  if (!seen) {
    return report(seen.error());
  }
  const Snapshot& s = seen->snapshot;
  Json out;
  if (options.objects.empty()) {
    out = json_of(s.machine);
  } else if (options.partitions) {
    const auto p = find_partition(s, options.objects.front());
    if (!p) {
      return report(p.error());
    }
    out = json_of(**p);
    out["members"] = Json::array();
    for (const auto& a : s.agents) {
      if (a.partition == (*p)->id) {
        out["members"].push_back(a.name);
      }
    }
  } else {
    const auto a = find_agent(s, options.objects.front());
    if (!a) {
      return report(a.error());
    }
    out = json_of(**a);
    const rvm_partition_status* const p = partition_of(s, (*a)->partition);
    out["partition_name"] = p == nullptr ? "?" : p->name;
    for (const char* direction : {"sends", "receives"}) {
      const bool sends = *direction == 's';
      out[direction] = Json::array();
      for (const auto& e : s.edges) {
        if ((sends ? e.sender : e.receiver) == (*a)->id) {
          Json edge = json_of(e);
          edge[sends ? "to" : "from"] = name_or_gone(s, sends ? e.receiver : e.sender);
          out[direction].push_back(std::move(edge));
        }
      }
    }
  }
  if (options.json) {
    print_json(seen->reached.machine, out);
    return ExitCode::ok;
  }
  for (const auto& [key, value] : out.items()) {
    if (!value.is_array()) {
      fmt::print("{:<16}{}\n", key,
                 value.is_string() ? value.get<std::string>()
                 : value.is_null() ? "-"
                                   : value.dump());
      continue;
    }
    for (const Json& entry : value) {
      if (entry.is_string()) {
        fmt::print("{:<16}{}\n", key, entry.get<std::string>());
      } else {
        const bool sends = entry.contains("to");
        fmt::print("{:<16}{} {}, {} messages, {}, {} of {} waiting\n", key, sends ? "to" : "from",
                   entry[sends ? "to" : "from"].get<std::string>(),
                   format_count(entry["messages"].get<std::uint64_t>()),
                   format_size(entry["bytes"].get<std::uint64_t>()), entry["queued"].get<unsigned>(),
                   entry["capacity"].get<unsigned>());
      }
    }
  }
  return ExitCode::ok;
}

ExitCode graph_command(const ControlOptions& options) {
  const auto seen = look(options);
  if (!seen) {
    return report(seen.error());
  }
  const Snapshot& s = seen->snapshot;
  std::optional<Snapshot> before;
  if (options.compare) {
    const auto saved = read_file(*options.compare, "a saved layout");
    if (!saved) {
      return report(saved.error());
    }
    // Sound: char may alias any object.
    const std::string_view text(reinterpret_cast<const char*>(saved->data()), saved->size());
    auto snapshot = saved_snapshot(text, seen->reached.machine.name, s);
    if (!snapshot) {
      return report(snapshot.error());
    }
    before = std::move(*snapshot);
  }
  if (options.svg) {
    const std::string drawing = before ? compare_svg(*before, s) : graph_svg(s);
    if (const auto written = write_file(*options.svg, as_bytes(drawing)); !written) {
      return report(written.error());
    }
  }
  if (options.json) {
    print_json(seen->reached.machine, json_of(s));
  } else if (options.dot) {
    fmt::print("{}", before ? compare_dot(*before, s) : graph_dot(s));
  } else if (!options.svg) {
    fmt::print("{}", before ? compare_text(*before, s) : graph_text(s));
  }
  return ExitCode::ok;
}

ExitCode act_command(const ControlOptions& options, control::Operation operation) {
  auto seen = look(options);
  if (!seen) {
    return report(seen.error());
  }
  control::Request request{.operation = operation};
  std::string what;
  const char* kind = "agent";
  if (options.engine) {
    request.arguments = {RVM_OBJECT_PARTITION, 0};
    what = "the coherence engine";
    kind = "engine";
  } else if (options.partitions) {
    kind = "partition";
    const auto p = find_partition(seen->snapshot, options.objects.front());
    if (!p) {
      return report(p.error());
    }
    request.arguments = {RVM_OBJECT_PARTITION, (*p)->id};
    what = fmt::format("partition {} ({})", (*p)->name, (*p)->id);
  } else {
    const auto a = find_agent(seen->snapshot, options.objects.front());
    if (!a) {
      return report(a.error());
    }
    request.arguments = {RVM_OBJECT_AGENT, (*a)->id};
    what = fmt::format("agent {} ({})", (*a)->name, (*a)->id);
  }
  auto response = seen->reached.connection.request(request);
  if (!response && operation == control::Operation::terminate && seen->reached.connection.ended()) {
    // It was the last that kept the machine running.
    response = ControlResponse{};
    what += ", and the machine has ended";
  }
  if (!response) {
    return report(response.error());
  }
  const char* const done = operation == control::Operation::suspend  ? "suspended"
                           : operation == control::Operation::resume ? "resumed"
                                                                     : "killed";
  return tell(
      options, seen->reached.machine, response->head.status, fmt::format("{} {}", done, what),
      {ExitCode::failed, fmt::format("cannot {} {}: {}", verb(operation), what, status_text(response->head.status)),
       "rvm ps shows how things are"},
      {{"operation", verb(operation)}, {kind, request.arguments[1]}});
}

}  // namespace rvm::host
