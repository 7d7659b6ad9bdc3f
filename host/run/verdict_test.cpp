// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/verdict.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>

#include "host/run/report.hpp"

using namespace rvm;
using namespace rvm::host;

namespace {

/// A run in which everything went well; tests spoil one thing each.
struct Run {
  Manifest manifest;
  Swarm swarm;
  SessionResult session;
  std::optional<LogCheck> log;
  std::optional<LogEvidence> evidence;
  Layout layout;

  explicit Run(const std::string& extra = {}) {
    manifest = *parse_manifest(
        "[[partition]]\nname = \"p\"\n[[agent]]\nname = \"a\"\npartition = \"p\"\nmodule = \"m\"\n" + extra);
    swarm = *expand(manifest);
    layout = Layout(swarm);
    session.report.boot = BootReport{.cpus = 2};
    session.report.agents.push_back({.id = 1, .partition = 2, .name = "a", .state = "exited", .latency = {}});
    session.report.summary = SummaryReport{.partitions = 2,
                                           .agents = 1,
                                           .records = 9,
                                           .durable = 9,
                                           .tree_size = 9,
                                           .root = "ab",
                                           .closed = true,
                                           .reason = "done"};
    log = LogCheck{.verified = true,
                   .problem = {},
                   .notes = {},
                   .closed = true,
                   .records = 9,
                   .durable = 9,
                   .tree_size = 9,
                   .root = "ab",
                   .heads = {},
                   .origin = {}};
  }
  AgentReport& agent() { return session.report.agents.front(); }
  void says(std::string line) { session.report.marked["a"].push_back(std::move(line)); }
  void faults() {
    agent().state = "faulted";
    session.report.faults.push_back({1, 2, "a", "data abort", "0x10"});
  }
  [[nodiscard]] Verdict verdict() const { return judge({swarm, session, log, evidence}); }
  [[nodiscard]] std::string first_problem() const {
    const Verdict v = verdict();
    return v.problems.empty() ? std::string{} : v.problems.front().cause;
  }
};

constexpr const char* attacking = "attack = \"tries something\"\n";

}  // namespace

TEST_CASE("a good run is ok") {
  CHECK(Run{}.verdict().result == RunResult::ok);
  CHECK(Run{}.verdict().problems.empty());
}

TEST_CASE("what makes a run fail") {
  Run run;
  SUBCASE("exit code") {
    run.agent().exit = 3;
    CHECK(run.first_problem().contains("exit code 3"));
  }
  SUBCASE("fault") {
    run.faults();
    CHECK(run.first_problem() == "agent 'a' faulted: data abort at 0x10");
  }
  SUBCASE("no report of an agent") {
    run.session.report.agents.clear();
    CHECK(run.first_problem().contains("nothing about agent 'a'"));
  }
  SUBCASE("no closing report") {
    run.session.report.summary.reset();
    run.session.report.last_texts = {"something odd"};
    CHECK(run.first_problem().contains("without its closing report"));
    CHECK(run.first_problem().contains("something odd"));
  }
  SUBCASE("kernel fault") {
    run.session.report.panicked = true;
    CHECK(run.first_problem().contains("hypervisor itself faulted"));
  }
  SUBCASE("kernel refuses") {
    run.session.report.summary.reset();
    run.session.report.refusal = "bad package";
    CHECK(run.first_problem().contains("would not start: bad package"));
  }
  SUBCASE("log that does not verify") {
    run.log->verified = false;
    run.log->problem = "record 4: its MAC is wrong";
    CHECK(run.first_problem().contains("record 4"));
  }
  SUBCASE("log that is not the one reported") {
    run.log->root = "cd";
    CHECK(run.first_problem().contains("is not the one that the kernel reported"));
  }
  SUBCASE("durable records lost") {
    run.session.report.summary.reset();
    run.session.interrupted = true;
    run.session.report.durable = 10;
    CHECK(run.verdict().problems.back().cause.contains("10 were reported durable"));
  }
  SUBCASE("log that is not closed") {
    run.log->closed = false;
    CHECK(run.first_problem().contains("not closed"));
  }
  SUBCASE("log that could not be read") {
    run.log.reset();
    CHECK(run.first_problem().contains("could not be read"));
  }
  SUBCASE("log full") {
    run.session.report.log_stopped = "the device is full";
    CHECK(run.first_problem().contains("takes no more records"));
  }
  SUBCASE("interrupted") {
    run.session.interrupted = true;
    CHECK(run.first_problem() == "interrupted");
  }
  SUBCASE("victim disturbed") {
    run.says("victim: undisturbed=1000 disturbed=1051");
    CHECK(run.first_problem().contains("5.1 % more"));
  }
  SUBCASE("victim line malformed") {
    run.says("victim: undisturbed=0 disturbed=1");
    CHECK_FALSE(run.first_problem().empty());
  }
  CHECK(run.verdict().result == RunResult::failed);
}

TEST_CASE("a time limit is a timeout") {
  Run run;
  run.session.timed_out = true;
  CHECK(run.verdict().result == RunResult::timeout);
  CHECK_FALSE(run.verdict().problems.empty());
}

TEST_CASE("a report that the end of the machine cut short is no report of another kernel") {
  Run run;
  run.session.report.malformed = {R"({"t":"agent","id":4)"};
  CHECK(run.first_problem().contains("not understood"));
  run.session.timed_out = true;
  CHECK(run.verdict().problems.size() == 1);
  CHECK(run.first_problem().contains("time limit"));
}

TEST_CASE("expectations") {
  Run fault("expect = \"fault\"\n");
  CHECK(fault.first_problem().contains("expected to fault"));
  fault.faults();
  CHECK(fault.verdict().result == RunResult::ok);
  Run any("expect = \"any\"\n");
  any.agent().exit = 9;
  CHECK(any.verdict().result == RunResult::ok);
  Run deadline("deadline = \"1ms\"\n");
  deadline.agent().deadlines_missed = 1;
  CHECK(deadline.first_problem().contains("missed 1 of 1 deadlines"));
}

TEST_CASE("a package without its manifest: everybody is expected to do well") {
  Run run;
  run.swarm = {};
  CHECK(run.verdict().result == RunResult::ok);
  run.agent().exit = 1;
  CHECK(run.first_problem().contains("exit code 1"));
}

TEST_CASE("attacks") {
  Run run(attacking);
  SUBCASE("never tried") { CHECK(run.first_problem().contains("never tried")); }
  SUBCASE("escaped") {
    run.says("attack: tried x");
    run.says("attack: ESCAPED");
    CHECK(run.first_problem().contains("it escaped"));
  }
  SUBCASE("ended without a word") {
    run.says("attack: tried x");
    CHECK(run.first_problem().contains("without saying"));
    CHECK(run.verdict().tried() == 1);
    CHECK(run.verdict().contained() == 0);
  }
  SUBCASE("refused, but not in the log") {
    run.says("attack: tried x");
    run.says("attack: contained BAD_CAPABILITY");
    run.evidence = LogEvidence{};
    run.evidence->rejected.insert({3, 1});  // somebody else's partition
    CHECK(run.first_problem().contains("no refusal record"));
  }
  SUBCASE("faulted, but not in the log") {
    run.says("attack: tried x");
    run.faults();
    CHECK(run.first_problem().contains("no fault record"));
  }
  CHECK(run.verdict().result == RunResult::failed);
}

TEST_CASE("attacks that are contained") {
  Run run(attacking);
  run.says("attack: tried x");
  run.evidence = LogEvidence{};
  SUBCASE("refused and witnessed") {
    run.says("attack: contained BAD_CAPABILITY");
    run.evidence->rejected.insert({2, 1});
  }
  SUBCASE("faulted and witnessed") {
    run.faults();
    run.evidence->faulted_agents.insert(1);
  }
  SUBCASE("still spinning at the end") { run.agent().state = "ready"; }
  CHECK(run.first_problem().empty());
  CHECK(run.verdict().contained() == 1);
}

TEST_CASE("evidence from records") {
  LogEvidence evidence;
  witness::Record r{};
  r.action_kind = witness::Kind::proof_rejected;
  r.actor_partition = 5;
  r.target_object = 8;
  evidence.take(r);
  r.action_kind = witness::Kind::task_terminate;
  r.target_object = 9;
  r.flags = 0;
  evidence.take(r);
  CHECK(evidence.faulted_agents.empty());
  r.flags = 1;
  evidence.take(r);
  CHECK(evidence.faulted_agents.contains(9));
  CHECK(evidence.rejected.contains({5, 8}));
}

TEST_CASE("the JSON line has every promised key, in one line") {
  Run run;
  run.agent().latency = LatencyReport{1, 2, 3};
  run.says("victim: undisturbed=1000 disturbed=1010");
  const Verdict verdict = run.verdict();
  const std::string line = json_line(RunOutcome{run.swarm, run.session, run.log, verdict, run.layout}, {.json = true});
  CHECK_FALSE(line.contains('\n'));
  const auto o = nlohmann::json::parse(line);
  CHECK(o["result"] == "ok");
  for (const char* key : {"wall_ms", "cpus", "partitions", "agents", "messages", "switches", "refused", "faults"}) {
    CHECK(o[key].is_number_integer());
  }
  CHECK(o["boot"]["first_witness_ns"] == 0);
  CHECK(o["attacks"]["tried"] == 0);
  CHECK(o["latency_ns"]["a"]["p99"] == 2);
  CHECK(o["witness"]["verified"] == true);
  CHECK(o["witness"]["records"] == 9);
  CHECK(o["victim"]["ratio"] == doctest::Approx(1.01));
  CHECK_FALSE(o.contains("agents_detail"));
  CHECK_FALSE(o.contains("failures"));
  CHECK(summary_text(RunOutcome{run.swarm, run.session, run.log, verdict, run.layout}, {})
            .contains("verified: 9 records"));
}

TEST_CASE("figures of the coherence engine are printed when one ran") {
  Run run;
  const Verdict verdict = run.verdict();
  const RunOutcome outcome{run.swarm, run.session, run.log, verdict, run.layout};
  CHECK_FALSE(nlohmann::json::parse(json_line(outcome, {.json = true})).contains("coherence"));
  CHECK_FALSE(summary_text(outcome, {}).contains("boundaries"));
  run.session.report.coherence = CoherenceReport{.splits = 1,
                                                 .merges = 2,
                                                 .migrations = 3,
                                                 .aborted = 4,
                                                 .cross_bytes = 5,
                                                 .total_bytes = 60,
                                                 .epochs = 7,
                                                 .degraded_epochs = 6,
                                                 .budget_exceeded = 8,
                                                 .engine_ns = 9,
                                                 .longest_ns = 4,
                                                 .busy_ns = 900};
  const auto o = nlohmann::json::parse(json_line(outcome, {.json = true}))["coherence"];
  const auto expected = nlohmann::json::parse(
      R"({"splits":1,"merges":2,"migrations":3,"aborted":4,"cross_bytes":5,"total_bytes":60,"epochs":7,)"
      R"("degraded_epochs":6,"budget_exceeded":8,"longest_ns":4,"engine_share":0.01,"layout":{"p":["a"]}})");
  CHECK(o == expected);
  CHECK(summary_text(outcome, {}).contains("  boundaries 1 split, 2 merges, 3 migrations, 4 undone; 8 % of 60 B"));
  CHECK(summary_text(outcome, {}).contains("\n  layout     p: a\n"));
  run.session.report.coherence = CoherenceReport{};
  CHECK_FALSE(summary_text(outcome, {}).contains("layout"));  // nothing moved
}
