// SPDX-License-Identifier: MIT OR Apache-2.0
#include "head_checker.hpp"

#include <fmt/format.h>

namespace rvm::witness {

void HeadChecker::announce(std::string_view text) {
  const auto note = parse_note(text);
  const auto head = note ? parse_checkpoint(note->text) : std::expected<Checkpoint, std::string>{std::unexpect};
  if (!head) return;
  roots_.try_emplace(head->size);
  if (head->size == 0) roots_[0] = crypto::sha256({});
}

void HeadChecker::announce_known() {
  for (const std::string& note : options_.heads) announce(note);
}

std::set<std::uint64_t> HeadChecker::sizes() const {
  std::set<std::uint64_t> sizes;
  for (const auto& [size, root] : roots_) sizes.insert(size);
  return sizes;
}

std::optional<std::string> HeadChecker::fault(const Note& note, const Checkpoint& head, std::uint64_t records) const {
  if (!origin_.empty() && head.origin != origin_)
    return fmt::format("its origin is {}, but this log is {}", head.origin, origin_);
  if (options_.head_key) {
    const VerifierKey key{head.origin, SignatureType::ed25519, *options_.head_key};
    if (const auto signature = check_signature(note, key); !signature) return signature.error();
  }
  if (head.size > records) {
    return fmt::format("it is over {} records, but only {} are there: the log was cut back or replaced", head.size,
                       records);
  }
  const auto root = roots_.find(head.size);
  // After a damaged record every later root is wrong as a consequence.
  if (!records_.any_damaged() && (root == roots_.end() || root->second != head.root))
    return fmt::format("its root is not that of the log's first {} records", head.size);
  return std::nullopt;
}

void HeadChecker::check_stored(std::string_view text, std::uint64_t records, std::uint64_t offset) {
  const auto what = fmt::format("tree head after {} records", records);
  const std::optional<std::uint64_t> sequence = records == 0 ? 0 : records - 1;
  const auto note = parse_note(text);
  if (!note) return records_.problem(sequence, offset, what, "malformed note: " + note.error());
  const auto head = parse_checkpoint(note->text);
  if (!head) return records_.problem(sequence, offset, what, "malformed head: " + head.error());
  if (last_size_ && head->size <= *last_size_) {
    return records_.problem(
        sequence, offset, what,
        fmt::format("its size {} is not above that of the head before, {}", head->size, *last_size_));
  }
  last_size_ = head->size;
  if (auto why = fault(*note, *head, records)) return records_.problem(sequence, offset, what, std::move(*why));
  ++report_.signed_heads;
  report_.heads.emplace_back(text);
}

void HeadChecker::check_known() {
  for (std::size_t i = 0; i < options_.heads.size(); ++i) {
    const auto what = fmt::format("given head {}", i + 1);
    const auto complain = [&](std::string why) { records_.problem({}, 0, what, std::move(why)); };
    const auto note = parse_note(options_.heads[i]);
    if (!note) {
      complain("malformed note: " + note.error());
      continue;
    }
    const auto head = parse_checkpoint(note->text);
    if (!head) {
      complain("malformed head: " + head.error());
      continue;
    }
    if (auto why = fault(*note, *head, records_.count())) {
      complain(std::move(*why));
      continue;
    }
    if (options_.cosigner) {
      if (const auto signature = check_signature(*note, *options_.cosigner); !signature) {
        complain(signature.error());
        continue;
      }
    }
    ++report_.known_heads;
  }
}

}  // namespace rvm::witness
