// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The software TEE and its verifier, and what binds a quote to a note.
#include "rvm/security/tee.hpp"

#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "software_tee.hpp"
#include "software_tee_verifier.hpp"

using namespace rvm;
using namespace rvm::security;
using test::SoftwareTee;
using test::SoftwareTeeVerifier;

namespace {

crypto::Ed25519Key key_of(std::uint8_t fill) {
  crypto::Ed25519Seed seed;
  seed.fill(static_cast<std::byte>(fill));
  return crypto::Ed25519Key{seed};
}

std::span<const std::byte> bytes(std::string_view text) { return std::as_bytes(std::span{text}); }

/// Why not; empty if all is well.
std::string_view refusal(const std::expected<LaunchMeasurement, std::string_view>& verdict) {
  return verdict ? std::string_view{} : verdict.error();
}

const crypto::Ed25519Seed tee_seed{{std::byte{7}}};

}  // namespace

TEST_CASE("TEE: a quote tells what was launched, and every changed byte is refused") {
  const SoftwareTee tee{tee_seed, bytes("an image")};
  const SoftwareTeeVerifier verifier{tee.endorsement_key()};
  const hal::ReportData data = report_data(bytes("a boot quote\n"), key_of(1).public_key());
  const std::vector<std::byte> quote = tee.quote(data);
  const auto measurement = verifier.verify(hal::TeePlatform::software, quote, data);
  REQUIRE(measurement.has_value());
  CHECK(std::ranges::equal(measurement->bytes(), crypto::sha256(bytes("an image"))));

  for (std::size_t i = 0; i < quote.size(); ++i) {  // measurement, report data and signature
    for (const unsigned bit : {0U, 5U, 7U}) {
      auto changed = quote;
      changed[i] ^= std::byte{1} << bit;
      CHECK_FALSE(verifier.verify(hal::TeePlatform::software, changed, data).has_value());
    }
    CHECK_FALSE(verifier.verify(hal::TeePlatform::software, std::span{quote}.first(i), data).has_value());
  }
  for (std::size_t i = 0; i < data.size(); ++i) {
    auto other = data;
    other[i] ^= std::byte{1};
    CHECK(refusal(verifier.verify(hal::TeePlatform::software, quote, other)) == "it was made over something else");
  }
  for (unsigned platform = 0; platform < 256; ++platform) {
    if (platform == static_cast<unsigned>(hal::TeePlatform::software)) continue;
    CHECK(refusal(verifier.verify(static_cast<hal::TeePlatform>(platform), quote, data)) ==
          "it is of another platform");
  }
}

TEST_CASE("TEE: a quote of another environment of the same kind is refused") {
  const SoftwareTee tee{tee_seed, bytes("an image")};
  const SoftwareTee other{{{std::byte{8}}}, bytes("an image")};
  const hal::ReportData data{};
  const SoftwareTeeVerifier verifier{tee.endorsement_key()};
  CHECK(refusal(verifier.verify(hal::TeePlatform::software, other.quote(data), data)) ==
        "its signature does not verify");
}

TEST_CASE("TEE: report data bind every byte of the text and of the key") {
  const std::string text = "ORIGIN/quote\nnonce 00\n";
  const crypto::Ed25519PublicKey key = key_of(1).public_key();
  const hal::ReportData data = report_data(bytes(text), key);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string changed = text;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    CHECK(report_data(bytes(changed), key) != data);
  }
  for (std::size_t i = 0; i < key.size(); ++i) {
    crypto::Ed25519PublicKey changed = key;
    changed[i] ^= std::byte{1};
    CHECK(report_data(bytes(text), changed) != data);
  }
}

TEST_CASE("TEE: platforms have names, other numbers have none") {
  CHECK(hal::describe(hal::TeePlatform::sev_snp) == "AMD SEV-SNP");
  CHECK(hal::describe(static_cast<hal::TeePlatform>(6)).empty());
}
