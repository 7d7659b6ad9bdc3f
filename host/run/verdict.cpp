// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/verdict.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "host/common/units.hpp"
#include "host/machine/child.hpp"

namespace rvm::host {

namespace {

const std::vector<std::string>& marks_of(const MachineReport& report, const std::string& agent) {
  static const std::vector<std::string> none;
  const auto it = report.marked.find(agent);
  return it == report.marked.end() ? none : it->second;
}

bool any_starts_with(const std::vector<std::string>& lines, std::string_view prefix) {
  return std::ranges::any_of(lines, [&](const std::string& line) { return line.starts_with(prefix); });
}

/// The number after "KEY=" in a line of "key=value" words.
std::optional<std::uint64_t> value_of(std::string_view line, std::string_view key) {
  const std::string wanted = fmt::format(" {}=", key);
  const auto at = line.find(wanted);
  if (at == std::string_view::npos) {
    return std::nullopt;
  }
  line.remove_prefix(at + wanted.size());
  return take_number(line);
}

class Judge {
 public:
  explicit Judge(const RunFacts& facts) : facts_(facts), report_(facts.session.report) {}

  Verdict run() {
    check_machine();
    if (report_.summary) {
      check_agents();
      check_attacks();
    }
    check_victims();
    check_log();
    if (facts_.session.timed_out) {
      verdict_.result = RunResult::timeout;
    } else if (!verdict_.problems.empty()) {
      verdict_.result = RunResult::failed;
    }
    return std::move(verdict_);
  }

 private:
  void problem(std::string cause, std::string cure = {}, ExitCode code = ExitCode::failed) {
    verdict_.problems.push_back({code, std::move(cause), std::move(cure)});
  }

  void check_machine() {
    const SessionResult& s = facts_.session;
    if (s.timed_out) {
      problem("the time limit passed before the agents were done",
              "give it longer (--timeout 300s), or end in good order with --for; an agent that never ends can be a "
              "service");
    } else if (s.interrupted) {
      problem(s.killed ? "interrupted twice, or it did not end in time: the machine was stopped at once"
                       : "interrupted");
    }
    for (const std::string& line : report_.malformed) {
      if ((s.timed_out || s.killed) && !line.ends_with('}')) {
        continue;  // it was printing this line when it was stopped
      }
      problem(fmt::format("the kernel printed a report that is not understood: {}", line),
              "build the rvm program and the kernel from the same tree: make build");
    }
    if (report_.panicked) {
      problem("the hypervisor itself faulted" + kernel_lines(),
              "this is a defect of RVM: keep the volume and report these lines");
    } else if (!report_.refusal.empty()) {
      problem(fmt::format("the kernel would not start: {}{}", report_.refusal, kernel_lines()),
              "the last line above says what to do");
    } else if (!report_.summary && !s.interrupted && !s.timed_out) {
      std::string cause = fmt::format("the machine stopped without its closing report: QEMU {}{}",
                                      Child::describe(s.status), kernel_lines());
      const bool locked = s.qemu_errors.contains("lock");  // QEMU: Failed to get "write" lock
      problem(std::move(cause), locked ? "another machine uses this volume: end it, or name another with --disk"
                                       : "run it again with --verbose to see every line of the kernel");
    }
    if (!report_.log_stopped.empty()) {
      problem(fmt::format("the log volume takes no more records: {}", report_.log_stopped),
              "free some space where it lies, or begin a larger one (--disk NEW --disk-size 256M)",
              ExitCode::environment);
    }
  }

  /// What the kernel and QEMU said last, each on a line.
  std::string kernel_lines() const {
    std::string text;
    for (const std::string& line : report_.last_texts) {
      text += "\n  rvm: " + line;
    }
    const std::string& errors = facts_.session.qemu_errors;
    if (!errors.empty()) {
      text += "\n  qemu: " + errors.substr(0, errors.find_last_not_of('\n') + 1);
    }
    return text;
  }

  /// An agent that was spawned later may carry the same name; the manifest's own has the lowest id.
  const AgentReport* report_of(const SwarmAgent& agent) const {
    const AgentReport* found = nullptr;
    for (const AgentReport& r : report_.agents) {
      if (r.name == agent.name && (found == nullptr || r.id < found->id)) {
        found = &r;
      }
    }
    return found;
  }

  const FaultReport* fault_of(const AgentReport& agent) const {
    const auto it = std::ranges::find(report_.faults, agent.id, &FaultReport::agent);
    return it == report_.faults.end() ? nullptr : &*it;
  }

  bool faulted(const AgentReport& agent) const { return agent.state == "faulted" || fault_of(agent) != nullptr; }

  void check_agents() {
    if (facts_.swarm.agents.empty()) {  // a package without its manifest: everybody is expected to do well
      for (const AgentReport& r : report_.agents) {
        check_end(r);
        count_deadlines(r);
      }
    }
    for (const SwarmAgent& agent : facts_.swarm.agents) {
      const AgentReport* const r = report_of(agent);
      if (r == nullptr) {
        problem(fmt::format("the kernel reported nothing about agent '{}'", agent.name));
        continue;
      }
      count_deadlines(*r);
      if (agent.entry->expect == Expectation::fault && !faulted(*r)) {
        problem(fmt::format("agent '{}' was expected to fault but is {}", agent.name, r->state),
                "correct `expect` in the manifest");
      }
      if (agent.entry->expect == Expectation::ok) {
        check_success(agent, *r);
      }
    }
  }

  void count_deadlines(const AgentReport& r) {
    verdict_.deadlines_met += r.deadlines_met;
    verdict_.deadlines_missed += r.deadlines_missed;
  }

  void check_end(const AgentReport& r) {
    if (faulted(r)) {
      const FaultReport* const fault = fault_of(r);
      problem(fmt::format("agent '{}' faulted{}", r.name,
                          fault == nullptr ? std::string{} : fmt::format(": {} at {}", fault->kind, fault->address)),
              "debug it with --gdb; if it is meant to fault, say expect = \"fault\" in the manifest");
    } else if (r.state == "exited" && r.exit != 0) {
      problem(fmt::format("agent '{}' ended with exit code {}", r.name, static_cast<std::int64_t>(r.exit)),
              "its last lines above say why; if that is meant, say expect = \"any\" in the manifest");
    }
  }

  void check_success(const SwarmAgent& agent, const AgentReport& r) {
    check_end(r);
    if (agent.entry->deadline.value != 0 && r.deadlines_missed != 0) {
      problem(fmt::format("agent '{}' missed {} of {} deadlines", agent.name, r.deadlines_missed,
                          r.deadlines_met + r.deadlines_missed),
              "raise its priority or deadline; on a busy computer --icount makes time independent of it");
    }
  }

  void check_attacks() {
    for (const SwarmAgent& agent : facts_.swarm.agents) {
      if (agent.entry->attack.empty()) {
        continue;
      }
      AttackVerdict attack{agent.name, agent.entry->attack, false, false, {}};
      const std::vector<std::string>& lines = marks_of(report_, agent.name);
      attack.tried = any_starts_with(lines, "attack: tried");
      if (const AgentReport* const r = report_of(agent)) {
        judge_attack(attack, agent, *r, lines);
      } else {
        attack.detail = "no report";
      }
      if (!attack.tried) {
        problem(fmt::format("attack '{}' of agent '{}' was never tried", attack.description, agent.name),
                "its agent must print 'attack: tried' before it tries; give it longer to run");
      } else if (!attack.contained) {
        problem(fmt::format("attack '{}' of agent '{}' was not contained: {}", attack.description, agent.name,
                            attack.detail));
      }
      verdict_.attacks.push_back(std::move(attack));
    }
  }

  void judge_attack(AttackVerdict& attack, const SwarmAgent& agent, const AgentReport& r,
                    const std::vector<std::string>& lines) {
    const bool fault = faulted(r);
    const bool refused = any_starts_with(lines, "attack: contained");
    const bool unfinished = r.state == "ready" || r.state == "running" || r.state == "blocked";
    if (any_starts_with(lines, "attack: ESCAPED")) {
      attack.detail = "it escaped";
    } else if (fault || refused) {
      const Evidence automatic = fault ? Evidence::fault : Evidence::rejected;
      const Evidence wanted = agent.entry->evidence == Evidence::automatic ? automatic : agent.entry->evidence;
      attack.contained = has_evidence(wanted, r);
      const FaultReport* const f = fault_of(r);
      attack.detail = !attack.contained ? fmt::format("the log has no {} record of it",
                                                      wanted == Evidence::fault ? "fault" : "refusal")
                      : !fault          ? "refused"
                      : f != nullptr    ? fmt::format("stopped by the kernel: {} at {}", f->kind, f->address)
                                        : "stopped by the kernel";
    } else if (unfinished) {
      attack.contained = true;
      attack.detail = fmt::format("still {} at the end, harming nobody", r.state);
    } else {
      attack.detail = fmt::format("it {} without saying what came of it", r.state);
    }
  }

  bool has_evidence(Evidence wanted, const AgentReport& r) const {
    if (wanted == Evidence::none) {
      return true;
    }
    if (!facts_.evidence) {
      return false;
    }
    const auto agent = static_cast<std::uint32_t>(r.id);
    return wanted == Evidence::fault
               ? facts_.evidence->faulted_agents.contains(agent)
               : facts_.evidence->rejected.contains({static_cast<std::uint32_t>(r.partition), agent});
  }

  void check_victims() {
    for (const auto& [agent, lines] : report_.marked) {
      for (const std::string& line : lines) {
        if (!line.starts_with("victim: ")) {
          continue;
        }
        const auto undisturbed = value_of(line, "undisturbed");
        const auto disturbed = value_of(line, "disturbed");
        if (!undisturbed || !disturbed || *undisturbed == 0) {
          problem(fmt::format("agent '{}' printed a line that is not 'victim: undisturbed=N disturbed=N': {}", agent,
                              line));
          continue;
        }
        const VictimVerdict victim{*undisturbed, *disturbed};
        if (!verdict_.victim || victim.ratio() > verdict_.victim->ratio()) {
          verdict_.victim = victim;
        }
        if (victim.ratio() > victim_ratio_limit) {
          problem(fmt::format(
              "agent '{}' needed {:.1f} % more instructions beside the attackers; at most {:.0f} % are accepted", agent,
              (victim.ratio() - 1) * 100, (victim_ratio_limit - 1) * 100));
        }
      }
    }
  }

  void check_log() {
    if (!facts_.log) {
      problem("the witness log could not be read after the run");
      return;
    }
    const LogCheck& log = *facts_.log;
    if (!log.verified) {
      // A machine that never got as far as its log has a cause of its own, reported above.
      if (report_.boot || verdict_.problems.empty()) {
        problem(fmt::format("the witness log does not verify: {}", log.problem),
                "if the machine was stopped by force, keep the volume and look at it with `rvm witness verify`");
      }
      return;
    }
    const std::uint64_t records = log.records;
    if (report_.durable > records) {
      problem(fmt::format("the log has {} records, but {} were reported durable", records, report_.durable));
    }
    if (report_.summary && !log.closed) {
      problem("the machine ended in good order, but its log is not closed");
    }
    if (report_.summary && (report_.summary->records != records || report_.summary->root != log.root)) {
      problem(fmt::format(
          "the log on the volume ({} records, root {}) is not the one that the kernel reported ({} records, root {})",
          records, log.root, report_.summary->records, report_.summary->root));
    }
  }

  const RunFacts& facts_;
  const MachineReport& report_;
  Verdict verdict_;
};

}  // namespace

std::string_view name(RunResult result) {
  switch (result) {
    case RunResult::ok:
      return "ok";
    case RunResult::failed:
      return "failed";
    case RunResult::timeout:
      return "timeout";
  }
  return "failed";
}

std::uint64_t Verdict::tried() const {
  return static_cast<std::uint64_t>(std::ranges::count_if(attacks, &AttackVerdict::tried));
}
std::uint64_t Verdict::contained() const {
  return static_cast<std::uint64_t>(
      std::ranges::count_if(attacks, [](const AttackVerdict& a) { return a.tried && a.contained; }));
}

Verdict judge(const RunFacts& facts) { return Judge(facts).run(); }

}  // namespace rvm::host
