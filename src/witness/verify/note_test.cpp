// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/witness_verify/note.hpp"

#include <doctest/doctest.h>

#include <random>

using namespace rvm;
using namespace rvm::witness;

namespace {

crypto::Ed25519Key key_of(std::uint8_t fill) {
  crypto::Ed25519Seed seed;
  seed.fill(static_cast<std::byte>(fill));
  return crypto::Ed25519Key{seed};
}

std::string head(std::uint64_t size, const crypto::Ed25519Key& key, std::string_view name = "rvm.local/00") {
  NoteText note;
  note.text(name).text("\n").number(size).text("\n").base64(crypto::sha256(crypto::bytes_of(size)));
  note.text("\ntimestamp ").number(1'700'000'000'000'000'000).text("\n");
  sign_note(note, name, key);
  REQUIRE(note.complete());
  return std::string{note.view()};
}

VerifierKey verifier(const crypto::Ed25519Key& key, std::string_view name = "rvm.local/00") {
  return {.name = std::string{name}, .type = SignatureType::ed25519, .key = key.public_key()};
}

}  // namespace

// The example of C2SP signed-note (and of golang.org/x/mod/sumdb/note): key, note and signature were made elsewhere.
TEST_CASE("note: the published example verifies") {
  constexpr std::string_view text =
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n";
  const std::string note =
      std::string{text} +
      "\n\xe2\x80\x94 PeterNeumann "
      "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
  const auto key = parse_verifier_key("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
  REQUIRE(key.has_value());
  const auto parsed = parse_note(note);
  REQUIRE(parsed.has_value());
  CHECK(parsed->text == text);
  CHECK(check_signature(*parsed, *key).has_value());
  CHECK(key->line() == "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW");
}

TEST_CASE("note: what the kernel's writer makes is read back") {
  const auto key = key_of(1);
  const auto note = parse_note(head(1234, key));
  REQUIRE(note.has_value());
  CHECK(check_signature(*note, verifier(key)).has_value());
  const auto checkpoint = parse_checkpoint(note->text);
  REQUIRE(checkpoint.has_value());
  CHECK(checkpoint->origin == "rvm.local/00");
  CHECK(checkpoint->size == 1234);
  CHECK(checkpoint->root == crypto::sha256(crypto::bytes_of(std::uint64_t{1234})));
  CHECK(checkpoint->timestamp_ns == 1'700'000'000'000'000'000);
  CHECK(check_signature(*note, verifier(key_of(2))).error() == "no signature by the key of rvm.local/00");
  CHECK(check_signature(*note, verifier(key, "rvm.local/01")).error() == "no signature by the key of rvm.local/01");
}

TEST_CASE("note: each changed byte makes it unreadable or unsigned") {
  const auto key = key_of(3);
  const std::string good = head(77, key);
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int bit : {0, 3, 7}) {
      std::string bad = good;
      bad[i] = static_cast<char>(bad[i] ^ 1 << bit);
      const auto note = parse_note(bad);
      CHECK_FALSE((note && check_signature(*note, verifier(key))));
    }
  }
  for (std::size_t n = 0; n < good.size(); ++n) {
    const auto note = parse_note(std::string_view{good}.substr(0, n));
    CHECK_FALSE((note && check_signature(*note, verifier(key))));
  }
}

TEST_CASE("note: malformed heads are refused with the reason") {
  const auto why = [](std::string_view text) { return parse_checkpoint(text).error(); };
  const std::string root = to_base64(crypto::sha256({}));
  CHECK(why("o\n1\n") == "it lacks origin, size or root");
  CHECK(why("o\n01\n" + root + "\ntimestamp 1\n") == "its tree size is not a plain decimal number");
  CHECK(why("o\n+1\n" + root + "\ntimestamp 1\n") == "its tree size is not a plain decimal number");
  CHECK(why("o\n18446744073709551616\n" + root + "\ntimestamp 1\n") == "its tree size is not a plain decimal number");
  CHECK(why("o\n1\n" + root.substr(4) + "\ntimestamp 1\n") == "its root is not 32 bytes in base64");
  CHECK(why("o\n1\n" + root + "\n") == "it does not have exactly one timestamp line");
  CHECK(why("o\n1\n" + root + "\ntimestamp 1\ntimestamp 2\n") == "it does not have exactly one timestamp line");
  CHECK(why("o\n1\n\n" + root + "\n") == "it has an empty line in its text");
  CHECK(why("o\n1\n" + root) == "its text does not end with a line feed");
}

TEST_CASE("note: a cosignature is added and checked, and cannot be moved to another note") {
  const auto log = key_of(4), witness_key = key_of(5);
  const std::string first = head(1, log), second = head(2, log);
  const VerifierKey witness{"witness.example", SignatureType::cosignature, witness_key.public_key()};
  CHECK(parse_verifier_key(witness.line())->id() == witness.id());
  const std::string one = cosigned(first, parse_note(first).value(), witness.name, witness_key, 1'700'000'000);
  const auto parsed = parse_note(one);
  REQUIRE(parsed.has_value());
  CHECK(check_signature(*parsed, witness).has_value());
  CHECK(check_signature(*parsed, verifier(log)).has_value());
  CHECK(check_signature(parse_note(first).value(), witness).error() == "no signature by the key of witness.example");
  const std::string moved = second + one.substr(first.size());
  CHECK(check_signature(parse_note(moved).value(), witness).error() ==
        "the signature of witness.example does not verify");
  CHECK(check_signature(parse_note(one + one.substr(first.size())).value(), witness).error() ==
        "more than one signature by the key of witness.example");
}

TEST_CASE("notes in a file are separated by empty lines") {
  const auto key = key_of(6);
  const std::string a = head(1, key), b = head(2, key);
  CHECK(split_notes(a + "\n" + b).value() == std::vector{a, b});
  CHECK(split_notes("").value().empty());
  CHECK_FALSE(split_notes(a + "x").has_value());
}

TEST_CASE("base64: what is encoded is decoded, and nothing else is") {
  std::mt19937 random{1};
  for (std::size_t n = 0; n < 100; ++n) {
    std::vector<std::byte> bytes(n);
    for (auto& b : bytes) b = static_cast<std::byte>(random());
    CHECK(from_base64(to_base64(bytes)) == bytes);
    NoteText text;
    text.base64(bytes);
    CHECK(text.view() == to_base64(bytes));
  }
  for (const std::string_view bad : {"A", "AA", "AAA", "A===", "AB==", "AAB=", "AA=A", "AA==AA==", "A A=", "AAA\n"})
    CHECK_FALSE(from_base64(bad).has_value());
}

TEST_CASE("note: a text that is too long is not complete") {
  NoteText note;
  for (std::size_t i = 0; i < note_bytes_max; ++i) note.text("x");
  CHECK(note.complete());
  CHECK_FALSE(note.text("x").complete());
}
