// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>

#include "rvm/witness_verify/verify.hpp"
#include "test_files.hpp"

using namespace rvm;
using namespace rvm::witness;
using namespace rvm::witness::test;

namespace {

const Keys keys = (crypto::select_implementation(), test_keys());
const crypto::Ed25519Key identity = test_identity();
const VerifyOptions with_keys{.keys = &keys, .head_key = identity.public_key()};

std::size_t log_end(const std::vector<std::byte>& volume) {
  std::size_t end = volume.size();
  while (volume[end - 1] == std::byte{0}) --end;
  return (end + sector_bytes - 1) / sector_bytes * sector_bytes;
}

VerifyReport verified(const std::vector<std::byte>& volume, const VerifyOptions& options = with_keys) {
  TemporaryFile file;
  file.replace(volume);
  return file.verify(options);
}

/// A volume with 5 records and then what `add` has the drain store, closed without a head.
template <typename Add>
std::vector<std::byte> volume_with(Add add) {
  Disk disk{volume_bytes_min};
  FakeDevice::disk = &disk;
  Boot boot;
  write_segment(boot, 5);
  add(boot);
  if (!boot.shut_down()) throw std::runtime_error{"close"};
  FakeDevice::disk = nullptr;
  return disk.content;
}

std::string head(std::string_view origin, std::uint64_t size, const crypto::Digest& root,
                 const crypto::Ed25519Key& key) {
  NoteText note;
  note.text(origin).text("\n").number(size).text("\n").base64(root).text("\ntimestamp 1\n");
  sign_note(note, origin, key);
  return std::string{note.view()};
}

void store(Boot& boot, const std::string& note) {
  boot.drain.offer_note(note);
  if (!boot.drain.flush(boot.ring, boot.sealer)) throw std::runtime_error{"flush"};
}

std::string first_problem(const std::vector<std::byte>& volume, const VerifyOptions& options = with_keys) {
  const VerifyReport report = verified(volume, options);
  return report.ok ? "" : report.problems.at(0).why;
}

}  // namespace

TEST_CASE("heads: those in an orderly volume are counted and handed out") {
  const auto volume = sample_volume(volume_bytes_min, true, &identity);
  const VerifyReport report = verified(volume);
  for (const auto& p : report.problems) MESSAGE(p.what << ": " << p.why);
  CHECK(report.ok);
  CHECK(report.signed_heads == 4);
  REQUIRE(report.heads.size() == 4);
  CHECK(parse_checkpoint(parse_note(report.heads[0]).value().text).value().size == 3);
  CHECK(parse_checkpoint(parse_note(report.heads[3]).value().text).value().size == sample_records);
  CHECK(verified(volume, {.keys = &keys}).ok);
  CHECK(verified(volume, {.head_key = identity.public_key()}).ok);
  const VerifyOptions other{.keys = &keys, .head_key = test_identity(8).public_key()};
  CHECK(verified(volume, other).problem_count == 4);
  CHECK(first_problem(volume, other).starts_with("no signature by the key of rvm.local/"));
}

TEST_CASE("heads: every single changed byte of a volume that has them is reported") {
  const auto volume = sample_volume(volume_bytes_min, true, &identity);
  const std::size_t end = log_end(volume);
  TemporaryFile file;
  file.replace(volume);
  const VerifyOptions public_only{.head_key = identity.public_key()};
  for (std::size_t i = data_start; i < end; ++i) {
    const std::byte changed = volume[i] ^ std::byte{0x04};
    file.put(i, {&changed, 1});
    CAPTURE(i);
    for (const VerifyOptions* options : {&with_keys, &public_only}) {
      const VerifyReport report = file.verify(*options);
      REQUIRE_FALSE(report.ok);
      REQUIRE(report.problems.at(0).sequence.has_value());
    }
    file.put(i, {&volume[i], 1});
  }
  CHECK(file.verify(with_keys).ok);
}

TEST_CASE("heads: one that says something else than the log is refused with the reason") {
  const auto at_five = [](Boot& boot) { return boot.drain.durable().root; };
  const auto origin_of = [](Boot& boot) { return std::string{Origin{boot.drain.durable().volume_id}.view()}; };
  CHECK(first_problem(volume_with([&](Boot& b) { store(b, head(origin_of(b), 5, at_five(b), identity)); })).empty());
  CHECK(first_problem(volume_with([&](Boot& b) {
          store(b, head(origin_of(b), 5, at_five(b), test_identity(9)));
        })).starts_with("no signature by the key of"));
  CHECK(first_problem(volume_with([&](Boot& b) { store(b, head(origin_of(b), 4, at_five(b), identity)); })) ==
        "its root is not that of the log's first 4 records");
  CHECK(first_problem(volume_with([&](Boot& b) { store(b, head(origin_of(b), 6, at_five(b), identity)); })) ==
        "it is over 6 records, but only 5 are there: the log was cut back or replaced");
  CHECK(first_problem(volume_with([&](Boot& b) {
          store(b, head("rvm.local/other", 5, at_five(b), identity));
        })).starts_with("its origin is rvm.local/other, but this log is rvm.local/"));
  CHECK(first_problem(volume_with([&](Boot& b) {
          const std::string note = head(origin_of(b), 5, at_five(b), identity);
          store(b, note);
          store(b, note);
        })) == "its size 5 is not above that of the head before, 5");
  CHECK(first_problem(volume_with([&](Boot& b) { store(b, "not a note"); })).starts_with("malformed note: "));
  CHECK(first_problem(volume_with([&](Boot& b) {
          NoteText note;
          note.text("hello\n");
          sign_note(note, "x", identity);
          store(b, std::string{note.view()});
        })) == "malformed head: it lacks origin, size or root");
}

TEST_CASE("heads: one kept elsewhere shows that a log was cut back, forked or is another") {
  const auto full = sample_volume(volume_bytes_min, true, &identity);
  VerifyOptions options = with_keys;
  options.heads = verified(full).heads;
  const VerifyReport report = verified(full, options);
  CHECK(report.ok);
  CHECK(report.known_heads == 4);

  // The same volume as it was after its first segments, and one that went another way after them.
  const auto grown = [](unsigned records, Kind kind) {
    Disk disk{volume_bytes_min};
    FakeDevice::disk = &disk;
    Boot boot;
    for (unsigned i = 0; i < records; ++i) boot.emit(kind);
    if (!boot.shut_down()) throw std::runtime_error{"close"};
    FakeDevice::disk = nullptr;
    return disk.content;
  };
  options.heads = {report.heads[3]};
  CHECK(first_problem(grown(3, Kind::ipc_send), options) ==
        "it is over 20 records, but only 4 are there: the log was cut back or replaced");
  options.heads = {report.heads[1]};
  CHECK(first_problem(grown(12, Kind::ipc_send), options).empty());
  CHECK(first_problem(grown(12, Kind::ipc_receive), options) == "its root is not that of the log's first 12 records");

  TemporaryFile raw;
  raw.replace(export_raw(full));
  VerifyOptions bare{.head_key = identity.public_key(), .heads = report.heads};
  CHECK(raw.verify(bare).known_heads == 4);
  bare.heads[0][60] = bare.heads[0][60] == 'A' ? 'B' : 'A';
  CHECK_FALSE(raw.verify(bare).ok);
}

TEST_CASE("heads: a cosigner is demanded when one is named") {
  const auto full = sample_volume(volume_bytes_min, true, &identity);
  const auto witness_key = test_identity(33);
  VerifyOptions options = with_keys;
  options.heads = {verified(full).heads[3]};
  options.cosigner = VerifierKey{"witness.example", SignatureType::cosignature, witness_key.public_key()};
  CHECK(first_problem(full, options) == "no signature by the key of witness.example");
  const std::string one = options.heads[0];
  options.heads[0] = cosigned(one, parse_note(one).value(), "witness.example", witness_key, 1'700'000'000);
  CHECK(first_problem(full, options).empty());
  options.heads[0] = cosigned(one, parse_note(one).value(), "witness.example", test_identity(34), 1'700'000'000);
  CHECK(first_problem(full, options) == "no signature by the key of witness.example");
}
