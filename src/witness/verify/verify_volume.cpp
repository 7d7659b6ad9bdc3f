// SPDX-License-Identifier: MIT OR Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "head_checker.hpp"
#include "record_checker.hpp"
#include "rvm/witness_verify/verify.hpp"
#include "segment_check.hpp"
#include "volume_walk.hpp"

namespace rvm::witness {

namespace {

std::string_view describe(SuperblockCondition condition) {
  switch (condition) {
    case SuperblockCondition::valid:
      return "valid";
    case SuperblockCondition::blank:
      return "blank";
    case SuperblockCondition::torn:
      return "half written: power was cut, or it was altered";
    case SuperblockCondition::damaged:
      return "damaged: digest or MAC does not match";
    case SuperblockCondition::wrong_key:
      return "written under another device key";
    case SuperblockCondition::unsupported:
      return "of a format version that is not known";
    case SuperblockCondition::foreign:
      return "not a superblock: the magic number is missing";
  }
  return "unknown";
}

class VolumeVerifier {
 public:
  VolumeVerifier(const LogFile& file, const VerifyOptions& options)
      : file_(file),
        options_(options),
        checker_(options, report_),
        heads_(options, report_, checker_),
        blocks_(read_superblocks(file, options.keys)) {
    report_.volume = true;
    report_.authenticated = options.keys != nullptr;
  }

  VerifyReport run() {
    if (check_superblocks()) {
      announce_heads();
      if (!join_counted()) walk_counted();
      walk_beyond();
      heads_.check_known();
    }
    if (options_.keys == nullptr)
      report_.notes.emplace_back("no key: chain, digests and tree were checked, MACs were not");
    // What is wrong with a segment comes before what is then wrong with its records.
    std::ranges::sort(report_.problems, {},
                      [](const Problem& p) { return std::tuple{p.offset, p.what.starts_with("record "), p.sequence}; });
    report_.ok = report_.problem_count == 0;
    return std::move(report_);
  }

 private:
  bool check_superblocks();
  void announce_heads();
  bool join_counted();
  std::vector<SegmentPlace> place_segments() const;
  std::vector<CheckedSegment> check_all(std::span<const SegmentPlace> places) const;
  bool join(const CheckedSegment& segment, MerkleFrontier& tree);
  void walk_counted();
  void walk_beyond();
  bool check_segment(const SegmentBytes& segment, bool counted);
  bool find_lost_extent(SegmentBytes& segment);
  void compare_with_superblock();
  void check_older_superblock();
  void segment_problem(std::uint64_t first, std::uint64_t count, std::string why);

  const LogFile& file_;
  const VerifyOptions& options_;
  VerifyReport report_;
  RecordChecker checker_;
  HeadChecker heads_;
  Superblocks blocks_;
  unsigned slot_ = 0;                           // of the superblock in force
  VolumeHead newest_;                           // the superblock in force
  VolumeHead at_;                               // where the walk is
  std::optional<crypto::Digest> stored_chain_;  // after a segment with a wrong digest: the digest that it states
};

// False if there is nothing to walk.
bool VolumeVerifier::check_superblocks() {
  if (!blocks_.newest) {
    for (unsigned slot = 0; slot < 2; ++slot) {
      checker_.problem({}, slot * superblock_bytes, fmt::format("superblock {}", slot),
                       std::string{describe(blocks_.readings[slot].condition)});
    }
    return false;
  }
  slot_ = *blocks_.newest;
  newest_ = blocks_.heads[slot_];
  report_.state = newest_.state == VolumeState::closed ? LogState::closed : LogState::open;
  report_.durable = newest_.records;
  const unsigned other = 1 - slot_;
  const SuperblockReading reading = blocks_.readings[other];
  const bool open = report_.state == LogState::open;
  const auto what = fmt::format("superblock {}", other);
  const std::uint64_t offset = other * superblock_bytes + reading.sector * sector_bytes;
  if (reading.condition == SuperblockCondition::valid) {
    if (blocks_.heads[other].generation + 1 != newest_.generation) {
      checker_.problem({}, offset, what,
                       fmt::format("generation {} does not precede {}: replaced by an old copy",
                                   blocks_.heads[other].generation, newest_.generation));
    }
  } else if (open && reading.condition == SuperblockCondition::torn) {
    report_.notes.push_back(what + " was being written when power was cut; the next boot repairs it");
  } else if (!open || reading.condition != SuperblockCondition::blank || newest_.generation != 1) {
    checker_.problem({}, offset, what, std::string{describe(reading.condition)});
  }
  if (file_.bytes() < newest_.capacity) {
    checker_.problem({}, file_.bytes(), "volume",
                     fmt::format("the file ends at {} bytes, the volume has {}", file_.bytes(), newest_.capacity));
  }
  at_ = newest_;
  at_.records = 0;
  at_.append = data_start;
  at_.segments = 0;
  at_.chain = chain_start(newest_.volume_id);
  return true;
}

// The tree sizes of which the roots will be wanted.
void VolumeVerifier::announce_heads() {
  report_.origin = Origin{newest_.volume_id}.view();
  heads_.begin(report_.origin);
  heads_.announce_known();
  for_each_note(file_, at_, file_.bytes(), [this](std::string_view note) { heads_.announce(note); });
}

// The headers of all segments that the superblock counts; empty when one is not right.
std::vector<SegmentPlace> VolumeVerifier::place_segments() const {
  std::vector<SegmentPlace> places;
  VolumeHead at = at_;
  while (at.append < newest_.append) {
    std::array<std::byte, segment_header_bytes> header;
    const std::size_t got = file_.read(at.append, header);
    const SegmentReading reading = decode_segment_header(std::span{header}.first(got), newest_.append - at.append, at);
    if (reading.problem != SegmentProblem::none) return {};
    places.push_back({at.append, at.records, reading});
    advance(at, reading);
  }
  return places;
}

std::vector<CheckedSegment> VolumeVerifier::check_all(std::span<const SegmentPlace> places) const {
  constexpr std::size_t batch = segments_at_once;
  std::vector<CheckedSegment> results(places.size());
  std::atomic<std::size_t> next = 0;
  std::atomic<bool> unreadable = false;
  SegmentDemands demands{options_.keys, heads_.sizes()};
  if (options_.anchor) demands.tree_sizes.insert(options_.anchor->size);
  const auto work = [&] {
    try {
      SegmentChecker checker{file_, demands};
      for (std::size_t from = next.fetch_add(batch); from < places.size(); from = next.fetch_add(batch)) {
        const std::size_t count = std::min(batch, places.size() - from);
        checker.check(places.subspan(from, count), std::span{results}.subspan(from, count));
      }
    } catch (const std::system_error&) {
      unreadable = true;  // told by whoever reads it again, one by one
    }
  };
  const std::size_t wanted = options_.threads != 0 ? options_.threads : std::thread::hardware_concurrency();
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(wanted, (places.size() + batch - 1) / batch); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (unreadable) results.clear();
  return results;
}

// Adds the segment's leaves to the tree; false when a tree head in it, or the anchor, does not agree.
bool VolumeVerifier::join(const CheckedSegment& segment, MerkleFrontier& tree) {
  const auto agrees = [&] {
    heads_.pass(tree);
    return !options_.anchor || options_.anchor->size != tree.size() || options_.anchor->root == tree.root();
  };
  for (const Subtree& subtree : segment.subtrees) tree.append_subtree(subtree.level, subtree.root);
  auto head = segment.tree_heads.begin();
  for (const crypto::Digest& leaf : segment.leaves) {
    if (head != segment.tree_heads.end() && head->sequence == tree.size()) {
      if (!RecordChecker::is_right(*head, tree)) return false;
      ++head;
    }
    tree.append(leaf);
    if (!agrees()) return false;
  }
  return agrees();
}

// All segments that the superblock counts, side by side, then joined. False, with nothing reported, when anything is not right:
// the walk record by record then says what.
bool VolumeVerifier::join_counted() {
  const std::vector<SegmentPlace> places = place_segments();
  const std::vector<CheckedSegment> results = check_all(places);
  if (results.empty()) return newest_.append == data_start && newest_.records == 0;
  MerkleFrontier tree;
  VolumeHead at = at_;
  at.last_leaf = {};
  const unsigned other = 1 - slot_;
  const bool compare = blocks_.readings[other].condition == SuperblockCondition::valid;
  std::uint64_t boots = 0, tree_heads = 0;
  bool closed = false;
  for (std::size_t k = 0; k < places.size(); ++k) {
    const CheckedSegment& segment = results[k];
    if (!places[k].reading.is_note) closed = segment.ends_closed;
    if (!segment.right || places[k].reading.previous_leaf != at.last_leaf || !join(segment, tree)) return false;
    boots += segment.boots;
    tree_heads += segment.tree_heads.size();
    advance(at, places[k].reading);
    at.last_leaf = segment.last_leaf;
    const VolumeHead& older = blocks_.heads[other];
    if (compare && older.append == at.append &&
        !(older.records == at.records && older.chain == at.chain && older.last_leaf == at.last_leaf &&
          older.volume_id == at.volume_id && blocks_.trees[other] == tree)) {
      return false;
    }
  }
  if (at.records != newest_.records || at.segments != newest_.segments || at.chain != newest_.chain ||
      at.last_leaf != newest_.last_leaf || tree != blocks_.trees[slot_]) {
    return false;
  }
  checker_.resume(tree, at.last_leaf, closed);
  at_ = at;
  report_.boots += boots;
  report_.tree_heads += tree_heads;
  report_.segments = at.segments;
  for (std::size_t k = 0; k < places.size(); ++k) {
    if (places[k].reading.is_note) heads_.check_stored(results[k].note, places[k].first_sequence, places[k].position);
  }
  return true;
}

// The segments that the superblock counts: all must be there and right.
void VolumeVerifier::walk_counted() {
  while (at_.append < newest_.append) {
    check_older_superblock();
    SegmentBytes segment = read_segment(file_, at_, newest_.append);
    if (segment.reading.problem == SegmentProblem::digest_mismatch && stored_chain_) {
      VolumeHead otherwise = at_;
      otherwise.chain = *stored_chain_;
      const SegmentReading again = decode_segment(segment.bytes, otherwise);
      if (again.problem == SegmentProblem::none) segment.reading = again;
    }
    stored_chain_.reset();
    const SegmentProblem problem = segment.reading.problem;
    if (problem != SegmentProblem::none) {
      const bool framing_lost = problem == SegmentProblem::bad_magic || problem == SegmentProblem::bad_length;
      if (framing_lost && !find_lost_extent(segment)) {
        segment_problem(at_.records, newest_.records - std::min(newest_.records, at_.records),
                        std::string{describe(problem)});
        report_.notes.push_back(fmt::format("the segments from byte {} on could not be followed", at_.append));
        break;
      }
      segment_problem(at_.records, segment.reading.records, std::string{describe(problem)});
      crypto::Digest stored;
      std::memcpy(stored.data(), segment.bytes.data() + offsetof(SegmentHeader, digest), stored.size());
      stored_chain_ = stored;
    }
    check_segment(segment, true);
  }
  check_older_superblock();
  report_.segments = at_.segments;
  compare_with_superblock();
}

// A header that cannot be read hides the length; the next header, or the end of the log, gives it.
bool VolumeVerifier::find_lost_extent(SegmentBytes& segment) {
  for (std::size_t at = sector_bytes; at <= segment.bytes.size(); at += sector_bytes) {
    std::uint64_t next_first = newest_.records;
    if (at == segment.bytes.size()) {
      if (at_.append + at != newest_.append) return false;
    } else {
      SegmentHeader header;
      if (at + sizeof(header) > segment.bytes.size()) return false;
      std::memcpy(&header, segment.bytes.data() + at, sizeof(header));
      if (header.magic != segment_magic || !std::ranges::equal(header.volume, std::span{newest_.volume_id}.first<8>()))
        continue;
      next_first = header.first_sequence;
    }
    const std::uint64_t records = next_first - at_.records;
    if (next_first < at_.records || records > segment_records_max) continue;
    if (records == 0 && at > note_extent_max) continue;
    segment.reading.records = static_cast<std::uint32_t>(records);
    segment.reading.extent = at;
    segment.reading.digest = {};
    return true;
  }
  return false;
}

// Its records, then onwards. For a segment that is not counted: false at the first problem.
bool VolumeVerifier::check_segment(const SegmentBytes& segment, bool counted) {
  using enum SegmentProblem;
  const SegmentReading& reading = segment.reading;
  std::vector<Record> records;
  crypto::Digest last_leaf;
  // After damage only the header knows what the first record follows.
  const crypto::Digest previous = checker_.any_damaged() ? reading.previous_leaf : checker_.head();
  const bool readable = reading.problem != payload_mismatch && reading.problem != bad_magic &&
                        reading.problem != bad_length && unpack(segment, at_.records, previous, records, last_leaf);
  if (readable) {
    SegmentIndex index;
    for (const Record& record : records) {
      checker_.check(record, at_.append);
      heads_.pass(checker_.tree());
      if (!counted && checker_.any_damaged()) return false;
      index.add(record);
    }
    if (reading.problem == none && !checker_.any_damaged()) {
      if (reading.previous_leaf != previous)
        segment_problem(at_.records, reading.records, "does not follow the record before it");
      if (index != reading.index) segment_problem(at_.records, reading.records, "its index is not that of its records");
    }
    if (reading.is_note && reading.problem != digest_mismatch)
      heads_.check_stored(note_in(segment.bytes, reading), checker_.count(), at_.append);
  } else {
    if (reading.problem == none) segment_problem(at_.records, reading.records, "its records cannot be unpacked");
    checker_.skip(reading.records);
  }
  advance(at_, reading);
  return report_.problem_count == 0 || counted;
}

void VolumeVerifier::compare_with_superblock() {
  const bool sound = report_.problem_count == 0 && !checker_.any_damaged();
  if (!sound) return;
  const auto differs = [this](std::string_view what) {
    checker_.record_problem(checker_.count(), at_.append,
                            fmt::format("the records before it do not give the superblock's {}", what));
  };
  if (at_.records != newest_.records || at_.append != newest_.append) return differs("record count");
  if (at_.segments != newest_.segments) return differs("segment count");
  if (at_.chain != newest_.chain) return differs("segment digest");
  if (newest_.records > 0 && checker_.head() != newest_.last_leaf) {
    checker_.finish(at_.append, false, newest_.last_leaf);
    return;
  }
  if (checker_.tree() != blocks_.trees[slot_]) differs("Merkle tree");
}

// The older superblock must describe a point that the log passed through.
void VolumeVerifier::check_older_superblock() {
  const unsigned other = 1 - slot_;
  if (blocks_.readings[other].condition != SuperblockCondition::valid || report_.problem_count != 0 ||
      checker_.any_damaged())
    return;
  const VolumeHead& older = blocks_.heads[other];
  if (older.append != at_.append) return;
  const bool same = older.records == at_.records && older.chain == at_.chain && older.volume_id == at_.volume_id &&
                    older.last_leaf == checker_.head() && blocks_.trees[other] == checker_.tree();
  if (!same)
    checker_.problem({}, other * superblock_bytes, fmt::format("superblock {}", other),
                     "describes another log than this");
}

void VolumeVerifier::walk_beyond() {
  const std::uint64_t end = file_.bytes() / sector_bytes * sector_bytes;
  if (report_.state == LogState::open && report_.problem_count == 0) {
    for (;;) {
      const SegmentBytes segment = read_segment(file_, at_, std::min(end, newest_.capacity));
      if (segment.reading.problem != SegmentProblem::none || !check_segment(segment, false)) break;
    }
  }
  const bool closed = report_.state == LogState::closed;
  const std::optional<crypto::Digest> last_leaf =
      closed && newest_.records > 0 ? std::optional{newest_.last_leaf} : std::nullopt;
  checker_.finish(at_.append, closed && newest_.records > 0 && report_.problem_count == 0, last_leaf);
  // An interrupted write reaches at most one segment beyond the end of an open log; nothing else may be there.
  const std::uint64_t last = report_.records == 0 ? 0 : report_.records - 1;
  const std::uint64_t log_end = std::max(at_.append, newest_.append);
  const std::uint64_t zero_from = std::min(file_.bytes(), closed ? log_end : log_end + segment_bytes_max);
  const std::uint64_t torn = file_.first_nonzero(log_end, zero_from);
  if (torn < zero_from) {
    report_.notes.push_back(
        fmt::format("an interrupted write follows record {} at byte {}; the next boot cuts it off", last, torn));
  }
  const std::uint64_t junk = file_.first_nonzero(zero_from, file_.bytes());
  if (junk < file_.bytes()) {
    checker_.problem(last, junk, fmt::format("after record {}", last), "bytes beyond the end of the log are not zero");
  }
}

void VolumeVerifier::segment_problem(std::uint64_t first, std::uint64_t count, std::string why) {
  if (count == 0) {
    return checker_.problem(first == 0 ? 0 : first - 1, at_.append, fmt::format("tree head after {} records", first),
                            std::move(why));
  }
  const std::uint64_t last = first + count - 1;
  checker_.problem(first, at_.append, fmt::format("segment of records {} to {}", first, last), std::move(why));
}

}  // namespace

VerifyReport verify_volume(const LogFile& file, const VerifyOptions& options) {
  return VolumeVerifier{file, options}.run();
}

}  // namespace rvm::witness
