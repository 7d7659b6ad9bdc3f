// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/graph.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <map>
#include <numbers>

#include "host/common/units.hpp"
#include "host/control/describe.hpp"
#include "rvm/boot_package.h"

namespace rvm::host {

namespace {

/// The agents of each partition, in the order of their ids; partitions likewise. The control partition only if it has agents.
struct Group {
  const rvm_partition_status* partition;
  std::vector<const rvm_agent_status*> agents;
};

template <typename T>
std::vector<const T*> by_id(const std::vector<T>& all) {
  std::vector<const T*> out;
  out.reserve(all.size());
  for (const T& t : all) out.push_back(&t);
  std::ranges::sort(out, {}, &T::id);
  return out;
}

std::vector<Group> groups_of(const Snapshot& s) {
  std::vector<Group> out;
  for (const rvm_partition_status* p : by_id(s.partitions)) {
    Group group{p, {}};
    for (const rvm_agent_status* a : by_id(s.agents)) {
      if (a->partition == p->id) group.agents.push_back(a);
    }
    if (!group.agents.empty() || p->type != RVM_PARTITION_ROOT) out.push_back(std::move(group));
  }
  return out;
}

/// Edges whose ends are both there.
std::vector<const rvm_edge_status*> whole_edges(const Snapshot& s) {
  auto out = by_id(s.edges);
  std::erase_if(out, [&](const rvm_edge_status* e) {
    return agent_of(s, e->sender) == nullptr || agent_of(s, e->receiver) == nullptr;
  });
  return out;
}

std::string carried(const rvm_edge_status& e) {
  const std::string text = fmt::format("{}, {}", format_count(e.messages, "message", "messages"), format_size(e.bytes));
  return e.weight == 0 ? text : fmt::format("{}, weight {}", text, format_count(e.weight));
}

/// 1 to 8 by powers of 16: a bar that tells edges apart.
unsigned thickness(const Snapshot& s, const rvm_edge_status& e) {
  return 1 + static_cast<unsigned>(std::bit_width(heaviness(s, e))) / 4 % 8;
}

/// What a drawing says of an agent; nullptr: nothing.
const std::string* mark_of(const Marks& marks, const rvm_agent_status& a) {
  const auto it = marks.find(a.id);
  return it == marks.end() ? nullptr : &it->second;
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&' || c == '<' || c == '>' || c == '"' || static_cast<unsigned char>(c) < 0x20) {
      out += fmt::format("&#{};", static_cast<unsigned>(static_cast<unsigned char>(c)));
    } else {
      out += c;
    }
  }
  return out;
}

struct Point {
  double x = 0;
  double y = 0;
};

constexpr double box_gap = 40, head = 30, node = 22, ring_least = 44;

/// A partition's box: its agents on a circle.
struct Box {
  const Group* group;
  double size = 0;
  Point corner;
};

double ring_of(std::size_t agents) {
  return agents < 2 ? 0 : std::max(ring_least, static_cast<double>(agents) * (2 * node + 26) / (2 * std::numbers::pi));
}

/// Boxes in rows of about the same width as the whole is high.
std::vector<Box> place(const std::vector<Group>& groups, Point& extent) {
  std::vector<Box> boxes;
  double area = 0;
  for (const Group& g : groups) {
    const double size = std::max(130.0, 2 * (ring_of(g.agents.size()) + node + 26));
    boxes.push_back({&g, size, {}});
    area += (size + box_gap) * (size + head + box_gap);
  }
  const double width = std::max(std::sqrt(area) * 1.3, 300.0);
  Point at{box_gap, box_gap};
  double row = 0;
  for (Box& b : boxes) {
    if (at.x > box_gap && at.x + b.size > width) {
      at = {box_gap, at.y + row + box_gap};
      row = 0;
    }
    b.corner = at;
    at.x += b.size + box_gap;
    row = std::max(row, b.size + head);
    extent.x = std::max(extent.x, at.x);
  }
  extent.y = at.y + row + box_gap;
  return boxes;
}

}  // namespace

std::uint64_t heaviness(const Snapshot& s, const rvm_edge_status& e) {
  const bool measured =
      std::ranges::any_of(s.partitions, [](const rvm_partition_status& p) { return p.coherence_bp != RVM_UNKNOWN; });
  return measured ? e.weight : e.bytes;
}

bool crosses(const Snapshot& s, const rvm_edge_status& e) {
  const rvm_agent_status* const sender = agent_of(s, e.sender);
  const rvm_agent_status* const receiver = agent_of(s, e.receiver);
  return sender != nullptr && receiver != nullptr && sender->partition != receiver->partition;
}

std::string boxes_text(const Snapshot& s, const Marks& marks) {
  std::string out;
  for (const Group& g : groups_of(s)) {
    const std::string title = fmt::format("{} ({}), {}", g.partition->name, g.partition->id, state_name(*g.partition));
    std::vector<std::string> lines;
    for (const auto* a : g.agents) {
      const std::string* const mark = mark_of(marks, *a);
      lines.push_back(mark == nullptr ? fmt::format("  {} ({})", a->name, a->id)
                                      : fmt::format("* {} ({}), {}", a->name, a->id, *mark));
    }
    if (lines.empty()) lines.emplace_back("  nobody");
    std::size_t width = title.size() + 2;
    for (const std::string& line : lines) width = std::max(width, line.size() + 2);
    out += fmt::format("+- {} {:-<{}}+\n", title, "", width - title.size() - 1);
    for (const std::string& line : lines) out += fmt::format("|{:<{}}|\n", line, width + 2);
    out += fmt::format("+--{:-<{}}+\n", "", width);
  }
  return out;
}

std::string graph_text(const Snapshot& s) {
  std::string out = boxes_text(s, {});
  auto edges = whole_edges(s);
  std::ranges::sort(edges, [&](const auto* a, const auto* b) {
    const auto first = heaviness(s, *a);
    const auto second = heaviness(s, *b);
    return first != second ? first > second : a->id < b->id;
  });
  if (!edges.empty()) out += "\n";
  for (const auto* e : edges) {
    // What leaves its partition is drawn with a bar across: that is what a cut is made of.
    out += fmt::format("  {:>24} {:=<{}}{}> {:<24} {}\n", agent_of(s, e->sender)->name, "", thickness(s, *e),
                       crosses(s, *e) ? "|=" : "", agent_of(s, e->receiver)->name, carried(*e));
  }
  return out;
}

std::string quoted_dot(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string clusters_dot(const Snapshot& s, const Marks& marks, char prefix) {
  std::string out;
  for (const Group& g : groups_of(s)) {
    out += fmt::format("  subgraph cluster_{}{} {{\n    label={};\n", prefix, g.partition->id,
                       quoted_dot(g.partition->name));
    for (const auto* a : g.agents) {
      const std::string* const mark = mark_of(marks, *a);
      out += fmt::format("    {}{} [label={}{}];\n", prefix, a->id,
                         quoted_dot(mark == nullptr ? std::string(a->name) : fmt::format("{}, {}", a->name, *mark)),
                         mark == nullptr ? "" : ", style=filled, fillcolor=\"gold\"");
    }
    out += "  }\n";
  }
  for (const auto* e : whole_edges(s)) {
    out += fmt::format("  {0}{1} -> {0}{2} [label={3}, penwidth={4}{5}];\n", prefix, e->sender, e->receiver,
                       quoted_dot(carried(*e)), thickness(s, *e), crosses(s, *e) ? ", color=\"firebrick\"" : "");
  }
  return out;
}

std::string graph_dot(const Snapshot& s) {
  return "digraph rvm {\n  rankdir=LR;\n  node [shape=ellipse, fontname=\"sans-serif\"];\n" + clusters_dot(s, {}, 'a') +
         "}\n";
}

SvgPart part_svg(const Snapshot& s, const Marks& marks) {
  const auto groups = groups_of(s);
  Point extent{300, 0};
  const auto boxes = place(groups, extent);
  std::map<std::uint32_t, Point> at;
  std::string nodes;
  std::string frames;
  for (const Box& b : boxes) {
    const Group& g = *b.group;
    frames += fmt::format(
        "<g><rect x=\"{:.0f}\" y=\"{:.0f}\" width=\"{:.0f}\" height=\"{:.0f}\" rx=\"8\" class=\"p\"/>"
        "<text x=\"{:.0f}\" y=\"{:.0f}\" class=\"h\">{}</text><title>partition {}, {}, {} pages</title></g>\n",
        b.corner.x, b.corner.y, b.size, b.size + head, b.corner.x + 10, b.corner.y + 20, escaped(g.partition->name),
        g.partition->id, state_name(*g.partition), g.partition->pages);
    const double ring = ring_of(g.agents.size());
    const Point middle{b.corner.x + b.size / 2, b.corner.y + head + b.size / 2};
    for (std::size_t i = 0; i < g.agents.size(); ++i) {
      const double angle = 2 * std::numbers::pi * static_cast<double>(i) / static_cast<double>(g.agents.size());
      const Point p{middle.x + ring * std::sin(angle), middle.y - ring * std::cos(angle)};
      const rvm_agent_status& a = *g.agents[i];
      const std::string* const mark = mark_of(marks, a);
      at[a.id] = p;
      nodes += fmt::format(
          "<g><circle cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"{:.0f}\" class=\"a{}\"/>"
          "<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"n\">{}</text>",
          p.x, p.y, node, mark == nullptr ? "" : " m", p.x, p.y + node + 12, escaped(a.name));
      if (mark != nullptr) {
        nodes += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\" class=\"n\">{}</text>", p.x, p.y + 4, escaped(*mark));
      }
      nodes += fmt::format("<title>agent {}, {}</title></g>\n", a.id, activity(a));
    }
  }
  std::string edges;
  for (const auto* e : whole_edges(s)) {
    const Point from = at[e->sender];
    const Point to = at[e->receiver];
    const double length = std::max(1.0, std::hypot(to.x - from.x, to.y - from.y));
    const Point unit{(to.x - from.x) / length, (to.y - from.y) / length};
    const Point start{from.x + unit.x * node, from.y + unit.y * node};
    const Point end{to.x - unit.x * (node + 5), to.y - unit.y * (node + 5)};
    // Bent to the right, so that the two directions of a pair lie apart.
    const double bend = length / 8;
    const Point turn{(from.x + to.x) / 2 - unit.y * bend, (from.y + to.y) / 2 + unit.x * bend};
    edges += fmt::format(
        "<path d=\"M{:.1f} {:.1f} Q{:.1f} {:.1f} {:.1f} {:.1f}\" stroke-width=\"{}\" class=\"{}\" "
        "marker-end=\"url(#m)\"><title>{} to {}: {}</title></path>\n",
        start.x, start.y, turn.x, turn.y, end.x, end.y, thickness(s, *e), crosses(s, *e) ? "x" : "e",
        escaped(agent_of(s, e->sender)->name), escaped(agent_of(s, e->receiver)->name), escaped(carried(*e)));
  }
  return {frames + edges + nodes, extent.x, extent.y};
}

std::string document_svg(const SvgPart& whole) {
  return fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0:.0f} {1:.0f}\" width=\"{0:.0f}\" "
      "height=\"{1:.0f}\">\n"
      "<style>.p{{fill:#f4f6f8;stroke:#5b6770}}.h{{font:bold 14px sans-serif;fill:#20262b}}"
      ".a{{fill:#fff;stroke:#20262b;stroke-width:1.5}}.m{{fill:#ffd54a}}"
      ".n{{font:11px sans-serif;text-anchor:middle;fill:#20262b}}"
      ".e,.x{{fill:none;stroke:#3a6ea5;stroke-opacity:.7}}.x{{stroke:#b03a2e}}</style>\n"
      "<defs><marker id=\"m\" viewBox=\"0 0 8 8\" refX=\"6\" refY=\"4\" markerWidth=\"8\" markerHeight=\"8\" "
      "markerUnits=\"userSpaceOnUse\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n{2}</svg>\n",
      whole.width, whole.height, whole.body);
}

std::string graph_svg(const Snapshot& s) { return document_svg(part_svg(s, {})); }

}  // namespace rvm::host
