// SPDX-License-Identifier: MIT OR Apache-2.0
#include "balance.hpp"

#include <algorithm>
#include <span>

namespace rvm::kernel {
namespace {

constexpr std::uint32_t partitions_per_epoch = 64;
constexpr std::uint64_t epochs_per_pass = 16;

/// The busiest and the least busy core since the last pass began.
void begin_pass(State& s) {
  Balance& b = s.balance;
  b.cursor = 0;
  b.candidate = {};
  b.candidate_cpu = 0;
  b.from = b.to = 0;
  std::uint64_t most = 0;
  std::uint64_t least = UINT64_MAX;
  for (Core& core : std::span{s.cores}.first(s.core_count)) {
    const std::uint64_t busy = core.busy.value - core.busy_surveyed.value;
    core.busy_surveyed = core.busy;
    if (busy > most) most = busy, b.from = static_cast<std::uint8_t>(core.index.value);
    if (busy < least) least = busy, b.to = static_cast<std::uint8_t>(core.index.value);
  }
  const std::uint64_t pass = (s.epoch - b.begun) * s.epoch_length.value;
  b.begun = s.epoch;
  b.gap = most - least > pass / 8 ? most - least : 0;
}

/// The largest that does not make the other core the busier one by as much.
void consider(Balance& b, Partition& p) {
  const std::uint64_t cpu = p.cpu.value - p.cpu_surveyed.value;
  p.cpu_surveyed = p.cpu;
  if (p.home != b.from || p.mode != RVM_MODE_FLOW || cpu <= b.candidate_cpu || cpu > b.gap / 4 * 3) return;
  b.candidate = p.id;
  b.candidate_cpu = cpu;
}

}  // namespace

void balance_cores(State& s) {
  if (s.core_count == 1) return;
  Balance& b = s.balance;
  const auto capacity = static_cast<std::uint32_t>(s.partitions.capacity());
  if (b.cursor == capacity && s.epoch - b.begun >= epochs_per_pass) begin_pass(s);
  const std::uint32_t end = std::min(capacity, b.cursor + partitions_per_epoch);
  if (b.cursor == end) return;
  for (; b.cursor != end; ++b.cursor) {
    Partition& p = s.partitions.at(static_cast<std::uint16_t>(b.cursor));
    if (p.id.value != 0) consider(b, p);
  }
  Partition* const chosen = end == capacity ? s.partitions.find(b.candidate) : nullptr;
  if (chosen != nullptr) chosen->home = b.to;
}

}  // namespace rvm::kernel
