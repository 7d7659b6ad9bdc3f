// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <cstring>
#include <numeric>

#include "rvm/witness/flash_log.hpp"
#include "verify/test_files.hpp"

using namespace rvm;
using namespace rvm::witness;

namespace {

/// A part of six segments in memory.
struct Part {
  static constexpr std::size_t erase_bytes = 1024;
  static inline std::vector<std::byte> cells;
  static std::uint32_t bytes() { return static_cast<std::uint32_t>(cells.size()); }
  static bool read(std::uint32_t at, std::span<std::byte> into) {
    std::memcpy(into.data(), cells.data() + at, into.size());
    return true;
  }
  static bool program(std::uint32_t at, std::span<const std::byte> from) {
    std::memcpy(cells.data() + at, from.data(), from.size());
    return true;
  }
  static bool erase(std::uint32_t at) {
    std::memset(cells.data() + at, 0xff, erase_bytes);
    return true;
  }
};

constexpr std::array<std::byte, device_key_bytes> device_key{std::byte{7}};
constexpr std::uint64_t slots = 6;

const Keys& keys() {
  static const Keys made = derive_keys(device_key);
  return made;
}
const crypto::Ed25519Key& identity() {
  static const crypto::Ed25519Key made = derive_identity(device_key);
  return made;
}

void sign(FlashLog<Part>& log, const Sealer& sealer) {
  FlashHead head{};
  head.size = sealer.size();
  head.unix_ns = sealer.size();
  head.root = sealer.root();
  NoteText note;
  write_flash_head(note, Origin{log.volume_id()}.view(), head, identity().public_key());
  const std::string_view text = note.view();
  head.signature = identity().sign(std::as_bytes(std::span{text.substr(0, text.size() - 1)}));
  REQUIRE(log.append(head));
}

/// One boot: so many records, and behind the header of each segment but the first a signed head.
void append(std::uint64_t count) {
  Sealer sealer;
  FlashLog<Part> log;
  const auto resume = log.load(keys(), {}, sealer);
  REQUIRE(resume.has_value());
  if (resume->formatted) sealer.start(keys());
  std::vector<Record> memory(64);
  Ring ring;
  REQUIRE(ring.init(memory, resume->next_sequence).has_value());
  for (std::uint64_t i = resume->next_sequence; i < resume->next_sequence + count; ++i) {
    if (log.segment_full()) {
      REQUIRE(log.begin_segment(sealer));
      if (i != 0) sign(log, sealer);
    }
    REQUIRE(ring.emit(Lane::ordinary, {.kind = Kind::ipc_send, .payload = i}, Nanoseconds{i}).has_value());
    REQUIRE(sealer.seal(ring, 1) == 1);
    REQUIRE(log.append(ring.slot(i)));
    ring.mark_durable(i + 1);
  }
}

void write_log(std::uint64_t count) {
  Part::cells.assign(slots * flash_segment_bytes, erased);
  append(count);
}

/// The sequence numbers of what a search shows.
std::vector<std::uint64_t> searched() {
  test::TemporaryFile file;
  file.replace(Part::cells);
  std::vector<std::uint64_t> found;
  const auto visit = [&](const Record& record) {
    found.push_back(record.sequence);
    return true;
  };
  REQUIRE(search_volume(LogFile::open(file.path()).value(), &keys(), {}, visit).has_value());
  return found;
}

VerifyReport check(const std::vector<std::byte>& cells) {
  test::TemporaryFile file;
  file.replace(cells);
  const VerifyOptions options{.keys = &keys(), .allow_open = true, .head_key = identity().public_key()};
  return verify_flash(LogFile::open(file.path()).value(), options);
}

}  // namespace

TEST_CASE("flash: a log longer than its flash verifies, and so does the head that its oldest segment begins with") {
  for (const std::uint64_t count : {10u, 200u, 1000u}) {
    write_log(count);
    const VerifyReport report = check(Part::cells);
    CAPTURE(count);
    CHECK_MESSAGE(report.ok, (report.problems.empty() ? "" : report.problems[0].what + ": " + report.problems[0].why));
    CHECK(report.records == count);
    CHECK(report.signed_heads == (count == 1000 ? slots : report.segments - 1));
  }
}

TEST_CASE("flash: a changed bit is found wherever it is, and a missing segment") {
  write_log(1000);
  const auto good = Part::cells;
  REQUIRE(check(good).ok);
  for (std::size_t at = 0; at < good.size(); at += 61) {
    if (good[at] == erased) continue;             // between a header and its entries, or free
    if (at % flash_segment_bytes < 16) continue;  // magic and number: then the segment is missing, see below
    auto changed = good;
    changed[at] ^= std::byte{1};
    const VerifyReport report = check(changed);
    // The last entry may be what a power cut left: without it the log is a shorter one.
    CHECK_MESSAGE((!report.ok || report.records == 999), "byte " << at);
  }
  std::size_t missed = 0;
  for (std::size_t slot = 0; slot < slots; ++slot) {
    auto changed = good;
    std::fill_n(changed.begin() + static_cast<std::ptrdiff_t>(slot * flash_segment_bytes), flash_segment_bytes, erased);
    missed += check(changed).ok ? 1 : 0;
  }
  // The oldest, which was about to be erased, and the newest, which only a head kept elsewhere can miss.
  CHECK(missed == 2);
}

TEST_CASE("flash: a record that a power cut interrupted is neither counted nor found, then or later") {
  const auto first = [](std::uint64_t count) {
    std::vector<std::uint64_t> numbers(count);
    std::iota(numbers.begin(), numbers.end(), 0);
    return numbers;
  };
  write_log(10);
  const auto whole = Part::cells;
  std::size_t end = 2 * flash_segment_bytes;  // segment 1 lies in slot 1
  while (whole[end - 1] == erased) --end;
  end = (end + record_bytes - 1) / record_bytes * record_bytes;
  for (std::size_t words = 1; words < record_bytes / 4; ++words) {
    CAPTURE(words);
    Part::cells = whole;
    std::fill_n(Part::cells.begin() + static_cast<std::ptrdiff_t>(end - words * 4), words * 4, erased);
    CHECK(check(Part::cells).records == 9);
    CHECK(searched() == first(9));
    append(5);
    CHECK(check(Part::cells).records == 14);
    CHECK(searched() == first(14));
  }
}
