// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The seven boot phases, as ../start.cpp has them for the appliance, over the manifest in the image; then the worker, which is what
// boot becomes.
#include <cstring>

#include "agents.hpp"
#include "evidence.hpp"
#include "manifest.hpp"
#include "rvm/boot/measurement.hpp"
#include "rvm/hal/seed_entry.hpp"
#include "scheduler.hpp"
#include "text.hpp"

namespace rvm::kernel {

constinit State the_state;
constinit Log the_log;

namespace {

using boot::Phase;
using witness::name_word;
using witness::pair_word;

/// Memory of a pool: zeroed, so that none of it is in the image. Sound: a pool makes an object of it before anybody looks.
template <typename T, std::size_t Count>
struct Storage {
  alignas(T) std::array<std::byte, Count * sizeof(T)> bytes;
  std::span<T> slots() { return {reinterpret_cast<T*>(bytes.data()), Count}; }
};
constinit Storage<Partition, seed::partitions> partition_slots{};
constinit Storage<Agent, seed::agents> agent_slots{};
constinit Storage<Edge, seed::edges> edge_slots{};
constinit std::array<cap::CapabilityTable, seed::agents + 1> tables{};  // by agents' indices, which begin at 1
alignas(cap::Capability) constinit std::array<std::array<std::byte, cap::step_bytes>, seed::agents> table_memory{};
constinit std::array<hal::Context, seed::agents> contexts{};
constinit std::array<sched::NodeIndex, seed::agents> sleeping{};
constinit std::array<partition::MessageSlot, seed::queued_messages> messages{};

[[gnu::section(".stack.worker"), gnu::used]] alignas(8) std::array<std::byte, 3200> worker_stack;
[[gnu::section(".stack.handler"), gnu::used]] alignas(8) std::array<std::byte, 1024> handler_stack;

[[noreturn]] void refuse(std::string_view why) {
  Line{}.text("rvm# {\"t\":\"refused\"").string("reason", why).text("}").print();
  hal::Port::power_off();
}
void must(bool done, std::string_view what) {
  if (!done) refuse(what);
}

template <typename Make>
void make(State& s, witness::Kind kind, Make&& mutate) {
  // Nothing runs yet that would empty the ring.
  while (log().ring.free_slots(witness::Lane::ordinary) < 4 && log().step()) {
  }
  must(perform(s, security::Authority::hypervisor(), kind, mutate).has_value(), "the manifest does not fit");
}

void attest(State& s, boot::Measurement& measurement, Phase phase) {
  must(record(s, witness::Lane::reserved,
              {.kind = witness::Kind::boot_attestation,
               .flags = static_cast<std::uint16_t>(phase),
               .target = 1,
               .payload = witness::first_eight(measurement.value(phase))}),
       "a boot phase could not be witnessed");
}

void load_partitions(State& s) {
  for (const ManifestPartition& entry : manifest.partitions) {
    make(s, witness::Kind::partition_create, [&](const security::Permit&) -> Result<security::Effect> {
      const auto made = s.partitions.allocate();
      if (!made) return fail(made.error());
      Partition& p = **made;
      p.type = static_cast<rvm_partition_type>(entry.type);
      p.mode = static_cast<rvm_partition_mode>(entry.mode);
      p.state = PartitionState::running;
      p.record_quota = entry.record_quota;
      p.records.configure(entry.record_quota, s.epoch_length, entry.record_quota);
      return security::Effect{p.id.value, pair_word(entry.record_quota, 0), name_word(entry.name), entry.type};
    });
  }
}

Result<security::Effect> spawn(State& s, const ManifestAgent& entry, std::uint32_t image) {
  const auto made = s.agents.allocate();
  if (!made) return fail(made.error());
  Agent& agent = **made;
  agent.partition = &s.partitions.at(static_cast<std::uint16_t>(entry.partition + 1));
  agent.image = image;
  agent.context = &contexts[image];
  agent.service = entry.service;
  agent.urgency = entry.priority;
  const std::uint32_t above = agent.partition->mode == RVM_MODE_REFLEX ? sched::reflex_base.value : 0;
  agent.effective = agent.base = sched::Priority{static_cast<std::uint16_t>(above + entry.priority)};
  agent.period.value = std::uint64_t{entry.period_us} * 1000;
  agent.budget.value = agent.budget_left.value = std::uint64_t{entry.budget_us} * 1000;
  agent.deadline.value = std::uint64_t{entry.deadline_us} * 1000;
  std::string_view{entry.name}.copy(agent.name.data(), agent.name.size() - 1);
  hal::Context& context = *agent.context;
  context.program = {entry.program, entry.program_bytes, Access::read_execute};
  context.data = {entry.data, entry.data_bytes, Access::read_write};
  if (!context.protect()) return fail(Error::unaligned);
  if (auto opened = s.capabilities.open(table_of(agent), table_memory[image]); !opened) return fail(opened.error());
  agent.capabilities = s.capabilities.table(table_of(agent));
  for (const witness::StandardCapability& c : witness::standard_capabilities) {
    const std::uint32_t object = witness::standard_object(c, agent.partition->id.value, agent.id.value);
    cap::ObjectCapabilities& all = c.type == RVM_OBJECT_AGENT       ? agent.holders
                                   : c.type == RVM_OBJECT_PARTITION ? agent.partition->holders
                                                                    : s.permanent;
    if (auto minted = s.capabilities.mint(table_of(agent), {object, 0, static_cast<ObjectType>(c.type)},
                                          Rights{c.rights}, 0, all);
        !minted)
      return fail(minted.error());
  }
  return security::Effect{agent.id.value, pair_word(agent.partition->id.value, entry.priority), name_word(entry.name),
                          static_cast<std::uint16_t>(image)};
}

void give(State& s, Agent& holder, Edge& edge, Rights rights) {
  make(s, witness::Kind::capability_grant, [&](const security::Permit&) -> Result<security::Effect> {
    const auto placed =
        s.capabilities.mint(table_of(holder), {edge.id.value, 0, ObjectType::edge}, rights, 0, edge.holders);
    if (!placed) return fail(placed.error());
    return security::Effect{
        edge.id.value,
        witness::authority(RVM_OBJECT_EDGE, rights.bits(), placed->handle.generation.value, holder.id.value), 0,
        placed->ref.slot};
  });
}

void load_edges(State& s) {
  partition::MessageSlot* free = messages.data();
  for (const ManifestEdge& entry : manifest.edges) {
    Edge* edge = nullptr;
    Agent& sender = s.agents.at(static_cast<std::uint16_t>(entry.sender + 1));
    Agent& receiver = s.agents.at(static_cast<std::uint16_t>(entry.receiver + 1));
    make(s, witness::Kind::comm_edge_create, [&](const security::Permit&) -> Result<security::Effect> {
      const auto made = s.edges.allocate();
      if (!made || free + entry.queue > messages.data() + messages.size()) return fail(Error::resource_limit);
      edge = *made;
      edge->sender = &sender;
      edge->receiver = &receiver;
      edge->badge = entry.badge != 0 ? entry.badge : sender.id.value;
      edge->notify_bit = entry.notify_bit;
      edge->capacity = entry.queue;
      edge->slots = free;
      free += entry.queue;
      sender.outbound.push_back(*edge);
      receiver.inbound.push_back(*edge);
      return security::Effect{edge->id.value, pair_word(sender.id.value, receiver.id.value), edge->badge, entry.queue};
    });
    give(s, sender, *edge, rights::write);
    give(s, receiver, *edge, rights::read);
  }
}

/// Of a stack, what was never used: on an emulator, whose memory begins as zeros.
std::uint64_t untouched(std::span<const std::byte> stack) {
  std::size_t n = 0;
  while (n < stack.size() && stack[n] == std::byte{0}) ++n;
  return n;
}

void report_end(State& s) {
  Line{}
      .text("rvm# {\"t\":\"stacks\"")
      .field("worker_free", untouched(worker_stack))
      .field("handler_free", untouched(handler_stack))
      .text("}")
      .print();
  s.agents.for_each([](const Agent& agent) {
    Line{}
        .text("rvm# {\"t\":\"agent\",\"name\":\"")
        .name(agent.name)
        .text("\"")
        .field("met", agent.deadlines_met)
        .field("missed", agent.deadlines_missed)
        .field("faults", agent.faults)
        .field("refused", agent.refused)
        .field("messages", agent.messages)
        .text("}")
        .print();
  });
}

/// What the core does when no agent wants it, and when the log is in a hurry.
[[noreturn]] void work(State& s) {
  for (;;) {
    const bool hurry = log().urgent();
    const bool worked = log().step();
    if (s.stopping) break;
    if (hurry && !log().urgent()) hal::request_reschedule();
    if (worked) continue;
    // Everything is on flash, so a sleep that nothing wakes from loses nothing. Masked, so that no agent adds to the log between the
    // check and the sleep; a pending interrupt ends the sleep all the same.
    const hal::Port::InterruptMask masked;
    if (log().drained()) hal::Port::wait_for_interrupt(true);
  }
  log().close();
  report_end(s);
  Line{}.text("rvm# {\"t\":\"stopped\"").field("records", log().ring.reserved()).text("}").print();
  hal::Port::power_off();
}

/// Out of line: what it has on the stack is gone when the worker begins.
[[gnu::noinline]] void boot(State& s, std::span<const std::byte> image) {
  // HalInit: the port is up. Measure what was flashed.
  boot::Measurement measurement;
  measurement.load(image);
  measurement.end_phase();
  // MemoryInit and CapabilityInit load nothing; that they come in this order counts. WitnessInit neither.
  s.partitions.use(partition_slots.slots());
  s.agents.use(agent_slots.slots());
  s.edges.use(edge_slots.slots());
  s.capabilities.use(tables);
  s.cores[0].sleepers.use(sleeping);
  for (int phases = 0; phases < 3; ++phases) measurement.end_phase();
  const auto resume = log().start(crypto::bytes_of(measurement.value(Phase::witness_init)));
  must(resume.has_value(), "the log on flash is damaged, or another key's");
  for (const Phase phase : {Phase::hal_init, Phase::memory_init, Phase::capability_init}) attest(s, measurement, phase);
  if (resume->torn) {
    record(s, witness::Lane::reserved,
           {.kind = witness::Kind::recovery_enter, .flags = 4, .payload = resume->next_sequence, .aux = 1});
  }
  attest(s, measurement, Phase::witness_init);
  // SchedulerInit and RootPartition: the manifest, of which the image has a digest. Handoff: programs, which the image has as well.
  s.epoch_length.value = std::uint64_t{manifest.epoch_us} * 1000;
  measurement.load(std::as_bytes(std::span{manifest.digest}));
  for (const Phase phase : {Phase::scheduler_init, Phase::root_partition}) {
    measurement.end_phase();
    attest(s, measurement, phase);
  }
  load_partitions(s);
  for (std::uint32_t i = 0; i < manifest.agents.size(); ++i) {
    make(s, witness::Kind::task_spawn,
         [&](const security::Permit&) -> Result<security::Effect> { return spawn(s, manifest.agents[i], i); });
  }
  load_edges(s);
  measurement.end_phase();
  attest(s, measurement, Phase::handoff);
  std::uint64_t key_word = 0;
  std::memcpy(&key_word, log().public_key().data(), sizeof key_word);
  record(s, witness::Lane::reserved,
         {.kind = witness::Kind::boot_complete,
          .target = 1,
          .payload = witness::first_eight(measurement.value(Phase::handoff)),
          .aux = key_word});
  log().bind(measurement.value(Phase::handoff));
  Line{}
      .text("rvm# {\"t\":\"boot\"")
      .field("agents", s.agents.live())
      .field("log_records", resume->next_sequence)
      .field("first_witness_ns", s.first_witness.value)
      .text("}")
      .print();
  s.agents.for_each([&](Agent& agent) {
    begin(s, agent);
    agent.state = AgentState::running;
    if (!agent.service) ++s.working_agents;
    make_ready(s, agent);
  });
  s.cores[0].timer = s.cores[0].next_epoch = hal::Port::now() + s.epoch_length;
  s.cores[0].timer_changed = true;
}

}  // namespace

void start(std::span<const std::byte> image) {
  State& s = the_state;
  must(log().take_key(), "there is no flash part or no device key");
  boot(s, image);
  hal::Port::switch_context(s.worker);
  hal::request_reschedule();
  hal::unmask_interrupts();
  work(s);
}

}  // namespace rvm::kernel
