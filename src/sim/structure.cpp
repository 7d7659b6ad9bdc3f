// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Invariants of the kernel's objects between any two entries into it.
#include <algorithm>
#include <string>
#include <type_traits>

#include "objects.hpp"
#include "simulation.hpp"

namespace rvm::sim {

using witness::Kind;

void broken(std::string invariant, std::string detail) { throw Broken{std::move(invariant), std::move(detail)}; }

void Simulation::check_step() {
  take_records();
  check_lives();
  check_cores();
  check_agents();
  check_devices();
  check_counts();
  follow_calls();
}

/// Everything that lives was made with a record, and is found under its id.
void Simulation::check_lives() {
  State& s = *state_;
  const auto compare = [](std::vector<std::uint32_t>& ids, auto& pool, const char* what) {
    using Id = typename std::remove_reference_t<decltype(pool)>::Id;
    if (ids.size() != pool.live()) {
      std::erase_if(ids, [&](std::uint32_t id) { return pool.find(Id{id}) == nullptr; });
    }
    require(ids.size() == pool.live(), "mutation-recorded", what);
  };
  compare(partitions_, s.partitions, "a partition was made without a record");
  compare(agents_, s.agents, "an agent was made without a record");
  compare(edges_, s.edges, "an edge was made without a record");
  compare(regions_, s.regions, "a region was made without a record");
}

void Simulation::check_cores() {
  State& s = *state_;
  for (std::uint32_t i = 0; i < machine_.core_count(); ++i) {
    const kernel::Core& core = s.cores[i];
    const auto& hardware = machine_.hardware.cores[i];
    switch (machine_.standing(i)) {
      case Standing::agent: {
        require(core.current != nullptr && core.current->executing, "scheduler", "a core executes nobody");
        require(core.current->context == &machine_.context(i) && core.current->core == i, "scheduler",
                "a core executes another agent than the scheduler believes");
        require(hardware.loaded == core.current->context, "context", "a core has somebody else's system registers");
        const Partition& p = *core.current->partition;
        require(p.id.value != 0 && hardware.root.table == p.space.root(), "isolation",
                "a core runs an agent under another partition's translation");
        require(hardware.root.vmid == p.vmid.vmid() && hardware.root.vmid != 0, "isolation",
                "a core runs an agent under another VMID than its partition's");
        // An agent that may not run any more is told to go.
        const bool may = core.current->runnable() && !core.current->held;
        require(may || core.reschedule || hardware.reschedule, "scheduler",
                "an agent that is suspended, ended or waiting executes on");
        require(core.ready->empty() || core.ready->highest() <= core.current->effective || core.reschedule ||
                    hardware.reschedule || hardware.timer != never,
                "scheduler", "a better agent waits and nothing will make the core see it");
        break;
      }
      case Standing::waiting:
        require(core.current == nullptr, "scheduler", "a core waits with an agent on it");
        require(hardware.loaded == nullptr, "context", "a core waits with an agent's registers loaded");
        require(core.ready->empty() || core.parked || core.reschedule || hardware.reschedule, "scheduler",
                "a core waits although an agent is ready for it");
        break;
      default:
        break;
    }
    if (!core.sleepers.empty() && !core.parked && s.stopping == kernel::ShutdownReason::none) {
      require(hardware.timer <= core.sleepers.earliest(s) || hardware.reschedule, "timer",
              "an agent sleeps and the timer is set too late for it");
    }
  }
}

void Simulation::check_agents() {
  State& s = *state_;
  std::uint32_t queued = 0;
  std::uint32_t working = 0;
  each_agent([&](Agent& a) {
    const bool may_run = a.runnable() && !a.held;
    queued += a.node.queued() ? 1 : 0;
    if (a.state == kernel::AgentState::terminated && !a.executing) {
      // Its memory is given back in steps; nothing else is left of it.
      require(!a.node.queued() && !a.node.timed(), "scheduler", "an agent that has ended is still scheduled");
      return;
    }
    working += !a.service && !(a.state == kernel::AgentState::initializing) ? 1 : 0;
    if (a.executing) {
      require(!a.node.queued(), "scheduler", "an agent executes and is queued");
      require(s.cores[a.core].current == &a, "scheduler", "an agent believes that it executes");
    } else {
      require(a.node.queued() == may_run, "scheduler", [&] {
        return "agent " + std::string{kernel::name_of(a.name)} +
               (may_run ? " could run and is in no queue" : " may not run and is queued");
      });
      require(!a.doomed, "scheduler", "an agent that has ended and executes nowhere is still there");
    }
    if (a.node.timed()) {
      require(a.wait != Wait::none && a.wait != Wait::call && a.wait != Wait::accept && a.wait != Wait::reply,
              "scheduler", "an agent has a deadline in a wait without one");
    }
    const bool for_ever = a.wait == Wait::sleep && view(a).attempt.x[1] == UINT64_MAX;
    const bool by_time = a.wait == Wait::sleep || a.wait == Wait::throttled || a.wait == Wait::budget;
    require(!by_time || a.node.timed() || a.state == kernel::AgentState::terminated || for_ever, "scheduler",
            "an agent sleeps and nothing will wake it");
    if (a.caller != nullptr) {
      require(a.caller->callee == &a && a.caller->wait == Wait::reply && a.caller->id.value != 0, "ipc",
              "an agent owes a reply to somebody who does not wait for it");
    }
    // A wait that something already there should have ended.
    switch (a.wait) {
      case Wait::call:
        require(a.callers.empty() && a.caller == nullptr, "lost-wakeup", "a server waits with a caller queued");
        break;
      case Wait::accept:
      case Wait::reply:
        require(a.callee != nullptr && a.callee->id.value != 0, "ipc", "an agent calls nobody");
        require(a.wait == Wait::accept || a.callee->caller == &a, "ipc", "nobody owes the reply an agent waits for");
        break;
      case Wait::receive:
        require(a.wait_edge != nullptr ? a.wait_edge->count == 0 && a.wait_edge->receiver == &a : a.pending.empty(),
                "lost-wakeup", "a receiver waits with a message there");
        break;
      case Wait::space:
        require(a.wait_edge != nullptr && a.wait_edge->sender == &a &&
                    a.wait_edge->count + wanted_slots(a) > a.wait_edge->capacity,
                "lost-wakeup", "a sender waits with room for its message");
        break;
      case Wait::signal:
        require((a.notification & a.wait_mask) == 0, "lost-wakeup", "an agent waits for a bit that is set");
        break;
      default:
        break;
    }
    require(a.effective >= a.base || a.effective.value == 0, "priority", "an agent is below its own priority");
  });
  std::size_t in_queues = 0;
  for (std::uint32_t i = 0; i < machine_.core_count(); ++i) in_queues += s.cores[i].ready->size();
  require(in_queues == queued, "scheduler", "the run queues hold another number of agents than are queued");
}

/// Numbers that may change only with a record, and books that must balance.
void Simulation::check_counts() {
  State& s = *state_;
  require(coverage.vmid_reclaims == reclaims_seen_ || machine_.hardware.full_invalidations != invalidations_seen_,
          "vmid", "VMIDs of an old generation are used again and the TLBs were not emptied");
  reclaims_seen_ = coverage.vmid_reclaims;
  invalidations_seen_ = machine_.hardware.full_invalidations;
  std::uint64_t shape =
      s.partitions.live() | std::uint64_t{s.regions.live()} << 16 | std::uint64_t{s.edges.live()} << 32;
  std::uint64_t owned = 0;
  each_partition([&](Partition& p) {
    owned += p.account.used;
    require(p.account.quota == 0 || p.account.used <= p.account.quota, "quota", "a partition owns more than its quota");
    shape = Random::mix(shape ^ std::uint64_t{p.id.value} << 20) + (static_cast<std::uint64_t>(p.state) << 40);
  });
  for (const kernel::Device& d : devices()) owned += d.broken ? 1 : 0;  // nobody's any more
  // Each sharer pays for a page that several have.
  owned -= charged_twice();
  require(owned + s.pages.free_pages() == s.pages.total_pages(), "pages", [&] {
    return std::to_string(owned) + " pages charged and " + std::to_string(s.pages.free_pages()) + " free, of " +
           std::to_string(s.pages.total_pages());
  });
  std::uint32_t leaving = 0;
  std::uint32_t doomed = 0;
  each_agent([&](Agent& a) {
    shape = Random::mix(shape ^ a.id.value ^ std::uint64_t{a.capabilities->used()} << 40) +
            (static_cast<std::uint64_t>(a.state) << 32) + a.partition->id.value;
    leaving += a.state == kernel::AgentState::terminated ? 1 : 0;
    doomed += a.doomed && a.executing ? 1 : 0;
  });
  for (const kernel::Device& d : devices())
    shape = Random::mix(shape ^ (d.holder != nullptr ? d.holder->id.value : 0)) + d.expiry.value + d.mapped_at.value;
  if (shape != shape_) {
    // An agent leaves its objects a while after the record of its end: when the core that executes it lets go of it, and when its
    // arena is given back.
    require(shape_ == 0 || leaving < leaving_ || doomed < doomed_ || recorded({}, shape_at_), "mutation-recorded",
            "objects came, went or changed their state without a record");
    shape_ = shape;
  }
  departed_ |= leaving_ != 0;
  leaving_ = leaving;
  doomed_ = doomed;
  shape_at_ = std::min<std::uint64_t>(records_.size(), step_first_record_);
  if (scan_due_) scan_capabilities();
}

SeenCapability Simulation::see(cap::CapabilityRef ref, const cap::Capability& c) const {
  return {.ref = ref,
          .generation = c.generation().value,
          .object = c.object(),
          .rights = static_cast<std::uint8_t>(c.rights().bits()),
          .depth = c.depth(),
          .live = c.live(),
          .badge = c.badge(),
          .parent = c.parent(),
          .mapped_at = c.mapped_at(),
          .access = c.mapped_access()};
}

const SeenCapability* Simulation::seen(cap::CapabilityRef ref) const {
  const std::uint32_t key = std::uint32_t{ref.agent.value} << 16 | ref.slot;
  const auto at = std::lower_bound(capabilities_.begin(), capabilities_.end(), key,
                                   [](const SeenCapability& c, std::uint32_t k) { return c.key() < k; });
  return at != capabilities_.end() && at->key() == key ? &*at : nullptr;
}

void Simulation::scan_capabilities() {
  scan_due_ = false;
  scratch_.clear();
  each_agent([&](Agent& a) {
    const cap::CapabilityTable& table = *a.capabilities;
    require(table.open() && &table == state_->capabilities.table(kernel::table_of(a)), "capabilities",
            "an agent has no capability table, or another's");
    unsigned left = table.used();
    for (std::uint16_t slot = 1; slot < cap::table_slots && left != 0; ++slot) {
      const cap::CapabilityRef ref{kernel::table_of(a), slot};
      const cap::Capability* const c = state_->capabilities.find(ref);
      if (c == nullptr) continue;
      --left;
      scratch_.push_back(see(ref, *c));
    }
    require(left == 0, "capabilities", "a table counts more capabilities than it has");
  });
  std::swap(capabilities_, scratch_);
  departed_ |= leaving_ != 0;
  compare_capabilities(scratch_, capabilities_);
  judge_boundaries();
  scanned_at_ = records_.size();
  departed_ = false;
}

void Simulation::compare_capabilities(const std::vector<SeenCapability>& before,
                                      const std::vector<SeenCapability>& now) {
  for (const SeenCapability& c : now) {
    if (c.parent.empty()) continue;
    const SeenCapability* const parent = seen(c.parent);
    require(parent != nullptr, "derivation", "a capability's parent is gone");
    require(parent->object == c.object && parent->depth < c.depth && c.depth <= cap::max_depth, "derivation",
            "a capability and its parent do not fit");
    require((c.rights & ~parent->rights) == 0, "attenuation", "a capability has a right that its parent lacks");
  }
  // Nobody gains: what was there has no more rights than before, and what is new was given by a record.
  auto old = before.begin();
  bool removed = false;
  for (const SeenCapability& c : now) {
    while (old != before.end() && old->key() < c.key()) {
      removed = true;
      ++old;
    }
    const bool same = old != before.end() && old->key() == c.key() && old->generation == c.generation;
    if (same) {
      const bool alone = !state_->capabilities.find(c.ref)->has_children();
      require(object_now(*old, alone) == c.object.id && old->object.type == c.object.type && old->depth == c.depth &&
                  old->badge == c.badge,
              "capabilities", "a capability changed in its place");
      require((c.rights & ~old->rights) == 0, "attenuation", "a capability gained a right");
      require_loss_explained(*old, c, before);
      require(old->mapped_at == c.mapped_at ||
                  recorded({Kind::region_map, Kind::region_unmap, Kind::region_transfer, Kind::task_terminate,
                            Kind::region_unshare},
                           scanned_at_) ||
                  departed_,
              "mutation-recorded", "a mapping changed without a record");
      ++old;
      continue;
    }
    if (old != before.end() && old->key() == c.key()) {
      removed = true;
      ++old;
    }
    std::uint16_t& last = generations_[c.key() >> 16 << 8 | (c.key() & 0xff)];
    require(last != c.generation, "generation", "a slot was used again under the same generation");
    last = c.generation;
    if (before.empty()) continue;  // the first look after a boot
    const std::uint32_t holds = holder(c).id.value;
    const std::uint64_t authority =
        witness::authority(static_cast<std::uint8_t>(c.object.type), 0, c.generation, holds);
    const auto arrived = [&](const witness::Record& r) {
      const witness::RegionPlaces places = witness::region_places(r.aux);
      return c.object.type == ObjectType::region && places.to_slot == c.ref.slot && places.generation == c.generation &&
             (static_cast<std::uint32_t>(r.payload) == holder(c).partition->id.value || !relocated_.empty());
    };
    bool given = false;
    for (std::uint64_t i = std::min<std::uint64_t>(scanned_at_, records_.size()); i < records_.size() && !given; ++i) {
      const witness::Record& r = records_[i];
      if ((r.flags & 0x8000) != 0) continue;
      if ((r.action_kind == Kind::task_spawn || r.action_kind == Kind::task_fork) && r.target_object == holds &&
          c.ref.slot <= witness::standard_capabilities.size()) {
        const witness::StandardCapability& standard = witness::standard_capabilities[c.ref.slot - 1];
        given = c.object.id == witness::standard_object(standard, static_cast<std::uint32_t>(r.payload >> 32), holds) &&
                static_cast<std::uint8_t>(c.object.type) == standard.type && c.rights == standard.rights &&
                c.generation == 1 && c.depth == 0;
        continue;
      }
      if (r.target_object != c.object.id) continue;
      switch (r.action_kind) {
        case Kind::capability_attenuated:
          given = witness::slot_of(r.flags) == c.ref.slot && (r.payload & 0xffff'00ff) == (authority & 0xffff'00ff) &&
                  r.payload >> 48 == c.ref.agent.value && (c.rights & ~(r.payload >> 8 & 0xff)) == 0;
          break;
        case Kind::capability_grant:
        case Kind::capability_delegate:
          // A GRANT_ONCE may have been consumed since; no other bit can differ.
          given = witness::slot_of(r.flags) == c.ref.slot && (r.payload & ~std::uint64_t{0xff00}) == authority &&
                  (c.rights & ~(r.payload >> 8 & 0xff)) == 0;
          break;
        case Kind::region_share:
          given = arrived(r) && (c.rights & ~r.flags) == 0 && c.depth > 0;
          break;
        case Kind::region_transfer:
          given = arrived(r) && c.depth == 0;
          break;
        default:
          break;
      }
    }
    require(given, "mutation-recorded", [&] {
      return "a capability appeared in slot " + std::to_string(c.ref.slot) + " of agent index " +
             std::to_string(c.ref.agent.value) + " and no record gave it";
    });
  }
  removed |= old != before.end();
  if (removed && !before.empty()) {
    require(departed_ || recorded({Kind::capability_revoke, Kind::capability_delegate, Kind::region_destroy,
                                   Kind::region_unshare, Kind::region_transfer, Kind::region_share,
                                   Kind::partition_destroy, Kind::task_terminate, Kind::task_spawn, Kind::task_fork,
                                   Kind::comm_edge_destroy, Kind::comm_edge_create},
                                  scanned_at_),
            "mutation-recorded", "a capability went without a record");
  }
}

}  // namespace rvm::sim
