// SPDX-License-Identifier: MIT OR Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>

#include "host/common/nearest.hpp"
#include "host/manifest/control.hpp"
#include "host/manifest/swarm.hpp"
#include "rvm/boot/package.hpp"

namespace rvm::host {

namespace {

using Indices = std::vector<std::uint32_t>;

std::string replaced(std::string text, std::string_view hole, std::string_view value) {
  for (std::size_t at = text.find(hole); at != std::string::npos; at = text.find(hole, at + value.size())) {
    text.replace(at, hole.size(), value);
  }
  return text;
}

/// At most one '*', which stands for any number of characters.
bool matches(std::string_view pattern, std::string_view name) {
  const auto star = pattern.find('*');
  if (star == std::string_view::npos) {
    return pattern == name;
  }
  const auto tail = pattern.substr(star + 1);
  return name.size() >= star + tail.size() && name.starts_with(pattern.substr(0, star)) && name.ends_with(tail);
}

std::string pairs_differ(std::string_view a, std::size_t a_count, std::string_view b, std::size_t b_count) {
  return fmt::format("'{}' names {} and '{}' names {}: pairs need as many on both sides, or say pair = \"all\"", a,
                     a_count, b, b_count);
}

class Expansion {
 public:
  explicit Expansion(const Manifest& manifest) : manifest_(manifest) {}

  std::expected<Swarm, Diagnostics> run() {
    swarm_.partitions.push_back({"control", nullptr});
    if (manifest_.control) {
      agent_names_.insert(control_entries().agent.name.value);
      device_names_.insert(control_entries().device.name.value);
    }
    for (const PartitionEntry& entry : manifest_.partitions) {
      add_partitions(entry);
    }
    for (const AgentEntry& entry : manifest_.agents) {
      add_agents(entry);
    }
    for (const EdgeEntry& entry : manifest_.edges) {
      add_edges(entry);
    }
    for (const DeviceEntry& entry : manifest_.devices) {
      add_device(entry);
    }
    for (const GrantEntry& entry : manifest_.grants) {
      add_grants(entry);
    }
    if (manifest_.control) {
      add_control();
    }
    check_limits();
    if (!diagnostics_.empty()) {
      return std::unexpected(std::move(diagnostics_));
    }
    return std::move(swarm_);
  }

 private:
  void report(Position at, std::string message) { diagnostics_.push_back({at, std::move(message)}); }

  static std::string replica_name(const std::string& name, bool replicated, std::uint32_t index) {
    return replicated ? fmt::format("{}-{}", name, index) : name;
  }

  template <typename Item>
  bool name_is_new(const std::vector<Item>& items, std::set<std::string>& names, const std::string& name, Position at) {
    if (auto wrong = check_name(name, RVM_NAME_BYTES - 1)) {
      report(at, *wrong);
    } else if (!names.insert(name).second) {
      report(at, fmt::format("the name '{}' is taken", name));
    } else {
      return items.size() < replicas_limit;  // the precise limit is reported once, at the end
    }
    return false;
  }

  void add_partitions(const PartitionEntry& entry) {
    for (std::uint32_t i = 0; i < entry.replicas.value_or(1); ++i) {
      std::string name = replica_name(entry.name.value, entry.replicas.has_value(), i);
      if (!name_is_new(swarm_.partitions, partition_names_, name, entry.name.at)) {
        return;
      }
      swarm_.partitions.push_back({std::move(name), &entry});
    }
  }

  void add_agents(const AgentEntry& entry) {
    if (entry.affinity >= static_cast<std::int32_t>(manifest_.machine.cpus)) {
      report(entry.name.at, fmt::format("'{}' wants core {}, but the machine has {} (cores count from 0)",
                                        entry.name.value, entry.affinity, manifest_.machine.cpus));
    }
    const bool replicated = entry.replicas.has_value();
    for (std::uint32_t i = 0; i < entry.replicas.value_or(1); ++i) {
      SwarmAgent agent{replica_name(entry.name.value, replicated, i), 0, {}, &entry};
      if (!name_is_new(swarm_.agents, agent_names_, agent.name, entry.name.at)) {
        return;
      }
      const std::string number = fmt::format("{}", i);
      Indices homes;
      for (const Located<std::string>& wanted : entry.partitions) {
        const Indices found = find(swarm_.partitions, replaced(wanted.value, "{i}", number), wanted.at, "partition", 1);
        homes.insert(homes.end(), found.begin(), found.end());
      }
      if (homes.empty()) {
        return;  // reported by `find`
      }
      agent.partition = homes[i % homes.size()];
      std::size_t bytes = 1;
      for (const std::string& argument : entry.arguments) {
        agent.arguments.push_back(replaced(replaced(argument, "{i}", number), "{name}", agent.name));
        bytes += agent.arguments.back().size() + 1;
      }
      if (bytes > RVM_ARGUMENT_BYTES) {
        report(entry.name.at,
               fmt::format("the args of '{}' take {} bytes; at most {} fit", agent.name, bytes, RVM_ARGUMENT_BYTES));
        return;
      }
      swarm_.agents.push_back(std::move(agent));
    }
  }

  /// Indices from `first` on whose name matches; reports when there is none.
  template <typename Item>
  Indices find(const std::vector<Item>& items, const std::string& pattern, Position at, std::string_view what,
               std::size_t first = 0) {
    Indices found;
    std::vector<std::string_view> names;
    for (std::size_t i = first; i < items.size(); ++i) {
      names.push_back(items[i].name);
      if (matches(pattern, items[i].name)) {
        found.push_back(static_cast<std::uint32_t>(i));
      }
    }
    if (found.empty() && !pattern.empty()) {
      std::string message = fmt::format("there is no {} '{}'", what, pattern);
      if (const auto guess = nearest(pattern, names); !guess.empty()) {
        message += fmt::format("; did you mean '{}'?", guess);
      }
      report(at, std::move(message));
    }
    return found;
  }

  /// After everything else, so that no pattern means it, and ids are what they are without it.
  void add_control() {
    const ControlEntries& control = control_entries();
    const auto agent = static_cast<std::uint32_t>(swarm_.agents.size());
    const auto device = static_cast<std::uint32_t>(swarm_.devices.size());
    if (device == RVM_PACKAGE_DEVICES_MAX) {
      report({1, 1}, fmt::format("[control] needs a device of its own; with it there is one too many, at most {} fit",
                                 RVM_PACKAGE_DEVICES_MAX));
      return;
    }
    swarm_.agents.push_back({control.agent.name.value, 0, {}, &control.agent});
    swarm_.devices.push_back({control.device.name.value, &control.device});
    for (const GrantEntry& grant : control.grants) {
      const std::uint32_t object = grant.hypervisor ? UINT32_MAX : grant.type == RVM_OBJECT_DEVICE ? device : 0;
      swarm_.grants.push_back({grant.name, agent, object, &grant});
    }
  }

  void add_edges(const EdgeEntry& entry) {
    const Indices from = find(swarm_.agents, entry.from.value, entry.from.at, "agent");
    const Indices to = find(swarm_.agents, entry.to.value, entry.to.at, "agent");
    if (from.empty() || to.empty()) {
      return;
    }
    const bool single = from.size() == 1 || to.size() == 1;
    const Pairing pair = entry.pair != Pairing::automatic ? entry.pair : (single ? Pairing::all : Pairing::zip);
    const std::string peer_name = entry.peer_name.empty() ? entry.name : entry.peer_name;
    // A directory that gets several edges of this entry needs a number in their names to tell them apart.
    const bool many_receivers = pair == Pairing::all && to.size() > 1;
    const bool many_senders = pair == Pairing::all && from.size() > 1;
    const auto named = [](const std::string& name, bool many, std::size_t peer) {
      const std::string full = many && !name.contains("{peer}") ? name + "-{peer}" : name;
      return replaced(full, "{peer}", fmt::format("{}", peer));
    };
    const auto add = [&](std::size_t s, std::size_t r) {
      if (from[s] != to[r]) {
        swarm_.edges.push_back(
            {named(entry.name, many_receivers, r), named(peer_name, many_senders, s), from[s], to[r], &entry});
      } else if (pair != Pairing::all) {
        report(entry.at, fmt::format("this edge joins '{}' to itself", swarm_.agents[from[s]].name));
      }
    };
    if (pair == Pairing::all) {
      for (std::size_t s = 0; s < from.size(); ++s) {
        for (std::size_t r = 0; r < to.size(); ++r) {
          add(s, r);
        }
      }
      return;
    }
    if (from.size() != to.size()) {
      report(entry.at, pairs_differ(entry.from.value, from.size(), entry.to.value, to.size()));
      return;
    }
    for (std::size_t i = 0; i < from.size(); ++i) {
      add(i, pair == Pairing::ring ? (i + 1) % to.size() : i);
    }
  }

  void add_device(const DeviceEntry& entry) {
    const std::string& name = entry.name.value;
    if (!name_is_new(swarm_.devices, device_names_, name, entry.name.at)) {
      return;
    }
    if (swarm_.devices.size() == RVM_PACKAGE_DEVICES_MAX) {
      report(entry.name.at, fmt::format("'{}' is one device too many; at most {} fit", name, RVM_PACKAGE_DEVICES_MAX));
    }
    const auto same_kind =
        std::ranges::find(swarm_.devices, entry.kind, [](const SwarmDevice& other) { return other.entry->kind; });
    if (!boot::has_dma(entry.kind) && same_kind != swarm_.devices.end()) {
      report(entry.name.at, fmt::format("the machine has one {}, and '{}' is it already", device_kind_name(entry.kind),
                                        same_kind->name));
    }
    if (has_file(entry.kind)) {
      check_device_file(entry);
    }
    swarm_.devices.push_back({name, &entry});
  }

  void check_device_file(const DeviceEntry& entry) {
    const std::string& file = entry.file.value;
    if (file.empty() || file.contains('\0')) {
      report(entry.file.at, fmt::format("'{}' needs the name of a file", entry.name.value));
      return;
    }
    const auto path = [](const DeviceEntry& e) { return std::filesystem::path(e.file.value).lexically_normal(); };
    for (const SwarmDevice& other : swarm_.devices) {
      if (has_file(other.entry->kind) && path(*other.entry) == path(entry)) {
        report(entry.file.at, fmt::format("the file '{}' is behind '{}' already", file, other.name));
      }
    }
  }

  void add_grants(const GrantEntry& entry) {
    const Indices agents = find(swarm_.agents, entry.agent.value, entry.agent.at, "agent");
    Indices objects;
    if (entry.hypervisor) {
      objects = {UINT32_MAX};
    } else if (entry.type == RVM_OBJECT_PARTITION) {
      objects = find(swarm_.partitions, entry.object.value, entry.object.at, "partition");
    } else if (entry.type == RVM_OBJECT_AGENT) {
      objects = find(swarm_.agents, entry.object.value, entry.object.at, "agent");
    } else if (entry.type == RVM_OBJECT_DEVICE) {
      objects = find(swarm_.devices, entry.object.value, entry.object.at, "device");
    } else {
      objects = {0};
    }
    const auto add = [&](std::uint32_t agent, std::size_t o, bool many) {
      const std::string name = many && !entry.name.contains("{peer}") ? entry.name + "-{peer}" : entry.name;
      swarm_.grants.push_back({replaced(name, "{peer}", fmt::format("{}", o)), agent, objects[o], &entry});
    };
    const bool single = agents.size() < 2 || objects.size() < 2;
    if (entry.pair == Pairing::all || (entry.pair == Pairing::automatic && single)) {
      for (const std::uint32_t agent : agents) {
        for (std::size_t o = 0; o < objects.size(); ++o) {
          add(agent, o, objects.size() > 1);
        }
      }
    } else if (agents.size() != objects.size()) {
      report(entry.at, pairs_differ(entry.agent.value, agents.size(), entry.object.value, objects.size()));
    } else {
      for (std::size_t i = 0; i < agents.size(); ++i) {
        add(agents[i], i, false);
      }
    }
  }

  /// An agent whose partition is not trusted cannot lease a device that asks for no evidence: no evidence is not enough.
  void check_leases() {
    for (const SwarmGrant& grant : swarm_.grants) {
      if (grant.entry->type != RVM_OBJECT_DEVICE || (grant.entry->rights & RVM_RIGHT_WRITE) == 0) {
        continue;
      }
      const SwarmDevice& device = swarm_.devices[grant.object];
      const SwarmPartition& partition = swarm_.partitions[swarm_.agents[grant.agent].partition];
      const bool trusted = partition.entry == nullptr || partition.entry->type != RVM_PARTITION_AGENT;
      if (!trusted && !boot::has_dma(device.entry->kind) && device.entry->evidence == RVM_EVIDENCE_NONE) {
        report(grant.entry->at,
               fmt::format("'{}' could never lease '{}': its partition '{}' is not trusted. Give the device one of "
                           "'evidence_sha256', 'evidence_key' and 'evidence_record', or the partition type = "
                           "\"infrastructure\"",
                           swarm_.agents[grant.agent].name, device.name, partition.name));
      }
    }
  }

  void check_limits() {
    const Position top{1, 1};
    if (swarm_.partitions.size() > partitions_limit) {
      report(top, fmt::format("{} partitions, control included; at most {} fit", swarm_.partitions.size(),
                              partitions_limit));
    }
    if (swarm_.agents.size() > agents_limit) {
      report(top, fmt::format("{} agents; at most {} fit", swarm_.agents.size(), agents_limit));
    }
    std::vector<std::uint32_t> agents(swarm_.partitions.size());
    std::vector<std::uint32_t> edges(swarm_.partitions.size());
    for (const SwarmAgent& agent : swarm_.agents) {
      if (++agents[agent.partition] == agents_per_partition_limit + 1) {
        report(agent.entry->name.at, fmt::format("more than {} agents in partition '{}'", agents_per_partition_limit,
                                                 swarm_.partitions[agent.partition].name));
      }
    }
    for (const SwarmEdge& edge : swarm_.edges) {
      const std::uint32_t partition = swarm_.agents[edge.sender].partition;
      if (++edges[partition] == edges_per_partition_limit + 1) {
        report(edge.entry->at, fmt::format("more than {} edges leave partition '{}'", edges_per_partition_limit,
                                           swarm_.partitions[partition].name));
      }
    }
    check_directories();
    check_leases();
  }

  /// Every name in an agent's directory is there once, and the directory has room.
  void check_directories() {
    const std::set<std::string, std::less<>> standard{RVM_DIRECTORY_CONSOLE, RVM_DIRECTORY_PARTITION,
                                                      RVM_DIRECTORY_SELF};
    static_assert(standard_directory_entries == 3);
    std::vector<std::set<std::string, std::less<>>> directories(swarm_.agents.size(), standard);
    const auto add = [&](std::uint32_t agent, const std::string& name, Position at) {
      if (name.size() > 23) {
        report(at, fmt::format("the name '{}' is {} bytes long; at most 23 fit in a directory", name, name.size()));
      } else if (!directories[agent].insert(name).second) {
        report(at, fmt::format("'{}' has '{}' in its directory already", swarm_.agents[agent].name, name));
      } else if (directories[agent].size() == RVM_DIRECTORY_ENTRIES + 1) {
        report(at, fmt::format("the directory of '{}' is full: {} entries fit, {} of them standard",
                               swarm_.agents[agent].name, RVM_DIRECTORY_ENTRIES, standard_directory_entries));
      }
    };
    for (const SwarmEdge& edge : swarm_.edges) {
      add(edge.sender, edge.name, edge.entry->at);
      add(edge.receiver, edge.peer_name, edge.entry->at);
    }
    for (const SwarmGrant& grant : swarm_.grants) {
      add(grant.agent, grant.name, grant.entry->at);
    }
  }

  const Manifest& manifest_;
  Swarm swarm_;
  Diagnostics diagnostics_;
  std::set<std::string> partition_names_{"control"};
  std::set<std::string> agent_names_;
  std::set<std::string> device_names_;
};

}  // namespace

std::expected<Swarm, Diagnostics> expand(const Manifest& manifest) { return Expansion(manifest).run(); }

}  // namespace rvm::host
