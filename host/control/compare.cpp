// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/compare.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/common/units.hpp"
#include "host/control/describe.hpp"

namespace rvm::host {

namespace {

using PlainJson = nlohmann::json;

/// A number of an object, if it is there and fits.
template <typename T>
bool take(const PlainJson& object, const char* key, T& to) {
  const auto it = object.find(key);
  if (it == object.end() || !it->is_number_unsigned() || it->get<std::uint64_t>() > std::numeric_limits<T>::max()) {
    return false;
  }
  to = it->get<T>();
  return true;
}
bool take_name(const PlainJson& object, char (&to)[RVM_NAME_BYTES]) {
  const auto it = object.find("name");
  if (it == object.end() || !it->is_string() || it->get_ref<const std::string&>().size() >= RVM_NAME_BYTES) {
    return false;
  }
  it->get_ref<const std::string&>().copy(to, RVM_NAME_BYTES - 1);
  return true;
}
/// The number that the text stands for; false: for none.
template <typename Named>
bool take_named(const PlainJson& object, const char* key, std::uint8_t& to, Named named) {
  const auto it = object.find(key);
  for (to = 0; it != object.end() && it->is_string() && named(to) != "?"; ++to) {
    if (named(to) == it->get_ref<const std::string&>()) {
      return true;
    }
  }
  return false;
}

bool parse(const PlainJson& from, rvm_partition_status& p) {
  p.coherence_bp = p.pressure_bp = p.cohesion_bp = RVM_UNKNOWN;
  (void)take(from, "coherence_bp", p.coherence_bp);  // null where nobody measures
  return take(from, "id", p.id) && take(from, "pages", p.pages) && take_name(from, p.name) &&
         take_named(from, "type", p.type, [](std::uint8_t type) { return type_name(type); }) &&
         take_named(from, "state", p.state, [](std::uint8_t state) { return partition_state_name(state); });
}
bool parse(const PlainJson& from, rvm_agent_status& a) {
  return take(from, "id", a.id) && take(from, "partition", a.partition) && take_name(from, a.name) &&
         take_named(from, "state", a.state, [](std::uint8_t state) { return agent_state_name(state); });
}
bool parse(const PlainJson& from, rvm_edge_status& e) {
  return take(from, "id", e.id) && take(from, "sender", e.sender) && take(from, "receiver", e.receiver) &&
         take(from, "messages", e.messages) && take(from, "bytes", e.bytes) && take(from, "weight", e.weight);
}

template <typename T>
bool parse_all(const PlainJson& from, const char* key, std::vector<T>& to) {
  const auto it = from.find(key);
  return it != from.end() && it->is_array() && std::ranges::all_of(*it, [&](const PlainJson& one) {
           return one.is_object() && parse(one, to.emplace_back());
         });
}

std::string name_of(const Snapshot& s, std::uint32_t partition) {
  const rvm_partition_status* const p = partition_of(s, partition);
  return p == nullptr ? fmt::format("{}", partition) : fmt::format("{} ({})", p->name, partition);
}

/// How much of what was said crossed a boundary. `from`: bytes that do not count, by edge.
std::string crossing(const Snapshot& s, const Snapshot* from) {
  std::uint64_t all = 0;
  std::uint64_t across = 0;
  for (const rvm_edge_status& e : s.edges) {
    std::uint64_t bytes = e.bytes;
    if (from != nullptr) {
      const auto it = std::ranges::find(from->edges, e.id, &rvm_edge_status::id);
      bytes -= it == from->edges.end() ? 0 : std::min(bytes, it->bytes);
    }
    all += bytes;
    across += crosses(s, e) ? bytes : 0;
  }
  return all == 0 ? std::string("no traffic")
                  : fmt::format("{:.0f} % of {} across boundaries",
                                100 * static_cast<double>(across) / static_cast<double>(all), format_size(all));
}

std::string title_before(const Snapshot& before) {
  return fmt::format("before, at epoch {}: {}", format_count(before.machine.epoch), crossing(before, nullptr));
}
std::string title_now(const Snapshot& before, const Snapshot& now) {
  return fmt::format("now, at epoch {}: since then {}", format_count(now.machine.epoch), crossing(now, &before));
}

}  // namespace

Outcome<Snapshot> saved_snapshot(std::string_view json, const std::string& machine, const Snapshot& now) {
  const PlainJson from = PlainJson::parse(json, nullptr, false);
  Snapshot out;
  const auto name = from.is_object() ? from.find("machine") : from.end();
  const auto status = from.is_object() ? from.find("status") : from.end();
  if (name == from.end() || !name->is_string() || status == from.end() || !status->is_object() ||
      !take(*status, "now_ns", out.machine.now_ns) || !take(*status, "epoch", out.machine.epoch) ||
      !parse_all(from, "partitions", out.partitions) || !parse_all(from, "agents", out.agents) ||
      !parse_all(from, "edges", out.edges)) {
    return failure(ExitCode::usage, "the file to compare with is not what rvm graph --json prints",
                   "save one first: rvm graph --json >before.json");
  }
  if (name->get_ref<const std::string&>() != machine || out.machine.now_ns > now.machine.now_ns) {
    return failure(ExitCode::usage,
                   fmt::format("the file to compare with is of {}",
                               name->get_ref<const std::string&>() != machine
                                   ? fmt::format("the machine '{}', not of '{}'", name->get<std::string>(), machine)
                                   : fmt::format("another run of '{}'", machine)),
                   "only layouts of one run can be compared");
  }
  return out;
}

Moves moves_between(const Snapshot& before, const Snapshot& now) {
  Moves out;
  for (const rvm_agent_status& a : before.agents) {
    const rvm_agent_status* const later = agent_of(now, a.id);
    if (later == nullptr) {
      out.before.emplace(a.id, "ended");
    } else if (later->partition != a.partition) {
      out.before.emplace(a.id, "to " + name_of(now, later->partition));
      out.now.emplace(a.id, "from " + name_of(before, a.partition));
    }
  }
  for (const rvm_agent_status& a : now.agents) {
    if (agent_of(before, a.id) == nullptr) {
      out.now.emplace(a.id, "new");
    }
  }
  return out;
}

std::string compare_text(const Snapshot& before, const Snapshot& now) {
  const Moves moves = moves_between(before, now);
  return fmt::format("{}\n{}\n{}\n{}", title_before(before), boxes_text(before, moves.before), title_now(before, now),
                     boxes_text(now, moves.now));
}

std::string compare_dot(const Snapshot& before, const Snapshot& now) {
  const Moves moves = moves_between(before, now);
  std::string out = "digraph rvm {\n  rankdir=LR;\n  node [shape=ellipse, fontname=\"sans-serif\"];\n";
  out += fmt::format("  subgraph cluster_before {{\n  label={};\n{}  }}\n", quoted_dot(title_before(before)),
                     clusters_dot(before, moves.before, 'b'));
  out += fmt::format("  subgraph cluster_now {{\n  label={};\n{}  }}\n", quoted_dot(title_now(before, now)),
                     clusters_dot(now, moves.now, 'a'));
  for (const auto& [agent, mark] : moves.before) {
    if (moves.now.contains(agent)) {
      out += fmt::format("  b{0} -> a{0} [style=dashed, color=\"goldenrod\"];\n", agent);
    }
  }
  return out + "}\n";
}

std::string compare_svg(const Snapshot& before, const Snapshot& now) {
  constexpr double title_height = 40;
  const Moves moves = moves_between(before, now);
  const SvgPart left = part_svg(before, moves.before);
  const SvgPart right = part_svg(now, moves.now);
  const auto placed = [&](const SvgPart& part, double x, const std::string& title) {
    return fmt::format(
        "<g transform=\"translate({:.0f} {:.0f})\"><text x=\"40\" y=\"10\" class=\"h\">{}</text>\n{}</g>\n", x,
        title_height, title, part.body);
  };
  // A title may be wider than what it stands above.
  const double width = std::max(left.width, 420.0);
  return document_svg({placed(left, 0, title_before(before)) + placed(right, width, title_now(before, now)),
                       width + std::max(right.width, 480.0), std::max(left.height, right.height) + title_height});
}

}  // namespace rvm::host
