// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/witness/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "host/common/file.hpp"
#include "host/common/units.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t shown_problems = 20;

std::string_view phase_name(witness::PartitionPhase phase) {
  constexpr std::array<std::string_view, 4> names{"created", "running", "suspended", "destroyed"};
  return names.at(static_cast<std::size_t>(phase));
}

std::string name_of(const Json& object) {
  const std::string of = object.value("of", "");
  if (of == "capability") {
    return fmt::format("capability {}:{}", object.value("holder", 0U), object.value("slot", 0U));
  }
  return fmt::format("{} {}", of, object.value("id", 0U));
}

struct Replayed {
  witness::Replay replay;
  std::vector<std::string> problems;
  std::uint64_t problem_count = 0;
};

/// The first `records`.
Outcome<Replayed> replay_log(const LogSource& source, std::uint64_t records) {
  Replayed out;
  const auto replay = [&](const witness::Record& record) {
    if (const auto applied = out.replay.apply(record); !applied) {
      ++out.problem_count;
      if (out.problems.size() < shown_problems) {
        out.problems.push_back(fmt::format("record {}: {}", record.sequence, applied.error()));
      }
    }
    return true;
  };
  const auto visited = visit_records(source.file, replay, records);
  if (!visited) {
    return std::unexpected(visited.error());
  }
  return out;
}

void print_objects(const ObjectTable& objects, bool json) {
  for (const auto& [name, object] : objects) {
    if (json) {
      fmt::print("{}\n", object.dump());
      continue;
    }
    std::string line = fmt::format("{:<20}", name);
    for (const auto& [key, value] : object.items()) {
      if (key != "t" && key != "of" && key != "id" && key != "holder" && key != "slot") {
        line += fmt::format("  {} {}", key, value.is_string() ? value.get<std::string>() : value.dump());
      }
    }
    fmt::print("{}\n", line);
  }
}

Json begin(const char* of) {
  Json object;
  object["t"] = "state";
  object["of"] = of;
  return object;
}

}  // namespace

ObjectTable objects_of(const witness::ObjectState& state) {
  ObjectTable table;
  const auto add = [&table](Json object) {
    std::string name = name_of(object);
    table.emplace(std::move(name), std::move(object));
  };
  for (const auto& [id, p] : state.partitions) {
    Json o = begin("partition");
    o["id"] = id;
    o["type"] = p.type;
    o["phase"] = phase_name(p.phase);
    o["page_quota"] = p.page_quota;
    o["record_quota"] = p.record_quota;
    o["name"] = p.name;
    add(std::move(o));
  }
  for (const auto& [id, a] : state.agents) {
    Json o = begin("agent");
    o["id"] = id;
    o["partition"] = a.partition;
    o["image"] = a.image;
    o["priority"] = a.priority;
    o["suspended"] = a.suspended ? 1 : 0;
    o["name"] = a.name;
    add(std::move(o));
  }
  for (const auto& [id, r] : state.regions) {
    Json o = begin("region");
    o["id"] = id;
    o["owner"] = r.owner;
    o["pages"] = r.pages;
    add(std::move(o));
  }
  for (const auto& [id, e] : state.edges) {
    Json o = begin("edge");
    o["id"] = id;
    o["sender"] = e.sender;
    o["receiver"] = e.receiver;
    o["capacity"] = e.capacity;
    o["badge"] = e.badge;
    add(std::move(o));
  }
  for (const auto& [id, lease] : state.leases) {
    Json o = begin("lease");
    o["id"] = id;
    o["agent"] = lease.agent;
    o["expiry"] = lease.expiry;
    o["mapped_at"] = lease.mapped_at;
    add(std::move(o));
  }
  for (const auto& [place, c] : state.capabilities) {
    Json o = begin("capability");
    o["holder"] = place.agent;
    o["slot"] = place.slot;
    o["generation"] = c.generation;
    o["type"] = c.type;
    o["object"] = c.object;
    o["rights"] = c.rights;
    o["badge"] = c.badge;
    o["depth"] = c.depth;
    o["parent_holder"] = c.parent.agent;
    o["parent_slot"] = c.parent.slot;
    o["mapped_at"] = c.mapped_at;
    o["access"] = c.mapped_access;
    add(std::move(o));
  }
  return table;
}

Outcome<ObjectTable> parse_dump(std::string_view text) {
  const auto bad = [](const std::string& cause) {
    return failure(ExitCode::environment, "the dump " + cause, "make one with `rvm run ... --dump FILE`");
  };
  ObjectTable table;
  bool ended = false;
  for (std::size_t line = 1; !text.empty(); ++line) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    Json object = Json::parse(text.substr(0, length), nullptr, /*allow_exceptions=*/false);
    text.remove_prefix(std::min(length + 1, text.size()));
    if (!object.is_object() || object.value("t", "") != "state" || ended) {
      return bad(fmt::format("has a line {} that is not an object of the kernel", line));
    }
    if (object.value("of", "") == "end") {
      ended = object.value("objects", std::uint64_t{0}) == table.size();
      if (!ended) {
        return bad("does not have all objects");
      }
      continue;
    }
    std::string name = name_of(object);
    if (!table.emplace(name, std::move(object)).second) {
      return bad(fmt::format("has {} twice", name));
    }
  }
  if (!ended) {
    return bad("ends early: the machine did not end in good order, or its package was built without [witness] dump");
  }
  return table;
}

std::vector<std::string> differences(const ObjectTable& replayed, const ObjectTable& dumped) {
  std::vector<std::string> out;
  for (const auto& [name, object] : replayed) {
    const auto other = dumped.find(name);
    if (other == dumped.end()) {
      out.push_back(fmt::format("{}: in the log, not in the machine: {}", name, object.dump()));
    } else if (nlohmann::json(object) != nlohmann::json(other->second)) {
      std::string fields;
      for (const auto& [key, value] : object.items()) {
        const auto theirs = other->second.find(key);
        if (theirs == other->second.end() || *theirs != value) {
          fields += fmt::format("; {} is {} by the log, {} in the machine", key, value.dump(),
                                theirs == other->second.end() ? "absent" : theirs->dump());
        }
      }
      out.push_back(name + (fields.empty() ? "; the machine tells more than the log" : fields));
    }
  }
  for (const auto& [name, object] : dumped) {
    if (!replayed.contains(name)) {
      out.push_back(fmt::format("{}: in the machine, not in the log: {}", name, object.dump()));
    }
  }
  return out;
}

ExitCode witness_replay_command(const LogSource& source, const std::optional<std::filesystem::path>& compare,
                                bool json) {
  const auto log = check_log(source);
  if (!log) {
    return report(log.error());
  }
  if (!log->verified) {
    return report(not_verified(source, *log));
  }
  auto replayed = replay_log(source, log->records);
  if (!replayed) {
    return report(replayed.error());
  }
  const ObjectTable objects = objects_of(replayed->replay.state());
  for (const std::string& problem : replayed->problems) {
    fmt::print(stderr, "{}\n", problem);
  }
  if (replayed->problem_count != 0) {
    return report({ExitCode::failed,
                   fmt::format("{} records do not fit the state that those before them give", replayed->problem_count),
                   "the log verifies, so the kernel wrote it so: keep it and report it"});
  }
  if (!compare) {
    print_objects(objects, json);
    return ExitCode::ok;
  }
  const auto text = read_file(*compare, "dump");
  if (!text) {
    return report(text.error());
  }
  // Sound: any bytes may be viewed as characters.
  const auto dumped = parse_dump({reinterpret_cast<const char*>(text->data()), text->size()});
  if (!dumped) {
    return report(dumped.error());
  }
  const std::vector<std::string> found = differences(objects, *dumped);
  for (const std::string& difference : found) {
    if (json) {
      fmt::print("{}\n", Json{{"difference", difference}}.dump());
    } else {
      fmt::print("{}\n", difference);
    }
  }
  if (!found.empty()) {
    return report({ExitCode::failed, fmt::format("{} of {} objects differ", found.size(), dumped->size()),
                   "what the log says is not what the machine did: keep both files"});
  }
  if (json) {
    fmt::print("{}\n", Json{{"objects", objects.size()}, {"differences", 0}}.dump());
  } else {
    fmt::print("{}: {} objects, as the machine had them\n", source.file.string(), format_count(objects.size()));
  }
  return ExitCode::ok;
}

}  // namespace rvm::host
