// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The communication graph with its boundaries: agents, grouped by the partition they are in, and the edges between them. The same
// snapshot always makes the same drawing.
#pragma once

#include <map>
#include <string>

#include "host/control/connection.hpp"

namespace rvm::host {

/// Agents that a drawing points out, by id, and what it says of each.
using Marks = std::map<std::uint32_t, std::string>;

/// For a terminal.
[[nodiscard]] std::string graph_text(const Snapshot& s);
/// For Graphviz.
[[nodiscard]] std::string graph_dot(const Snapshot& s);
/// A drawing of its own.
[[nodiscard]] std::string graph_svg(const Snapshot& s);

/// How heavy an edge is: its weight in the graph, or where nobody measures that, the bytes it has carried.
[[nodiscard]] std::uint64_t heaviness(const Snapshot& s, const rvm_edge_status& edge);
/// Both ends are there, in different partitions.
[[nodiscard]] bool crosses(const Snapshot& s, const rvm_edge_status& edge);

// --- What the drawings above consist of.

/// The partitions as boxes.
[[nodiscard]] std::string boxes_text(const Snapshot& s, const Marks& marks);
/// Clusters and edges. `prefix` is a letter that begins the name of each node.
[[nodiscard]] std::string clusters_dot(const Snapshot& s, const Marks& marks, char prefix);
/// A text in the language of Graphviz.
[[nodiscard]] std::string quoted_dot(std::string_view text);
struct SvgPart {
  std::string body;
  double width = 0;
  double height = 0;
};
/// With its upper left corner at (0, 0).
[[nodiscard]] SvgPart part_svg(const Snapshot& s, const Marks& marks);
/// The whole file around parts that were put in place.
[[nodiscard]] std::string document_svg(const SvgPart& whole);

}  // namespace rvm::host
