// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/layout.hpp"

#include <fmt/format.h>

#include <charconv>
#include <optional>

namespace rvm::host {

namespace {

/// "red-7" as "red-" and 7; nothing for names that do not end in a number as replicas' do.
struct Replica {
  std::string_view stem;
  unsigned number = 0;
};
std::optional<Replica> replica_of(std::string_view name) {
  const std::size_t digits = name.find_last_not_of("0123456789") + 1;
  const std::string_view text = name.substr(digits);
  unsigned number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (digits == 0 || text.empty() || error != std::errc{} || (text.size() > 1 && text.front() == '0')) {
    return std::nullopt;
  }
  return Replica{name.substr(0, digits), number};
}

/// How many of `names`, from the first on, are replicas with ascending numbers.
std::size_t run_length(std::span<const std::string> names) {
  const auto first = replica_of(names.front());
  std::size_t length = 1;
  while (first && length < names.size()) {
    const auto next = replica_of(names[length]);
    if (!next || next->stem != first->stem || next->number != first->number + length) {
      break;
    }
    ++length;
  }
  return length;
}

}  // namespace

std::string listed(std::span<const std::string> names) {
  std::string text;
  while (!names.empty()) {
    const std::size_t length = run_length(names);
    text += fmt::format("{}{}", text.empty() ? "" : ", ", names.front());
    if (length > 1) {
      text += fmt::format("..{}", replica_of(names[length - 1])->number);
    }
    names = names.subspan(length);
  }
  return text;
}

// The kernel counts ids from 1, in the order of the manifest.
Layout::Layout(const Swarm& swarm) {
  for (std::size_t i = 0; i < swarm.partitions.size(); ++i) {
    partitions_[i + 1] = swarm.partitions[i].name;
    made_[swarm.partitions[i].name] = 1;
  }
  for (std::size_t i = 0; i < swarm.agents.size(); ++i) {
    agents_[i + 1] = {swarm.agents[i].name, swarm.agents[i].partition + 1u};
  }
}

void Layout::apply(const MoveReport& move) {
  if (move.how == MoveReport::How::split) {
    partitions_[move.to] = to_name(move);
    ++made_[move.to_name];
  }
  for (const std::uint64_t id : move.ids) {
    Agent& agent = agents_[id];
    if (agent.name.empty()) {
      agent.name = fmt::format("agent {}", id);
    }
    agent.partition = move.to;
  }
  if (move.how == MoveReport::How::merge) {
    partitions_.erase(move.from);
  }
}

std::string Layout::from_name(const MoveReport& move) const {
  const auto known = partitions_.find(move.from);
  return known == partitions_.end() ? move.from_name : known->second;
}

std::string Layout::to_name(const MoveReport& move) const {
  if (move.how == MoveReport::How::split) {
    const auto made = made_.find(move.to_name);
    return made == made_.end() ? move.to_name : fmt::format("{}/{}", move.to_name, made->second + 1);
  }
  const auto known = partitions_.find(move.to);
  return known == partitions_.end() ? move.to_name : known->second;
}

std::vector<std::string> Layout::movers(const MoveReport& move) const {
  std::vector<std::string> names;
  for (const std::uint64_t id : move.ids) {
    const auto known = agents_.find(id);
    names.push_back(known == agents_.end() ? fmt::format("agent {}", id) : known->second.name);
  }
  return names;
}

std::vector<Layout::Place> Layout::places() const {
  std::map<std::uint64_t, Place> found;
  for (const auto& [id, agent] : agents_) {
    if (agent.partition == 1) {
      continue;
    }
    Place& place = found[agent.partition];
    if (const auto known = partitions_.find(agent.partition); known != partitions_.end()) {
      place.partition = known->second;
    }
    place.agents.push_back(agent.name);
  }
  std::vector<Place> out;
  for (auto& [id, place] : found) {
    if (place.partition.empty()) {
      place.partition = fmt::format("partition {}", id);
    }
    out.push_back(std::move(place));
  }
  return out;
}

std::vector<std::string> Layout::lines() const {
  std::vector<std::string> out;
  for (const Place& place : places()) {
    out.push_back(fmt::format("{}: {}", place.partition, listed(place.agents)));
  }
  return out;
}

}  // namespace rvm::host
