// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/decision.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "host/common/units.hpp"
#include "host/control/describe.hpp"
#include "host/run/boundaries.hpp"
#include "rvm/coherence/decisions.hpp"
#include "rvm/types/error.hpp"
#include "rvm/witness/effects.hpp"

namespace rvm::host {

namespace {

using coherence::DegradedReason;
using witness::Kind;
using How = MoveReport::How;

constexpr std::array kinds{
    Kind::partition_create,      Kind::partition_destroy,    Kind::partition_suspend,     Kind::partition_resume,
    Kind::partition_split,       Kind::partition_merge,      Kind::partition_hibernate,   Kind::partition_reconstruct,
    Kind::partition_migrate,     Kind::task_terminate,       Kind::task_suspend,          Kind::task_resume,
    Kind::structural_split,      Kind::structural_merge,     Kind::scheduler_mode_switch, Kind::recovery_enter,
    Kind::recovery_exit,         Kind::checkpoint_created,   Kind::checkpoint_restored,   Kind::min_cut_budget_exceeded,
    Kind::degraded_mode_entered, Kind::degraded_mode_exited, Kind::migration_timeout,     Kind::witness_flood,
    Kind::failure_escalated};

std::uint32_t high(std::uint64_t pair) { return static_cast<std::uint32_t>(pair >> 32); }
std::uint32_t low(std::uint64_t pair) { return static_cast<std::uint32_t>(pair); }

class Words {
 public:
  Words(const witness::Record& r, const Snapshot& now, const PartitionNames& names) : r_(r), now_(now), names_(names) {}

  [[nodiscard]] std::string text() const {
    if (witness::changes_objects(r_.action_kind) && (r_.flags & witness::record_failed) != 0) {
      return fmt::format("{}, failed: {}", plain(), reason_of_failure());
    }
    switch (r_.action_kind) {
      case Kind::partition_migrate:
      case Kind::partition_split:
      case Kind::partition_merge:
        return move_text(move()) + by();
      case Kind::migration_timeout:
        return fmt::format("a move from {} was given up after {}: somebody did not come to rest",
                           partition(r_.target_object), format_duration(Nanoseconds{r_.aux}));
      case Kind::partition_suspend:
      case Kind::partition_resume:
        return r_.target_object == 0
                   ? fmt::format("the coherence engine {}{}",
                                 r_.action_kind == Kind::partition_suspend ? "was paused" : "goes on", by())
                   : plain();
      case Kind::degraded_mode_entered:
        return fmt::format("boundaries stay as they are: {}", reason_of_rest(true));
      case Kind::degraded_mode_exited:
        return fmt::format("boundaries move again: {}", reason_of_rest(false));
      default:
        return plain() + details();
    }
  }

 private:
  [[nodiscard]] std::string partition(std::uint32_t id) const {
    if (const rvm_partition_status* const p = partition_of(now_, id); p != nullptr) {
      return p->name;
    }
    const auto it = names_.find(id);
    return it == names_.end() ? fmt::format("partition {}", id) : it->second;
  }
  [[nodiscard]] std::string agent(std::uint32_t id) const {
    const rvm_agent_status* const a = agent_of(now_, id);
    return a == nullptr ? fmt::format("agent {}", id) : a->name;
  }
  /// The one agent of a partition, if it has just one.
  [[nodiscard]] std::string only_agent(std::uint32_t partition) const {
    std::string found;
    for (const rvm_agent_status& a : now_.agents) {
      if (a.partition == partition) {
        if (!found.empty()) {
          return {};
        }
        found = a.name;
      }
    }
    return found;
  }

  [[nodiscard]] std::string by() const {
    return r_.actor_partition == 0 ? std::string{} : fmt::format(", by {}", partition(r_.actor_partition));
  }

  [[nodiscard]] NamedMove move() const {
    NamedMove m;
    switch (r_.flags) {
      case RVM_MOVE_TRAFFIC:
        m.reason = MoveReport::Reason::traffic;
        break;
      case RVM_MOVE_COHESION:
        m.reason = MoveReport::Reason::cohesion;
        break;
      case RVM_MOVE_PRESSURE:
        m.reason = MoveReport::Reason::pressure;
        break;
      case RVM_MOVE_TRUST:
        m.reason = MoveReport::Reason::trust;
        break;
      default:
        m.reason = MoveReport::Reason::request;
    }
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    if (r_.action_kind == Kind::partition_migrate) {
      m.how = How::migrate;
      m.agents = 1;
      m.who = agent(r_.target_object);
      from = high(r_.payload);
      to = low(r_.payload);
    } else if (r_.action_kind == Kind::partition_split) {
      m.how = How::split;
      m.agents = static_cast<unsigned>(std::popcount(r_.aux));
      from = r_.target_object;
      to = high(r_.payload);
      m.who = m.agents == 1 ? only_agent(to) : "";
    } else {
      m.how = How::merge;
      m.agents = r_.aux;
      from = low(r_.payload);
      to = r_.target_object;
    }
    if (m.who.empty()) {
      m.who = format_count(m.agents, "agent", "agents");
    }
    m.from = partition(from);
    m.to = partition(to);
    // What splits off inherits the name.
    if (m.from == m.to) {
      m.from += fmt::format(" ({})", from);
      m.to += fmt::format(" ({})", to);
    }
    return m;
  }

  [[nodiscard]] std::string reason_of_failure() const {
    return r_.payload < RVM_ERROR_COUNT ? std::string(describe(static_cast<Error>(r_.payload)).text)
                                        : fmt::format("error {}", r_.payload);
  }
  [[nodiscard]] std::string reason_of_rest(bool entered) const {
    switch (static_cast<DegradedReason>(r_.flags)) {
      case DegradedReason::disabled:
        return entered ? "the coherence engine is switched off" : "the coherence engine is switched on";
      case DegradedReason::paused:
        return entered ? "the coherence engine was paused" : "the coherence engine was resumed";
      case DegradedReason::over_budget:
        return entered ? "the coherence engine is over its budget" : "the coherence engine is within its budget";
      case DegradedReason::check_failed:
        return entered ? "a check of what was measured failed" : "all that was measured was checked";
    }
    return fmt::format("reason {}", r_.flags);
  }

  [[nodiscard]] std::string plain() const {
    const witness::KindDescription* const kind = witness::describe(r_.action_kind);
    return kind == nullptr ? fmt::format("record of kind {}", static_cast<unsigned>(r_.action_kind))
                           : fmt::format("{} of {} {} by {}", kind->name, kind->target, r_.target_object,
                                         r_.actor_partition == 0 ? "the hypervisor" : partition(r_.actor_partition));
  }
  [[nodiscard]] std::string details() const {
    const witness::KindDescription* const kind = witness::describe(r_.action_kind);
    std::string out;
    const auto add = [&](std::string_view meaning, std::uint64_t value) {
      if (meaning != "-") {
        out += fmt::format(", {} {}", meaning, value);
      }
    };
    if (kind != nullptr) {
      add(kind->flags, r_.flags);
      add(kind->payload, r_.payload);
    }
    return out;
  }

  const witness::Record& r_;
  const Snapshot& now_;
  const PartitionNames& names_;
};

}  // namespace

std::span<const Kind> decision_kinds() { return kinds; }

std::string decision_text(const witness::Record& r, const Snapshot& now, const PartitionNames& names) {
  return Words(r, now, names).text();
}

}  // namespace rvm::host
