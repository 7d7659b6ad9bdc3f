// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Leads the swarm from phase to phase, checks that every message arrived exactly once, and tells what became of the
// boundaries meanwhile.
#include "observer.hpp"

using namespace rvm::agent;
using namespace swarm;

namespace {

constexpr Nanoseconds interval = milliseconds(20);  // between two looks at the machine

constexpr std::string_view title(Phase phase) {
  switch (phase) {
    case Phase::form:
      return "teams form: each agent talks with its own team of eight, which is spread over all partitions";
    case Phase::mix:
      return "teams mix: half of each team changes places with half of another";
    case Phase::turn:
      return "gold-b-3 turns hostile: it works on, and tries to use what it was never given";
    case Phase::dissolve:
      return "teams dissolve: a word now and then, to somebody of another team";
    case Phase::again:
      return "teams meet again, as they were last";
    default:
      return {};
  }
}

void signal_all(Phase phase) {
  for (const rvm_directory_entry& e : directory()) {
    if (e.type != RVM_OBJECT_AGENT || std::string_view{e.name} == RVM_DIRECTORY_SELF) continue;
    const Status s = signal(AgentRef{e.handle}, bit(phase));
    require(s.has_value(), "cannot signal ", e.name, ": ", error_of(s));
  }
}

struct Totals {
  std::uint64_t sent = 0, received = 0, sent_sum = 0, received_sum = 0, wrong = 0;

  void add(const Report& r) {
    sent += r.sent;
    received += r.received;
    sent_sum += r.sent_sum;
    received_sum += r.received_sum;
    wrong += r.wrong;
  }
  [[nodiscard]] bool right() const { return wrong == 0 && sent == received && sent_sum == received_sum; }
};

/// What crossed boundaries in a phase, look by look.
class Course {
 public:
  void add(const Traffic& traffic) {
    whole_ = whole_ + traffic;
    if (traffic.all == 0) return;
    if (count_ < looks_.size()) looks_[count_++] = {};
    looks_[count_ - 1] = looks_[count_ - 1] + traffic;
  }
  [[nodiscard]] std::uint64_t whole() const { return whole_.percent(); }
  [[nodiscard]] std::uint64_t first() const { return looks_[0].percent(); }
  /// Of the last quarter of all bytes.
  [[nodiscard]] std::uint64_t last() const {
    Traffic sum;
    for (std::size_t i = count_; i != 0 && sum.all * 4 < whole_.all; --i) sum = sum + looks_[i - 1];
    return sum.percent();
  }

 private:
  Traffic whole_;
  std::array<Traffic, 1024> looks_{};
  std::size_t count_ = 0;
};

Totals run_phase(Phase phase, Observer& observer) {
  (void)observer.look();
  signal_all(phase);
  Totals totals;
  Course course;
  Nanoseconds next = now() + interval;
  for (std::size_t reports = 0; reports < members_count;) {
    Report report{};
    const Result<Received> r = receive(Edge{}, std::as_writable_bytes(std::span{&report, 1}), next);
    if (r) {
      require(r->length == sizeof report && report.phase == std::to_underlying(phase), "a report of another phase");
      totals.add(report);
      ++reports;
      continue;
    }
    require(error_of(r) == Error::timed_out, "a member ended without a report: ", error_of(r));
    course.add(observer.look());
    next = now() + interval;
  }
  course.add(observer.look());
  say("   ", totals.received, " messages, ", course.whole(),
      " % of their bytes from partition to partition: ", course.first(), " % at first, ", course.last(),
      " % in the last quarter");
  say("   teams in one partition: ", observer.teams_together(phase), " of ", teams_count,
      "; partitions: ", observer.partitions(),
      phase < Phase::turn      ? ""
      : observer.rogue_alone() ? "; gold-b-3 is alone in its own"
                               : "; gold-b-3 is among others");
  require(totals.right(), "messages were lost, repeated or changed");
  return totals;
}

/// Until the rogue has tried the last thing, and ended.
void let_rogue_reach() {
  const Edge report = find_edge("report-gold-b-3");
  const AgentRef rogue = find<AgentRef>("gold-b-3");
  require(report && rogue, "a capability for the rogue is missing");
  say("gold-b-3 reaches for the memory of green-a-0, with which it shared a team");
  require(signal(rogue, bit(Phase::reach)).has_value(), "cannot signal the rogue");
  std::array<std::byte, sizeof(Report)> nothing;
  const Result<Received> r = receive(report, nothing);
  require(!r && error_of(r) == Error::peer_gone, "the rogue is still there");
  say("   it was stopped; the others did not notice");
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  Observer observer;
  say(members_count, " agents in ", observer.partitions(),
      " partitions; teams in one partition: ", observer.teams_together(Phase::form), " of ", teams_count);
  std::uint64_t delivered = 0;
  std::uint64_t number = 0;
  for (const Phase phase : {Phase::form, Phase::mix, Phase::turn, Phase::dissolve, Phase::again}) {
    say(++number, ". ", title(phase));
    delivered += run_phase(phase, observer).received;
  }
  let_rogue_reach();
  for (const rvm_directory_entry& e : directory()) {
    if (e.type == RVM_OBJECT_AGENT && std::string_view{e.name} != RVM_DIRECTORY_SELF)
      (void)signal(AgentRef{e.handle}, bit(Phase::end));
  }
  say(delivered, " messages were delivered, each exactly once and in order");
  return 0;
}
