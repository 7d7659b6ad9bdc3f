// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/commands.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/common/file.hpp"
#include "host/control/describe.hpp"
#include "host/control/graph.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

/// A machine, reached.
struct Reached {
  RunningMachine machine;
  Connection connection;
};
Outcome<Reached> reach(const ControlOptions& options) {
  auto machine = choose_machine(options.machine);
  if (!machine) {
    return std::unexpected(machine.error());
  }
  auto connection = Connection::open(*machine);
  if (!connection) {
    return std::unexpected(connection.error());
  }
  return Reached{std::move(*machine), std::move(*connection)};
}

struct Seen {
  Reached reached;
  Snapshot snapshot;
};
Outcome<Seen> look(const ControlOptions& options) {
  auto reached = reach(options);
  if (!reached) {
    return std::unexpected(reached.error());
  }
  auto snapshot = reached->connection.snapshot();
  if (!snapshot) {
    return std::unexpected(snapshot.error());
  }
  return Seen{std::move(*reached), std::move(*snapshot)};
}

void print_json(const RunningMachine& machine, Json body) {
  Json out{{"machine", machine.name}};
  out.update(body);
  fmt::print("{}\n", out.dump(-1, ' ', false, Json::error_handler_t::replace));
}

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

/// What became of a request, for people or as a line of JSON.
ExitCode tell(const ControlOptions& options, const RunningMachine& machine, const ControlResponse& response,
              const std::string& done, const std::string& tried, Json details) {
  const std::uint32_t status = response.head.status;
  if (options.json) {
    details["status"] = status == 0 ? "ok" : status_text(status);
    print_json(machine, details);
  } else if (status == 0) {
    fmt::print("{}\n", done);
  }
  if (status == 0) {
    return ExitCode::ok;
  }
  const bool missing = status == RVM_ERROR_BAD_OPERATION;
  return report({ExitCode::failed, fmt::format("cannot {}: {}", tried, status_text(status)),
                 missing ? "this hypervisor is built without its coherence engine" : "rvm ps shows how things are"});
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
  if (options.svg) {
    if (const auto written = write_file(*options.svg, as_bytes(graph_svg(s))); !written) {
      return report(written.error());
    }
  }
  if (options.json) {
    print_json(seen->reached.machine, json_of(s));
  } else if (options.dot) {
    fmt::print("{}", graph_dot(s));
  } else if (!options.svg) {
    fmt::print("{}", graph_text(s));
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
  if (options.partitions) {
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
  return tell(options, seen->reached.machine, *response, fmt::format("{} {}", done, what),
              fmt::format("{} {}", verb(operation), what),
              {{"operation", verb(operation)}, {options.partitions ? "partition" : "agent", request.arguments[1]}});
}

ExitCode split_command(const ControlOptions& options) {
  auto seen = look(options);
  if (!seen) {
    return report(seen.error());
  }
  const auto p = find_partition(seen->snapshot, options.objects.front());
  if (!p) {
    return report(p.error());
  }
  control::Request request{.operation = control::Operation::split, .arguments = {(*p)->id}};
  if (options.isolate) {
    const auto a = find_agent(seen->snapshot, *options.isolate);
    if (!a) {
      return report(a.error());
    }
    request.arguments[1] = (*a)->id;
  }
  const auto response = seen->reached.connection.request(request);
  if (!response) {
    return report(response.error());
  }
  const auto& made = response->head.values;
  return tell(options, seen->reached.machine, *response,
              fmt::format("split {}: {} now in partition {}", (*p)->name,
                          format_count(made[1], "agent is", "agents are"), made[0]),
              fmt::format("split {}", (*p)->name),
              {{"operation", "split"}, {"partition", (*p)->id}, {"new_partition", made[0]}, {"agents_moved", made[1]}});
}

ExitCode merge_command(const ControlOptions& options) {
  auto seen = look(options);
  if (!seen) {
    return report(seen.error());
  }
  const auto survivor = find_partition(seen->snapshot, options.objects.at(0));
  const auto absorbed = find_partition(seen->snapshot, options.objects.at(1));
  if (!survivor || !absorbed) {
    return report(survivor ? absorbed.error() : survivor.error());
  }
  const auto response = seen->reached.connection.request(
      {.operation = control::Operation::merge, .arguments = {(*survivor)->id, (*absorbed)->id}});
  if (!response) {
    return report(response.error());
  }
  return tell(options, seen->reached.machine, *response,
              fmt::format("{} has become part of {}", (*absorbed)->name, (*survivor)->name),
              fmt::format("merge {} into {}", (*absorbed)->name, (*survivor)->name),
              {{"operation", "merge"}, {"survivor", (*survivor)->id}, {"absorbed", (*absorbed)->id}});
}

ExitCode migrate_command(const ControlOptions& options) {
  auto seen = look(options);
  if (!seen) {
    return report(seen.error());
  }
  const auto agent = find_agent(seen->snapshot, options.objects.at(0));
  const auto to = find_partition(seen->snapshot, options.objects.at(1));
  if (!agent || !to) {
    return report(agent ? to.error() : agent.error());
  }
  const auto response = seen->reached.connection.request(
      {.operation = control::Operation::migrate, .arguments = {(*agent)->id, (*to)->id}});
  if (!response) {
    return report(response.error());
  }
  return tell(options, seen->reached.machine, *response, fmt::format("{} is now in {}", (*agent)->name, (*to)->name),
              fmt::format("move {} to {}", (*agent)->name, (*to)->name),
              {{"operation", "migrate"}, {"agent", (*agent)->id}, {"partition", (*to)->id}});
}

}  // namespace rvm::host
