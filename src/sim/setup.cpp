// SPDX-License-Identifier: MIT OR Apache-2.0
#include <algorithm>
#include <string>

#include "../kernel/test/package_builder.hpp"
#include "simulation.hpp"

namespace rvm::sim {
namespace {

constexpr std::uint64_t setup_stream = UINT64_MAX;
constexpr std::uint32_t heap_pages = 5;

/// The coherence engine so that it moves agents within the few epochs that a run has.
rvm_package_coherence restless() {
  rvm_package_coherence c = boot::coherence_defaults();
  c.flags = RVM_COHERENCE_ENABLED;
  c.minimum_weight = 16;
  c.move_cost = 0;
  c.migrate_margin = 500;
  c.split_cohesion = 5000;
  c.merge_mutual = 2000;
  c.distrust = 9000;
  c.persistence = c.cooldown = 1;
  return c;
}

}  // namespace

Profile Simulation::profile_of(std::uint64_t seed) {
  Random r{seed, setup_stream};
  Profile p;
  p.cores = static_cast<std::uint32_t>(r.pick({1, 2, 2, 2, 3, 4}));
  p.partitions = 2 + r.below(4);
  p.agents_per_partition = 1 + r.below(3);
  p.each_message = r.one_in(4);
  p.churn = r.one_in(10);
  if (r.one_in(4)) p.page_quota = 60 + r.below(150);
  p.on_demand = r.one_in(2);
  p.movable = r.one_in(2);
  p.advised = p.movable && r.one_in(2);
  if (r.one_in(5)) p.record_quota = 1 + r.below(40);
  p.power_cut_in = static_cast<std::uint32_t>(r.pick({1500, 4000, 10'000, 100'000}));
  if (r.one_in(6)) p.disk_error_in = static_cast<std::uint32_t>(r.pick({5, 20, 200}));
  if (p.churn) p.power_cut_in = 100'000;
  p.disk_steps = static_cast<std::uint32_t>(r.pick({1, 3, 8, 40}));
  return p;
}

std::vector<std::byte> Simulation::make_package(std::uint32_t boot) const {
  Random r{options_.seed, setup_stream - 1 - boot};
  kernel::test::PackageBuilder b;
  b.heap_pages = heap_pages;
  b.image_flags = profile_.on_demand ? RVM_IMAGE_ON_DEMAND : 0u;
  b.flags = RVM_PACKAGE_CONSOLE_SHUTDOWN | (profile_.each_message ? RVM_PACKAGE_IPC_EACH : 0u);
  if (profile_.advised) b.coherence = restless();
  constexpr std::uint32_t everything = RVM_RIGHT_ALL;
  b.partition("control");
  std::vector<std::uint32_t> agents;
  std::vector<std::uint32_t> partitions{0};
  // Keeps the machine running and populated; nobody else has a capability to it.
  const std::uint32_t supervisor = b.agent("supervisor", 0, 50, false);
  agents.push_back(supervisor);
  for (std::uint32_t i = 0; i < profile_.partitions; ++i) {
    const std::uint32_t p = b.partition("p" + std::to_string(i), profile_.page_quota);
    b.last_partition().witness_quota = profile_.record_quota;
    if (profile_.movable ? r.one_in(8) : !r.one_in(3)) b.last_partition().type = RVM_PARTITION_INFRASTRUCTURE;
    if (r.one_in(8)) b.last_partition().mode = RVM_MODE_REFLEX;
    if (b.last_partition().type == RVM_PARTITION_AGENT && b.last_partition().mode == RVM_MODE_FLOW)
      b.last_partition().flags = RVM_PARTITION_LIVE;
    partitions.push_back(p);
    for (std::uint32_t k = 0; k < profile_.agents_per_partition; ++k) {
      agents.push_back(b.agent("a" + std::to_string(agents.size()), p,
                               static_cast<std::uint32_t>(r.pick({50, 50, 50, 50, 40, 60, 1000})), r.one_in(2)));
      rvm_package_agent& a = b.last_agent();
      if (r.one_in(4)) a.affinity = static_cast<std::int32_t>(r.below(4));
      if (r.one_in(6)) {
        a.period_ns = 1'000'000;
        a.budget_ns = 100'000 + r.below(400'000);
      }
      if (r.one_in(8)) {
        a.period_ns = 1'000'000;
        a.deadline_ns = 500'000;
      }
    }
  }
  const auto any = [&](const std::vector<std::uint32_t>& from) {
    return from[r.below(static_cast<std::uint32_t>(from.size()))];
  };
  const std::uint32_t edges = static_cast<std::uint32_t>(agents.size()) * 3;
  for (std::uint32_t i = 0; i < edges; ++i) {
    const std::uint32_t from = any(agents);
    const std::uint32_t to = any(agents);
    if (from != to) b.edge("e" + std::to_string(i), from, to, static_cast<std::uint32_t>(r.pick({1, 2, 4, 16})));
  }
  b.grant("hypervisor", supervisor, RVM_OBJECT_PARTITION, UINT32_MAX, everything);
  b.grant("log", supervisor, RVM_OBJECT_WITNESS, 0, everything);
  for (std::uint32_t i = 1; i < partitions.size(); ++i) b.grant("p", supervisor, RVM_OBJECT_PARTITION, i, everything);
  for (std::uint32_t i = 1; i < agents.size(); ++i) {
    b.grant("a", supervisor, RVM_OBJECT_AGENT, agents[i], everything);
    for (std::uint32_t peers = 1 + r.below(4); peers != 0; --peers) {
      const std::uint32_t to = any(agents);
      const std::uint32_t some = r.one_in(2) ? everything : 1 + r.below(everything);
      if (to != supervisor) b.grant("peer", agents[i], RVM_OBJECT_AGENT, to, some);
    }
    if (r.one_in(3)) b.grant("some", agents[i], RVM_OBJECT_PARTITION, any(partitions), 1 + r.below(everything));
    // Some may fork: a template, into its own partition or into others.
    const std::uint32_t original = any(agents);
    if (r.one_in(3) && original != supervisor)
      b.grant("template", agents[i], RVM_OBJECT_AGENT, original, RVM_RIGHT_EXECUTE | r.below(everything));
    if (r.one_in(3)) b.grant("into", agents[i], RVM_OBJECT_PARTITION, any(partitions), RVM_RIGHT_EXECUTE);
    if (r.one_in(3)) b.grant("log", agents[i], RVM_OBJECT_WITNESS, 0, 1 + r.below(everything));
    if (r.one_in(6)) b.grant("hypervisor", agents[i], RVM_OBJECT_PARTITION, UINT32_MAX, 1 + r.below(everything));
  }
  const std::uint32_t clock = b.device("clock", RVM_DEVICE_CLOCK, 0);
  want_evidence(b.last_device());
  const std::array devices{clock, b.device("entropy", RVM_DEVICE_ENTROPY, 4096),
                           b.device("disk", RVM_DEVICE_BLOCK, 40)};
  for (const std::uint32_t device : devices) {
    b.grant("device", supervisor, RVM_OBJECT_DEVICE, device, everything);
    for (std::uint32_t i = 1; i < agents.size(); ++i) {
      if (r.one_in(2)) b.grant("device", agents[i], RVM_OBJECT_DEVICE, device, everything);
      if (r.one_in(4)) b.grant("some", agents[i], RVM_OBJECT_DEVICE, device, 1 + r.below(everything));
    }
  }
  return b.build(key_);
}

Simulation::Simulation(const Options& options)
    : options_(options), profile_(profile_of(options.seed)), machine_(profile_.cores) {
  machine_.hardware.devices = make_devices();
  for (std::size_t i = 0; i < key_.size(); ++i) key_[i] = static_cast<std::byte>(i * 7 + 1);
  // Half of the runs start on a machine with another shape of translation tables.
  if (Random{options.seed, setup_stream - 1000}.one_in(2)) {
    machine_.hardware.geometry = {
        .address_bits = 44, .start_level = 0, .root_pages = 1, .vmid_bits = 8, .slot_bytes = std::uint64_t{1} << 30};
  }
}

void Simulation::start() {
  Random random{options_.seed, setup_stream - 2000};
  boot(random);
}

void Simulation::boot(Random& random) {
  up_ = false;
  ++boots_;
  ++coverage.boots;
  views_.clear();
  queues_.clear();
  edge_badges_.clear();
  capabilities_.clear();
  shared_frames_.clear();
  relocated_.clear();
  quotas_.clear();
  homes_.assign(kernel::maximum_agents, {});
  generations_.assign(std::size_t{kernel::maximum_agents} * cap::table_slots, 0);
  for (auto* list : {&partitions_, &agents_, &edges_, &regions_}) list->clear();
  scan_due_ = full_scan_due_ = true;
  shape_ = leaving_ = doomed_ = 0;
  machine_.power_on(make_package(boots_), key_);
  // Until the boot core has handed over: it runs an agent, or has none to run.
  const auto up = [&] {
    return machine_.standing(0) == Standing::agent ||
           (machine_.standing(0) == Standing::waiting && machine_.hardware.secondary_cores_started);
  };
  for (std::uint32_t turns = 0; !up(); ++turns) {
    require(turns < 100'000, "boot", "the machine does not come up");
    if (machine_.standing(0) == Standing::spinning) complete_disk_request(random);
    machine_.resume(0);
    if (machine_.hardware.powered_off) broken("boot", machine_.hardware.console);
  }
  state_ = &machine_.state();
  require(machine_.hardware.secondary_cores_started, "boot", "the other cores were not started");
  for (std::uint32_t core = 1; core < machine_.core_count(); ++core) machine_.resume(core);
  up_ = true;
  epoch_seen_ = state_->epoch;
  dma_in_epoch_ = {};
  views_.resize(state_->agents.capacity());
  // What was durable before is still there, as it was.
  const std::uint64_t first = kernel::log().ring.durable();
  require(first >= durable_, "durability", [&] {
    return std::to_string(durable_) + " records were reported durable, " + std::to_string(first) +
           " are left after the boot";
  });
  require(first <= records_.size(), "durability", "the log has records that nobody emitted");
  if (first < records_.size()) {
    ++coverage.torn_tails;
    records_.resize(first);
  }
  durable_ = first;
  step_first_record_ = scanned_at_ = shape_at_ = first;
  take_records();
  check_log(false);
}

}  // namespace rvm::sim
