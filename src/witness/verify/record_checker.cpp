// SPDX-License-Identifier: MIT OR Apache-2.0
#include "record_checker.hpp"

#include <fmt/format.h>

namespace rvm::witness {

void RecordChecker::problem(std::optional<std::uint64_t> sequence, std::uint64_t offset, std::string what,
                            std::string why) {
  ++report_.problem_count;
  if (report_.problems.size() < options_.problems_max) {
    report_.problems.push_back({sequence, offset, std::move(what), std::move(why)});
  }
}

void RecordChecker::record_problem(std::uint64_t sequence, std::uint64_t offset, std::string why) {
  problem(sequence, offset, fmt::format("record {}", sequence), std::move(why));
  any_damaged_ = true;
}

void RecordChecker::check(const Record& record, std::uint64_t offset) {
  damaged_ = false;
  // What this record should be called: its place, unless it is whole and says otherwise.
  if (options_.keys != nullptr && record.record_hash != record_mac(options_.keys->record, record)) {
    record_problem(expected_, offset, "MAC does not match: contents changed, or sealed under another key");
    damaged_ = true;
    ++wrong_macs_;
  }
  check_sequence(record, offset);
  check_chain(record, offset);
  if (record.action_kind == Kind::tree_head) check_tree_head(record, offset);
  if (record.action_kind == Kind::boot_complete) ++report_.boots;
  if (!damaged_ && describe(record.action_kind) == nullptr) {
    record_problem(expected_ - 1, offset,
                   fmt::format("unknown kind 0x{:02x}", static_cast<unsigned>(record.action_kind)));
  }
  closed_ = record.action_kind == Kind::tree_head && (record.flags & tree_head_closing) != 0;

  head_ = leaf_hash(record);
  tree_.append(head_);
  previous_damaged_ = damaged_;
  previous_sequence_ = expected_ - 1;
  previous_offset_ = offset;
  check_anchor(offset);
}

void RecordChecker::skip(std::uint64_t count) {
  expected_ += count;
  expected_otherwise_.reset();
  broken_link_.reset();
  for (; count != 0; --count) tree_.append({});
  head_ = {};
  previous_damaged_ = any_damaged_ = true;
  closed_ = false;
}

// Leaves expected_ at the number after this record's.
void RecordChecker::check_sequence(const Record& record, std::uint64_t offset) {
  const std::uint64_t place = expected_;
  const std::optional<std::uint64_t> otherwise = expected_otherwise_;
  expected_otherwise_.reset();
  if (record.sequence == place) {
    expected_ = place + 1;
    return;
  }
  if (otherwise && record.sequence == *otherwise) {  // the one before was reported already
    expected_ = *otherwise + 1;
    return;
  }
  if (!damaged_) {
    std::string why = fmt::format("expected here, but record {} was found: ", record.sequence);
    why += record.sequence > place ? "records are missing or out of order" : "records are repeated or out of order";
    record_problem(place, offset, std::move(why));
    damaged_ = true;
    previous_damaged_ = true;  // the link to the record before is broken as a consequence
    expected_ = record.sequence + 1;
    expected_otherwise_ = place + 1;
    return;
  }
  expected_ = place + 1;
  expected_otherwise_ = record.sequence + 1;
}

void RecordChecker::check_chain(const Record& record, std::uint64_t offset) {
  if (broken_link_) {
    settle(*broken_link_, record.prev_hash == broken_link_->repaired_leaf);
    const bool explained = record.prev_hash == broken_link_->repaired_leaf;
    broken_link_.reset();
    if (explained) return;
  }
  if (record.prev_hash == first_eight(head_) || damaged_ || previous_damaged_) return;
  if (tree_.size() == 0) {
    record_problem(expected_ - 1, offset, "prev_hash of the first record is not 0");
    damaged_ = true;
    return;
  }
  if (options_.keys != nullptr) {
    // Both records are authentic, so one between them, or the order, was changed.
    record_problem(expected_ - 1, offset, "does not follow the record before it: prev_hash differs");
    damaged_ = true;
    return;
  }
  Record repaired = record;
  repaired.prev_hash = first_eight(head_);
  broken_link_ = {previous_sequence_, previous_offset_, expected_ - 1, offset, first_eight(leaf_hash(repaired))};
}

void RecordChecker::settle(const BrokenLink& link, bool second_is_damaged) {
  if (second_is_damaged) {
    record_problem(link.second_sequence, link.second_offset, "prev_hash was changed");
  } else {
    record_problem(link.first_sequence, link.first_offset,
                   fmt::format("contents changed: record {} was chained to other contents", link.second_sequence));
  }
}

bool RecordChecker::is_right(const Record& record, const MerkleFrontier& tree) {
  // The fields that this kind does not use are fixed, so that little of the last record of a bare file is unprotected.
  return record.payload == tree.size() && record.aux == first_eight(tree.root()) &&
         (record.flags & ~tree_head_closing) == 0 && record.proof_tier == tree_head_tier &&
         record.actor_partition == hypervisor_partition.value && record.target_object == 0 &&
         record.capability_hash == 0;
}

void RecordChecker::resume(const MerkleFrontier& tree, const crypto::Digest& head, bool closed) {
  tree_ = tree;
  head_ = head;
  closed_ = closed;
  expected_ = tree.size();
  previous_sequence_ = expected_ == 0 ? 0 : expected_ - 1;
}

void RecordChecker::check_tree_head(const Record& record, std::uint64_t offset) {
  const bool right = is_right(record, tree_);
  if (right) {
    ++report_.tree_heads;
  } else if (!damaged_ && !any_damaged_ && !broken_link_) {
    record_problem(expected_ - 1, offset, "TreeHead does not match the records before it");
    damaged_ = true;
  }
}

void RecordChecker::check_anchor(std::uint64_t offset) {
  if (!options_.anchor || tree_.size() != options_.anchor->size) return;
  if (tree_.root() != options_.anchor->root) {
    record_problem(expected_ - 1, offset,
                   fmt::format("the first {} records are not those that are known", tree_.size()));
  }
}

void RecordChecker::finish(std::uint64_t log_end, bool must_be_closed, const std::optional<crypto::Digest>& last_leaf) {
  if (broken_link_) {
    settle(*broken_link_, last_leaf && first_eight(*last_leaf) == broken_link_->repaired_leaf);
    broken_link_.reset();
  } else if (last_leaf && *last_leaf != head_ && !any_damaged_ && tree_.size() > 0) {
    record_problem(previous_sequence_, previous_offset_, "contents changed: the superblock counts other contents");
  }
  if (wrong_macs_ > 1 && wrong_macs_ == tree_.size()) {
    report_.notes.emplace_back("no MAC at all matches: this is probably not the device key of this log");
  }
  if (options_.anchor && tree_.size() < options_.anchor->size) {
    record_problem(expected_, log_end,
                   fmt::format("the log was cut: it is known to have had {} records", options_.anchor->size));
  }
  if (must_be_closed && !closed_) {
    record_problem(expected_, log_end, "missing: the log does not end in a closing TreeHead, so its tail was cut off");
  }
  report_.records = tree_.size();
  report_.tree_size = tree_.size();
  report_.root = tree_.root();
}

}  // namespace rvm::witness
