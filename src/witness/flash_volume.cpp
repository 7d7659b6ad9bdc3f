// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/flash_volume.hpp"

#include <algorithm>

#include "rvm/crypto/hmac.hpp"

namespace rvm::witness {

bool is_erased(std::span<const std::byte> bytes) {
  return std::ranges::all_of(bytes, [](std::byte b) { return b == erased; });
}

crypto::Digest flash_header_mac(const Keys& keys, const FlashHeader& header, const MerkleFrontier& tree) {
  crypto::Hmac hmac{keys.volume};
  hmac.update(crypto::bytes_of(header).first(offsetof(FlashHeader, mac)));
  each_flash_node(tree, [&](const crypto::Digest& node) { hmac.update(node); });
  return hmac.finish();
}

crypto::Digest flash_head_mac(const Keys& keys, const FlashHead& head) {
  crypto::Hmac hmac{keys.volume};
  hmac.update(crypto::bytes_of(head).first(offsetof(FlashHead, mac)));
  return hmac.finish();
}

void write_flash_head(NoteWriter& note, std::string_view origin, const FlashHead& head,
                      const crypto::Ed25519PublicKey& key) {
  HeadText text{origin, head.size, head.root, head.unix_ns, {}};
  if (head.first_of_boot != 0) text.boot.emplace(head.measurement, key);
  write_head(note, text);
  note.text("\n");
}

}  // namespace rvm::witness
