// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/ring.hpp"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <deque>
#include <memory>
#include <random>
#include <thread>
#include <vector>

using namespace rvm;
using namespace rvm::witness;

namespace {

Fields fields(std::uint64_t n) {
  return {.kind = Kind::ipc_send,
          .tier = 2,
          .flags = 3,
          .actor = PartitionId{4},
          .target = 5,
          .capability_hash = 6,
          .payload = n,
          .aux = ~n};
}

}  // namespace

TEST_CASE("kinds: the values of the specification, each once, ascending") {
  CHECK(kinds.size() == 78 + 5);  // and TaskSuspend, TaskResume, DeviceFailed
  for (std::size_t i = 1; i < kinds.size(); ++i) CHECK(kinds[i - 1].kind < kinds[i].kind);
  CHECK(describe(Kind{0x09})->name == "PartitionMigrate");
  CHECK(describe(Kind{0x14})->name == "CapabilityAttenuated");
  CHECK(describe(Kind{0x28})->name == "RegionUnmap");
  CHECK(describe(Kind{0x35})->name == "NotificationSignal");
  CHECK(describe(Kind{0x43})->name == "DeviceLeaseRenew");
  CHECK(describe(Kind{0x54})->name == "ProofEscalated");
  CHECK(describe(Kind{0x65})->name == "StructuralMerge");
  CHECK(describe(Kind{0x67})->name == "TaskResume");
  CHECK(describe(Kind{0x76})->name == "DegradedModeExited");
  CHECK(describe(Kind{0x82})->name == "TeeAttestation");
  CHECK(describe(Kind{0x93})->name == "CoherenceRecomputed");
  CHECK(describe(Kind{0xac})->name == "GpuDeviceNotFound");
  CHECK(describe(Kind{0xb6})->name == "FailureEscalated");
  CHECK(describe(Kind{0x00}) == nullptr);
  CHECK(find_kind("TreeHead")->kind == Kind::tree_head);
  CHECK(find_kind("treehead") == nullptr);
}

TEST_CASE("ring: sizes that are refused") {
  std::vector<Record> slots(64);
  Ring ring;
  CHECK(ring.init(std::span{slots}.first(4), 0).error() == Error::bad_argument);
  CHECK(ring.init(std::span{slots}.first(48), 0).error() == Error::bad_argument);
  CHECK(ring.init(slots, 0).has_value());
  CHECK(ring.capacity() == 64);
}

TEST_CASE("ring: a committed record is what was said, and is not visible before commit") {
  std::vector<Record> slots(8);
  for (auto& slot : slots) slot.sequence = 1000;  // stale memory that looks like the first record
  Ring ring;
  REQUIRE(ring.init(slots, 1000));
  CHECK(ring.committed(1000) == nullptr);
  auto reservation = ring.reserve(Lane::ordinary);
  REQUIRE(reservation);
  CHECK(reservation->sequence() == 1000);
  CHECK(ring.reserved() == 1001);
  CHECK(ring.committed(1000) == nullptr);
  ring.commit(std::move(*reservation), fields(9), Nanoseconds{77});
  const Record* record = ring.committed(1000);
  REQUIRE(record != nullptr);
  CHECK(record->sequence == 1000);
  CHECK(record->timestamp_ns == 77);
  CHECK(record->action_kind == Kind::ipc_send);
  CHECK(record->proof_tier == 2);
  CHECK(record->flags == 3);
  CHECK(record->actor_partition == 4);
  CHECK(record->target_object == 5);
  CHECK(record->capability_hash == 6);
  CHECK(record->payload == 9);
  CHECK(record->aux == ~std::uint64_t{9});
  CHECK(ring.sealed_record(1000).error() == Error::bad_argument);
  ring.mark_sealed(1001);
  CHECK(ring.sealed_record(1000).value() == record);
  CHECK(ring.sealed_record(999).error() == Error::bad_argument);
}

TEST_CASE("ring: a reservation that is dropped stops the machine") {
  const pid_t child = ::fork();
  if (child == 0) {
    std::signal(SIGILL, [](int) { ::_exit(42); });
    std::signal(SIGTRAP, [](int) { ::_exit(42); });
    std::vector<Record> slots(8);
    Ring ring;
    static_cast<void>(ring.init(slots, 0));
    static_cast<void>(ring.reserve(Lane::ordinary));
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 42);
}

TEST_CASE("ring: an eighth is kept for the reserved lane, and nothing is overwritten before it is durable") {
  std::vector<Record> slots(64);
  Ring ring;
  REQUIRE(ring.init(slots, 5));
  for (unsigned i = 0; i < 56; ++i) REQUIRE(ring.emit(Lane::ordinary, fields(i), Nanoseconds{1}));
  CHECK(ring.emit(Lane::ordinary, fields(0), Nanoseconds{1}).error() == Error::witness_log_full);
  CHECK(ring.free_slots(Lane::ordinary) == 0);
  CHECK(ring.free_slots(Lane::reserved) == 8);
  for (unsigned i = 0; i < 8; ++i) REQUIRE(ring.emit(Lane::reserved, fields(i), Nanoseconds{1}));
  CHECK(ring.emit(Lane::reserved, fields(0), Nanoseconds{1}).error() == Error::witness_log_full);
  for (unsigned i = 0; i < 56; ++i) CHECK(ring.committed(5 + i)->payload == i);
  ring.mark_sealed(5 + 64);
  CHECK(ring.emit(Lane::reserved, fields(0), Nanoseconds{1}).error() == Error::witness_log_full);
  ring.mark_durable(5 + 1);
  CHECK(ring.emit(Lane::ordinary, fields(0), Nanoseconds{1}).error() == Error::witness_log_full);
  CHECK(ring.emit(Lane::reserved, fields(64), Nanoseconds{1}).has_value());
  CHECK(ring.committed(5 + 64)->payload == 64);
  CHECK(ring.sealed_record(5).error() == Error::bad_argument);  // its slot now belongs to another
}

TEST_CASE("ring: a large ring becomes usable in parts and loses nothing on the way") {
  std::vector<Record> slots(4 * Ring::prepared_at_start);
  Ring ring;
  REQUIRE(ring.init(slots, 0));
  CHECK_FALSE(ring.fully_prepared());
  std::uint64_t emitted = 0;
  while (ring.emit(Lane::ordinary, fields(emitted), Nanoseconds{1})) ++emitted;
  CHECK(emitted == Ring::prepared_at_start * 7 / 8);
  CHECK(ring.committed(Ring::prepared_at_start) == nullptr);
  while (!ring.fully_prepared()) ring.prepare(Ring::prepared_at_start);
  while (ring.emit(Lane::ordinary, fields(emitted), Nanoseconds{1})) ++emitted;
  CHECK(emitted == slots.size() * 7 / 8);
  for (std::uint64_t i = 0; i < emitted; ++i) REQUIRE(ring.committed(i)->payload == i);
}

// Against a model: a queue of reservations that are committed in any order, and three counters.
TEST_CASE("ring: random operations against a model") {
  std::mt19937_64 random{3};
  for (std::size_t size : {8u, 64u, 256u}) {
    std::vector<Record> slots(size);
    const std::uint64_t first = random() >> 8;
    Ring ring;
    REQUIRE(ring.init(slots, first));
    std::uint64_t reserved = first, sealed = first, durable = first;
    std::deque<bool> committed;  // of sealed .. reserved
    std::vector<Reservation> open;
    open.reserve(size);
    for (int step = 0; step < 200000; ++step) {
      switch (random() % 5) {
        case 0:
        case 1: {
          const Lane lane = random() % 4 == 0 ? Lane::reserved : Lane::ordinary;
          const std::uint64_t free = size - (reserved - durable);
          const bool expected = free > (lane == Lane::ordinary ? size / 8 : 0);
          auto reservation = ring.reserve(lane);
          REQUIRE(reservation.has_value() == expected);
          if (reservation) {
            REQUIRE(reservation->sequence() == reserved++);
            committed.push_back(false);
            open.push_back(std::move(*reservation));
          }
          break;
        }
        case 2:
          if (!open.empty()) {
            // Reservation cannot be assigned, so the chosen one is taken by rotating through a fresh vector.
            const std::size_t pick = random() % open.size();
            const std::uint64_t n = open[pick].sequence();
            ring.commit(std::move(open[pick]), fields(n), Nanoseconds{n});
            committed[n - sealed] = true;
            std::vector<Reservation> rest;
            rest.reserve(size);
            for (std::size_t i = 0; i < open.size(); ++i) {
              if (i != pick) rest.push_back(std::move(open[i]));
            }
            open.swap(rest);
          }
          break;
        case 3:
          while (sealed < reserved) {
            Record* record = ring.committed(sealed);
            REQUIRE((record != nullptr) == committed.front());
            if (record == nullptr) break;
            REQUIRE(record->payload == sealed);
            committed.pop_front();
            ++sealed;
          }
          ring.mark_sealed(sealed);
          break;
        default:
          durable += random() % (sealed - durable + 1);
          ring.mark_durable(durable);
          break;
      }
      REQUIRE(ring.reserved() == reserved);
      REQUIRE(ring.sealed() == sealed);
      REQUIRE(ring.durable() == durable);
    }
    for (auto& reservation : open) ring.commit(std::move(reservation), fields(0), Nanoseconds{0});
  }
}

TEST_CASE("ring: several cores emit while one seals and drains; every record appears once, whole, in order") {
  constexpr unsigned cores = 3;
  constexpr std::uint64_t per_core = 40000;
  std::vector<Record> slots(256);
  Ring ring;
  REQUIRE(ring.init(slots, 0));
  std::vector<std::thread> threads;
  threads.reserve(cores);
  for (unsigned core = 0; core < cores; ++core) {
    threads.emplace_back([&ring, core] {
      for (std::uint64_t i = 0; i < per_core;) {
        const Fields f{.kind = Kind::ipc_send,
                       .actor = PartitionId{core},
                       .target = static_cast<std::uint32_t>(i),
                       .payload = i,
                       .aux = ~i};
        if (ring.emit(core == 0 ? Lane::reserved : Lane::ordinary, f, Nanoseconds{i})) {
          ++i;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  std::uint64_t next = 0;
  std::vector<std::uint64_t> seen(cores, 0);
  bool right = true;
  while (next < cores * per_core) {
    Record* record = ring.committed(next);
    if (record == nullptr) {
      ring.mark_durable(next);
      std::this_thread::yield();
      continue;
    }
    const std::uint64_t n = seen.at(record->actor_partition)++;
    right =
        right && record->sequence == next && record->payload == n && record->aux == ~n && record->target_object == n;
    record->prev_hash = next;  // the sealer writes too
    ring.mark_sealed(++next);
    if (next % 16 == 0) ring.mark_durable(next);
  }
  for (auto& thread : threads) thread.join();
  CHECK(right);
  CHECK(ring.reserved() == cores * per_core);
}
