// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reading, checking and cosigning signed notes (C2SP signed-note, tlog-checkpoint and tlog-cosignature). Strict: what is not
// exactly of the format is refused with the reason.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rvm/crypto/ed25519.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/witness/note.hpp"

namespace rvm::witness {

[[nodiscard]] std::string to_base64(std::span<const std::byte> bytes);
/// Standard alphabet, padded, no unused bits set.
[[nodiscard]] std::optional<std::vector<std::byte>> from_base64(std::string_view text);

struct NoteSignature {
  std::string name;
  std::array<std::byte, 4> key_id{};
  std::vector<std::byte> bytes;  ///< after the key id
};

struct Note {
  std::string text;  ///< what is signed, with its final line feed
  std::vector<NoteSignature> signatures;
};
[[nodiscard]] std::expected<Note, std::string> parse_note(std::string_view note);

/// Notes one after another, separated by empty lines, as `rvm witness export --heads` writes them.
[[nodiscard]] std::expected<std::vector<std::string>, std::string> split_notes(std::string_view file);

/// A public key with the name that signs: "name+hash+base64(type || key)".
struct VerifierKey {
  std::string name;
  SignatureType type = SignatureType::ed25519;
  crypto::Ed25519PublicKey key{};

  [[nodiscard]] std::array<std::byte, 4> id() const { return note_key_id(name, key, type); }
  [[nodiscard]] std::string line() const;
};
[[nodiscard]] std::expected<VerifierKey, std::string> parse_verifier_key(std::string_view line);

/// Whether the note carries exactly one signature by this key and it is right. The error says what is missing.
[[nodiscard]] std::expected<void, std::string> check_signature(const Note& note, const VerifierKey& key);

/// The note with one more signature line: cosignature/v1 at `unix_seconds`, by `key` under `name`.
[[nodiscard]] std::string cosigned(std::string_view note, const Note& parsed, std::string_view name,
                                   const crypto::Ed25519Key& key, std::uint64_t unix_seconds);

struct Checkpoint {
  std::string origin;
  std::uint64_t size = 0;
  crypto::Digest root{};
  std::uint64_t timestamp_ns = 0;  ///< Unix time, of the extension line "timestamp"
  std::vector<std::string> extensions;
};
/// The text of a note as a tree head of RVM.
[[nodiscard]] std::expected<Checkpoint, std::string> parse_checkpoint(std::string_view text);

}  // namespace rvm::witness
