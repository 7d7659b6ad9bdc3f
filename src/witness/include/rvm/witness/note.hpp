// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Signed tree heads: checkpoints in the C2SP formats tlog-checkpoint and signed-note (c2sp.org), written without a heap.
//
//   rvm.local/0f3c...                      origin: "rvm.local/" and the volume id in hexadecimal
//   1234                                   tree size: the head is over records 0 .. 1233
//   2cTz...=                               root, base64
//   timestamp 1700000000123456789          extension lines: Unix time in ns, and what the first head of a boot adds
//
//   (em dash) rvm.local/0f3c... Kd3x...=   base64(key id || Ed25519 signature of the text above the empty line)
//
// A note may carry signatures of several signers (rvm/crypto/signer.hpp), a line for each, all over the same text.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rvm/crypto/ed25519.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/crypto/signer.hpp"
#include "rvm/witness/keys.hpp"

namespace rvm::witness {

/// Longest note with one Ed25519 signature.
inline constexpr std::size_t note_bytes_max = 960;

/// Signature types of C2SP signed-note and tlog-cosignature.
enum class SignatureType : std::uint8_t { ed25519 = 0x01, cosignature = 0x04 };

/// Text in a fixed buffer. What does not fit makes it incomplete, and an incomplete note must not be used.
class NoteWriter {
 public:
  explicit NoteWriter(std::span<char> buffer) : buffer_(buffer) {}
  NoteWriter(const NoteWriter&) = delete;
  NoteWriter& operator=(const NoteWriter&) = delete;
  ~NoteWriter() = default;

  NoteWriter& text(std::string_view s);
  NoteWriter& number(std::uint64_t value);
  NoteWriter& hex(std::span<const std::byte> bytes);
  /// Of `bytes` and `more` one after the other.
  NoteWriter& base64(std::span<const std::byte> bytes, std::span<const std::byte> more = {});

  [[nodiscard]] std::string_view view() const { return {buffer_.data(), length_}; }
  [[nodiscard]] bool complete() const { return complete_; }

 private:
  void put(char c);
  std::span<char> buffer_;
  std::size_t length_ = 0;
  bool complete_ = true;
};

template <std::size_t Bytes>
class NoteBuffer : public NoteWriter {
 public:
  NoteBuffer() : NoteWriter(storage_) {}

 private:
  std::array<char, Bytes> storage_;
};
using NoteText = NoteBuffer<note_bytes_max>;

/// What a tree head's note says, up to its signature.
struct HeadText {
  std::string_view origin;
  std::uint64_t size;
  const crypto::Digest& root;
  std::uint64_t unix_ns;
  /// Of the first head of a boot: what was booted, and the key of the signatures.
  struct Boot {
    const crypto::Digest& measurement;
    const crypto::Ed25519PublicKey& key;
  };
  std::optional<Boot> boot;
};
void write_head(NoteWriter& note, const HeadText& head);

/// A signer's key id: first 4 bytes of SHA-256(name || 0x0a || signature type || identity).
[[nodiscard]] std::array<std::byte, 4> note_key_id(std::string_view name, std::string_view signature_type,
                                                   std::span<const std::byte> identity);
[[nodiscard]] inline std::array<std::byte, 4> note_key_id(std::string_view name, const crypto::Ed25519PublicKey& key,
                                                          SignatureType type) {
  const char byte = static_cast<char>(type);
  return note_key_id(name, {&byte, 1}, key);
}

/// The signature line of one signer.
void put_signature(NoteWriter& note, std::string_view name, std::string_view signature_type,
                   std::span<const std::byte> identity, std::span<const std::byte> signature);

/// Ends a text, which must end in a line feed, with the empty line and a signature line of each signer under `name`, all over the
/// same text. False if one of them could not sign: it has no line. Cost: that of the signers.
template <crypto::Signer... S>
bool sign_note(NoteWriter& note, std::string_view name, const S&... signers) {
  const std::string_view text = note.view();
  note.text("\n");
  const auto add = [&](const auto& signer) {
    const auto signature = signer.sign(std::as_bytes(std::span{text}));
    const std::span<const std::byte> bytes{signature};
    if (!bytes.empty()) put_signature(note, name, signer.signature_type, signer.identity(), bytes);
    return !bytes.empty();
  };
  return (add(signers) & ...);
}

inline constexpr std::string_view origin_prefix = "rvm.local/";
/// Origin of the log with this volume id, which is also the name of its signer.
struct Origin : std::array<char, origin_prefix.size() + 32> {
  explicit Origin(const std::array<std::byte, 16>& volume_id);
  constexpr Origin() : array{} {}
  [[nodiscard]] std::string_view view() const { return {data(), size()}; }
};

/// The attestation identity of a device: HKDF-SHA-256(device key, no salt, info "rvm attestation identity v1").
[[nodiscard]] crypto::Ed25519Key derive_identity(std::span<const std::byte, device_key_bytes> device_key);

}  // namespace rvm::witness
