// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/run/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/common/units.hpp"
#include "host/run/boundaries.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

Json latency_object(const MachineReport& report) {
  Json out = Json::object();
  for (const AgentReport& a : report.agents) {
    if (a.latency) {
      out[a.name] = {{"p50", a.latency->p50}, {"p99", a.latency->p99}, {"max", a.latency->max}};
    }
  }
  return out;
}

Json agents_array(const MachineReport& report) {
  Json out = Json::array();
  for (const AgentReport& a : report.agents) {
    out.push_back({{"id", a.id},
                   {"partition", a.partition},
                   {"name", a.name},
                   {"state", a.state},
                   {"exit", a.exit},
                   {"cpu_ns", a.cpu_ns},
                   {"messages", a.messages},
                   {"refused", a.refused},
                   {"faults", a.faults},
                   {"deadlines_met", a.deadlines_met},
                   {"deadlines_missed", a.deadlines_missed}});
  }
  return out;
}

Json coherence_object(const CoherenceReport& c, const Layout& layout) {
  Json places = Json::object();
  for (const Layout::Place& place : layout.places()) {
    places[place.partition] = place.agents;
  }
  return {{"splits", c.splits},
          {"merges", c.merges},
          {"migrations", c.migrations},
          {"aborted", c.aborted},
          {"cross_bytes", c.cross_bytes},
          {"total_bytes", c.total_bytes},
          {"epochs", c.epochs},
          {"degraded_epochs", c.degraded_epochs},
          {"budget_exceeded", c.budget_exceeded},
          {"longest_ns", c.longest_ns},
          {"engine_share", c.engine_share()},
          {"layout", std::move(places)}};
}

Json failures_array(const std::vector<Failure>& problems) {
  Json out = Json::array();
  for (const Failure& p : problems) {
    out.push_back({{"cause", p.cause}, {"cure", p.cure}});
  }
  return out;
}

std::string dumped(const Json& object) {
  // Agents' output cannot reach this line, but a file name with bytes that are not UTF-8 could.
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

std::string agents_text(const MachineReport& report) {
  std::uint64_t finished = 0;
  std::uint64_t faulted = 0;
  for (const AgentReport& a : report.agents) {
    finished += a.state == "exited" ? 1 : 0;
    faulted += a.state == "faulted" ? 1 : 0;
  }
  std::string text = fmt::format("{} finished", finished);
  if (faulted != 0) {
    text += fmt::format(", {} stopped by a fault", faulted);
  }
  if (const auto rest = report.agents.size() - finished - faulted; rest != 0) {
    text += fmt::format(", {} still there at the end", rest);
  }
  return text;
}

void add(std::string& out, const char* label, const std::string& text) {
  out += fmt::format("  {:<11}{}\n", label, text);
}

/// Who lives where in the end, if that is not what the manifest says, and few enough to be read.
void add_layout(std::string& out, const CoherenceReport& r, const Layout& layout) {
  constexpr std::size_t readable = 16;
  const std::vector<std::string> lines = layout.lines();
  if (r.splits + r.merges + r.migrations == 0 || lines.size() > readable) {
    return;
  }
  for (std::size_t i = 0; i < lines.size(); ++i) {
    add(out, i == 0 ? "layout" : "", lines[i]);
  }
}

void add_agent_table(std::string& out, const MachineReport& report) {
  out += fmt::format("\n  {:<24}{:>5} {:<10}{:>5}{:>12}{:>12}{:>9}{:>8}{:>8}\n", "agent", "part.", "state", "exit",
                     "CPU", "messages", "refused", "met", "missed");
  for (const AgentReport& a : report.agents) {
    out += fmt::format("  {:<24}{:>5} {:<10}{:>5}{:>12}{:>12}{:>9}{:>8}{:>8}\n", a.name, a.partition, a.state,
                       static_cast<std::int64_t>(a.exit), format_duration(Nanoseconds{a.cpu_ns}), a.messages, a.refused,
                       a.deadlines_met, a.deadlines_missed);
  }
}

void add_attacks(std::string& out, const Verdict& verdict, bool verbose) {
  if (verdict.attacks.empty()) {
    return;
  }
  add(out, "attacks", fmt::format("{} tried, {} contained", verdict.tried(), verdict.contained()));
  for (const AttackVerdict& a : verdict.attacks) {
    const bool bad = !a.tried || !a.contained;
    if (verbose || bad) {
      out += fmt::format("    {} {}: {} ({})\n", bad ? "NOT CONTAINED" : "contained", a.agent, a.description,
                         a.tried ? a.detail : "never tried");
    }
  }
  if (verdict.victim) {
    add(out, "victim",
        fmt::format("{} instructions alone, {} beside the attackers ({:+.2f} %)",
                    format_count(verdict.victim->undisturbed), format_count(verdict.victim->disturbed),
                    (verdict.victim->ratio() - 1) * 100));
  }
}

std::string log_text(const RunOutcome& o) {
  if (!o.log) {
    return "could not be read";
  }
  if (!o.log->verified) {
    return fmt::format("DOES NOT VERIFY: {}", o.log->problem);
  }
  const std::uint64_t before = o.session.report.boot ? o.session.report.boot->log_records : 0;
  return fmt::format("verified: {} records{}, none missing or changed\n{:13}root {}", format_count(o.log->records),
                     before == 0 ? std::string{} : fmt::format(" ({} from earlier boots)", format_count(before)), "",
                     o.log->root);
}

}  // namespace

std::string json_line(const RunOutcome& o, ReportStyle style) {
  const MachineReport& r = o.session.report;
  const BootReport boot = r.boot.value_or(BootReport{});
  const SummaryReport s = r.summary.value_or(SummaryReport{});
  const LogCheck log = o.log.value_or(LogCheck{});
  Json out;
  out["result"] = name(o.verdict.result);
  out["wall_ms"] = o.session.wall.count();
  out["cpus"] = boot.cpus;
  out["partitions"] = r.summary ? s.partitions : boot.partitions;
  out["agents"] = r.summary ? s.agents : boot.agents;
  out["messages"] = s.messages;
  out["switches"] = s.switches;
  out["refused"] = s.refused;
  out["faults"] = r.summary ? s.faults : r.faults.size();
  out["boot"] = {{"first_witness_ns", boot.first_witness_ns}};
  out["attacks"] = {{"tried", o.verdict.tried()}, {"contained", o.verdict.contained()}};
  if (o.verdict.victim) {
    out["victim"] = {{"undisturbed", o.verdict.victim->undisturbed},
                     {"disturbed", o.verdict.victim->disturbed},
                     {"ratio", o.verdict.victim->ratio()}};
  }
  if (r.coherence) {
    out["coherence"] = coherence_object(*r.coherence, o.layout);
  }
  out["latency_ns"] = latency_object(r);
  out["witness"] = {{"records", log.records},
                    {"durable", r.summary ? s.durable : r.durable},
                    {"verified", log.verified},
                    {"tree_size", log.tree_size},
                    {"root", log.root}};
  if (style.verbose) {
    out["deadlines"] = {{"met", o.verdict.deadlines_met}, {"missed", o.verdict.deadlines_missed}};
    out["vmid_reclaims"] = s.vmid_reclaims;
    out["throttled"] = s.throttled;
    out["agents_detail"] = agents_array(r);
  }
  if (o.verdict.result != RunResult::ok) {
    out["failures"] = failures_array(o.verdict.problems);
  }
  return dumped(out);
}

std::string json_line(const Failure& failure) {
  Json out;
  out["result"] = "failed";
  out["failures"] = failures_array({failure});
  return dumped(out);
}

std::string summary_text(const RunOutcome& o, ReportStyle style) {
  const MachineReport& r = o.session.report;
  std::string out = "\n";
  const std::string wall = fmt::format("{:.2f} s", static_cast<double>(o.session.wall.count()) / 1000);
  if (!r.summary) {
    out += fmt::format("the machine stopped after {} without a closing report\n", wall);
    if (r.boot) {
      add(out, "log", log_text(o));
    }
    return out;
  }
  const SummaryReport& s = *r.summary;
  out += fmt::format("{} after {}\n",
                     s.reason == "time"        ? "ended at the time asked for"
                     : s.reason == "requested" ? "ended when asked to"
                                               : "done, ended by itself",
                     wall);
  if (r.boot) {
    add(out, "boot",
        fmt::format("first record {} after reset, {}", format_duration(Nanoseconds{r.boot->first_witness_ns}),
                    format_count(r.boot->cpus, "core", "cores")));
  }
  add(out, "agents",
      fmt::format("{} in {}, control included: {}", format_count(s.agents),
                  format_count(s.partitions, "partition", "partitions"), agents_text(r)));
  add(out, "messages", fmt::format("{} delivered", format_count(s.messages)));
  add(out, "switches", fmt::format("{} between agents", format_count(s.switches)));
  if (r.coherence) {
    add(out, "boundaries", boundaries_text(*r.coherence));
    add_layout(out, *r.coherence, o.layout);
  }
  add(out, "refused",
      fmt::format("{} for want of authority or a bad argument", format_count(s.refused, "operation", "operations")));
  add(out, "faults",
      fmt::format("{}{}", format_count(s.faults, "agent", "agents"),
                  s.faults == 0 ? "" : ", each stopped alone; the others went on"));
  if (s.throttled != 0) {
    add(out, "throttled", fmt::format("{} times, partitions that flooded the log", format_count(s.throttled)));
  }
  if (s.vmid_reclaims != 0) {
    add(out, "VMIDs",
        fmt::format("{} reclaimed: more partitions than the CPU has names for", format_count(s.vmid_reclaims)));
  }
  if (o.verdict.deadlines_met + o.verdict.deadlines_missed != 0) {
    add(out, "deadlines",
        fmt::format("{} met, {} missed", format_count(o.verdict.deadlines_met),
                    format_count(o.verdict.deadlines_missed)));
  }
  constexpr unsigned shown_latencies = 4;
  unsigned latencies = 0;
  for (const AgentReport& a : r.agents) {
    if (a.latency && (style.verbose || latencies++ < shown_latencies)) {
      add(out, "latency",
          fmt::format("{}: median {}, 99 % within {}, worst {}", a.name, format_duration(Nanoseconds{a.latency->p50}),
                      format_duration(Nanoseconds{a.latency->p99}), format_duration(Nanoseconds{a.latency->max})));
    }
  }
  add_attacks(out, o.verdict, style.verbose);
  add(out, "log", log_text(o));
  if (style.verbose) {
    add_agent_table(out, r);
  }
  return out;
}

}  // namespace rvm::host
