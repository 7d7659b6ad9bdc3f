// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The life of agents: spawn, suspend, end. Under the kernel lock. Mutations take the gate's permit.
#pragma once

#include <string_view>

#include "state.hpp"

namespace rvm::kernel {

struct SpawnRequest {
  Partition& partition;
  std::uint32_t image;  ///< index in the boot package
  std::string_view name;
  std::uint32_t priority;  ///< 0..10000
  std::int32_t affinity = -1;
  std::uint64_t argument = 0;
  std::span<const std::byte> arguments{};  // NOLINT(readability-redundant-member-init): may be left out
  bool service = false;
  Nanoseconds period{0}, budget{0}, deadline{0};
  Agent* original = nullptr;  ///< of a fork: whose memory it gets, and whose image this is
};

/// Builds an agent: slot memory, context, standard capabilities and their directory. It is not started yet. Errors, without
/// effect: resource_limit, no_memory, bad_argument (no such image), bad_state (partition cannot take agents).
[[nodiscard]] Result<Agent*> spawn(State& s, const security::Permit& permit, const SpawnRequest& request);
/// Initializing -> Running.
void start(State& s, Agent& agent);
/// Initializing -> Suspended: AGENT_RESUME starts it.
void start_suspended(State& s, Agent& agent);

/// Adds a capability to the agent's directory; ignored when that is full (the handle still works).
void add_to_directory(Agent& agent, std::string_view name, std::uint32_t handle, ObjectType type);

enum class Ending : std::uint8_t { exited = 0, faulted = 1, terminated = 2 };

/// Ends an agent: it runs no more, peers are told; what it held is given back in steps (bury_step). `detail`: exit code or fault address.
/// An agent that executes on another core is ended by that core a moment later. Always witnessed; false when the log has no
/// room for the record: nothing happened then and the caller must try again.
[[nodiscard]] bool end(State& s, Agent& agent, const security::Authority& by, Ending ending, std::uint64_t detail);
/// The executing core carries out what `end` asked for.
void finish_doomed(State& s, Agent& agent);
/// A step of giving back what is nobody's any more: some of an ended agent's capabilities removed with what is mapped through
/// them, some pages scrubbed and freed, in the end its slot; or a region to which no capability leads. Done by idle cores, at
/// each epoch, and by whoever needs the partition's memory.
enum class Burial : std::uint8_t { nothing, step, log_full };
Burial bury_step(State& s);
/// The same, only of what this partition pays for.
Burial bury_step_of(State& s, const Partition& p);

/// Stops or lets run an agent without ending its waits.
void hold(State& s, Agent& agent);
void unhold(State& s, Agent& agent);

}  // namespace rvm::kernel
