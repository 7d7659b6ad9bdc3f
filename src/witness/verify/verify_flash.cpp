// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A log on a microcontroller's flash. The oldest segments may have been erased for the newest: what is left begins with a header
// that says, under the device's key, what the tree was, and from there on everything is checked as in any other log.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "flash_walk.hpp"
#include "head_checker.hpp"
#include "record_checker.hpp"
#include "rvm/witness_verify/verify.hpp"

namespace rvm::witness {
namespace {

constexpr std::string_view ed25519_type{"\x01", 1};

/// The note that was signed. The public key is not on the flash: without it there is no note.
std::string note_of(const FlashHead& head, std::string_view origin, const crypto::Ed25519PublicKey& key) {
  NoteText note;
  write_flash_head(note, origin, head, key);
  put_signature(note, origin, ed25519_type, key, head.signature);
  return std::string{note.view()};
}

class FlashVerifier {
 public:
  FlashVerifier(const LogFile& file, const VerifyOptions& options)
      : options_(options),
        checker_(options, report_),
        heads_(options, report_, checker_),
        segments_(read_flash_segments(file)),
        slots_(file.bytes() / flash_segment_bytes) {}

  VerifyReport run();

 private:
  void choose();
  void check(const FlashSegment& segment, bool first);
  void check_header(const FlashSegment& segment, bool first);

  const VerifyOptions& options_;
  VerifyReport report_;
  RecordChecker checker_;
  HeadChecker heads_;
  std::vector<FlashSegment> segments_;
  std::uint64_t slots_;
};

/// Leaves what follows one another up to the newest. A segment before a gap is one too many: the ring erases in order.
void FlashVerifier::choose() {
  std::size_t first = segments_.size() - 1;
  while (first > 0 && segments_[first - 1].header.number + 1 == segments_[first].header.number) --first;
  // Nothing is erased before every slot was used, and then one at a time.
  const std::uint64_t here = segments_.size() - first;
  if (first == 0 && segments_[0].header.number > 1 && here + 1 < slots_) {
    checker_.problem({}, segments_[0].position, fmt::format("segment {}", segments_[0].header.number - 1),
                     "is missing, though there was room for it");
  }
  if (first == 0) return;
  checker_.problem({}, segments_[first - 1].position, fmt::format("segment {}", segments_[first].header.number - 1),
                   "is missing, but older ones are there");
  segments_.erase(segments_.begin(), segments_.begin() + static_cast<std::ptrdiff_t>(first));
}

void FlashVerifier::check_header(const FlashSegment& segment, bool first) {
  const FlashHeader& header = segment.header;
  const std::string what = fmt::format("header of segment {}", header.number);
  const auto complain = [&](const char* why) { checker_.problem({}, segment.position, what, why); };
  if (options_.keys != nullptr &&
      !crypto::equal_constant_time(flash_header_mac(*options_.keys, header, segment.tree), header.mac))
    complain("its MAC does not match: changed, or written under another key");
  if (header.reserved != 0) complain("its reserved field is not zero");
  if (first) {
    checker_.resume(segment.tree, header.previous_leaf, false);
    return;
  }
  if (header.volume_id != segments_.front().header.volume_id) complain("it is another log's");
  if (header.first_sequence != checker_.count()) {
    complain("it does not begin with the record after the last");
    checker_.resume(segment.tree, header.previous_leaf, false);
  } else if (!checker_.any_damaged() && (header.previous_leaf != checker_.head() || segment.tree != checker_.tree())) {
    complain("the tree that it says is not that of the records before it");
  }
}

void FlashVerifier::check(const FlashSegment& segment, bool first) {
  check_header(segment, first);
  heads_.pass(checker_.tree());  // of the oldest segment: its first entry may be a head over all that was erased
  const std::string origin{Origin{segment.header.volume_id}.view()};
  bool cut = false;
  std::size_t entry_bytes = record_bytes;
  const std::size_t end = each_flash_entry(segment, [&](const FlashEntry& entry) {
    entry_bytes = entry.head != nullptr ? sizeof(FlashHead) : record_bytes;
    const bool last = is_erased(std::span{segment.bytes}.subspan(entry.at + entry_bytes));
    const std::uint64_t offset = segment.position + entry.at;
    // The last entry of a segment that does not verify is one that a power cut interrupted.
    if (entry.head != nullptr) {
      const bool authentic = options_.keys == nullptr ||
                             crypto::equal_constant_time(flash_head_mac(*options_.keys, *entry.head), entry.head->mac);
      if (!authentic && last) return !(cut = true);
      if (!authentic) checker_.problem({}, offset, "signed tree head", "its MAC does not match");
      if (options_.head_key)
        heads_.check_stored(note_of(*entry.head, origin, *options_.head_key), checker_.count(), offset);
      return true;
    }
    const Record& record = *entry.record;
    const bool whole = record.sequence == checker_.expected() && record.prev_hash == first_eight(checker_.head()) &&
                       (options_.keys == nullptr || record.record_hash == record_mac(options_.keys->record, record));
    if (!whole && last) return !(cut = true);
    checker_.check(record, offset);
    heads_.pass(checker_.tree());
    return true;
  });
  const std::span<const std::byte> behind = std::span{segment.bytes}.subspan(cut ? end + entry_bytes : end);
  if (!is_erased(behind)) {
    checker_.problem({}, segment.position + end, fmt::format("segment {}", segment.header.number),
                     "has something behind its end");
  }
  if (cut) report_.notes.push_back(fmt::format("an interrupted write after {} records was cut off", checker_.count()));
  ++report_.segments;
}

VerifyReport FlashVerifier::run() {
  report_.volume = true;
  report_.authenticated = options_.keys != nullptr;
  if (segments_.empty()) {
    checker_.problem({}, 0, "flash", "has no segment of a log");
    return report_;
  }
  choose();
  const FlashHeader& oldest = segments_.front().header;
  report_.origin = std::string{Origin{oldest.volume_id}.view()};
  heads_.begin(report_.origin);
  heads_.announce_known();
  for (const FlashSegment& segment : segments_) {
    each_flash_entry(segment, [&](const FlashEntry& entry) {
      if (entry.head != nullptr && options_.head_key)
        heads_.announce(note_of(*entry.head, report_.origin, *options_.head_key));
      return true;
    });
  }
  for (std::size_t i = 0; i < segments_.size(); ++i) check(segments_[i], i == 0);
  checker_.finish(segments_.back().position, false);
  heads_.check_known();
  report_.records = checker_.count();
  report_.durable = report_.records;
  report_.state = checker_.closed() ? LogState::closed : LogState::open;
  if (oldest.first_sequence != 0) {
    report_.notes.push_back(
        fmt::format("records 0 to {} were erased for newer ones; the header of segment {} stands for them",
                    oldest.first_sequence - 1, oldest.number));
  }
  if (options_.keys == nullptr) report_.notes.emplace_back("no key: the chain was checked, MACs were not");
  report_.ok = report_.problem_count == 0;
  return report_;
}

}  // namespace

VerifyReport verify_flash(const LogFile& file, const VerifyOptions& options) {
  return FlashVerifier{file, options}.run();
}

}  // namespace rvm::witness
