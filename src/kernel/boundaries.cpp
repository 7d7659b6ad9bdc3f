// SPDX-License-Identifier: MIT OR Apache-2.0
#include "boundaries.hpp"

#include <algorithm>
#include <cstring>

#include "agents.hpp"
#include "capabilities.hpp"
#include "evidence.hpp"
#include "objects.hpp"
#include "relocation.hpp"
#include "rvm/advice/advisor.hpp"
#include "rvm/boot/coherence.hpp"
#include "scheduler.hpp"
#include "text.hpp"

namespace rvm::kernel {
namespace {

using Kind = Relocation::Kind;

constexpr std::uint32_t slice_units = 128;  // of at most 25 instructions: how long the lock is held for the adviser

/// Of the edge, which outlives the counter.
std::uint32_t slot_of(const Edge& edge) { return partition::Pool<Edge>::index_of(edge.id); }

/// Whether `absorbed` could be merged into `into`, as far as the kernel knows.
Error may_merge(State& s, Partition& into, Partition& absorbed) {
  Relocation request{.kind = Kind::merge, .from = absorbed.id, .to = into.id};
  choose_members(absorbed, UINT64_MAX, request);
  const Status possible = check_relocation(s, request);
  return possible ? Error::ok : possible.error();
}

/// For the adviser, which is called under the lock and so must not take it.
constinit State* locked = nullptr;

Error judge_merge(advice::Slot into, advice::Slot absorbed) {
  Partition& a = locked->partitions.at(static_cast<std::uint16_t>(into));
  Partition& b = locked->partitions.at(static_cast<std::uint16_t>(absorbed));
  if (a.id.value == 0 || b.id.value == 0) return Error::peer_gone;
  return may_merge(*locked, a, b);
}

/// What the adviser proposes, as a request. False: it cannot be meant any more.
bool request_of(State& s, const advice::Move& move, Relocation& request) {
  const Partition& first = s.partitions.at(static_cast<std::uint16_t>(move.from));
  if (first.id.value == 0) return false;
  request.reason = move.reason;
  request.from = first.id;
  switch (move.kind) {
    case advice::Move::Kind::split:
      request.kind = Kind::split;
      choose_members(first, move.members, request);
      return true;
    case advice::Move::Kind::merge: {
      const Partition& absorbed = s.partitions.at(static_cast<std::uint16_t>(move.to));
      if (absorbed.id.value == 0) return false;
      request.kind = Kind::merge;
      request.from = absorbed.id;
      request.to = first.id;
      choose_members(absorbed, UINT64_MAX, request);
      return true;
    }
    default: {
      const Partition& to = s.partitions.at(static_cast<std::uint16_t>(move.to));
      const Agent& agent = s.agents.at(static_cast<std::uint16_t>(move.agent));
      if (to.id.value == 0 || agent.id.value == 0) return false;
      request.to = to.id;
      // The last one of a partition takes it along: nobody would be left there.
      Relocation all;
      choose_members(first, UINT64_MAX, all);
      request.kind = all.count == 1 ? Kind::merge : Kind::migrate;
      request.agents[request.count++] = agent.id;
      return true;
    }
  }
}

/// Priority = urgency + pressure, on one scale (DC-4).
void apply_pressure(State& s, Partition& p, std::uint16_t pressure) {
  if (p.pressure == pressure || p.mode != RVM_MODE_FLOW) return;
  p.pressure = pressure;
  for (Agent* a = p.agents.front(); a != nullptr; a = partition::List<Agent, &Agent::partition_link>::after(*a))
    feel_pressure(s, *a);
}

void record_event(State& s, const advice::Event& event) {
  using Event = advice::Event::Kind;
  if (event.kind == Event::recomputed) {
    Partition& p = s.partitions.at(static_cast<std::uint16_t>(event.partition));
    if (p.id.value == 0) return;
    apply_pressure(s, p, advice::signals(event.partition).pressure.value);
    record(s, witness::Lane::ordinary,
           {.kind = witness::Kind::coherence_recomputed,
            .flags = static_cast<std::uint16_t>(event.a),
            .target = p.id.value,
            .payload = s.epoch,
            .aux = event.b});
    return;
  }
  if (event.kind == Event::budget_exceeded) {
    ++s.boundaries.budget_exceeded;
    const Partition& p = s.partitions.at(static_cast<std::uint16_t>(event.partition));
    constexpr std::uint64_t unit_ns = RVM_COHERENCE_UNIT_NS;
    record(s, witness::Lane::ordinary,
           {.kind = witness::Kind::min_cut_budget_exceeded,
            .target = p.id.value,
            .payload = s.package.header().coherence.budget * unit_ns,
            .aux = event.a * unit_ns});
    return;
  }
  const bool entered = event.kind == Event::degraded_entered;
  record(s, witness::Lane::reserved,
         {.kind = entered ? witness::Kind::degraded_mode_entered : witness::Kind::degraded_mode_exited,
          .flags = static_cast<std::uint16_t>(event.a),
          .target = s.core_count,
          .payload = s.epoch});
  // In degraded mode nobody is pressed.
  if (entered) s.partitions.for_each([&](Partition& p) { apply_pressure(s, p, 0); });
}

/// A slice of the adviser's work. True when the epoch's is done.
bool compute(State& s) {
  const Nanoseconds begun = hal::Port::now();
  const bool done = advice::work(slice_units, &judge_merge);
  Boundaries& b = s.boundaries;
  b.epoch_ns += hal::Port::now().value - begun.value;
  b.longest_ns = std::max(b.longest_ns, b.epoch_ns);
  return done;
}

/// The verdict on what the adviser asked for, if it is out.
void take_answer(State& s) {
  if (s.relocation.phase != Relocation::Phase::finished || s.relocation.requester.value != 0) return;
  PartitionId made;
  const Status verdict = take_verdict(s, made);
  if (!verdict) ++s.boundaries.aborted;
  advice::answer(verdict ? Error::ok : verdict.error(), partition::Pool<Partition>::index_of(made));
}

/// Begins the next thing that the adviser would have. False when there is none.
bool begin_next(State& s) {
  advice::Move move;
  if (s.relocation.phase != Relocation::Phase::none || !advice::next_move(move)) return false;
  Relocation request;
  Error error = Error::peer_gone;
  if (request_of(s, move, request)) {
    // The slot of a new partition must be free of what led to its last occupant, the absorbed one of those that ended.
    if (request.kind == Kind::split && !slot_ready(s, s.partitions)) {
      error = Error::would_block;
    } else {
      if (Partition* const from = s.partitions.find(request.from); request.kind == Kind::merge && from != nullptr)
        (void)bury_step_of(s, *from);
      const Status begun = begin_relocation(s, request);
      if (begun) return true;
      error = begun.error();
    }
  }
  if (error != Error::would_block) ++s.boundaries.aborted;
  advice::answer(error, 0);
  return true;
}

}  // namespace

std::size_t adviser_bytes(const State& s, std::span<const std::byte> package) {
  rvm_package_header header{};
  if (package.size() < sizeof header) return 0;
  std::memcpy(&header, package.data(), sizeof header);
  if ((header.coherence.flags & RVM_COHERENCE_ENABLED) == 0) return 0;
  return advice::memory_bytes({s.capacity.agents, s.capacity.edges, s.capacity.partitions});
}

void start_adviser(State& s, std::span<std::byte> memory) {
  advice::stop();
  const rvm_package_coherence& settings = s.package.header().coherence;
  if ((settings.flags & RVM_COHERENCE_ENABLED) == 0) return;
  const Status started = advice::start({s.capacity.agents, s.capacity.edges, s.capacity.partitions}, settings, memory);
  if (!started) Line{}.text("rvm: no coherence engine in this build: the layout stays as it is").print();
}

void partition_known(const Partition& p) { advice::partition_began(index_of(p).value, p.live); }
void agent_known(const Agent& agent) { advice::agent_began(index_of(agent), index_of(*agent.partition).value); }
void edge_known(const Edge& edge) {
  advice::edge_began(slot_of(edge), index_of(*edge.sender), index_of(*edge.receiver));
}

void count_traffic(State& s, const Edge& edge) {
  if (edge.epoch_bytes == 0 || edge.sender == nullptr || edge.receiver == nullptr) return;
  s.boundaries.total_bytes += edge.epoch_bytes;
  if (edge.sender->partition != edge.receiver->partition) s.boundaries.cross_bytes += edge.epoch_bytes;
  advice::delivered(slot_of(edge), edge.epoch_bytes);
}

void begin_boundary_epoch(State& s) {
  if (!advice::present()) return;
  // How busy the cores are, over some 16 epochs.
  std::uint32_t busy = 0;
  for (std::uint32_t i = 0; i < s.core_count; ++i) busy += s.cores[i].current != nullptr ? 1 : 0;
  Boundaries& b = s.boundaries;
  const std::uint32_t now = busy * 10'000 / std::max(s.core_count, std::uint32_t{1});
  b.load = (b.load * 15 + now) / 16;
  b.epoch_ns = 0;
  ++b.epochs;
  b.degraded_epochs += advice::degraded() ? 1 : 0;
  advice::begin_epoch(s.epoch, BasisPoints{static_cast<std::uint16_t>(b.load)});
}

bool boundaries_have_work(const State& s) {
  return advice::has_work() || (s.relocation.phase == Relocation::Phase::finished && s.relocation.requester.value == 0);
}

bool work_on_boundaries() {
  if (!advice::present()) return false;
  [[maybe_unused]] const hal::Port::InterruptMask mask;
  const Guard guard = the_state.acquire();
  State& s = *guard;
  if (s.stopping != ShutdownReason::none) return false;
  const Nanoseconds begun = hal::Port::now();
  locked = &s;
  take_answer(s);
  const bool computed = advice::has_work();
  if (computed && compute(s)) {
    for (advice::Event event; advice::next_event(event);) record_event(s, event);
  }
  const bool began = !advice::has_work() && begin_next(s);
  s.boundaries.engine_ns += hal::Port::now().value - begun.value;
  // Somebody was made ready here, where the worker would go on.
  const CoreIndex here = hal::Port::current_core();
  if (s.core(here).reschedule) hal::Port::send_reschedule(here);
  return computed || began;
}

void report_move(const Relocation& r, std::string_view from, std::string_view to, std::string_view agent) {
  constexpr std::string_view how[] = {"migrate", "split", "merge"};
  constexpr std::string_view why[] = {"request", "traffic", "cohesion", "pressure", "trust"};
  Line line;
  line.text("rvm# {\"t\":\"moved\"")
      .string("how", how[static_cast<unsigned>(r.kind)])
      .string("reason", why[r.reason])
      .field("agents", r.count)
      .field("from", r.from.value)
      .field("to", r.to.value)
      .string("from_name", from)
      .string("to_name", to)
      .string("agent", r.count == 1 ? agent : std::string_view{})
      .key("ids");
  for (std::uint32_t i = 0; i < r.count; ++i) line.text(i == 0 ? "[" : ",").number(r.agents[i].value);
  line.text(r.count == 0 ? "[]}" : "]}").print();
}

void report_boundaries(const State& s) {
  if (!advice::present()) return;
  const Boundaries& b = s.boundaries;
  std::uint64_t busy = 0;
  for (std::uint32_t i = 0; i < s.core_count; ++i) busy += s.cores[i].busy.value;
  Line line;
  line.text("rvm# {\"t\":\"coherence\"")
      .field("splits", b.splits)
      .field("merges", b.merges)
      .field("migrations", b.migrations)
      .field("aborted", b.aborted)
      .field("cross_bytes", b.cross_bytes)
      .field("total_bytes", b.total_bytes)
      .field("epochs", b.epochs)
      .field("degraded_epochs", b.degraded_epochs)
      .field("budget_exceeded", b.budget_exceeded)
      .field("engine_ns", b.engine_ns)
      .field("longest_ns", b.longest_ns)
      .field("busy_ns", busy + b.engine_ns)
      .text("}")
      .print();
}

}  // namespace rvm::kernel
