// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/sealer.hpp"

namespace rvm::witness {

void Sealer::start(const Keys& keys) {
  record_key_ = keys.record;
  head_ = {};
  limit_ = UINT64_MAX;
  tree_.clear();
}

std::uint32_t Sealer::seal(Ring& ring, std::uint32_t max_records) {
  ring.prepare(Ring::prepared_at_start);
  std::uint32_t sealed = 0;
  for (; sealed < max_records && size() < limit_; ++sealed) {
    Record* record = ring.committed(size());
    if (record == nullptr) break;
    record->prev_hash = first_eight(head_);
    record->record_hash = record_mac(record_key_, *record);
    head_ = leaf_hash(*record);
    tree_.append(head_);
  }
  if (sealed != 0) ring.mark_sealed(size());
  return sealed;
}

Fields Sealer::tree_head(bool closing) const {
  return {.kind = Kind::tree_head,
          .tier = tree_head_tier,
          .flags = closing ? tree_head_closing : std::uint16_t{0},
          .actor = hypervisor_partition,
          .payload = size(),
          .aux = first_eight(root())};
}

bool Sealer::accept(const Record& record) {
  if (record.sequence != size() || record.prev_hash != first_eight(head_)) return false;
  if (record.record_hash != record_mac(record_key_, record)) return false;
  head_ = leaf_hash(record);
  tree_.append(head_);
  return true;
}

MerkleFrontier& Sealer::restore(const Keys& keys, const crypto::Digest& head) {
  record_key_ = keys.record;
  head_ = head;
  return tree_;
}

}  // namespace rvm::witness
