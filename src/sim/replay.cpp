// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Replay equals live: what the records alone say exists is what the kernel has, at any time and not only at the end. The replay
// is the host's (rvm witness replay); it shares nothing with the kernel but the layout of a record.
#include <string>

#include "objects.hpp"
#include "simulation.hpp"

namespace rvm::sim {
namespace {

using witness::CapabilityPlace;

/// An object, put into words only when something is wrong with it.
struct Named {
  const char* kind;
  std::uint32_t id = 0;
  std::uint16_t slot = 0;
};

[[noreturn]] void differs(Named object, const char* what) {
  std::string text = object.kind;
  if (object.id != 0) text += " " + std::to_string(object.id);
  if (object.slot != 0) text += " slot " + std::to_string(object.slot);
  broken("replay-equals-live", text + ": " + what + " is not what the records say");
}

template <typename T>
void same(const T& live, const T& replayed, Named object, const char* what) {
  if (!(live == replayed)) [[unlikely]]
    differs(object, what);
}

witness::PartitionPhase phase_of(kernel::PartitionState state) {
  switch (state) {
    case kernel::PartitionState::created:
      return witness::PartitionPhase::created;
    case kernel::PartitionState::suspended:
      return witness::PartitionPhase::suspended;
    case kernel::PartitionState::destroyed:
      return witness::PartitionPhase::destroyed;
    default:
      return witness::PartitionPhase::running;
  }
}

/// With the record of its end an agent is gone. What it had mapped and its ends of edges are taken from it a little later,
/// step by step, when no core executes it any more.
bool ended(const Agent& a) { return a.state == kernel::AgentState::terminated; }
std::uint32_t end_of_edge(const Agent* a) { return a != nullptr && !ended(*a) ? a->id.value : 0; }

}  // namespace

void Simulation::replay(const witness::Record& r) {
  if (const auto applied = replay_.apply(r); !applied)
    broken("replay-equals-live", "record " + std::to_string(r.sequence) + " does not fit: " + applied.error());
}

/// Precondition: capabilities_ is up to date.
void Simulation::check_replay() {
  const witness::ObjectState& replayed = replay_.state();
  std::size_t partitions = 0, agents = 0, regions = 0, edges = 0;
  each_partition([&](Partition& p) {
    ++partitions;
    const Named name{"partition", p.id.value};
    const auto found = replayed.partitions.find(p.id.value);
    if (found == replayed.partitions.end()) differs(name, "that it exists");
    same(phase_of(p.state), found->second.phase, name, "its phase");
    same(static_cast<std::uint16_t>(p.type), found->second.type, name, "its type");
    same(p.account.quota, found->second.page_quota, name, "its page quota");
    same(p.record_quota, found->second.record_quota, name, "its record quota");
  });
  each_agent([&](Agent& a) {
    if (ended(a)) return;
    ++agents;
    const Named name{"agent", a.id.value};
    const auto found = replayed.agents.find(a.id.value);
    if (found == replayed.agents.end()) differs(name, "that it exists");
    same(a.partition->id.value, found->second.partition, name, "its partition");
    same(a.image, found->second.image, name, "its image");
    same(a.state == kernel::AgentState::suspended, found->second.suspended, name, "whether it is suspended");
  });
  each_region([&](RegionObject& region) {
    ++regions;
    const Named name{"region", region.id.value};
    const auto found = replayed.regions.find(region.id.value);
    if (found == replayed.regions.end()) differs(name, "that it exists");
    same(state_->partitions.at(region.owner).id.value, found->second.owner, name, "its owner");
    same(region.region.pages(), found->second.pages, name, "its size");
  });
  each_edge([&](Edge& edge) {
    const std::uint32_t sender = end_of_edge(edge.sender);
    const std::uint32_t receiver = end_of_edge(edge.receiver);
    if (sender == 0 && receiver == 0) return;
    ++edges;
    const Named name{"edge", edge.id.value};
    const auto found = replayed.edges.find(edge.id.value);
    if (found == replayed.edges.end()) differs(name, "that it exists");
    same(sender, found->second.sender, name, "its sender");
    same(receiver, found->second.receiver, name, "its receiver");
    same(edge.badge, found->second.badge, name, "its badge");
  });
  std::size_t leases = 0;
  for (const kernel::Device& device : std::span{state_->devices}.first(state_->device_count)) {
    if (device.holder == nullptr || ended(*device.holder)) continue;
    ++leases;
    const Named name{"device", kernel::id_of(*state_, device)};
    const auto found = replayed.leases.find(name.id);
    if (found == replayed.leases.end()) differs(name, "that it is leased");
    same(device.holder->id.value, found->second.agent, name, "its holder");
    same(device.expiry.value, found->second.expiry, name, "its expiry");
    same(device.mapped_at.value, found->second.mapped_at, name, "where its registers are mapped");
  }
  for (const SeenCapability& c : capabilities_) check_replayed(c);
  same(leases, replayed.leases.size(), Named{"the machine"}, "the number of leases");
  same(partitions, replayed.partitions.size(), Named{"the machine"}, "the number of partitions");
  same(agents, replayed.agents.size(), Named{"the machine"}, "the number of agents");
  same(regions, replayed.regions.size(), Named{"the machine"}, "the number of regions");
  same(edges, replayed.edges.size(), Named{"the machine"}, "the number of edges");
  same(capabilities_.size(), replayed.capabilities.size(), Named{"the machine"}, "the number of capabilities");
}

void Simulation::check_replayed(const SeenCapability& c) {
  const auto place = [&](cap::CapabilityRef ref) {
    if (ref.empty()) return CapabilityPlace{};
    return CapabilityPlace{state_->agents.at(ref.agent.value).id.value, ref.slot};
  };
  const CapabilityPlace at = place(c.ref);
  const Named name{"agent", at.agent, at.slot};
  const auto found = replay_.state().capabilities.find(at);
  if (found == replay_.state().capabilities.end()) differs(name, "that it holds a capability");
  const witness::CapabilityState& replayed = found->second;
  same(c.object.id, replayed.object, name, "its object");
  same(static_cast<std::uint8_t>(c.object.type), replayed.type, name, "its type");
  same(c.rights, replayed.rights, name, "its rights");
  same(c.depth, replayed.depth, name, "its depth");
  same(c.generation, replayed.generation, name, "its generation");
  same(c.badge, replayed.badge, name, "its badge");
  same(place(c.parent), replayed.parent, name, "its parent");
  const std::uint64_t mapped_at = std::uint64_t{c.mapped_at} << page_shift;
  same(ended(holder(c)) ? 0 : mapped_at, replayed.mapped_at, name, "where it maps its region");
}

}  // namespace rvm::sim
