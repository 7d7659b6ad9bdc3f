// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Where the kernel and its adviser meet (rvm/advice/advisor.hpp): the adviser is given time by the worker, its moves pass the gate
// as anybody's do, and what it says leaves records. Under the kernel lock, except for work_on_boundaries.
#pragma once

#include "state.hpp"

namespace rvm::kernel {

/// Memory for the adviser, if the boot package asks for one. The package is not authenticated yet: that only decides about memory.
[[nodiscard]] std::size_t adviser_bytes(const State& s, std::span<const std::byte> package);
/// Once the package is known to be genuine. What exists by then is told later (partition_known and so on).
void start_adviser(State& s, std::span<std::byte> memory);

void partition_known(const Partition& p);
void agent_known(const Agent& agent);
void edge_known(const Edge& edge);

/// Bytes that an edge delivered since they were counted last. They crossed a boundary, or they did not.
void count_traffic(State& s, const Edge& edge);

/// At an epoch.
void begin_boundary_epoch(State& s);
/// Whether the adviser, or a move of its, has something to do.
[[nodiscard]] bool boundaries_have_work(const State& s);
/// A piece of it, some 5 000 instructions at most under the lock. True if there was something to do. Called without the lock.
bool work_on_boundaries();

/// Says on the console that agents moved. `agent`: its name, where it is one.
void report_move(const Relocation& r, std::string_view from, std::string_view to, std::string_view agent);
/// What the adviser did and what it took, at the end.
void report_boundaries(const State& s);

}  // namespace rvm::kernel
