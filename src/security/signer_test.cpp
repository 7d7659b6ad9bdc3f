// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Whatever signs, signs notes: rvm/crypto/signer.hpp.
#include "rvm/crypto/signer.hpp"

#include <doctest/doctest.h>

#include <string>

#include "null_signer.hpp"
#include "rvm/crypto/hmac.hpp"
#include "rvm/witness_verify/note.hpp"
#include "software_tee.hpp"
#include "software_tee_verifier.hpp"

using namespace rvm;
using namespace rvm::security;

namespace {

constexpr std::string_view name = "signer.example/1";
constexpr std::string_view text = "a text\nof two lines\n";

crypto::Ed25519Seed seed(std::uint8_t fill) {
  crypto::Ed25519Seed out;
  out.fill(static_cast<std::byte>(fill));
  return out;
}

/// Of an environment that has none to give.
struct BrokenTee {
  static constexpr std::size_t quote_bytes_max = 8;
  [[nodiscard]] static hal::TeePlatform platform() { return hal::TeePlatform::software; }
  [[nodiscard]] static std::optional<std::size_t> quote(const hal::ReportData&, std::span<std::byte, 8>) { return {}; }
};

}  // namespace

TEST_CASE("signers: each signs the text of a note, whoever else does, and can be told from the others") {
  const crypto::Ed25519Key key{seed(1)};
  const crypto::HmacKey mac{std::as_bytes(std::span{name})};
  const test::SoftwareTee tee{seed(2), {}};
  witness::NoteBuffer<4096> buffer;
  buffer.text(text);
  CHECK(witness::sign_note(buffer, name, key, mac, TeeSigner{tee, key.public_key()}, test::NullSigner{}));
  REQUIRE(buffer.complete());
  const auto note = witness::parse_note(buffer.view());
  REQUIRE(note.has_value());
  CHECK(note->text == text);
  REQUIRE(note->signatures.size() == 4);
  const auto message = std::as_bytes(std::span{text});

  CHECK(witness::check_signature(*note, {std::string{name}, witness::SignatureType::ed25519, key.public_key()}));
  CHECK(std::ranges::equal(note->signatures[1].bytes, mac.mac(message)));
  const std::span quote{note->signatures[2].bytes};
  CHECK(quote.front() == std::byte{1});
  CHECK(test::SoftwareTeeVerifier{tee.endorsement_key()}
            .verify(hal::TeePlatform::software, quote.subspan(1), report_data(message, key.public_key()))
            .has_value());
  CHECK(note->signatures[3].bytes == std::vector{std::byte{0}});
  for (std::size_t i = 0; i < 4; ++i) {
    for (std::size_t k = 0; k < i; ++k) CHECK(note->signatures[i].key_id != note->signatures[k].key_id);
  }
}

TEST_CASE("signers: one that cannot sign leaves no line, and that is said") {
  const crypto::Ed25519Key key{seed(1)};
  const BrokenTee broken;
  witness::NoteText buffer;
  buffer.text(text);
  CHECK_FALSE(witness::sign_note(buffer, name, key, TeeSigner{broken, key.public_key()}));
  CHECK(witness::parse_note(buffer.view()).value().signatures.size() == 1);
}

TEST_CASE("signers: HMAC keys have names that differ and are not their first output") {
  const crypto::HmacKey a{std::as_bytes(std::span{name})}, b{std::as_bytes(std::span{text})};
  CHECK(a.identity() != b.identity());
  CHECK(a.identity() != a.mac({}));
}
