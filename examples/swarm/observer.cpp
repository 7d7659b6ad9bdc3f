// SPDX-License-Identifier: MIT OR Apache-2.0
#include "observer.hpp"

namespace swarm {

using namespace rvm::agent;

namespace {

alignas(8) std::array<std::byte, RVM_PAGE_SIZE> page;

/// Calls `take` for each entry until it returns false or there are no more.
template <typename Entry, typename Take>
void each(Partition hypervisor, std::uint64_t what, Take&& take) {
  std::uint64_t cursor = 0;
  do {
    std::uint64_t entries = 0;
    const rvm_error e = rvm_system_read(hypervisor.raw, what, &cursor, page.data(), page.size(), &entries);
    require(e == RVM_ERROR_OK, "cannot look at the machine: ", static_cast<Error>(e));
    for (std::uint64_t i = 0; i < entries; ++i) {
      Entry entry;
      std::memcpy(&entry, &page[i * sizeof(Entry)], sizeof entry);
      if (!take(entry)) return;
    }
  } while (cursor != 0);
}

/// Members are named COLOR-HALF-NUMBER.
bool is_member(std::string_view name) {
  const std::size_t dash = name.find('-');
  return dash != std::string_view::npos && name.size() == dash + 4 && name[dash + 2] == '-';
}

}  // namespace

std::size_t team_of(char color, char half, Phase phase) {
  // red 0, blue 1, green 2, gold 3; when teams are mixed, the second halves of two teams change places.
  const std::size_t team = color == 'r' ? 0 : color == 'b' ? 1 : color == 'g' ? 2 : 3;
  return phase == Phase::form || half == 'a' ? team : team ^ 1;
}

Observer::Observer() : hypervisor_(find<Partition>("machine")) {
  require(static_cast<bool>(hypervisor_), "no capability to look at the machine");
  (void)look();
}

void Observer::look_at_agents() {
  std::size_t seen = 0;
  each<rvm_agent_status>(hypervisor_, RVM_READ_AGENTS, [&](const rvm_agent_status& agent) {
    const std::string_view name{agent.name};
    if (!is_member(name)) return true;
    Place place{.agent = agent.id, .partition = agent.partition, .rogue = name == rogue_name};
    // "green" and "gold" begin alike.
    place.color = name.starts_with("gold") ? 'y' : name[0];
    place.half = name[name.size() - 3];
    places_[seen++] = place;
    return seen < places_.size();
  });
  count_ = seen;
}

const Observer::Place* Observer::place_of(std::uint32_t agent) const {
  for (const Place& place : std::span{places_}.first(count_))
    if (place.agent == agent) return &place;
  return nullptr;
}

Traffic Observer::look() {
  look_at_agents();
  Traffic traffic;
  std::size_t seen = 0;
  each<rvm_edge_status>(hypervisor_, RVM_READ_EDGES, [&](const rvm_edge_status& edge) {
    const Place* const from = place_of(edge.sender);
    const Place* const to = place_of(edge.receiver);
    if (from == nullptr || to == nullptr) return true;
    require(seen < bytes_.size(), "too many edges");
    const std::uint64_t since = edge.bytes - bytes_[seen];
    bytes_[seen++] = edge.bytes;
    traffic.all += since;
    if (from->partition != to->partition) traffic.crossing += since;
    return true;
  });
  return traffic;
}

std::size_t Observer::teams_together(Phase phase) const {
  std::array<std::uint32_t, teams_count> partition{};
  std::array<bool, teams_count> together;
  together.fill(true);
  for (const Place& place : std::span{places_}.first(count_)) {
    if (place.rogue && phase >= Phase::turn) continue;
    const std::size_t team = team_of(place.color, place.half, phase);
    if (partition[team] == 0) partition[team] = place.partition;
    if (partition[team] != place.partition) together[team] = false;
  }
  return static_cast<std::size_t>(std::ranges::count(together, true));
}

std::size_t Observer::partitions() const {
  std::size_t different = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    bool first = true;
    for (std::size_t j = 0; j < i; ++j) first = first && places_[j].partition != places_[i].partition;
    if (first) ++different;
  }
  return different;
}

bool Observer::rogue_alone() const {
  const auto rogue = std::ranges::find_if(places_, [](const Place& place) { return place.rogue; });
  if (rogue == places_.end()) return false;
  return std::ranges::count(places_, rogue->partition, &Place::partition) == 1;
}

}  // namespace swarm
