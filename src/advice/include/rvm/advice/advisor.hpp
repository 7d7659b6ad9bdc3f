// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Who watches the communication and advises on boundaries, as the kernel sees it: it tells what happens, gives the adviser time,
// and is told what to move. Layer 2 implements this (src/coherence/advisor); where it is left out, absent.cpp does. Which of the
// two, the build decides (rvm_advisor), so nothing is called through a pointer and nothing below layer 2 knows of it.
//
// Everything is called under the kernel lock. Agents, edges and partitions are named by their slots, which are dense.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/boot_package.h"
#include "rvm/types/error.hpp"
#include "rvm/types/time.hpp"

namespace rvm::advice {

using Slot = std::uint32_t;

struct Capacity {
  std::uint32_t agents, edges, partitions;
};

/// What it would move. The kernel carries it out through the gate, or refuses, and says so (answer).
struct Move {
  enum class Kind : std::uint8_t { migrate, split, merge };
  Kind kind = Kind::migrate;
  std::uint16_t reason = 0;   ///< rvm_move_reason
  Slot agent = 0;             ///< migrate: who
  Slot from = 0;              ///< merge: who takes the other in
  Slot to = 0;                ///< split: none
  std::uint64_t members = 0;  ///< split: who leaves; bit i is the i-th agent of `from` in ascending order of slots
};

/// Something to leave a record of.
struct Event {
  enum class Kind : std::uint8_t { recomputed, budget_exceeded, degraded_entered, degraded_exited };
  Kind kind = Kind::recomputed;
  Slot partition = 0;
  std::uint32_t a = 0;  ///< recomputed: coherence; budget_exceeded: units; degraded: reason
  std::uint32_t b = 0;  ///< recomputed: pressure
};

struct Signals {
  BasisPoints coherence{10000}, pressure{0}, cohesion{10000};
};

/// Whether one can be asked at all.
[[nodiscard]] bool present();
/// Bytes that start() wants, aligned to 8.
[[nodiscard]] std::size_t memory_bytes(Capacity capacity);
/// Errors: bad_argument (settings), no_memory. Until then, and after an error, nothing else does anything.
/// `memory` is its own until stop.
[[nodiscard]] Status start(Capacity capacity, const rvm_package_coherence& settings, std::span<std::byte> memory);

/// From now on nothing does anything.
void stop();

/// By whoever may: it goes on measuring and moves nothing, which is degraded mode, until it is resumed.
void pause(bool paused);
[[nodiscard]] bool paused();

// --- What happens. O(1), or O(edges of the agent).
void partition_began(Slot partition, bool live);
void agent_began(Slot agent, Slot partition);
void agent_ended(Slot agent);
void agent_moved(Slot agent, Slot partition);
void edge_began(Slot edge, Slot sender, Slot receiver);
void edge_ended(Slot edge);
void delivered(Slot edge, std::uint64_t bytes);
/// A refusal, or a verdict: how much of its trust an agent loses.
void distrust(Slot agent, BasisPoints severity);

// --- Time for it.
/// An epoch began, at this load of the CPUs. What the last one did not finish goes on.
void begin_epoch(std::uint64_t epoch, BasisPoints load);
[[nodiscard]] bool has_work();
/// Works for at most 25 instructions times `units`, and 4 800 more. `may_merge`: Error::ok, or why not. True when the epoch's
/// work is done: then there may be moves and events.
bool work(std::uint32_t units, Error (*may_merge)(Slot into, Slot absorbed));
/// What there is to move, one at a time: nothing more until it was answered.
[[nodiscard]] bool next_move(Move& move);
/// `created`: the partition that a split made.
void answer(Error error, Slot created);
[[nodiscard]] bool next_event(Event& event);

// --- What it knows. O(1).
[[nodiscard]] bool degraded();
[[nodiscard]] Signals signals(Slot partition);
[[nodiscard]] std::uint64_t weight(Slot edge);  ///< bytes, decayed
/// Whether two partitions talk enough to be merged, for requests by hand. Errors: no_shared_edge, not_coherent.
[[nodiscard]] Status may_merge(Slot into, Slot absorbed);

}  // namespace rvm::advice
