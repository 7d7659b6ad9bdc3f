// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the kernel's log costs on this computer: records into a ring of the default size, and records sealed in batches as the
// kernel's worker seals them.
#include <benchmark/benchmark.h>

#include <chrono>
#include <vector>

#include "rvm/witness/sealer.hpp"

namespace {

using namespace rvm;
using namespace rvm::witness;

/// A ring of 16 MiB, all of it usable.
struct FilledRing {
  std::vector<Record> slots = std::vector<Record>(std::size_t{1} << 18);
  Ring ring;

  FilledRing() {
    if (!ring.init(slots, 0)) std::abort();
    while (!ring.fully_prepared()) ring.prepare(Ring::prepared_at_start);
  }
  /// As the kernel emits: the time is read for each record.
  [[nodiscard]] bool emit(std::uint64_t payload) {
    const auto now = std::chrono::steady_clock::now().time_since_epoch();
    const Nanoseconds time{static_cast<std::uint64_t>(std::chrono::nanoseconds(now).count())};
    return ring.emit(Lane::ordinary, {.kind = Kind::region_map, .actor = PartitionId{3}, .payload = payload}, time)
        .has_value();
  }
  /// All records so far are on the disk.
  void drained() {
    ring.mark_sealed(ring.reserved());
    ring.mark_durable(ring.reserved());
  }
};

/// Lap after lap, with a drain that costs nothing.
void witness_emit(benchmark::State& state) {
  FilledRing log;
  std::uint64_t n = 0;
  for (auto _ : state) {
    if (!log.emit(n++)) {
      log.drained();
      if (!log.emit(n)) state.SkipWithError("the ring takes nothing");
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(witness_emit);

/// Emitted, then sealed: MAC, chain, leaf hash and tree.
void witness_emit_sealed(benchmark::State& state) {
  constexpr std::uint32_t batch = 256;
  crypto::select_implementation();
  FilledRing log;
  std::array<std::byte, device_key_bytes> device_key{};
  Sealer sealer;
  sealer.start(derive_keys(device_key));
  std::uint64_t n = 0;
  for (auto _ : state) {
    for (std::uint32_t i = 0; i < batch; ++i) {
      if (!log.emit(n++)) state.SkipWithError("the ring takes nothing");
    }
    if (sealer.seal(log.ring, batch) != batch) state.SkipWithError("not all was sealed");
    log.ring.mark_durable(log.ring.sealed());
  }
  state.SetItemsProcessed(batch * state.iterations());
}
BENCHMARK(witness_emit_sealed);

}  // namespace
