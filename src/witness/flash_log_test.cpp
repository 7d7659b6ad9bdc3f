// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/flash_log.hpp"

#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <random>
#include <vector>

using namespace rvm;
using namespace rvm::witness;

namespace {

/// A NOR part in memory that can lose its power in the middle of any operation.
struct FakeFlash {
  static constexpr std::size_t erase_bytes = 1024;
  static inline std::vector<std::byte> cells;
  static inline std::uint64_t power = UINT64_MAX;  ///< words that can still be programmed or erased

  static void make(std::size_t bytes) {
    cells.assign(bytes, erased);
    power = UINT64_MAX;
  }
  static std::uint32_t bytes() { return static_cast<std::uint32_t>(cells.size()); }
  static bool read(std::uint32_t at, std::span<std::byte> into) {
    std::copy_n(cells.begin() + at, into.size(), into.begin());
    return true;
  }
  static bool program(std::uint32_t at, std::span<const std::byte> from) {
    for (std::size_t i = 0; i < from.size(); ++i) {
      if (i % 4 == 0 && power-- == 0) return power = 0, false;
      REQUIRE((from[i] & ~cells[at + i]) == std::byte{0});  // a bit is set by erasing alone
      cells[at + i] = from[i];
    }
    return true;
  }
  static bool erase(std::uint32_t at) {
    for (std::size_t i = 0; i < erase_bytes; ++i) {
      if (i % 4 == 0 && power-- == 0) return power = 0, false;
      cells[at + i] = erased;
    }
    return true;
  }
};

constexpr std::size_t small_part = 4 * flash_segment_bytes;

const Keys& keys() {
  static const Keys made = derive_keys(std::array<std::byte, device_key_bytes>{std::byte{7}});
  return made;
}

/// One boot: finds the log and appends to it until `records` are there or the power is gone. Returns how many became durable.
struct Boot {
  Sealer sealer;
  FlashLog<FakeFlash> log;
  FlashResume resume;

  Boot() {
    const auto found = log.load(keys(), {}, sealer);
    REQUIRE(found.has_value());
    resume = *found;
    if (resume.formatted) sealer.start(keys());
  }

  std::uint64_t append(std::uint64_t count) {
    std::vector<Record> slots(64);
    Ring ring;
    REQUIRE(ring.init(slots, resume.next_sequence).has_value());
    std::uint64_t durable = resume.next_sequence;
    for (std::uint64_t i = 0; i < count; ++i) {
      if (log.segment_full() && !log.begin_segment(sealer)) return durable;
      REQUIRE(ring.emit(Lane::ordinary, {.kind = Kind::ipc_send, .payload = i}, Nanoseconds{i}).has_value());
      REQUIRE(sealer.seal(ring, 1) == 1);
      if (!log.append(ring.slot(durable))) return durable;
      ring.mark_durable(++durable);
    }
    return durable;
  }
};

}  // namespace

TEST_CASE("flash: a log goes on after each boot, longer than its flash") {
  FakeFlash::make(small_part);
  std::uint64_t expected = 0;
  for (int boot = 0; boot < 12; ++boot) {
    Boot machine;
    CHECK(machine.resume.next_sequence == expected);
    CHECK(machine.resume.formatted == (boot == 0));
    CHECK_FALSE(machine.resume.torn);
    expected = machine.append(61);
  }
  CHECK(expected == 12 * 61);
}

TEST_CASE("flash: power cut at any word leaves every durable record, and the log goes on") {
  std::mt19937_64 random{1};
  FakeFlash::make(small_part);
  std::uint64_t durable = 0;
  for (int cut = 0; cut < 2000; ++cut) {
    FakeFlash::power = random() % 1500;
    Boot machine;
    REQUIRE(machine.resume.next_sequence >= durable);
    REQUIRE(machine.resume.next_sequence <= durable + 1);  // one may have been written whole without anybody being told
    durable = machine.append(100);
  }
  FakeFlash::power = UINT64_MAX;
  CHECK(Boot{}.resume.next_sequence >= durable);
}

TEST_CASE("flash: another key, and a header that was changed, are refused and nothing is erased") {
  FakeFlash::make(small_part);
  (void)Boot{}.append(10);
  const auto before = FakeFlash::cells;
  const Keys other = derive_keys(std::array<std::byte, device_key_bytes>{std::byte{8}});
  Sealer sealer;
  FlashLog<FakeFlash> log;
  CHECK(log.load(other, {}, sealer).error() == FlashError::damaged_or_other_key);
  FakeFlash::cells[flash_segment_bytes + 20] ^= std::byte{1};
  CHECK(log.load(keys(), {}, sealer).error() == FlashError::damaged_or_other_key);
  FakeFlash::cells[flash_segment_bytes + 20] ^= std::byte{1};
  CHECK(FakeFlash::cells == before);
}

namespace {

/// A part that counts what it endures. Stricter than NOR: no byte is programmed twice between two erasures.
struct CountingFlash {
  static constexpr std::size_t erase_bytes = FakeFlash::erase_bytes;
  static constexpr std::size_t slots = 32;
  static inline std::vector<std::byte> cells;
  static inline std::array<std::uint64_t, slots * flash_segment_bytes / erase_bytes> erases{};  ///< of each block
  static inline std::uint64_t programmed_twice = 0;

  static std::uint32_t bytes() { return slots * flash_segment_bytes; }
  static bool read(std::uint32_t at, std::span<std::byte> into) {
    std::memcpy(into.data(), cells.data() + at, into.size());
    return true;
  }
  static bool program(std::uint32_t at, std::span<const std::byte> from) {
    static const std::vector<std::byte> ones(flash_segment_bytes, erased);
    if (std::memcmp(cells.data() + at, ones.data(), from.size()) != 0) ++programmed_twice;
    std::memcpy(cells.data() + at, from.data(), from.size());
    return true;
  }
  static bool erase(std::uint32_t at) {
    std::memset(cells.data() + at, 0xff, erase_bytes);
    ++erases[at / erase_bytes];
    return true;
  }
};

}  // namespace

TEST_CASE("flash: a year of one record a second wears all segments evenly") {
  // Records are not sealed, which changes nothing about where they go; headers grow with the tree as they would, a head is signed
  // each minute, and once a day the machine starts again and begins a segment, since unsealed records look torn.
  constexpr std::uint64_t minute = 60, day = 24 * 60 * minute, year = 365 * day;
  CountingFlash::cells.assign(CountingFlash::bytes(), erased);
  Sealer sealer;
  FlashLog<CountingFlash> log;
  const Record record{};
  const auto make_room = [&](std::size_t bytes, std::uint64_t size) {
    if (!log.segment_full(bytes)) return true;
    sealer.restore(keys(), {}).restore_size(size);
    return log.begin_segment(sealer);
  };
  bool good = true;
  std::uint64_t segments = 0;
  for (std::uint64_t second = 0; second < year; ++second) {
    if (second % day == 0) {
      const auto found = log.load(keys(), {}, sealer);
      REQUIRE(found.has_value());
      REQUIRE(log.segments() == segments);
    }
    good = good && make_room(record_bytes, second) && log.append(record);
    if (second % minute == minute - 1) {
      FlashHead head{};
      good = good && make_room(sizeof head, second + 1) && log.append(head);
    }
    segments = log.segments();
  }
  CHECK(good);
  CHECK(CountingFlash::programmed_twice == 0);
  const auto [least, most] = std::ranges::minmax(CountingFlash::erases);
  MESSAGE(year << " records in " << segments << " segments: each of " << CountingFlash::erases.size()
               << " blocks was erased " << least << " to " << most << " times");
  CHECK(segments > year / (flash_segment_bytes / record_bytes));
  CHECK(least >= segments / CountingFlash::slots);
  CHECK((most - least) * 10 <= least);  // within 10 %
}
