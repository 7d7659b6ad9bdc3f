// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/top.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "host/common/units.hpp"
#include "host/control/decision.hpp"
#include "host/control/describe.hpp"
#include "host/control/graph.hpp"

namespace rvm::host {

namespace {

/// Growth of a counter per second; of something new, since its beginning.
double rate(std::uint64_t now, std::uint64_t before, double seconds) {
  return seconds <= 0 || now < before ? 0 : static_cast<double>(now - before) / seconds;
}

std::string per_second(double value) {
  if (value >= 1e6) {
    return fmt::format("{:.1f}M", value / 1e6);
  }
  return value >= 1e4 ? fmt::format("{:.1f}k", value / 1e3) : fmt::format("{:.0f}", value);
}

/// The greatest first; of equals the one with the lower id.
template <typename T, typename Key>
void sort_by(std::vector<T>& all, Key key) {
  std::ranges::sort(all, [&](const T& a, const T& b) {
    const auto [first, first_id] = key(a);
    const auto [second, second_id] = key(b);
    return first != second ? first > second : first_id < second_id;
  });
}

struct Load {
  double cpu = 0;  ///< of one core, in percent
  double messages = 0;
};

class Frame {
 public:
  Frame(const TopView& view, unsigned width, unsigned height) : view_(view), width_(width), height_(height) {
    if (view.before) {
      seconds_ = static_cast<double>(view.now.machine.now_ns - view.before->machine.now_ns) / 1e9;
      for (const auto& a : view.before->agents) before_.emplace(a.id, &a);
      for (const auto& e : view.before->edges) edges_before_.emplace(e.id, &e);
    } else {
      seconds_ = static_cast<double>(view.now.machine.now_ns) / 1e9;
    }
    for (const auto& a : view.now.agents) {
      const auto it = before_.find(a.id);
      const Load load{rate(a.cpu_ns, it == before_.end() ? 0 : it->second->cpu_ns, seconds_) / 1e7,
                      rate(a.messages, it == before_.end() ? 0 : it->second->messages, seconds_)};
      loads_[a.id] = load;
      Load& sum = partition_loads_[a.partition];
      sum.cpu += load.cpu;
      sum.messages += load.messages;
    }
  }

  std::string run() {
    head();
    // What is left is shared: partitions, agents, edges, decisions.
    const std::size_t room = height_ > lines_ + 4 ? height_ - lines_ - 4 : 0;
    const std::size_t decisions = std::min<std::size_t>(view_.decisions.size(), std::max<std::size_t>(1, room / 4));
    const std::size_t edges = std::min<std::size_t>(view_.now.edges.size(), room / 5);
    const std::size_t partitions = std::min<std::size_t>(view_.now.partitions.size(), room / 3);
    const std::size_t used = decisions + edges + partitions;
    show_partitions(partitions);
    show_agents(std::min<std::size_t>(view_.now.agents.size(), room > used ? room - used : 0));
    show_edges(edges);
    show_decisions(decisions);
    return std::move(out_);
  }

 private:
  void line(std::string text) {
    if (lines_ == height_) {
      return;
    }
    if (text.size() > width_) {
      text.resize(width_);
    }
    for (char& c : text) {
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
    }
    out_ += text + "\n";
    ++lines_;
  }

  void head() {
    const rvm_machine_status& m = view_.now.machine;
    double cpu = 0;
    for (const auto& [id, load] : loads_) cpu += load.cpu;
    const std::uint64_t messages = view_.before ? view_.before->machine.messages : 0;
    const std::uint64_t switches = view_.before ? view_.before->machine.switches : 0;
    line(fmt::format("{}  up {}  epoch {}  {} cores, {:.0f} % busy, {} ready", view_.machine,
                     format_duration(Nanoseconds{m.now_ns}), format_count(m.epoch), m.cores,
                     m.cores == 0 ? 0 : cpu / m.cores, m.ready));
    line(fmt::format("memory {} of {}  {} messages/s  {} switches/s  refused {}  faults {}",
                     format_size((m.pages - m.pages_free) * RVM_PAGE_SIZE), format_size(m.pages * RVM_PAGE_SIZE),
                     per_second(rate(m.messages, messages, seconds_)), per_second(rate(m.switches, switches, seconds_)),
                     format_count(m.refused), format_count(m.faults)));
    line(fmt::format("log {} records, {} sealed, {} on disk", format_count(m.records), format_count(m.sealed),
                     format_count(m.durable)));
  }

  void show_partitions(std::size_t count) {
    line(fmt::format("{:<19}{:<11}{:>6}{:>8}{:>8}{:>8}{:>10}{:>10}", "PARTITION", "STATE", "AGENTS", "CPU %", "MSG/S",
                     "PAGES", "COHERENCE", "PRESSURE"));
    std::vector<const rvm_partition_status*> sorted;
    sorted.reserve(view_.now.partitions.size());
    for (const auto& p : view_.now.partitions) sorted.push_back(&p);
    sort_by(sorted, [&](const auto* p) { return std::pair(partition_loads_[p->id].cpu, p->id); });
    for (std::size_t i = 0; i < count; ++i) {
      const rvm_partition_status& p = *sorted[i];
      const Load load = partition_loads_[p.id];
      line(fmt::format("{:<19.18}{:<11}{:>6}{:>8.1f}{:>8}{:>8}{:>10}{:>10}", p.name, state_name(p), p.agents, load.cpu,
                       per_second(load.messages), p.pages, basis_points(p.coherence_bp), basis_points(p.pressure_bp)));
    }
  }

  void show_agents(std::size_t count) {
    line(fmt::format("{:<20}{:<16}{:<16}{:>4}{:>7}{:>8}{:>9}", "AGENT", "PARTITION", "DOES", "CORE", "CPU %", "MSG/S",
                     "REFUSED"));
    std::vector<const rvm_agent_status*> sorted;
    sorted.reserve(view_.now.agents.size());
    for (const auto& a : view_.now.agents) sorted.push_back(&a);
    sort_by(sorted, [&](const auto* a) { return std::pair(loads_[a->id].cpu, a->id); });
    for (std::size_t i = 0; i < count; ++i) {
      const rvm_agent_status& a = *sorted[i];
      const rvm_partition_status* const p = partition_of(view_.now, a.partition);
      line(fmt::format("{:<20.19}{:<16.15}{:<16.15}{:>4}{:>7.1f}{:>8}{:>9}", a.name, p == nullptr ? "?" : p->name,
                       activity(a), a.core, loads_[a.id].cpu, per_second(loads_[a.id].messages), a.refused));
    }
  }

  void show_edges(std::size_t count) {
    line(fmt::format("{:<20}{:<20}{:>8}{:>10}{:>9}{:>9}", "FROM", "TO", "MSG/S", "BYTES/S", "QUEUED", "WEIGHT"));
    struct Flow {
      const rvm_edge_status* edge;
      double messages, bytes;
    };
    std::vector<Flow> flows;
    for (const auto& e : view_.now.edges) {
      const auto it = edges_before_.find(e.id);
      flows.push_back({&e, rate(e.messages, it == edges_before_.end() ? 0 : it->second->messages, seconds_),
                       rate(e.bytes, it == edges_before_.end() ? 0 : it->second->bytes, seconds_)});
    }
    sort_by(flows, [](const Flow& f) { return std::pair(f.bytes, f.edge->id); });
    const auto name = [&](std::uint32_t id) {
      const rvm_agent_status* const a = agent_of(view_.now, id);
      return a == nullptr ? std::string("(gone)") : std::string(a->name);
    };
    for (std::size_t i = 0; i < count; ++i) {
      const rvm_edge_status& e = *flows[i].edge;
      line(fmt::format("{:<20.19}{:<20.19}{:>8}{:>10}{:>9}{:>9}", name(e.sender), name(e.receiver),
                       per_second(flows[i].messages), per_second(flows[i].bytes),
                       fmt::format("{}/{}", e.queued, e.capacity), e.weight == 0 ? "-" : format_count(e.weight)));
    }
  }

  void show_decisions(std::size_t count) {
    line("DECISIONS");
    for (std::size_t i = view_.decisions.size() - count; i < view_.decisions.size(); ++i) {
      const witness::Record& r = view_.decisions[i];
      line(fmt::format("{:>11}  {}", format_duration(Nanoseconds{r.timestamp_ns}),
                       decision_text(r, view_.now, view_.partition_names)));
    }
  }

  const TopView& view_;
  unsigned width_;
  unsigned height_;
  unsigned lines_ = 0;
  double seconds_ = 0;
  std::map<std::uint32_t, const rvm_agent_status*> before_;
  std::map<std::uint32_t, const rvm_edge_status*> edges_before_;
  std::map<std::uint32_t, Load> loads_;
  std::map<std::uint32_t, Load> partition_loads_;
  std::string out_;
};

}  // namespace

std::string top_frame(const TopView& view, unsigned width, unsigned height) {
  return Frame(view, std::max(width, 20u), std::max(height, 8u)).run();
}

}  // namespace rvm::host
