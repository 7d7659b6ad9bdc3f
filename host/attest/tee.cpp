// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/attest/tee.hpp"

namespace rvm::host {

std::expected<TeeLine, std::string> tee_line(const witness::Note& note, std::string_view origin,
                                             const crypto::Ed25519PublicKey& key) {
  const auto id = witness::note_key_id(origin, security::tee_signature_type, key);
  const witness::NoteSignature* found = nullptr;
  for (const witness::NoteSignature& signature : note.signatures) {
    if (signature.name != origin || signature.key_id != id) {
      continue;
    }
    if (found != nullptr) {
      return std::unexpected{std::string{"tee: the quote has more than one line of it"}};
    }
    found = &signature;
  }
  if (found == nullptr) {
    return std::unexpected{std::string{no_tee}};
  }
  const std::span<const std::byte> bytes{found->bytes};  // not empty: parse_note
  const auto platform = static_cast<hal::TeePlatform>(bytes.front());
  if (platform == hal::TeePlatform::none || hal::describe(platform).empty()) {
    return std::unexpected{fmt::format("tee: {} is the number of no platform", std::to_integer<unsigned>(bytes[0]))};
  }
  return TeeLine{platform, bytes.subspan(1)};
}

}  // namespace rvm::host
