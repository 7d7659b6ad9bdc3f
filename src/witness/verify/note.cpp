// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/note.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "wrong.hpp"

namespace rvm::witness {

namespace {

constexpr std::string_view dash = "\xe2\x80\x94 ";  // em dash, space
constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// A decimal number without sign and leading zeros.
std::optional<std::uint64_t> plain_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty() || (text.size() > 1 && text[0] == '0'))
    return std::nullopt;
  return value;
}

/// Signed-note: a name is not empty and has neither white space nor a plus sign.
bool good_name(std::string_view name) {
  return !name.empty() && std::ranges::none_of(name, [](char c) {
    return static_cast<unsigned char>(c) <= 0x20 || c == 0x7f || c == '+';
  });
}

std::expected<NoteSignature, std::string> parse_signature(std::string_view line) {
  if (!line.starts_with(dash)) return wrong("a signature line does not begin with a dash");
  line.remove_prefix(dash.size());
  const auto space = line.find(' ');
  if (space == std::string_view::npos) return wrong("a signature line has no signature");
  NoteSignature out;
  out.name = line.substr(0, space);
  const auto bytes = from_base64(line.substr(space + 1));
  if (!good_name(out.name)) return wrong("a signature line has a bad name");
  if (!bytes || bytes->size() <= out.key_id.size()) return wrong("a signature is not base64 or too short");
  std::copy_n(bytes->begin(), out.key_id.size(), out.key_id.begin());
  out.bytes.assign(bytes->begin() + static_cast<std::ptrdiff_t>(out.key_id.size()), bytes->end());
  return out;
}

std::string cosigned_text(std::uint64_t unix_seconds, std::string_view text) {
  return fmt::format("cosignature/v1\ntime {}\n{}", unix_seconds, text);
}

bool holds(const NoteSignature& signature, const Note& note, const VerifierKey& key) {
  crypto::Ed25519Signature value;
  std::span<const std::byte> bytes = signature.bytes;
  std::string message = note.text;
  if (key.type == SignatureType::cosignature) {
    if (bytes.size() != 8 + value.size()) return false;
    std::uint64_t seconds = 0;
    for (const std::byte b : bytes.first(8)) seconds = seconds << 8 | std::to_integer<std::uint64_t>(b);
    message = cosigned_text(seconds, note.text);
    bytes = bytes.subspan(8);
  }
  if (bytes.size() != value.size()) return false;
  std::ranges::copy(bytes, value.begin());
  return crypto::verify(key.key, std::as_bytes(std::span{message}), value);
}

}  // namespace

std::string to_base64(std::span<const std::byte> bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k)
      group = group << 8 | (i + k < bytes.size() ? std::to_integer<std::uint32_t>(bytes[i + k]) : 0);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k <= bytes.size() ? base64_alphabet[group >> (18 - 6 * k) & 63] : '=';
  }
  return out;
}

std::optional<std::vector<std::byte>> from_base64(std::string_view text) {
  if (text.size() % 4 != 0) return std::nullopt;
  std::vector<std::byte> out;
  for (std::size_t i = 0; i < text.size(); i += 4) {
    std::uint32_t group = 0;
    std::size_t padding = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const char c = text[i + k];
      const auto at = base64_alphabet.find(c);
      if (c == '=' && k >= 2 && i + 4 == text.size()) {
        ++padding;
      } else if (at == std::string_view::npos || padding != 0) {
        return std::nullopt;
      }
      group = group << 6 | (c == '=' ? 0 : static_cast<std::uint32_t>(at));
    }
    if ((group & ((1U << 8 * padding) - 1)) != 0) return std::nullopt;
    for (std::size_t k = 0; k < 3 - padding; ++k) out.push_back(static_cast<std::byte>(group >> (16 - 8 * k)));
  }
  return out;
}

std::expected<Note, std::string> parse_note(std::string_view note) {
  for (const char c : note) {
    if ((static_cast<unsigned char>(c) < 0x20 && c != '\n') || c == 0x7f) return wrong("it has control characters");
  }
  // The last empty line separates text and signatures.
  const auto split = note.rfind("\n\n");
  if (split == std::string_view::npos || note.back() != '\n')
    return wrong("it has no empty line before its signatures, or does not end with a line feed");
  Note out;
  out.text = note.substr(0, split + 1);
  std::string_view rest = note.substr(split + 2);
  if (rest.empty()) return wrong("it has no signature");
  while (!rest.empty()) {
    const auto end = rest.find('\n');
    auto signature = parse_signature(rest.substr(0, end));
    if (!signature) return wrong(std::move(signature.error()));
    out.signatures.push_back(std::move(*signature));
    rest.remove_prefix(end + 1);
  }
  return out;
}

// A note is text, an empty line, signature lines; the next begins after another empty line. So after an empty line that
// follows signature lines comes a new note.
std::expected<std::vector<std::string>, std::string> split_notes(std::string_view file) {
  std::vector<std::string> notes;
  std::string current;
  bool in_signatures = false;
  while (!file.empty()) {
    const auto end = file.find('\n');
    if (end == std::string_view::npos) return wrong("the file does not end with a line feed");
    const std::string_view line = file.substr(0, end);
    file.remove_prefix(end + 1);
    if (line.empty() && in_signatures) {
      notes.push_back(std::move(current));
      current.clear();
      in_signatures = false;
      continue;
    }
    in_signatures = line.starts_with(dash);
    current.append(line).append("\n");
  }
  if (!current.empty()) notes.push_back(std::move(current));
  return notes;
}

std::string VerifierKey::line() const {
  std::vector<std::byte> bytes{static_cast<std::byte>(type)};
  bytes.insert(bytes.end(), key.begin(), key.end());
  std::string hash;
  for (const std::byte b : id()) hash += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return fmt::format("{}+{}+{}", name, hash, to_base64(bytes));
}

std::expected<VerifierKey, std::string> parse_verifier_key(std::string_view line) {
  if (line.ends_with('\n')) line.remove_suffix(1);
  const auto first = line.find('+');
  const auto second = first == std::string_view::npos ? first : line.find('+', first + 1);
  if (second == std::string_view::npos) return wrong("a verifier key is name+hash+base64");
  const auto bytes = from_base64(line.substr(second + 1));
  VerifierKey out;
  if (!bytes || bytes->size() != 1 + out.key.size()) return wrong("the key is not 33 bytes in base64");
  out.name = line.substr(0, first);
  out.type = static_cast<SignatureType>(bytes->front());
  std::copy(bytes->begin() + 1, bytes->end(), out.key.begin());
  if (!good_name(out.name)) return wrong("the key's name is not valid");
  if (out.type != SignatureType::ed25519 && out.type != SignatureType::cosignature)
    return wrong("the key is neither an Ed25519 nor a cosignature key");
  if (out.line() != line) return wrong("the hash in the verifier key is not that of its name and key");
  return out;
}

std::expected<void, std::string> check_signature(const Note& note, const VerifierKey& key) {
  const auto id = key.id();
  std::size_t found = 0;
  for (const NoteSignature& signature : note.signatures) {
    if (signature.name != key.name || signature.key_id != id) continue;
    if (!holds(signature, note, key)) return wrong(fmt::format("the signature of {} does not verify", key.name));
    ++found;
  }
  if (found == 0) return wrong(fmt::format("no signature by the key of {}", key.name));
  if (found > 1) return wrong(fmt::format("more than one signature by the key of {}", key.name));
  return {};
}

std::string cosigned(std::string_view note, const Note& parsed, std::string_view name, const crypto::Ed25519Key& key,
                     std::uint64_t unix_seconds) {
  const std::string message = cosigned_text(unix_seconds, parsed.text);
  const crypto::Ed25519Signature signature = key.sign(std::as_bytes(std::span{message}));
  const auto id = note_key_id(name, key.public_key(), SignatureType::cosignature);
  std::vector<std::byte> bytes{id.begin(), id.end()};
  for (int shift = 56; shift >= 0; shift -= 8) bytes.push_back(static_cast<std::byte>(unix_seconds >> shift));
  bytes.insert(bytes.end(), signature.begin(), signature.end());
  return fmt::format("{}{}{} {}\n", note, dash, name, to_base64(bytes));
}

std::expected<Checkpoint, std::string> parse_checkpoint(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    if (end == std::string_view::npos) return wrong("its text does not end with a line feed");
    lines.push_back(text.substr(0, end));
    if (lines.back().empty()) return wrong("it has an empty line in its text");
    text.remove_prefix(end + 1);
  }
  if (lines.size() < 3) return wrong("it lacks origin, size or root");
  Checkpoint out;
  out.origin = lines[0];
  const auto size = plain_number(lines[1]);
  const auto root = from_base64(lines[2]);
  if (!size) return wrong("its tree size is not a plain decimal number");
  if (!root || root->size() != out.root.size()) return wrong("its root is not 32 bytes in base64");
  out.size = *size;
  std::ranges::copy(*root, out.root.begin());
  std::size_t timestamps = 0;
  for (std::size_t i = 3; i < lines.size(); ++i) {
    constexpr std::string_view label = "timestamp ";
    out.extensions.emplace_back(lines[i]);
    if (!lines[i].starts_with(label)) continue;
    const auto time = plain_number(lines[i].substr(label.size()));
    if (!time) return wrong("its timestamp is not a plain decimal number");
    out.timestamp_ns = *time;
    ++timestamps;
  }
  if (timestamps != 1) return wrong("it does not have exactly one timestamp line");
  return out;
}

}  // namespace rvm::witness
