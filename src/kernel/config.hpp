// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "rvm/types/time.hpp"

namespace rvm::kernel {

/// Capacities of the appliance. Tables are carved from RAM at boot; on small machines they shrink in proportion
/// (see Capacity::for_machine).
inline constexpr std::uint32_t maximum_partitions = 4096;
inline constexpr std::uint32_t maximum_agents = 16384;
inline constexpr std::uint32_t maximum_edges = 32768;
inline constexpr std::uint32_t maximum_regions = 8192;
inline constexpr std::uint32_t maximum_cores = 8;
inline constexpr std::uint32_t maximum_agents_per_partition = 64;
inline constexpr std::uint32_t maximum_edges_per_partition = 128;
inline constexpr std::uint32_t maximum_region_pages = 512;  ///< bounds how long one hypercall may scrub
/// What a fork may share; it is one step under the lock, of about 80 instructions for each.
inline constexpr std::uint64_t maximum_fork_pages = 4096;
/// What one hypercall may spend on revocation before it lets interrupts and other cores in (cap::Budget): a capability
/// costs 1 and about 100 instructions, a page unmapped with it an eighth.
inline constexpr std::uint32_t revocation_step = 96;
inline constexpr std::uint32_t pages_per_budget_unit = 8;
inline constexpr std::uint32_t device_interrupts_per_epoch = 16;  ///< of each device; its cause may never be removed
inline constexpr std::uint64_t release_step_pages = 24;  ///< of an ended agent's arena, scrubbed and freed in one go
inline constexpr std::size_t maximum_ring_bytes = std::size_t{16} << 20;

/// Trust that a refusal costs an agent: some 20 of them in a row, and the coherence engine isolates it.
inline constexpr BasisPoints refusal_severity{250};
inline constexpr std::uint32_t default_record_quota = 4;  ///< witness records per epoch and partition
inline constexpr std::uint32_t record_burst = 256;
inline constexpr std::uint32_t text_unit = 16;  ///< bytes
inline constexpr std::uint32_t text_quota = 8;  ///< units per epoch and partition
inline constexpr std::uint32_t text_burst = 1024;
inline constexpr std::uint32_t seal_batch = 16;  ///< records sealed in one go by a core that has work
inline constexpr std::uint32_t batches_per_proof =
    64;  ///< of the log, at most, between two pieces of evidence verified
inline constexpr std::uint64_t log_turns_per_epoch = 5;  ///< a busy core gives the log one of so many parts of an epoch
inline constexpr std::uint32_t edge_summaries_per_epoch = 64;
inline constexpr std::uint32_t ageing_epochs = 64;  ///< how often a core lets a waiting lower priority run
inline constexpr Nanoseconds durable_report_interval{50'000'000};
inline constexpr Nanoseconds head_interval{250'000'000};  ///< between signed tree heads, at least

/// What fits a machine.
struct Capacity {
  std::uint32_t partitions, agents, edges, regions;
  std::size_t ring_bytes;

  /// `slots`: of agents that the guest-physical space has room for.
  [[nodiscard]] static constexpr Capacity for_machine(std::uint64_t bytes, std::uint64_t slots) {
    const std::uint64_t quarter_gib = std::uint64_t{256} << 20;
    const std::uint32_t divisor = bytes >= quarter_gib ? 1 : bytes >= quarter_gib / 2 ? 2 : 4;
    std::size_t ring = maximum_ring_bytes;
    while (ring > bytes / 16) ring /= 2;
    const bool large = bytes >= 3 * quarter_gib;
    const std::uint64_t agents = large ? maximum_agents : 4096 / divisor;
    return {maximum_partitions / divisor, static_cast<std::uint32_t>(slots < agents ? slots : agents),
            large ? maximum_edges : 8192 / divisor, maximum_regions / divisor, ring};
  }
};

}  // namespace rvm::kernel
