// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness/note.hpp"

#include <algorithm>

#include "rvm/crypto/hmac.hpp"

namespace rvm::witness {

void NoteWriter::put(char c) {
  if (length_ < buffer_.size()) {
    buffer_[length_++] = c;
  } else {
    complete_ = false;
  }
}

NoteWriter& NoteWriter::text(std::string_view s) {
  for (const char c : s) put(c);
  return *this;
}

NoteWriter& NoteWriter::number(std::uint64_t value) {
  std::array<char, 20> digits;
  std::size_t at = digits.size();
  do {
    digits[--at] = static_cast<char>('0' + value % 10);
  } while ((value /= 10) != 0);
  return text(std::string_view{digits.data() + at, digits.size() - at});
}

NoteWriter& NoteWriter::hex(std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) {
    for (const unsigned shift : {4U, 0U}) put("0123456789abcdef"[std::to_integer<unsigned>(b) >> shift & 15]);
  }
  return *this;
}

NoteWriter& NoteWriter::base64(std::span<const std::byte> bytes, std::span<const std::byte> more) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const std::size_t size = bytes.size() + more.size();
  const auto at = [&](std::size_t i) {
    return std::to_integer<std::uint32_t>(i < bytes.size() ? bytes[i] : more[i - bytes.size()]);
  };
  for (std::size_t i = 0; i < size; i += 3) {
    const std::size_t here = std::min<std::size_t>(3, size - i);
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) group = group << 8 | (k < here ? at(i + k) : 0);
    for (std::size_t k = 0; k < 4; ++k, group <<= 6) put(k <= here ? alphabet[group >> 18 & 63] : '=');
  }
  return *this;
}

void write_head(NoteWriter& note, const HeadText& head) {
  note.text(head.origin).text("\n").number(head.size).text("\n").base64(head.root);
  note.text("\ntimestamp ").number(head.unix_ns).text("\n");
  if (head.boot) {
    note.text("measurement ").base64(head.boot->measurement);
    note.text("\nattestation-key ").base64(head.boot->key).text("\n");
  }
}

std::array<std::byte, 4> note_key_id(std::string_view name, std::string_view signature_type,
                                     std::span<const std::byte> identity) {
  constexpr std::array separator{std::byte{'\n'}};
  crypto::Sha256 hash;
  hash.update(std::as_bytes(std::span{name}));
  hash.update(separator);
  hash.update(std::as_bytes(std::span{signature_type}));
  hash.update(identity);
  const crypto::Digest digest = hash.finish();
  std::array<std::byte, 4> id;
  std::copy_n(digest.begin(), id.size(), id.begin());
  return id;
}

void put_signature(NoteWriter& note, std::string_view name, std::string_view signature_type,
                   std::span<const std::byte> identity, std::span<const std::byte> signature) {
  const auto id = note_key_id(name, signature_type, identity);
  note.text("\xe2\x80\x94 ").text(name).text(" ").base64(id, signature).text("\n");
}

Origin::Origin(const std::array<std::byte, 16>& volume_id) {
  NoteBuffer<origin_prefix.size() + 32> text;
  text.text(origin_prefix).hex(volume_id);
  std::copy_n(text.view().begin(), size(), begin());
}

crypto::Ed25519Key derive_identity(std::span<const std::byte, device_key_bytes> device_key) {
  constexpr std::string_view info = "rvm attestation identity v1";
  crypto::Ed25519Seed seed;
  // 32 bytes are within what HKDF can give, so this cannot fail.
  if (!crypto::hkdf_sha256(device_key, {}, std::as_bytes(std::span{info}), seed)) __builtin_trap();
  const crypto::Ed25519Key key{seed};
  crypto::wipe(seed);
  return key;
}

}  // namespace rvm::witness
