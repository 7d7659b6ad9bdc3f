// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The communication graph with today's boundaries: agents, grouped by the partition they are in, and the edges between them. The
// same snapshot always makes the same drawing.
#pragma once

#include <string>

#include "host/control/connection.hpp"

namespace rvm::host {

/// For a terminal.
[[nodiscard]] std::string graph_text(const Snapshot& s);
/// For Graphviz.
[[nodiscard]] std::string graph_dot(const Snapshot& s);
/// A drawing of its own.
[[nodiscard]] std::string graph_svg(const Snapshot& s);

/// How heavy an edge is: its weight in the graph, or where nobody computes that, the bytes it has carried.
[[nodiscard]] std::uint64_t heaviness(const rvm_edge_status& edge);

}  // namespace rvm::host
