// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Counting instructions with the clock. Under -icount shift=0 QEMU's virtual time advances by one nanosecond per
// instruction, so CNTVCT_EL0 (62.5 MHz, one step per 16 instructions) over a batch of calls, less the same loop without
// the call, gives the exact cost per call to 16/batch instructions.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "rvm/agent.hpp"

namespace bench {

using namespace rvm::agent;

inline constexpr std::uint64_t instructions_per_step = 16;
inline constexpr std::size_t batches = 33;

/// Arguments of the hypercall under test.
struct Call {
  std::uint64_t operation;
  std::uint64_t x1 = 0;
  std::uint64_t x2 = 0;
  std::uint64_t x3 = 0;
  std::uint64_t x1_step = 0;  ///< added to x1 after each call
  std::uint64_t x2_step = 0;
  const rvm_proof* proofs = nullptr;  ///< of tier P2, one for each call, or none
};

/// Steps of the counter for `count` rounds of the loop, with the HVC or without, with a proof for each or without.
template <bool WithCall, bool Proven>
std::uint64_t steps(const Call& call, std::uint64_t count) {
  std::uint64_t start = 0;
  std::uint64_t end = 0;
  std::uint64_t a = call.x1;
  std::uint64_t b = call.x2;
  const rvm_proof* proof = call.proofs;
#define RVM_BENCH_LOOP(instruction) \
  asm volatile( \
      "mrs %[start], cntvct_el0\n" \
      "1: mov x0, %[op]\n\tmov x1, %[a]\n\tmov x2, %[b]\n\tmov x3, %[c]\n\t" instruction \
      "add %[a], %[a], %[astep]\n\tadd %[b], %[b], %[bstep]\n\tsubs %[n], %[n], #1\n\tb.ne 1b\n\t" \
      "mrs %[end], cntvct_el0" \
      : [start] "=&r"(start), [end] "=&r"(end), [n] "+r"(count), [a] "+r"(a), [b] "+r"(b), [p] "+r"(proof) \
      : [op] "r"(call.operation), [c] "r"(call.x3), [astep] "r"(call.x1_step), [bstep] "r"(call.x2_step) \
      : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "cc", \
        "memory")
#define RVM_BENCH_PROOF \
  "mov x4, #0\n\tmov x5, #0\n\tmov x6, #0\n\tmov x7, #0\n\tldp x8, x9, [%[p]], #16\n\tldp x10, x11, [%[p]], #16\n\t" \
  "ldp x12, x13, [%[p]], #16\n\tldp x14, x15, [%[p]], #16\n\t"
  if constexpr (WithCall && Proven) {
    RVM_BENCH_LOOP(RVM_BENCH_PROOF "hvc #0\n\t");
  } else if constexpr (Proven) {
    RVM_BENCH_LOOP(RVM_BENCH_PROOF);
  } else if constexpr (WithCall) {
    RVM_BENCH_LOOP("hvc #0\n\t");
  } else {
    RVM_BENCH_LOOP("");
  }
#undef RVM_BENCH_PROOF
#undef RVM_BENCH_LOOP
  return end - start;
}

template <std::size_t N>
[[nodiscard]] std::uint64_t median(std::array<std::uint64_t, N> values) {
  std::ranges::sort(values);
  return values[N / 2];
}

/// Instructions for `count` calls, the loop around them taken off. One batch.
[[nodiscard]] inline std::uint64_t batch(const Call& call, std::uint64_t count) {
  const bool proven = call.proofs != nullptr;
  const std::uint64_t with = proven ? steps<true, true>(call, count) : steps<true, false>(call, count);
  const std::uint64_t without = proven ? steps<false, true>(call, count) : steps<false, false>(call, count);
  return (with - without) * instructions_per_step;
}

inline void report(std::string_view name, std::uint64_t instructions) {
  say("bench: ", name, " instructions=", instructions);
}

/// Median over all batches of the cost of one call; `before` and `after` run around each batch, unmeasured.
template <typename Before, typename After>
[[nodiscard]] std::uint64_t cost(const Call& call, std::uint64_t count, Before&& before, After&& after) {
  std::array<std::uint64_t, batches> results{};
  for (std::uint64_t& r : results) {
    before();
    r = batch(call, count);
    after();
  }
  return (median(results) + count / 2) / count;
}
[[nodiscard]] inline std::uint64_t cost(const Call& call, std::uint64_t count) {
  return cost(call, count, [] {}, [] {});
}

/// Notification bits between the benchmark and its partners.
inline constexpr std::uint64_t begin = 1;

// ---- pre-emption -----------------------------------------------------------------------------------------------------

/// A gap in the time that a spinning agent sees: somebody else had the core.
struct Gap {
  std::uint64_t last;   ///< counter before it
  std::uint64_t first;  ///< counter after it
  std::uint64_t reads;  ///< how often the counter was read after it until it stepped on
};

inline constexpr std::size_t gaps = 48;
inline constexpr std::uint64_t least_gap =
    20'000;  ///< steps; the kernel sealing records on a tick takes less, a turn of the other more
inline constexpr std::uint64_t instructions_per_read = 4;

/// What the two spinners share.
struct Logs {
  std::array<Gap, gaps> bench;
  std::array<Gap, gaps> rival;
  std::uint64_t bench_done;
  std::uint64_t rival_done;
};

/// Sets `mine` and spins until the other has set `theirs`, so that neither runs out of a rival before it has its gaps.
inline void finish(std::uint64_t& mine, std::uint64_t& theirs) {
  std::atomic_ref{mine}.store(1);
  while (std::atomic_ref{theirs}.load() == 0) {
  }
}

/// Spins until it has seen `log.size()` gaps. The interrupt comes at a step of the counter, so the core was taken one
/// step after `last`; `reads` tells how far into its step `first` was.
inline void watch(std::span<Gap> log) {
  std::uint64_t previous = rvm_counter();
  for (Gap& gap : log) {
    std::uint64_t now = previous;
    for (;;) {
      asm volatile("mrs %0, cntvct_el0" : "=r"(now));
      if (now - previous > least_gap) break;
      previous = now;
    }
    std::uint64_t reads = 0;
    std::uint64_t next = 0;
    asm volatile("1: add %0, %0, #1\n\tmrs %1, cntvct_el0\n\tcmp %1, %2\n\tb.eq 1b"
                 : "+r"(reads), "=&r"(next)
                 : "r"(now)
                 : "cc");
    gap = {previous, now, reads};
    previous = next;
  }
}

}  // namespace bench
