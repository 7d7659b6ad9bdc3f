// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/drain.hpp"

#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <vector>

#include "test/log_fixture.hpp"

using namespace rvm;
using namespace rvm::witness;
using test::Boot;
using test::Disk;
using test::FakeDevice;

namespace {

struct Plugged {
  explicit Plugged(Disk& disk) { FakeDevice::disk = &disk; }
  Plugged(const Plugged&) = delete;
  Plugged& operator=(const Plugged&) = delete;
  ~Plugged() { FakeDevice::disk = nullptr; }
};

/// Power fails after so many polls, in the middle of whatever the drain is doing.
struct CuttingDevice : FakeDevice {
  struct Cut {};
  static inline std::uint64_t polls_left = 0;
  static hal::BlockStatus block_poll() {
    if (polls_left == 0) throw Cut{};
    --polls_left;
    return FakeDevice::block_poll();
  }
};

void run_to_idle(Boot& boot, std::uint64_t now_ms) {
  for (int i = 0; i < 1000; ++i) {
    boot.sealer.seal(boot.ring, 64);
    if (boot.drain.step(boot.ring, boot.sealer, Nanoseconds{now_ms++ * 1'000'000}) == DrainState::idle &&
        boot.ring.durable() == boot.ring.reserved()) {
      return;
    }
  }
  FAIL("the drain does not come to rest");
}

}  // namespace

TEST_CASE("drain: formats a blank device, writes, closes, and continues at the next boot") {
  crypto::select_implementation();
  Disk disk{1 << 20};
  Plugged plugged{disk};
  crypto::Digest head{};
  {
    Boot boot;
    REQUIRE(boot.resume);
    CHECK(boot.resume->formatted);
    CHECK(boot.resume->next_sequence == 0);
    for (int i = 0; i < 20; ++i) REQUIRE(boot.emit());
    run_to_idle(boot, 0);
    CHECK(boot.ring.durable() == 20);
    REQUIRE(boot.shut_down());
    CHECK(boot.drain.state() == DrainState::closed);
    CHECK(boot.ring.durable() == 21);
    head = boot.sealer.head();
  }
  Boot again;
  REQUIRE(again.resume);
  CHECK_FALSE(again.resume->formatted);
  CHECK(again.resume->was_closed);
  CHECK_FALSE(again.resume->torn);
  CHECK(again.resume->next_sequence == 21);
  CHECK(again.sealer.size() == 21);
  CHECK(again.sealer.head() == head);
  REQUIRE(again.emit());
  CHECK(again.sealer.seal(again.ring, 1) == 1);
  CHECK(again.ring.slot(21).prev_hash == first_eight(head));
}

TEST_CASE("drain: waits for a batch, a half-full ring or age") {
  Disk disk{1 << 20};
  Plugged plugged{disk};
  Boot boot{1024};
  REQUIRE(boot.resume);
  REQUIRE(boot.emit());
  boot.sealer.seal(boot.ring, 1);
  const std::uint64_t before = disk.requests;
  CHECK(boot.drain.step(boot.ring, boot.sealer, Nanoseconds{5}) == DrainState::idle);
  const Nanoseconds due{5'000'005};
  CHECK(boot.drain.step(boot.ring, boot.sealer, Nanoseconds{due.value - 1}) == DrainState::idle);
  CHECK(disk.requests == before);
  CHECK(boot.drain.step(boot.ring, boot.sealer, due) == DrainState::packing);
  CHECK(boot.drain.step(boot.ring, boot.sealer, due) == DrainState::writing_segment);
  CHECK(boot.ring.durable() == 0);
  CHECK(boot.drain.step(boot.ring, boot.sealer, due) == DrainState::idle);
  CHECK(boot.ring.durable() == 1);
  CHECK(disk.requests == before + 4);
  for (int i = 0; i < 255; ++i) REQUIRE(boot.emit());
  boot.sealer.seal(boot.ring, 256);
  CHECK(boot.drain.step(boot.ring, boot.sealer, due) == DrainState::idle);
  CHECK(boot.drain.step(boot.ring, boot.sealer, Nanoseconds{due.value + 4'999'999}) == DrainState::idle);
  REQUIRE(boot.emit());
  boot.sealer.seal(boot.ring, 256);
  // Two blocks: packing one is a step, and so is the header.
  CHECK(boot.drain.step(boot.ring, boot.sealer, Nanoseconds{due.value + 4'999'999}) == DrainState::packing);
  CHECK(boot.drain.step(boot.ring, boot.sealer, Nanoseconds{due.value + 4'999'999}) == DrainState::packing);
  CHECK(boot.drain.step(boot.ring, boot.sealer, Nanoseconds{due.value + 4'999'999}) == DrainState::writing_segment);
}

TEST_CASE("drain: a note goes with the records that wait, and alone when none do") {
  Disk disk{1 << 20};
  Plugged plugged{disk};
  Boot boot{64};
  REQUIRE(boot.resume);
  REQUIRE(boot.emit());
  boot.sealer.seal(boot.ring, 1);
  boot.drain.offer_note("a note");
  CHECK(boot.drain.step(boot.ring, boot.sealer, Nanoseconds{5}) == DrainState::idle);
  CHECK(boot.drain.note_waits());
  run_to_idle(boot, 6);
  CHECK_FALSE(boot.drain.note_waits());
  CHECK(boot.drain.durable().segments == 2);
  boot.drain.offer_note("another");
  CHECK(boot.drain.step(boot.ring, boot.sealer, Nanoseconds{5}) == DrainState::writing_segment);
  run_to_idle(boot, 6);
  CHECK(boot.drain.durable().segments == 3);
  CHECK(boot.drain.durable().records == 1);
  REQUIRE(boot.shut_down());
}

TEST_CASE("drain: more records than one segment holds, sealed ahead while a segment is in flight") {
  Disk disk{4 << 20};
  disk.delay_max = 5;
  Plugged plugged{disk};
  Boot boot{4096};
  REQUIRE(boot.resume);
  std::uint64_t emitted = 0;
  for (std::uint64_t now = 0; emitted < 20000; now += 100'000) {
    while (emitted < 20000 && boot.emit()) ++emitted;
    boot.sealer.seal(boot.ring, 300);
    boot.drain.step(boot.ring, boot.sealer, Nanoseconds{now});
    REQUIRE(boot.sealer.size() <= boot.ring.durable() + 2 * segment_records_max);
  }
  REQUIRE(boot.shut_down());
  Boot again;
  REQUIRE(again.resume);
  CHECK(again.resume->next_sequence == 20001);
  CHECK(again.sealer.root() == boot.sealer.root());
}

TEST_CASE("drain: devices that cannot be used, each with its own error, and none is written to") {
  CHECK(Boot{}.resume.error() == VolumeError::no_device);
  {
    Disk disk{volume_bytes_min - sector_bytes};
    Plugged plugged{disk};
    CHECK(Boot{}.resume.error() == VolumeError::too_small);
  }
  {
    Disk disk{1 << 20};
    disk.content[0] = std::byte{'X'};
    Plugged plugged{disk};
    CHECK(Boot{}.resume.error() == VolumeError::foreign);
  }
  {
    Disk disk{1 << 20};
    disk.content[data_start + 5000] = std::byte{'X'};
    const auto before = disk.content;
    Plugged plugged{disk};
    CHECK(Boot{}.resume.error() == VolumeError::foreign);
    CHECK(disk.content == before);
  }
  Disk disk{1 << 20};
  Plugged plugged{disk};
  {
    Boot boot;
    REQUIRE(boot.resume);
    REQUIRE(boot.emit());
    REQUIRE(boot.shut_down());
  }
  const auto closed = disk.content;
  CHECK(Boot{64, test::test_keys(8)}.resume.error() == VolumeError::wrong_key);
  CHECK(disk.content == closed);
  disk.content.resize(disk.content.size() - sector_bytes);
  CHECK(Boot{}.resume.error() == VolumeError::shrunk);
  disk.content = closed;
  disk.content[100] ^= std::byte{1};
  disk.content[superblock_bytes + 100] ^= std::byte{1};
  const auto damaged = disk.content;
  CHECK(Boot{}.resume.error() == VolumeError::damaged);
  CHECK(disk.content == damaged);
  for (auto error : {VolumeError::no_device, VolumeError::full, VolumeError::uncommitted})
    CHECK(describe(error).size() > 10);
}

TEST_CASE("drain: one damaged superblock is repaired from the other, and no record is lost") {
  for (unsigned slot = 0; slot < 2; ++slot) {
    Disk disk{1 << 20};
    Plugged plugged{disk};
    crypto::Digest root{};
    {
      Boot boot;
      for (int i = 0; i < 30; ++i) {
        REQUIRE(boot.emit());
        run_to_idle(boot, static_cast<std::uint64_t>(i) * 100);
      }
      root = boot.sealer.root();
    }
    disk.content[slot * superblock_bytes + 30] ^= std::byte{4};
    Boot boot;
    REQUIRE(boot.resume);
    CHECK(boot.resume->superblock_repaired);
    CHECK(boot.resume->next_sequence == 30);
    CHECK(boot.sealer.root() == root);
    Boot again;
    CHECK_FALSE(again.resume->superblock_repaired);
  }
}

TEST_CASE("drain: a full device stops the drain, then the ring, and says so") {
  Disk disk{volume_bytes_min};
  Plugged plugged{disk};
  std::uint64_t durable = 0;
  {
    Boot boot;
    std::uint64_t now = 0;
    while (boot.drain.state() != DrainState::full) {
      boot.emit();
      boot.sealer.seal(boot.ring, 10);
      boot.drain.step(boot.ring, boot.sealer, Nanoseconds{now += 2'000'000});
      REQUIRE(now < 1'000'000'000'000);
    }
    CHECK(boot.drain.error() == VolumeError::full);
    durable = boot.ring.durable();
    CHECK(durable >= 500);
    while (boot.emit()) {
    }
    CHECK(boot.ring.emit(Lane::reserved, {.kind = Kind::ipc_send}, Nanoseconds{1}).error() == Error::witness_log_full);
    CHECK(boot.ring.reserved() - durable == boot.ring.capacity());
    CHECK(boot.drain.close(boot.ring, boot.sealer).error() == VolumeError::full);
  }
  Boot again;
  REQUIRE(again.resume);
  CHECK(again.resume->next_sequence == durable);
}

TEST_CASE("drain: failing requests are repeated; a device that keeps failing stops the drain") {
  Disk disk{1 << 20};
  Plugged plugged{disk};
  {
    Boot boot;
    REQUIRE(boot.resume);
    disk.fail_per_mille = 150;
    for (int i = 0; i < 40; ++i) REQUIRE(boot.emit());
    std::uint64_t now = 0;
    while (boot.ring.durable() < 40 && now < 1'000'000'000) {
      boot.sealer.seal(boot.ring, 3);
      boot.drain.step(boot.ring, boot.sealer, Nanoseconds{now += 1'000'000});
    }
    CHECK(boot.ring.durable() == 40);
    disk.fail_per_mille = 1000;
    REQUIRE(boot.emit());
    CHECK(boot.drain.close(boot.ring, boot.sealer).error() == VolumeError::device_failed);
    CHECK(boot.drain.state() == DrainState::failed);
  }
  disk.fail_per_mille = 0;
  Boot again;
  REQUIRE(again.resume);
  CHECK(again.resume->next_sequence >= 40);
}

TEST_CASE("drain: close refuses while a reservation is open") {
  Disk disk{1 << 20};
  Plugged plugged{disk};
  Boot boot;
  auto reservation = boot.ring.reserve(Lane::ordinary);
  REQUIRE(reservation);
  CHECK(boot.drain.close(boot.ring, boot.sealer).error() == VolumeError::uncommitted);
  boot.ring.commit(std::move(*reservation), {.kind = Kind::ipc_send}, Nanoseconds{1});
  CHECK(boot.drain.close(boot.ring, boot.sealer).has_value());
}

// The promise: power may fail at any instant; the next boot finds a valid prefix with every record that was reported
// durable, and goes on. Volumes live through many boots, each cut at a random step, some while recovering.
TEST_CASE("drain: power cuts at random steps") {
  std::mt19937_64 random{8};
  const Keys keys = test::test_keys();
  const std::string note(note_bytes_max, 'n');
  std::uint64_t steps = 0, boots = 0, torn = 0, recovered = 0, repaired = 0;
  for (int volume = 0; volume < 40; ++volume) {
    Disk disk{2 << 20, random()};
    Plugged plugged{disk};
    disk.delay_max = 3;
    std::vector<crypto::Digest> leaves;  // of every record ever sealed, as far as it may be on disk
    std::uint64_t reported = 0;
    for (int life = 0; life < 60; ++life) {
      ++boots;
      Boot boot{64, keys};
      REQUIRE(boot.resume);
      const std::uint64_t next = boot.resume->next_sequence;
      REQUIRE(next >= reported);
      REQUIRE(next <= leaves.size());
      leaves.resize(next);
      REQUIRE(boot.sealer.size() == next);
      if (next > 0) REQUIRE(boot.sealer.head() == leaves.back());
      torn += boot.resume->torn;
      recovered += boot.resume->recovered;
      repaired += boot.resume->superblock_repaired;
      std::uint64_t now = 0;
      const std::uint64_t last_step = random() % 1500;
      for (std::uint64_t step = 0; step < last_step; ++step, ++steps) {
        if (random() % 4 == 0) boot.emit();
        if (random() % 40 == 0) boot.drain.offer_note(std::string_view{note}.substr(0, 1 + random() % note.size()));
        if (random() % 4 == 0) {
          const std::uint64_t before = boot.ring.sealed();
          boot.sealer.seal(boot.ring, static_cast<std::uint32_t>(random() % 8));
          for (std::uint64_t n = before; n < boot.ring.sealed(); ++n) leaves.push_back(leaf_hash(boot.ring.slot(n)));
        }
        const DrainState state = boot.drain.step(boot.ring, boot.sealer, Nanoseconds{now += random() % 4'000'000});
        reported = boot.ring.durable();
        if (state == DrainState::full) break;
      }
      if (life % 5 == 4) {
        // An orderly end now and then; the model learns of what flush seals by reading it back.
        const std::uint64_t sealed = boot.ring.sealed();
        const bool closed = boot.shut_down().has_value();
        for (std::uint64_t n = sealed; n < boot.ring.sealed(); ++n) leaves.push_back(leaf_hash(boot.ring.slot(n)));
        reported = boot.ring.durable();
        if (closed) REQUIRE(reported == boot.ring.reserved());
      }
      disk.cut_power();
      if (boot.drain.state() == DrainState::full) break;
    }
  }
  MESSAGE(steps << " steps, " << boots << " boots, " << torn << " torn tails, " << recovered
                << " records beyond the superblock, " << repaired << " superblocks repaired");
  CHECK(torn > 0);
  CHECK(recovered > 0);
  CHECK(repaired > 0);
}

// The same for load itself: cut at every one of its requests, and at every request of the first segment after it.
TEST_CASE("drain: power cut at each request of format, recovery, drain and close") {
  const Keys keys = test::test_keys();
  std::vector<Record> slots(64);
  std::vector<std::byte> staging(staging_bytes);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    for (std::uint64_t polls = 0; polls < 40; ++polls) {
      Disk disk{volume_bytes_min * 2, seed * 100 + polls};
      std::uint64_t reported = 0;
      for (int life = 0; life < 4; ++life) {
        Plugged plugged{disk};
        CuttingDevice::polls_left = life == 3 ? UINT64_MAX : polls;
        Ring ring;
        Sealer sealer;
        Drain<CuttingDevice> drain;
        bool closed = false;
        try {
          const auto resume =
              drain.load(keys, std::span<std::byte, staging_bytes>{staging}, test::text("cuts"), sealer);
          REQUIRE(resume);
          REQUIRE(resume->next_sequence >= reported);
          REQUIRE(ring.init(slots, resume->next_sequence));
          for (int i = 0; i < 9; ++i) REQUIRE(ring.emit(Lane::ordinary, {.kind = Kind::ipc_send}, Nanoseconds{1}));
          const bool flushed = drain.flush(ring, sealer).has_value();
          REQUIRE(flushed);
          reported = ring.durable();
          REQUIRE(ring.emit(Lane::ordinary, sealer.tree_head(true), Nanoseconds{2}));
          closed = drain.close(ring, sealer).has_value();
          REQUIRE(closed);
          reported = ring.durable();
        } catch (const CuttingDevice::Cut&) {
          if (ring.capacity() == 64) reported = std::max(reported, ring.durable());
        }
        disk.cut_power();
        if (life == 3) REQUIRE(closed);
      }
    }
  }
}
