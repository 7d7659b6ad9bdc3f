// SPDX-License-Identifier: MIT OR Apache-2.0
//
// One run of one seed. The parts: setup.cpp (what the machine starts with), programs.cpp (what agents do), expectations.cpp
// (what a hypercall must have done), relocations.cpp (agents that change partitions), arena.cpp (what agents find in their memory), structure.cpp, devices.cpp, memory.cpp, evidence.cpp and replay.cpp (what must hold at any time), run.cpp (the loop).
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "machine.hpp"
#include "random.hpp"
#include "rvm/sim/simulate.hpp"
#include "rvm/witness/record.hpp"
#include "rvm/witness_verify/replay.hpp"

namespace rvm::sim {

using kernel::Agent;
using kernel::Edge;
using kernel::Partition;
using kernel::RegionObject;
using kernel::State;
using kernel::Wait;

/// What the seed fixes for the whole run.
struct Profile {
  std::uint32_t cores = 2;
  std::uint32_t partitions = 4;  ///< without the control partition
  std::uint32_t agents_per_partition = 2;
  bool each_message = false;
  bool churn = false;      ///< partitions come and go as fast as they can
  bool on_demand = false;  ///< heaps have no memory until it is touched
  bool movable = false;    ///< boundaries of most partitions may move
  bool advised = false;    ///< the coherence engine moves some of them
  std::uint32_t page_quota = 0;
  std::uint32_t record_quota = 1'000'000;
  std::uint32_t power_cut_in = 5000;  ///< one step in so many
  std::uint32_t shutdown_in = 20'000;
  std::uint32_t disk_error_in = 0;  ///< one request in so many fails
  std::uint32_t disk_steps = 4;     ///< a request takes about so many steps
};

/// A capability as a scan found it.
struct SeenCapability {
  cap::CapabilityRef ref;
  std::uint16_t generation = 0;
  cap::Object object;
  std::uint8_t rights = 0;
  std::uint8_t depth = 0;
  bool live = false;
  std::uint64_t badge = 0;
  cap::CapabilityRef parent;
  std::uint32_t mapped_at = 0;
  Access access = Access::none;

  [[nodiscard]] std::uint32_t handle() const { return ref.slot | std::uint32_t{generation} << 16; }
  [[nodiscard]] std::uint32_t key() const { return std::uint32_t{ref.agent.value} << 16 | ref.slot; }
};

/// What a message must be when it is received.
struct SentMessage {
  std::uint16_t length = 0;
  std::uint8_t kind = 0;
  std::uint64_t digest = 0;
};

/// The hypercall an agent is in, and what was true when it made it.
struct Attempt {
  bool active = false;
  bool repeated = false;   ///< it was made before, and not answered
  std::uint32_t home = 0;  ///< the partition in which its agent made it
  std::uint64_t pc = 0;    ///< of the instruction after the HVC
  std::uint64_t operation = 0;
  std::array<std::uint64_t, 10> x{};
  Error expected = Error::ok;            ///< what P1 must answer
  std::optional<SeenCapability> object;  ///< what x1 names
  std::optional<SeenCapability> second;  ///< what x2 names
  std::vector<std::uint64_t> doomed;     ///< capabilities (key << 16 | generation) that must be gone afterwards
  std::uint64_t first_record = 0;        ///< sequence number at which it began
  std::uint64_t nonce = 0;               ///< of its proof
  std::uint64_t message_digest = 0;      ///< of the bytes sent
  bool held = false;                     ///< x1 names a device on an unexpired lease of the caller
  std::uint64_t dma_left = 0;            ///< of that device
  bool shown = false;                    ///< the evidence that tier P3 wants was in memory when it asked
  std::vector<std::pair<SeenCapability, SentMessage>> turn;  ///< what TURN_COMMIT sends
  bool delivered = false;                                    ///< a call's message arrived
  bool answered = false;
  std::array<std::uint64_t, 8> reply{};
  std::uint64_t call_badge = 0;
  bool forkable = false;   ///< x2 names an agent that may be forked
  Error seal = Error::ok;  ///< what MEMORY_SEAL must answer
};

/// What an agent must find in its memory, by guest page address. A page of the heap that is not here has not been touched.
struct Shadow {
  bool known = false;
  std::map<std::uint64_t, std::array<std::byte, page_bytes>> pages;
  std::set<std::uint64_t> sealed;
};

/// Where an agent is, by the records of the log.
struct Home {
  std::uint32_t agent = 0;
  std::uint32_t partition = 0;
  bool lives = false;
};

/// Agents that changed partitions, by the record that says so.
struct Relocated {
  witness::Kind kind = witness::Kind::partition_migrate;
  std::uint32_t from = 0, to = 0;
  std::uint32_t pages = 0;            ///< of a split: the page quota of the partition that it made
  std::set<std::uint16_t> movers;     ///< indices of agents
  std::set<std::uint16_t> remaining;  ///< of those that lived in `from` as well
};

/// What a partition may use.
struct Quotas {
  std::uint32_t pages = 0, records = 0;
};

/// What the simulation knows about an agent.
struct AgentView {
  std::uint32_t id = 0;
  Attempt attempt;
  std::array<std::uint32_t, 8> old_handles{};  ///< that it held once
  std::uint32_t old_next = 0;
  std::array<std::uint64_t, 2> last_mapped{};
  std::uint64_t next_nonce = 1;
  std::set<std::uint64_t> used_nonces;  ///< of operations that succeeded
  Shadow shadow;
};

class Simulation {
 public:
  explicit Simulation(const Options& options);

  /// Carries out one step. Throws Broken.
  void step(std::uint32_t index);
  /// The end: orderly shutdown or power cut, and the log is read back. Throws Broken.
  void finish();
  void start();

  [[nodiscard]] crypto::Digest digest();
  [[nodiscard]] std::uint32_t steps_done() const { return steps_done_; }
  Coverage coverage;

 private:
  // setup.cpp
  static Profile profile_of(std::uint64_t seed);
  [[nodiscard]] std::vector<std::byte> make_package(std::uint32_t boot) const;
  void boot(Random& random);

  // run.cpp
  void choose(Random& random);
  void let_core_act(std::uint32_t core, Random& random);
  void agent_acts(std::uint32_t core, Random& random);
  void let_time_pass(Random& random);
  void complete_disk_request(Random& random);
  void power_cut(Random& random);
  void shut_down();
  void after_entry(std::uint32_t core);
  void note(const std::string& text);

  // programs.cpp
  [[nodiscard]] std::uint64_t choose_operation(const Agent& agent, Random& random);
  void choose_observation(const Agent& agent, std::uint64_t operation, hal::Context& registers, Random& random);
  void choose_arguments(const Agent& agent, std::uint64_t operation, hal::Context& registers, Random& random);
  [[nodiscard]] std::uint64_t hostile_value(const Agent& agent, Random& random);
  [[nodiscard]] std::uint32_t handle_for(const Agent& agent, ObjectType type, std::uint32_t rights, Random& random,
                                         const std::function<bool(const SeenCapability&)>& wanted = {});
  [[nodiscard]] std::uint64_t own_address(const Agent& agent, Random& random);

  // turns.cpp
  [[nodiscard]] std::byte* guest_pointer(const Partition& p, std::uint64_t at);
  [[nodiscard]] bool choose_turn(std::uint32_t core, const Agent& agent, hal::Context& registers, Random& random);
  void note_turn(const Agent& agent, Attempt& a);
  [[nodiscard]] std::uint32_t wanted_slots(const Agent& agent);
  void judge_turn(const Agent& agent, const Attempt& a);

  [[nodiscard]] bool is_supervisor(const Agent& agent) const;
  [[nodiscard]] bool is_suicide(const Agent& agent, std::uint64_t operation, hal::Context& registers);
  void present_proof(Agent& agent, hal::Context& registers, Random& random);
  void touch_memory(std::uint32_t core, Agent& agent, Random& random);
  [[nodiscard]] bool executes(std::uint32_t core, const Agent& agent) const;
  [[nodiscard]] bool prepare_memory(std::uint32_t core, const Agent& agent, hal::Context& registers, Random& random);
  void fill_buffer(std::uint32_t core, const Agent& agent, std::uint64_t at, std::uint64_t length, Random& random);

  // relocations.cpp
  void choose_relocation(const Agent& agent, std::uint64_t operation, hal::Context& registers, Random& random);
  [[nodiscard]] bool is_governed_alone(const Agent& agent, const Partition& p) const;
  void note_home(const witness::Record& r);
  void note_relocation(const witness::Record& r);
  [[nodiscard]] Partition& reached(const Agent& agent, const Attempt& attempt, std::uint64_t at);
  [[nodiscard]] const witness::Record* relocation_record(const Attempt& attempt) const;
  void judge_relocation_success(const Agent& agent, const Attempt& attempt);
  [[nodiscard]] std::uint32_t object_now(const SeenCapability& before, bool alone) const;
  [[nodiscard]] bool may_be_restricted(const SeenCapability& c, const std::vector<SeenCapability>& before) const;
  void require_loss_explained(const SeenCapability& old, const SeenCapability& now,
                              const std::vector<SeenCapability>& before) const;
  [[nodiscard]] bool has_on(const std::vector<SeenCapability>& all, std::uint32_t region,
                            const std::set<std::uint16_t>& side) const;
  void judge_boundaries();
  void check_shared(const Relocated& r) const;
  void check_quotas();

  // arena.cpp
  [[nodiscard]] static std::vector<std::uint64_t> writable_pages(const Agent& agent);
  [[nodiscard]] Agent* occupant(const Partition& p, std::uint64_t at);
  [[nodiscard]] Shadow& shadow(const Agent& agent);
  [[nodiscard]] bool is_hole(const Partition& p, std::uint64_t at);
  [[nodiscard]] bool may_touch(const Partition& p, std::uint64_t at, Access wanted);
  bool touch(std::uint32_t core, std::uint64_t at, Access wanted);
  bool store(std::uint32_t core, std::uint64_t at, std::uint64_t value);
  void load(std::uint32_t core, std::uint64_t at);
  void note_written(const Partition& p, std::uint64_t at, std::uint64_t length);
  void note_device_wrote(const Agent& holder, PhysicalAddress address, std::uint32_t length);
  void note_fork(std::uint32_t fork, std::uint32_t original);
  void check_arena(const Agent& agent);
  void check_place(const Partition& p, std::uint64_t at);
  void look_for_shared();
  [[nodiscard]] std::uint64_t charged_twice();
  [[nodiscard]] bool may_be_forked(const SeenCapability& c, bool holding = false) const;
  void choose_fork(const Agent& agent, hal::Context& registers, Random& random);
  void choose_seal(const Agent& agent, hal::Context& registers, Random& random);
  [[nodiscard]] Error expected_of_seal(const Agent& agent, const Attempt& a) const;
  void judge_arena_success(Agent& agent, const Attempt& a);

  // expectations.cpp
  /// The proof tier that the agent needs.
  [[nodiscard]] static std::uint8_t tier_of(const Agent& agent, std::uint64_t operation);
  void begin_attempt(std::uint32_t core, Agent& agent);
  void judge(Agent& agent);
  void judge_refusal(Agent& agent, const Attempt& attempt, Error error);
  void judge_success(Agent& agent, const Attempt& attempt);
  void judge_capability_success(Agent& agent, const Attempt& attempt);
  void judge_message_success(Agent& agent, const Attempt& attempt);
  void judge_observation(Agent& agent, const Attempt& attempt);
  void follow_calls();
  void require_writable(const Agent& agent, const Attempt& attempt, std::uint64_t at);
  [[nodiscard]] std::optional<SeenCapability> named(const Agent& agent, std::uint64_t handle);
  [[nodiscard]] Error p1(const Agent& agent, std::uint64_t operation, std::uint64_t handle);
  [[nodiscard]] bool p2(const Agent& agent, const Attempt& a, hal::Context& registers);
  [[nodiscard]] std::uint64_t digest_of(const Partition& p, std::uint64_t at, std::uint64_t length);
  [[nodiscard]] AgentView& view(const Agent& agent);
  /// Descendants of `root`, and itself if `with_root`, as Attempt::doomed has them.
  [[nodiscard]] std::vector<std::uint64_t> subtree(const SeenCapability& root, bool with_root);

  // structure.cpp
  void check_step();
  void check_lives();
  void check_agents();
  void check_cores();
  void check_counts();
  void scan_capabilities();
  void compare_capabilities(const std::vector<SeenCapability>& before, const std::vector<SeenCapability>& now);
  [[nodiscard]] SeenCapability see(cap::CapabilityRef ref, const cap::Capability& c) const;
  [[nodiscard]] const SeenCapability* seen(cap::CapabilityRef ref) const;
  [[nodiscard]] const Agent& holder(const SeenCapability& c) const { return state_->agents.at(c.ref.agent.value); }

  // devices.cpp
  static std::vector<hal::SimulatedMachine::Device> make_devices();
  void let_device_act(Random& random);
  void choose_device_arguments(const Agent& agent, std::uint64_t operation, hal::Context& registers, Random& random);
  /// Of a capability to a device.
  [[nodiscard]] bool is_dma(const SeenCapability& c);
  static void want_evidence(rvm_package_device& device);
  void write_evidence(std::uint32_t core, std::uint64_t at, Random& random);
  [[nodiscard]] bool shows_evidence(std::uint32_t core, std::uint64_t at);
  void write_buffer_list(std::uint32_t core, const Agent& agent, std::uint64_t at, Random& random);
  void judge_device_success(Agent& agent, const Attempt& attempt);
  void check_devices();
  void check_device_mapping(const Partition& p, std::uint64_t guest, std::uint64_t frame, Access access,
                            std::uint64_t descriptor) const;
  [[nodiscard]] std::span<kernel::Device> devices() const;
  [[nodiscard]] kernel::Device* held_by(const Agent& agent) const;

  // memory.cpp
  void check_memory();
  void check_links();
  void check_translations();

  // evidence.cpp
  void take_records();
  void note_birth(const witness::Record& r);
  void check_log(bool after_cut);
  [[nodiscard]] bool recorded(std::initializer_list<witness::Kind> kinds, std::uint64_t from) const;

  // replay.cpp
  void replay(const witness::Record& r);
  void check_replay();
  void check_replayed(const SeenCapability& c);

  template <typename Visit>
  void each_partition(Visit visit);
  template <typename Visit>
  void each_agent(Visit visit);
  template <typename Visit>
  void each_edge(Visit visit);
  template <typename Visit>
  void each_region(Visit visit);

  Options options_;
  Profile profile_;
  Machine machine_;
  State* state_ = nullptr;
  std::array<std::byte, 32> key_{};
  std::uint32_t steps_done_ = 0;
  std::uint32_t boots_ = 0;
  bool up_ = false;

  // Ids of everything that lives, by the records of its making.
  std::vector<std::uint32_t> partitions_, agents_, edges_, regions_;

  std::vector<AgentView> views_;
  std::vector<SeenCapability> capabilities_, scratch_;
  std::uint64_t scanned_at_ = 0;  ///< records taken when capabilities_ was made
  std::uint64_t shape_ = 0;       ///< numbers of objects and mappings when last looked at
  std::uint64_t shape_at_ = 0;
  std::uint32_t doomed_ = 0;   ///< agents that have ended on a core that executes them still
  std::uint32_t leaving_ = 0;  ///< agents that have ended and are about to be taken apart
  bool departed_ = false;      ///< one of them was since the last scan
  bool scan_due_ = true;
  bool full_scan_due_ = false;
  std::vector<Home> homes_;                                  ///< by index of the agent
  std::vector<Relocated> relocated_;                         ///< since the last scan
  std::map<std::uint32_t, Quotas> quotas_;                   ///< of each partition, as of the last scan
  std::map<std::uint32_t, std::deque<SentMessage>> queues_;  ///< by edge id
  std::map<std::uint32_t, std::uint64_t> edge_badges_;
  std::vector<std::uint8_t> roles_;
  std::vector<PhysicalAddress> shared_frames_;  ///< all pages that are shared
  std::vector<std::uint16_t> generations_;      ///< of each slot of each table, as last seen
  std::uint64_t reclaims_seen_ = 0;
  std::uint64_t invalidations_seen_ = 0;
  std::uint64_t epoch_seen_ = 0;
  std::array<std::uint64_t, RVM_PACKAGE_DEVICES_MAX> dma_in_epoch_{};  ///< bytes, by device

  // The log as it must be: every record since the very first boot, sealed or not.
  std::vector<witness::Record> records_;
  witness::Replay replay_;     ///< of records_
  std::uint64_t durable_ = 0;  ///< the most that was ever reported durable
  std::uint64_t step_first_record_ = 0;
};

[[noreturn]] void broken(std::string invariant, std::string detail);
inline void require(bool holds, const char* invariant, const char* detail) {
  if (!holds) [[unlikely]]
    broken(invariant, detail);
}
template <typename Detail>
void require(bool holds, const char* invariant, Detail detail) {
  if (!holds) [[unlikely]]
    broken(invariant, detail());
}
/// Whether an agent may have made another as urgent as that is. What its partition's cut pressure adds is nobody's doing.
[[nodiscard]] inline bool may_outrank(const Agent& maker, const Agent& made) {
  return made.urgency <= maker.urgency || maker.base >= sched::reflex_base || made.partition->mode == RVM_MODE_REFLEX;
}
/// Of a page, by its role as check_memory found it.
[[nodiscard]] bool is_agents_or_table(std::uint8_t role);
[[nodiscard]] const char* operation_name(std::uint64_t operation);

template <typename Visit>
void Simulation::each_partition(Visit visit) {
  for (const std::uint32_t id : partitions_) {
    if (Partition* const partition = state_->partitions.find(PartitionId{id})) visit(*partition);
  }
}
template <typename Visit>
void Simulation::each_agent(Visit visit) {
  for (const std::uint32_t id : agents_) {
    if (Agent* const agent = state_->agents.find(AgentId{id})) visit(*agent);
  }
}
template <typename Visit>
void Simulation::each_edge(Visit visit) {
  for (const std::uint32_t id : edges_) {
    if (Edge* const edge = state_->edges.find(EdgeId{id})) visit(*edge);
  }
}
template <typename Visit>
void Simulation::each_region(Visit visit) {
  for (const std::uint32_t id : regions_) {
    if (RegionObject* const region = state_->regions.find(RegionId{id})) visit(*region);
  }
}

}  // namespace rvm::sim
