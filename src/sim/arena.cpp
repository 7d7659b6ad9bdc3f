// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What agents find in their own memory. A shadow of every arena is kept beside the machine: it changes only where the agent
// itself, the kernel for it, or its device wrote. That is isolation: whatever others do, to pages they share with it or not,
// an agent reads what was written for it, and a fork begins with exactly what its original had.
#include <algorithm>
#include <cstring>
#include <string>

#include "objects.hpp"
#include "simulation.hpp"

namespace rvm::sim {
namespace {

constexpr std::uint64_t page_mask = page_bytes - 1;
constexpr std::uint64_t image_pages = 2;        // of the one image that there is: a page of code, a page of data
constexpr std::size_t initial_data_bytes = 16;  // of the data, as the package has it
constexpr std::byte initial_data{0x5a};
/// A touch takes a page, and tables at most.
constexpr std::uint32_t pages_per_touch = 4;

std::uint64_t data_page(const Agent& agent) { return agent.information->image_base + (image_pages - 1) * page_bytes; }
bool in_heap(const Agent& agent, std::uint64_t at) {
  const rvm_agent_info& info = *agent.information;
  return at >= info.heap_base && at - info.heap_base < info.heap_size;
}
/// Of data, stack or heap.
bool in_arena(const Agent& agent, std::uint64_t at) {
  const std::uint64_t page = at & ~page_mask;
  return page == data_page(agent) || page == agent.information->stack_top - page_bytes || in_heap(agent, at);
}
bool whole(const Agent& agent) { return agent.id.value != 0 && agent.state != kernel::AgentState::terminated; }

}  // namespace

/// The pages that an agent may write as it begins: data, stack, heap.
std::vector<std::uint64_t> Simulation::writable_pages(const Agent& agent) {
  const rvm_agent_info& info = *agent.information;
  std::vector<std::uint64_t> pages{data_page(agent), info.stack_top - page_bytes};
  for (std::uint64_t at = info.heap_base; at < info.heap_base + info.heap_size; at += page_bytes) pages.push_back(at);
  return pages;
}

/// Whose arena an address is in that `p` can reach. What is mapped above map_base is no arena.
Agent* Simulation::occupant(const Partition& p, std::uint64_t at) {
  const std::uint64_t index = at / machine_.hardware.geometry.slot_bytes;
  if (index == 0 || index >= state_->agents.capacity()) return nullptr;
  Agent& agent = state_->agents.at(static_cast<std::uint16_t>(index));
  if (!whole(agent) || agent.partition != &p) return nullptr;
  return in_arena(agent, at) ? &agent : nullptr;
}

Shadow& Simulation::shadow(const Agent& agent) {
  Shadow& s = view(agent).shadow;
  if (s.known) return s;
  s.known = true;
  for (const std::uint64_t page : writable_pages(agent)) {
    if (profile_.on_demand && in_heap(agent, page)) continue;
    s.pages[page] = {};
  }
  std::fill_n(s.pages[data_page(agent)].begin(), initial_data_bytes, initial_data);
  return s;
}

/// A hole that is filled when it is touched.
bool Simulation::is_hole(const Partition& p, std::uint64_t at) {
  const Agent* const agent = occupant(p, at);
  return agent != nullptr && profile_.on_demand && in_heap(*agent, at) &&
         !machine_.hardware.walk({p.space.root(), 0}, GuestAddress{at});
}

/// Whether the kernel must let an agent of `p` do what its tables do not permit.
bool Simulation::may_touch(const Partition& p, std::uint64_t at, Access wanted) {
  const Agent* const agent = occupant(p, at);
  if (agent == nullptr || wanted == Access::execute) return false;
  const auto page = machine_.hardware.walk({p.space.root(), 0}, GuestAddress{at});
  if (!page) return is_hole(p, at);
  return wanted == Access::write && !shadow(*agent).sealed.contains(at & ~page_mask);
}

/// The agent that executes on `core` touches what it may and has not got yet. True: it goes on there, and has it.
bool Simulation::touch(std::uint32_t core, std::uint64_t at, Access wanted) {
  Agent& agent = *state_->cores[core].current;
  if (agent.state != kernel::AgentState::running || agent.held || agent.doomed) return false;
  if (!may_touch(*agent.partition, at, wanted)) return false;
  const std::uint32_t id = agent.id.value;
  const std::uint64_t boot = boots_;
  const auto& account = agent.partition->account;
  const bool room = (account.quota == 0 || account.used + pages_per_touch <= account.quota) &&
                    state_->pages.free_pages() >= pages_per_touch && state_->stopping == kernel::ShutdownReason::none;
  const hal::Context before = *agent.context;
  machine_.fault(core, {.kind = hal::FaultKind::data_abort,
                        .write = wanted == Access::write,
                        .address = GuestAddress{at},
                        .syndrome = 0x9200'0006});
  const Agent* after = state_->agents.find(AgentId{id});
  require(!room || (after != nullptr && whole(*after)), "on-demand",
          "an agent that touched its own memory was ended although there was a page for it");
  if (after != nullptr && whole(*after)) {
    require(after->context->x == before.x && after->context->pc == before.pc, "on-demand",
            "an agent that touched its own memory does not go on where it was");
    ++coverage.supplied;
  }
  after_entry(core);
  if (boots_ != boot || machine_.standing(core) != Standing::agent) return false;
  after = state_->cores[core].current;
  if (after->id.value != id || after->state != kernel::AgentState::running) return false;
  require(machine_.hardware.access(core, GuestAddress{at}, wanted) != nullptr, "on-demand",
          "an agent touched its own memory, goes on, and has not got it");
  return true;
}

/// The agent on `core` stores a word, at an address that is a multiple of 8. False: it cannot, or executes there no longer.
bool Simulation::store(std::uint32_t core, std::uint64_t at, std::uint64_t value) {
  std::byte* to = machine_.hardware.access(core, GuestAddress{at}, Access::write);
  if (to == nullptr && touch(core, at, Access::write))
    to = machine_.hardware.access(core, GuestAddress{at}, Access::write);
  if (to == nullptr) return false;
  std::memcpy(to, &value, sizeof value);
  note_written(*state_->cores[core].current->partition, at, sizeof value);
  return true;
}

/// It loads a word, and finds what it must.
void Simulation::load(std::uint32_t core, std::uint64_t at) {
  const std::byte* from = machine_.hardware.access(core, GuestAddress{at}, Access::read);
  if (from == nullptr && touch(core, at, Access::read))
    from = machine_.hardware.access(core, GuestAddress{at}, Access::read);
  if (from == nullptr) return;
  Agent* const owner = occupant(*state_->cores[core].current->partition, at);
  if (owner == nullptr) return;
  const auto page = shadow(*owner).pages.find(at & ~page_mask);
  static constexpr std::array<std::byte, sizeof(std::uint64_t)> zero{};
  const std::byte* const expected =
      page != view(*owner).shadow.pages.end() ? page->second.data() + (at & page_mask) : zero.data();
  require(std::memcmp(from, expected, zero.size()) == 0, "isolation", "an agent reads what nobody wrote for it");
}

/// Somebody who may do so has just written there: whatever is there now is right.
void Simulation::note_written(const Partition& p, std::uint64_t at, std::uint64_t length) {
  for (std::uint64_t done = 0; done < length;) {
    const std::uint64_t within = (at + done) & page_mask;
    const std::uint64_t piece = std::min(page_bytes - within, length - done);
    const std::byte* const now = guest_pointer(p, at + done);
    if (Agent* const owner = occupant(p, at + done); owner != nullptr && now != nullptr)
      std::memcpy(shadow(*owner).pages[(at + done) & ~page_mask].data() + within, now, piece);
    done += piece;
  }
}

/// A device has filled a buffer of its holder, who may write there.
void Simulation::note_device_wrote(const Agent& holder, PhysicalAddress address, std::uint32_t length) {
  for (const std::uint64_t page : writable_pages(holder)) {
    const auto found = machine_.hardware.walk({holder.partition->space.root(), 0}, GuestAddress{page});
    if (!found || found->frame != address.value >> page_shift) continue;
    require(allows(found->access, Access::write), "dma", "a device writes where its holder may not");
    note_written(*holder.partition, page + (address.value & page_mask), length);
  }
}

/// A fork begins with what its original has.
void Simulation::note_fork(std::uint32_t fork, std::uint32_t original) {
  look_for_shared();
  const Agent* const from = state_->agents.find(AgentId{original});
  const Agent* const to = state_->agents.find(AgentId{fork});
  require(from != nullptr, "fork", "an agent was forked from one that is not there");
  if (to == nullptr) return;  // ended at once, as there was no slot for its capability
  const Shadow source = shadow(*from);
  Shadow& made = view(*to).shadow;
  made.known = true;
  const std::uint64_t distance = to->slot.value - from->slot.value;
  for (const auto& [page, bytes] : source.pages) made.pages[page + distance] = bytes;
  for (const std::uint64_t page : source.sealed) made.sealed.insert(page + distance);
  ++coverage.forks;
  if (whole(*to)) check_arena(*to);
  check_arena(*from);
  full_scan_due_ |= fork % 4 == 0;
}

/// A page that is no region's is mapped at `at`: it is of an agent of `p`, whose information page it is if it is not in its arena.
void Simulation::check_place(const Partition& p, std::uint64_t at) {
  const std::uint64_t index = at / machine_.hardware.geometry.slot_bytes;
  require(index < state_->agents.capacity(), "isolation", "a page is mapped in nobody's slot");
  const Agent& agent = state_->agents.at(static_cast<std::uint16_t>(index));
  require(agent.id.value != 0 && agent.partition == &p, "isolation",
          "a page of an agent's own is mapped where no agent of this partition is");
  require(at == agent.slot.value || in_arena(agent, at), "isolation",
          "an agent has a page of its own where its image has none");
}

/// Contents and permissions of every page of an agent's own.
void Simulation::check_arena(const Agent& agent) {
  Shadow& expected = shadow(agent);
  const hal::SimulatedMachine& h = machine_.hardware;
  for (const std::uint64_t page : writable_pages(agent)) {
    const auto found = h.walk({agent.partition->space.root(), 0}, GuestAddress{page});
    const auto known = expected.pages.find(page);
    if (!found) {
      require(known == expected.pages.end(), "arena", "a page of an agent's own is not there any more");
      continue;
    }
    const bool first = known == expected.pages.end();
    require(!first || (profile_.on_demand && in_heap(agent, page)), "arena", "a page that nobody asked for");
    const auto& bytes = first ? (expected.pages[page] = {}) : known->second;
    require(std::memcmp(h.ram.data() + ((found->frame << page_shift) - hal::SimulatedMachine::ram_base), bytes.data(),
                        bytes.size()) == 0,
            "isolation", [&] {
              return "agent " + std::to_string(agent.id.value) + " finds something in its memory at offset " +
                     std::to_string(page - agent.slot.value) + " that nobody wrote for it";
            });
    const bool shared = state_->pages.sharers(PhysicalAddress{found->frame << page_shift}) != 0;
    const Access access = expected.sealed.contains(page) ? Access::read_execute
                          : shared                       ? Access::read
                                                         : Access::read_write;
    require(found->access == access, "arena", [&] {
      return "agent " + std::to_string(agent.id.value) + " has access " +
             std::to_string(static_cast<unsigned>(found->access)) + " to a page of its own, not " +
             std::to_string(static_cast<unsigned>(access));
    });
  }
}

/// Pages become shared only when an agent is forked, well or not.
void Simulation::look_for_shared() {
  shared_frames_.clear();
  for (std::uint64_t at = 0; at < machine_.hardware.ram.size(); at += page_bytes) {
    const PhysicalAddress page{hal::SimulatedMachine::ram_base + at};
    if (state_->pages.sharers(page) != 0) shared_frames_.push_back(page);
  }
}

/// How many pages more are charged than there are: each sharer pays.
std::uint64_t Simulation::charged_twice() {
  std::uint64_t sum = 0;
  std::erase_if(shared_frames_, [&](PhysicalAddress page) {
    const std::uint32_t sharers = state_->pages.sharers(page);
    if (sharers != 0) sum += sharers - 1;
    return sharers == 0;
  });
  return sum;
}

/// What AGENT_FORK must find: an agent that waits in RECEIVE or WAIT and holds no device.
bool Simulation::may_be_forked(const SeenCapability& c, bool holding) const {
  const Agent* const a = c.object.type == ObjectType::agent ? state_->agents.find(AgentId{c.object.id}) : nullptr;
  return a != nullptr && whole(*a) && (a->wait == Wait::receive || a->wait == Wait::signal) &&
         (held_by(*a) != nullptr) == holding;
}

void Simulation::choose_fork(const Agent& agent, hal::Context& registers, Random& random) {
  if (!random.one_in(10)) {
    const bool any = random.one_in(6);
    const std::uint32_t rights = any ? 0u : std::uint32_t{RVM_RIGHT_EXECUTE};
    const bool holding = random.one_in(2);  // there are few
    registers.reg(2) = handle_for(agent, ObjectType::agent, rights, random,
                                  [&](const SeenCapability& c) { return may_be_forked(c, true) && holding; });
    if (registers.reg(2) == 0)
      registers.reg(2) = handle_for(agent, ObjectType::agent, rights, random, [&](const SeenCapability& c) {
        return any || (may_be_forked(c) && !random.one_in(8));
      });
  }
  registers.reg(3) = random.pick({10, 40, 50, 50, 51});
}

/// What MEMORY_SEAL must answer, after its proof.
Error Simulation::expected_of_seal(const Agent& agent, const Attempt& a) const {
  if (!a.object || a.object->object.id != agent.id.value) return Error::wrong_type;
  if (held_by(agent) != nullptr) return Error::bad_state;
  const std::uint64_t at = a.x[2];
  const std::uint64_t pages = a.x[3];
  if ((at & page_mask) != 0) return Error::unaligned;
  if (pages == 0 || pages > kernel::maximum_region_pages) return Error::bad_argument;
  if (!in_heap(agent, at) || !in_heap(agent, at + pages * page_bytes - 1)) return Error::bad_address;
  bool there = true;
  for (std::uint64_t page = at; page < at + pages * page_bytes; page += page_bytes) {
    const auto found = machine_.hardware.walk({agent.partition->space.root(), 0}, GuestAddress{page});
    there &= found.has_value();
    if (found && found->access != Access::read_write) return Error::bad_state;
  }
  return there ? Error::ok : Error::bad_address;
}

void Simulation::choose_seal(const Agent& agent, hal::Context& registers, Random& random) {
  const rvm_agent_info& info = *agent.information;
  const auto itself = [&](const SeenCapability& c) { return c.object.id == agent.id.value; };
  if (!random.one_in(12)) registers.reg(1) = handle_for(agent, ObjectType::agent, RVM_RIGHT_WRITE, random, itself);
  // Mostly the last pages of the heap, so that the others remain for messages.
  const std::uint64_t pages = 1 + random.below(2);
  registers.reg(2) = info.heap_base + info.heap_size - (pages + random.below(2)) * page_bytes;
  registers.reg(3) = pages;
  if (random.one_in(12)) registers.reg(2) = info.heap_base + random.below(4) * page_bytes;
  if (random.one_in(12))
    registers.reg(2) = random.pick({info.slot_base, info.image_base, data_page(agent), info.stack_top - page_bytes,
                                    info.map_base, info.heap_base + 8});
  if (random.one_in(12)) registers.reg(3) = random.pick({0, 3, 512, 513, UINT64_MAX, random.next()});
}

/// Judges AGENT_FORK and MEMORY_SEAL.
void Simulation::judge_arena_success(Agent& agent, const Attempt& a) {
  if (a.operation == RVM_HVC_MEMORY_SEAL) {
    require(a.seal == Error::ok, "seal", "memory was sealed that may not be");
    for (std::uint64_t page = a.x[2]; page < a.x[2] + a.x[3] * page_bytes; page += page_bytes)
      shadow(agent).sealed.insert(page);
    check_arena(agent);
    return;
  }
  if (a.operation != RVM_HVC_AGENT_FORK) return;
  const auto c = named(agent, agent.context->reg(1));
  const Agent* const made = c ? state_->agents.find(AgentId{c->object.id}) : nullptr;
  require(made != nullptr && c->object.type == ObjectType::agent && agent.context->reg(2) == made->id.value &&
              made->partition->id.value == a.object->object.id,
          "new-capability", "AGENT_FORK made an agent somewhere else");
  require(a.second && a.second->object.type == ObjectType::agent && (a.second->rights & RVM_RIGHT_EXECUTE) != 0,
          "authority", "an agent was forked without the right to");
  require(a.forkable, "fork", [&] {
    const Agent* const from = state_->agents.find(AgentId{a.second->object.id});
    return "an agent was forked that does not wait for a message, or has a device: agent " +
           std::to_string(a.second->object.id) +
           (from == nullptr ? " is gone" : ", wait " + std::to_string(static_cast<unsigned>(from->wait)));
  });
  require(made->state == kernel::AgentState::suspended && made->held && made->wait == Wait::none, "fork",
          "a fork is not suspended");
  require(may_outrank(agent, *made), "priority", "a fork outranks its maker");
  const rvm_agent_info& info = *made->information;
  require(info.forked_from == a.second->object.id && info.argument == a.x[4] && info.agent_id == made->id.value &&
              info.partition_id == made->partition->id.value && info.slot_base == made->slot.value,
          "fork", "a fork is told something else than it is");
}

}  // namespace rvm::sim
