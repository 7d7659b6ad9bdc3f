// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/describe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "host/common/nearest.hpp"
#include "host/common/units.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

#define RVM_X(name, value, text) std::string_view(text),
constexpr std::array partition_states{RVM_PARTITION_STATE_TABLE(RVM_X)};
constexpr std::array agent_states{RVM_AGENT_STATE_TABLE(RVM_X)};
constexpr std::array waits{RVM_WAIT_TABLE(RVM_X)};
#undef RVM_X
constexpr std::array<std::string_view, 3> partition_types{"agent", "infrastructure", "root"};
constexpr std::array<std::string_view, 3> partition_modes{"flow", "reflex", "recovery"};

template <std::size_t N>
std::string_view named(const std::array<std::string_view, N>& names, std::size_t value) {
  return value < names.size() ? names.at(value) : "?";
}

Json points(std::uint16_t value) { return value == RVM_UNKNOWN ? Json(nullptr) : Json(value); }

/// The object that `text` names, or that has it as its id.
template <typename T>
Outcome<const T*> find(const std::vector<T>& all, const std::string& text, const char* what) {
  std::vector<const T*> found;
  std::vector<std::string_view> names;
  std::string_view rest = text;
  const auto number = take_number(rest);
  for (const T& object : all) {
    if (number && rest.empty() && object.id == *number) {
      return &object;
    }
    names.emplace_back(object.name);
    if (text == object.name) {
      found.push_back(&object);
    }
  }
  if (found.size() == 1) {
    return found.front();
  }
  if (found.size() > 1) {
    std::string ids;
    for (const T* object : found) {
      ids += fmt::format("{}{}", ids.empty() ? "" : ", ", object->id);
    }
    return failure(ExitCode::usage, fmt::format("{} {}s are named '{}'", found.size(), what, text),
                   fmt::format("say which by its id: {}", ids));
  }
  const auto guess = nearest(text, names);
  return failure(ExitCode::usage, fmt::format("there is no {} '{}'", what, text),
                 guess.empty() ? std::string("rvm ps shows what there is") : fmt::format("did you mean '{}'?", guess));
}

}  // namespace

std::string_view partition_state_name(std::uint8_t state) { return named(partition_states, state); }
std::string_view agent_state_name(std::uint8_t state) { return named(agent_states, state); }
std::string_view type_name(std::uint8_t type) { return named(partition_types, type); }
std::string_view state_name(const rvm_partition_status& p) { return partition_state_name(p.state); }
std::string_view state_name(const rvm_agent_status& a) { return agent_state_name(a.state); }

std::string_view activity(const rvm_agent_status& a) {
  if (a.state != RVM_AGENT_STATE_RUNNING) {
    return state_name(a);
  }
  if ((a.condition & RVM_AGENT_HELD) != 0) {
    return "held";
  }
  return (a.condition & RVM_AGENT_EXECUTING) != 0 ? "executing" : named(waits, a.wait);
}

std::string basis_points(std::uint16_t value) {
  return value == RVM_UNKNOWN ? "-" : fmt::format("{:.1f} %", static_cast<double>(value) / 100);
}

const rvm_partition_status* partition_of(const Snapshot& s, std::uint32_t id) {
  const auto it = std::ranges::find(s.partitions, id, &rvm_partition_status::id);
  return it == s.partitions.end() ? nullptr : &*it;
}
const rvm_agent_status* agent_of(const Snapshot& s, std::uint32_t id) {
  const auto it = std::ranges::find(s.agents, id, &rvm_agent_status::id);
  return it == s.agents.end() ? nullptr : &*it;
}
Outcome<const rvm_partition_status*> find_partition(const Snapshot& s, const std::string& text) {
  return find(s.partitions, text, "partition");
}
Outcome<const rvm_agent_status*> find_agent(const Snapshot& s, const std::string& text) {
  return find(s.agents, text, "agent");
}

Json json_of(const rvm_machine_status& m) {
  return {{"now_ns", m.now_ns},
          {"epoch", m.epoch},
          {"epoch_ns", m.epoch_ns},
          {"cores", m.cores},
          {"ready", m.ready},
          {"partitions", m.partitions},
          {"agents", m.agents},
          {"edges", m.edges},
          {"regions", m.regions},
          {"pages", m.pages},
          {"pages_free", m.pages_free},
          {"messages", m.messages},
          {"switches", m.switches},
          {"refused", m.refused},
          {"faults", m.faults},
          {"throttled", m.throttled},
          {"vmid_reclaims", m.vmid_reclaims},
          {"records", m.records},
          {"sealed", m.sealed},
          {"durable", m.durable}};
}
Json json_of(const rvm_partition_status& p) {
  return {{"id", p.id},
          {"name", p.name},
          {"state", state_name(p)},
          {"type", type_name(p.type)},
          {"mode", named(partition_modes, p.mode)},
          {"agents", p.agents},
          {"edges", p.edges},
          {"pages", p.pages},
          {"page_quota", p.page_quota},
          {"record_quota", p.record_quota},
          {"throttled", (p.condition & RVM_PARTITION_THROTTLED) != 0},
          {"static", (p.condition & RVM_PARTITION_STATIC) != 0},
          {"coherence_bp", points(p.coherence_bp)},
          {"pressure_bp", points(p.pressure_bp)},
          {"cohesion_bp", points(p.cohesion_bp)},
          {"refused", p.refused}};
}
Json json_of(const rvm_agent_status& a) {
  return {{"id", a.id},
          {"name", a.name},
          {"partition", a.partition},
          {"state", state_name(a)},
          {"activity", activity(a)},
          {"service", (a.condition & RVM_AGENT_IS_SERVICE) != 0},
          {"priority", a.priority},
          {"core", a.core},
          {"affinity", a.affinity},
          {"cpu_ns", a.cpu_ns},
          {"messages", a.messages},
          {"refused", a.refused},
          {"faults", a.faults}};
}
Json json_of(const rvm_edge_status& e) {
  return {{"id", e.id},         {"sender", e.sender},     {"receiver", e.receiver},
          {"queued", e.queued}, {"capacity", e.capacity}, {"messages", e.messages},
          {"bytes", e.bytes},   {"weight", e.weight}};
}
Json json_of(const Snapshot& s) {
  Json out{{"status", json_of(s.machine)},
           {"partitions", Json::array()},
           {"agents", Json::array()},
           {"edges", Json::array()}};
  for (const auto& p : s.partitions) out["partitions"].push_back(json_of(p));
  for (const auto& a : s.agents) out["agents"].push_back(json_of(a));
  for (const auto& e : s.edges) out["edges"].push_back(json_of(e));
  return out;
}

}  // namespace rvm::host
