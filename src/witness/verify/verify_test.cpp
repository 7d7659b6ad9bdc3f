// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/verify.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "segment_check.hpp"
#include "test_files.hpp"

using namespace rvm;
using namespace rvm::witness;
using namespace rvm::witness::test;

namespace {

const Keys keys = (crypto::select_implementation(), test_keys());
const VerifyOptions with_key{.keys = &keys};
const VerifyOptions without_key{};

std::vector<std::byte> without_records(const std::vector<std::byte>& raw, std::size_t first, std::size_t count) {
  std::vector<std::byte> changed = raw;
  const auto at = changed.begin() + static_cast<std::ptrdiff_t>(first * record_bytes);
  changed.erase(at, at + static_cast<std::ptrdiff_t>(count * record_bytes));
  return changed;
}

/// The part of the volume that holds segments.
std::size_t log_end(const std::vector<std::byte>& volume) {
  std::size_t end = volume.size();
  while (volume[end - 1] == std::byte{0}) --end;
  return (end + sector_bytes - 1) / sector_bytes * sector_bytes;
}

}  // namespace

TEST_CASE("verify: an orderly volume and its export are right, with and without the key") {
  const auto volume = sample_volume(volume_bytes_min);
  const auto raw = export_raw(volume);
  CHECK(raw.size() == sample_records * record_bytes);
  TemporaryFile volume_file, raw_file;
  volume_file.replace(volume);
  raw_file.replace(raw);
  for (const VerifyOptions* options : {&with_key, &without_key}) {
    const VerifyReport report = volume_file.verify(*options);
    for (const auto& p : report.problems) MESSAGE(p.what << ": " << p.why);
    CHECK(report.ok);
    CHECK(report.volume);
    CHECK(report.authenticated == (options->keys != nullptr));
    CHECK(report.state == LogState::closed);
    CHECK(report.records == sample_records);
    CHECK(report.durable == sample_records);
    CHECK(report.tree_size == sample_records);
    CHECK(report.tree_heads == 2);
    CHECK(report.segments == 6);
    const VerifyReport of_raw = raw_file.verify(*options);
    for (const auto& p : of_raw.problems) MESSAGE(p.what << ": " << p.why);
    CHECK(of_raw.ok);
    CHECK_FALSE(of_raw.volume);
    CHECK(of_raw.state == LogState::closed);
    CHECK(of_raw.root == report.root);
    CHECK(to_hex(of_raw.root).size() == 64);
  }
}

TEST_CASE("verify: every single changed byte of a raw log is reported with the number of its record") {
  const auto raw = export_raw(sample_volume(volume_bytes_min));
  TemporaryFile file;
  file.replace(raw);
  for (std::size_t i = 0; i < raw.size(); ++i) {
    const std::byte changed = raw[i] ^ std::byte{0x01};
    file.put(i, {&changed, 1});
    const VerifyReport report = file.verify(with_key);
    CAPTURE(i);
    REQUIRE_FALSE(report.ok);
    REQUIRE(report.problems.at(0).sequence == i / record_bytes);
    // Without the key all but the last record are protected by the chain; of the last, timestamp and MAC are not.
    const VerifyReport unauthenticated = file.verify(without_key);
    const std::size_t in_last = i - (raw.size() - record_bytes);
    const bool unprotected =
        i >= raw.size() - record_bytes && ((in_last >= 8 && in_last < 16) || (in_last >= 48 && in_last < 56));
    REQUIRE(unauthenticated.ok == unprotected);
    if (!unprotected) {
      const std::uint64_t named = unauthenticated.problems.at(0).sequence.value_or(UINT64_MAX);
      const bool last_link =
          i >= raw.size() - record_bytes && in_last >= 40 && in_last < 48;  // no third record to decide
      const bool no_longer_closing =
          i >= raw.size() - record_bytes && (in_last == 16 || in_last == 18);  // one after it is missed
      REQUIRE(named == (last_link           ? i / record_bytes - 1
                        : no_longer_closing ? i / record_bytes + 1
                                            : i / record_bytes));
    }
    file.put(i, {&raw[i], 1});
  }
  CHECK(file.verify(with_key).ok);
}

TEST_CASE("verify: every single changed byte of a volume is reported, in the log with the records of its segment") {
  const auto volume = sample_volume(volume_bytes_min);
  const std::size_t end = log_end(volume);
  TemporaryFile file;
  file.replace(volume);
  std::vector<std::uint64_t> starts;  // of the segments, and the first record of each
  std::vector<std::uint64_t> first_records;
  REQUIRE(for_each_record(LogFile::open(file.path()).value(), [&](const Record& r, std::uint64_t position) {
    if (starts.empty() || starts.back() != position) {
      starts.push_back(position);
      first_records.push_back(r.sequence);
    }
    return true;
  }));
  REQUIRE(starts.size() == 6);
  for (std::size_t i = 0; i < volume.size(); ++i) {
    if (i > end + 4096 && i % 61 != 0) continue;  // of the zeros after the log, every 61st
    const std::byte changed = volume[i] ^ std::byte{0x80};
    file.put(i, {&changed, 1});
    const VerifyReport report = file.verify(with_key);
    CAPTURE(i);
    REQUIRE_FALSE(report.ok);
    if (i >= data_start) {
      REQUIRE(report.problems.at(0).sequence.has_value());
      const VerifyReport unauthenticated = file.verify(without_key);
      REQUIRE_FALSE(unauthenticated.ok);
      REQUIRE(unauthenticated.problems.at(0).sequence.has_value());
      if (i < end) {
        const auto segment = static_cast<std::size_t>(std::ranges::upper_bound(starts, i) - starts.begin()) - 1;
        REQUIRE(report.problems.at(0).offset == starts[segment]);
        REQUIRE(report.problems.at(0).sequence == first_records[segment]);
        REQUIRE(unauthenticated.problems.at(0).sequence == first_records[segment]);
      }
    } else {
      REQUIRE(report.problems.at(0).what.starts_with("superblock"));
    }
    file.put(i, {&volume[i], 1});
  }
  CHECK(file.verify(with_key).ok);
}

TEST_CASE("verify: cut, dropped, repeated and exchanged records of a raw log") {
  const auto raw = export_raw(sample_volume(volume_bytes_min));
  TemporaryFile file;
  for (const VerifyOptions* options : {&with_key, &without_key}) {
    for (std::size_t cut = 1; cut < raw.size(); ++cut) {
      file.replace(std::span{raw}.first(raw.size() - cut));
      const VerifyReport report = file.verify(*options);
      CAPTURE(cut);
      const std::size_t left = (raw.size() - cut) / record_bytes;
      if ((raw.size() - cut) % record_bytes == 0 && left == 13) {
        CHECK(report.ok);  // the orderly end of the first boot: only an anchor tells
        const VerifyOptions anchored{.keys = options->keys, .anchor = TreeAnchor{sample_records, {}}};
        CHECK(file.verify(anchored).problems.at(0).sequence == 13);
        continue;
      }
      REQUIRE_FALSE(report.ok);
      REQUIRE(report.problems.at(0).sequence == left);
    }
    for (std::size_t i = 0; i + 1 < sample_records; ++i) {
      CAPTURE(i);
      file.replace(without_records(raw, i, 1));
      REQUIRE(file.verify(*options).problems.at(0).sequence == i);
      auto repeated = raw;
      repeated.insert(repeated.begin() + static_cast<std::ptrdiff_t>(i * record_bytes),
                      raw.begin() + static_cast<std::ptrdiff_t>(i * record_bytes),
                      raw.begin() + static_cast<std::ptrdiff_t>((i + 1) * record_bytes));
      file.replace(repeated);
      REQUIRE(file.verify(*options).problems.at(0).sequence == i + 1);
      auto exchanged = raw;
      std::swap_ranges(exchanged.begin() + static_cast<std::ptrdiff_t>(i * record_bytes),
                       exchanged.begin() + static_cast<std::ptrdiff_t>((i + 1) * record_bytes),
                       exchanged.begin() + static_cast<std::ptrdiff_t>((i + 1) * record_bytes));
      file.replace(exchanged);
      REQUIRE(file.verify(*options).problems.at(0).sequence == i);
    }
  }
}

TEST_CASE("verify: a raw log that is still open is refused unless that is allowed") {
  const auto raw = export_raw(sample_volume(volume_bytes_min, false));
  TemporaryFile file;
  file.replace(raw);
  const VerifyReport report = file.verify(with_key);
  CHECK_FALSE(report.ok);
  CHECK(report.problems.at(0).sequence == sample_records - 1);
  const VerifyOptions open{.keys = &keys, .allow_open = true};
  CHECK(file.verify(open).ok);
  CHECK(file.verify(open).state == LogState::open);
  file.replace({});
  CHECK_FALSE(file.verify(with_key).ok);
  CHECK(file.verify(open).ok);
}

TEST_CASE("verify: another key, another log") {
  const auto volume = sample_volume(volume_bytes_min);
  TemporaryFile file;
  file.replace(volume);
  const Keys other = test_keys(9);
  const VerifyOptions wrong{.keys = &other};
  const VerifyReport report = file.verify(wrong);
  CHECK_FALSE(report.ok);
  CHECK(report.problems.at(0).why.find("another device key") != std::string::npos);
  file.replace(export_raw(volume));
  const VerifyReport raw = file.verify(wrong);
  CHECK(raw.problem_count >= sample_records);
  REQUIRE(raw.notes.size() == 1);
  const VerifyOptions forked{.keys = &keys, .anchor = TreeAnchor{7, {}}};
  CHECK(file.verify(forked).problems.at(0).sequence == 6);
  file.replace(std::vector<std::byte>(volume_bytes_min));
  CHECK_FALSE(file.verify(with_key).ok);
}

TEST_CASE("verify: cut, dropped, repeated and exchanged segments of a volume, and a shortened file") {
  const auto volume = sample_volume(volume_bytes_min);
  const std::size_t end = log_end(volume);
  TemporaryFile file;
  for (std::size_t at = data_start; at < end; at += sector_bytes) {
    CAPTURE(at);
    auto changed = volume;
    std::fill(changed.begin() + static_cast<std::ptrdiff_t>(at), changed.begin() + static_cast<std::ptrdiff_t>(end),
              std::byte{0});
    file.replace(changed);
    REQUIRE_FALSE(file.verify(with_key).ok);
    REQUIRE(file.verify(with_key).problems.at(0).sequence.has_value());
    changed = volume;  // one sector taken out, the rest moved up
    std::copy(changed.begin() + static_cast<std::ptrdiff_t>(at + sector_bytes), changed.end(),
              changed.begin() + static_cast<std::ptrdiff_t>(at));
    file.replace(changed);
    REQUIRE_FALSE(file.verify(with_key).ok);
    changed = volume;  // one sector repeated
    std::copy_backward(volume.begin() + static_cast<std::ptrdiff_t>(at), volume.end() - sector_bytes, changed.end());
    file.replace(changed);
    REQUIRE_FALSE(file.verify(with_key).ok);
    if (at + 2 * sector_bytes <= end) {
      changed = volume;
      std::swap_ranges(changed.begin() + static_cast<std::ptrdiff_t>(at),
                       changed.begin() + static_cast<std::ptrdiff_t>(at + sector_bytes),
                       changed.begin() + static_cast<std::ptrdiff_t>(at + sector_bytes));
      file.replace(changed);
      REQUIRE_FALSE(file.verify(with_key).ok);
    }
  }
  for (std::size_t bytes : {volume.size() - 1, end, data_start, superblock_bytes, sector_bytes}) {
    file.replace(std::span{volume}.first(bytes));
    CHECK_FALSE(file.verify(with_key).ok);
  }
  auto larger = volume;
  larger.resize(volume.size() + 100000);
  file.replace(larger);
  CHECK(file.verify(with_key).ok);
  larger.back() = std::byte{1};
  file.replace(larger);
  CHECK_FALSE(file.verify(with_key).ok);
}

TEST_CASE("verify: old superblocks put back over a newer log") {
  Disk disk{1 << 20};
  FakeDevice::disk = &disk;
  Boot boot;
  write_segment(boot, 3);
  write_segment(boot, 2);
  const auto before = disk.content;
  write_segment(boot, 4);
  write_segment(boot, 4);
  REQUIRE(boot.shut_down());
  FakeDevice::disk = nullptr;
  TemporaryFile file;
  auto both_old = disk.content;
  std::copy_n(before.begin(), data_start, both_old.begin());
  file.replace(both_old);
  // What follows the old count is a valid continuation, so nothing is lost; but the log is not closed.
  CHECK(file.verify(with_key).state == LogState::open);
  CHECK(file.verify(with_key).records == boot.ring.durable());
  for (std::size_t slot = 0; slot < 2; ++slot) {
    auto one_old = disk.content;
    std::copy_n(before.begin() + static_cast<std::ptrdiff_t>(slot * superblock_bytes), superblock_bytes,
                one_old.begin() + static_cast<std::ptrdiff_t>(slot * superblock_bytes));
    file.replace(one_old);
    CHECK_FALSE(file.verify(with_key).ok);
  }
}

TEST_CASE("verify: a run of leaves is joined to the tree by its subtrees as if leaf by leaf") {
  std::vector<crypto::Digest> leaves(400);
  for (std::uint64_t i = 0; i < leaves.size(); ++i) leaves[i] = crypto::sha256(crypto::bytes_of(i));
  for (std::uint64_t first = 0; first <= 70; ++first) {
    MerkleFrontier before;
    for (std::uint64_t i = 0; i < first; ++i) before.append(leaves[i]);
    for (std::uint64_t count = 0; first + count <= leaves.size(); count += 1 + count / 8) {
      MerkleFrontier joined = before;
      for (const Subtree& s : subtrees_of(std::span{leaves}.subspan(first, count), first)) {
        REQUIRE(joined.size() % (std::uint64_t{1} << s.level) == 0);
        joined.append_subtree(s.level, s.root);
      }
      MerkleFrontier one_by_one = before;
      for (std::uint64_t i = 0; i < count; ++i) one_by_one.append(leaves[first + i]);
      REQUIRE(joined == one_by_one);
    }
  }
}

TEST_CASE("verify: many segments on several threads, whole and with one byte changed in any of them") {
  Disk disk{1 << 22};
  FakeDevice::disk = &disk;
  Boot boot{4096};
  for (unsigned i = 0; i < 70; ++i) write_segment(boot, 1 + i * 37 % 300);
  REQUIRE(boot.shut_down());
  FakeDevice::disk = nullptr;
  TemporaryFile file;
  file.replace(disk.content);
  for (unsigned threads : {1u, 2u, 5u}) {
    const VerifyReport report = file.verify({.keys = &keys, .threads = threads});
    for (const auto& p : report.problems) MESSAGE(p.what << ": " << p.why);
    CHECK(report.ok);
    CHECK(report.segments == 71);
    CHECK(report.records == boot.ring.durable());
    CHECK(report.root == boot.sealer.root());
    CHECK(report.tree_heads == 1);
    const VerifyOptions anchored{.keys = &keys, .threads = threads, .anchor = TreeAnchor{report.records / 2, {}}};
    CHECK_FALSE(file.verify(anchored).ok);
  }
  const std::size_t end = log_end(disk.content);
  std::mt19937_64 random{11};
  for (int round = 0; round < 60; ++round) {
    const std::size_t at = data_start + random() % (end - data_start);
    const std::byte changed = disk.content[at] ^ std::byte{1};
    file.put(at, {&changed, 1});
    CAPTURE(at);
    REQUIRE_FALSE(file.verify({.keys = &keys, .threads = 3}).ok);
    file.put(at, {&disk.content[at], 1});
  }
  CHECK(file.verify(with_key).ok);
}

// What `rvm witness verify` finds after a power cut is what the next boot continues from.
TEST_CASE("verify: after a power cut at any step the volume verifies as open, with what the next boot recovers") {
  std::mt19937_64 random{10};
  TemporaryFile file;
  for (int round = 0; round < 300; ++round) {
    Disk disk{volume_bytes_min * 3, random()};
    disk.delay_max = 2;
    FakeDevice::disk = &disk;
    std::uint64_t reported = 0;
    for (int life = 0; life < 3; ++life) {
      Boot boot;
      REQUIRE(boot.resume);
      for (auto steps = random() % 60; steps > 0; --steps) {
        for (auto n = random() % 6; n > 0; --n) boot.emit();
        boot.sealer.seal(boot.ring, 20);
        boot.drain.step(boot.ring, boot.sealer, Nanoseconds{steps * 5'000'000});
        boot.drain.step(boot.ring, boot.sealer, Nanoseconds{UINT64_MAX - 1});
      }
      reported = boot.ring.durable();
      disk.cut_power();
      file.replace(disk.content);
      const VerifyReport report = file.verify(with_key);
      for (const auto& p : report.problems) MESSAGE(p.what << ": " << p.why);
      REQUIRE(report.ok);
      REQUIRE(report.state == LogState::open);
      REQUIRE(report.durable <= report.records);
      REQUIRE(report.records >= reported);
      Boot next;
      REQUIRE(next.resume);
      REQUIRE(next.resume->next_sequence == report.records);
      REQUIRE(next.sealer.root() == report.root);
    }
    FakeDevice::disk = nullptr;
  }
}
