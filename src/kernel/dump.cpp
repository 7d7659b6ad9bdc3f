// SPDX-License-Identifier: MIT OR Apache-2.0
#include "dump.hpp"

#include "capabilities.hpp"
#include "objects.hpp"
#include "text.hpp"

namespace rvm::kernel {
namespace {

Line& begin(Line& line, std::string_view object) {
  line.clear();
  return line.text("rvm# {\"t\":\"state\"").string("of", object);
}

std::string_view phase_name(PartitionState state) {
  switch (state) {
    case PartitionState::created:
      return "created";
    case PartitionState::running:
      return "running";
    case PartitionState::suspended:
      return "suspended";
    case PartitionState::hibernated:
      return "hibernated";
    case PartitionState::destroyed:
      return "destroyed";
  }
  return "unknown";
}

void dump_partition(Line& line, const Partition& p) {
  begin(line, "partition")
      .field("id", p.id.value)
      .field("type", static_cast<std::uint64_t>(p.type))
      .string("phase", phase_name(p.state))
      .field("page_quota", p.account.quota)
      .field("record_quota", p.record_quota)
      .field("name", name_word(name_of(p.name)))
      .text("}")
      .print();
}

void dump_agent(Line& line, const Agent& agent) {
  begin(line, "agent")
      .field("id", agent.id.value)
      .field("partition", agent.partition->id.value)
      .field("image", agent.image)
      .field("priority", agent.urgency)
      .field("suspended", agent.state == AgentState::suspended ? 1 : 0)
      .field("name", name_word(name_of(agent.name)))
      .text("}")
      .print();
}

void dump_capability(Line& line, State& s, const Agent& holder, std::uint16_t slot, const cap::Capability& c) {
  const cap::CapabilityRef parent = c.parent();
  begin(line, "capability")
      .field("holder", holder.id.value)
      .field("slot", slot)
      .field("generation", c.generation().value)
      .field("type", static_cast<std::uint64_t>(c.type()))
      .field("object", c.object_id())
      .field("rights", c.rights().bits())
      .field("badge", c.badge())
      .field("depth", c.depth())
      .field("parent_holder", parent.empty() ? 0 : holder_of(s, parent).id.value)
      .field("parent_slot", parent.slot)
      .field("mapped_at", std::uint64_t{c.mapped_at()} << page_shift)
      .field("access", static_cast<std::uint64_t>(c.mapped_access()))
      .text("}")
      .print();
}

}  // namespace

void dump_state(State& s) {
  std::uint64_t objects = 0;
  Line line;
  s.partitions.for_each([&](Partition& p) {
    ++objects;
    dump_partition(line, p);
  });
  s.agents.for_each([&](Agent& agent) {
    ++objects;
    dump_agent(line, agent);
    for (std::uint16_t slot = 1; slot < cap::table_slots; ++slot) {
      if (const cap::Capability* const c = s.capabilities.find({table_of(agent), slot})) {
        ++objects;
        dump_capability(line, s, agent, slot, *c);
      }
    }
  });
  s.regions.for_each([&](RegionObject& region) {
    ++objects;
    begin(line, "region")
        .field("id", region.id.value)
        .field("owner", s.partitions.at(region.owner).id.value)
        .field("pages", region.region.pages())
        .text("}")
        .print();
  });
  s.edges.for_each([&](Edge& edge) {
    ++objects;
    begin(line, "edge")
        .field("id", edge.id.value)
        .field("sender", edge.sender != nullptr ? edge.sender->id.value : 0)
        .field("receiver", edge.receiver != nullptr ? edge.receiver->id.value : 0)
        .field("capacity", edge.capacity)
        .field("badge", edge.badge)
        .text("}")
        .print();
  });
  for (const Device& device : std::span{s.devices}.first(s.device_count)) {
    if (device.holder == nullptr) continue;
    ++objects;
    begin(line, "lease")
        .field("id", id_of(s, device))
        .field("agent", device.holder->id.value)
        .field("expiry", device.expiry.value)
        .field("mapped_at", device.mapped_at.value)
        .text("}")
        .print();
  }
  // So that a dump that was cut short is told from a whole one.
  begin(line, "end").field("objects", objects).text("}").print();
}

}  // namespace rvm::kernel
