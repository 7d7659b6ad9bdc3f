// SPDX-License-Identifier: MIT OR Apache-2.0
//
// TURN_COMMIT in the simulation: what agents put into it, and what must have come of it.
#include <algorithm>
#include <cstring>

#include "simulation.hpp"

namespace rvm::sim {

std::byte* Simulation::guest_pointer(const Partition& p, std::uint64_t at) {
  hal::SimulatedMachine& h = machine_.hardware;
  const auto found = h.walk({p.space.root(), 0}, GuestAddress{at});
  if (!found || found->frame << page_shift < hal::SimulatedMachine::ram_base) return nullptr;
  return h.ram.data() + ((found->frame << page_shift) - hal::SimulatedMachine::ram_base) + at % page_bytes;
}

/// Up to five messages at the start of the agent's heap, most of them in order. False: the agent lost the core over it.
bool Simulation::choose_turn(std::uint32_t core, const Agent& agent, hal::Context& registers, Random& random) {
  const rvm_agent_info& info = *agent.information;
  const std::uint64_t heap = info.heap_base;
  const auto mine = [&](const SeenCapability& c) {
    const Edge* const edge = state_->edges.find(EdgeId{c.object.id});
    return edge != nullptr && edge->sender == &agent;
  };
  const std::uint64_t count = random.pick({0, 1, 1, 2, 3, 5});
  for (std::uint64_t i = 0; i < count; ++i) {
    const rvm_turn_message message{
        .edge = random.one_in(12) ? static_cast<std::uint32_t>(random.next())
                                  : handle_for(agent, ObjectType::edge, RVM_RIGHT_WRITE, random, mine),
        .length = static_cast<std::uint32_t>(random.pick({0, 8, 64, 240, 241, 4096, 4097, random.below(4096)})),
        .address = random.one_in(12) ? own_address(agent, random) : heap};
    std::array<std::uint64_t, 2> words{};
    static_assert(sizeof words == sizeof message);
    std::memcpy(words.data(), &message, sizeof message);
    for (std::uint64_t w = 0; w < words.size(); ++w) {
      if (!store(core, heap + i * sizeof message + 8 * w, words[w])) return executes(core, agent);
    }
  }
  registers.reg(1) = random.one_in(12) ? own_address(agent, random) : heap;
  registers.reg(2) = random.one_in(12) ? random.below(70) : count;
  registers.reg(3) = random.one_in(3) ? machine_.hardware.now.value + random.below(1'500'000) : 0;
  return true;
}

/// What the turn would send, as its memory says now.
void Simulation::note_turn(const Agent& agent, Attempt& a) {
  a.turn.clear();
  const std::uint64_t count = std::min<std::uint64_t>(a.x[2], RVM_TURN_MESSAGES_MAX);
  for (std::uint64_t i = 0; i < count; ++i) {
    rvm_turn_message message;
    std::byte bytes[sizeof message];
    for (std::uint64_t b = 0; b < sizeof message; ++b) {
      const std::uint64_t at = a.x[1] + i * sizeof message + b;
      const std::byte* const from = guest_pointer(*agent.partition, at);
      if (from == nullptr && !is_hole(*agent.partition, at)) return;  // it cannot succeed; judge_turn would see too few
      bytes[b] = from != nullptr ? *from : std::byte{0};
    }
    std::memcpy(&message, bytes, sizeof message);
    const auto edge = named(agent, message.edge);
    if (!edge || message.length > RVM_MESSAGE_BYTES_MAX) return;
    a.turn.emplace_back(*edge, SentMessage{static_cast<std::uint16_t>(message.length), RVM_MESSAGE_BYTES,
                                           digest_of(*agent.partition, message.address, message.length)});
  }
}

/// Slots of the edge that an agent waits for: one, or as many as its turn has messages for it.
std::uint32_t Simulation::wanted_slots(const Agent& agent) {
  const Attempt& a = view(agent).attempt;
  if (a.operation != RVM_HVC_TURN_COMMIT) return 1;
  return static_cast<std::uint32_t>(
      std::ranges::count_if(a.turn, [&](const auto& m) { return m.first.object.id == agent.wait_edge->id.value; }));
}

void Simulation::judge_turn(const Agent& agent, const Attempt& a) {
  require(a.turn.size() == a.x[2], "turn", "a turn was committed with a message that could not be sent");
  for (const auto& [edge, message] : a.turn) {
    const kernel::Edge* const found = state_->edges.find(EdgeId{edge.object.id});
    require(edge.object.type == ObjectType::edge && (edge.rights & RVM_RIGHT_WRITE) != 0 && found != nullptr &&
                found->sender == &agent,
            "authority", "a turn sent a message on an edge that was not the agent's to send on");
    require(message.digest != 0 || message.length == 0, "copy", "a turn sent what its agent cannot read");
    queues_[edge.object.id].push_back(message);
  }
}

}  // namespace rvm::sim
