// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Quotes that the kernel makes on the simulated machine, with a software TEE and without, as `rvm attest` judges them.
#include "host/attest/attest.hpp"

#include <doctest/doctest.h>

#include "host/attest/tee.hpp"
#include "host/machine/console.hpp"
#include "rvm/witness/note.hpp"
#include "software_tee.hpp"
#include "software_tee_verifier.hpp"
#include "test/simulated_kernel.hpp"

using namespace rvm;
using namespace rvm::host;
using security::test::SoftwareTee;
using security::test::SoftwareTeeVerifier;

namespace {

const Bytes nonce(16, std::byte{0x11});
const Bytes image(100, std::byte{0x42});

SoftwareTee tee_of(std::uint8_t fill) {
  crypto::Ed25519Seed seed;
  seed.fill(static_cast<std::byte>(fill));
  return SoftwareTee{seed, image};
}

hal::SimulatedMachine::TrustedEnvironment built_in(const SoftwareTee& tee) {
  return {SoftwareTee::platform(), [tee](const hal::ReportData& data) { return tee.quote(data); }};
}

/// A boot, what it said, and what it should have said.
struct Boot {
  std::string note;
  std::string console;
  crypto::Ed25519PublicKey key;
  PhaseDigests reference;

  [[nodiscard]] Quote quote() const { return parse_quote(note).value(); }
};

Boot booted(const hal::SimulatedMachine::TrustedEnvironment& tee, const Bytes& asked = nonce) {
  kernel::test::PackageBuilder builder;
  builder.agent("agent", builder.partition("partition"));
  const kernel::test::SimulatedKernel k{builder, std::size_t{64} << 20, {}, {asked, tee}};
  MachineReport report;
  LineSplitter lines;
  lines.feed(k.machine.console, [&](std::string_view line) { report.take(classify(line)); });
  CHECK(report.malformed.empty());
  return {report.quote, k.machine.console, witness::derive_identity(k.device_key()).public_key(),
          reference_of({}, builder.build(k.device_key())).value()};
}

/// What the TEE's line lacks; empty if all is well.
template <typename Verifier>
std::string complaint(const Quote& quote, const crypto::Ed25519PublicKey& key, const Verifier& verifier,
                      std::span<const std::byte> expected) {
  return fmt::format("{}", fmt::join(tee_problems(quote, key, verifier, expected), "; "));
}

const Digest launched = [] {
  Digest out{};
  std::ranges::copy(crypto::sha256(image), out.begin());
  return out;
}();

}  // namespace

TEST_CASE("attest: a machine with a TEE gives a quote that the TEE vouches for") {
  const SoftwareTee tee = tee_of(1);
  const SoftwareTeeVerifier verifier{tee.endorsement_key()};
  const Boot b = booted(built_in(tee));
  const Quote quote = b.quote();
  CHECK(quote.note.signatures.size() == 2);
  CHECK(quote_problems(quote, b.key, nonce, b.reference).empty());
  CHECK(tee_problems(quote, b.key, verifier, launched).empty());

  Digest other = launched;
  other[31] ^= std::byte{1};
  CHECK(complaint(quote, b.key, verifier, other).starts_with("tee: it launched "));
  CHECK(tee_problems(quote, b.key, verifier, std::span{launched}.first(31)).size() == 1);
  CHECK(complaint(quote, b.key, SoftwareTeeVerifier{tee_of(2).endorsement_key()}, launched) ==
        "tee: the quote of software (for tests: proves nothing): its signature does not verify");
  CHECK(complaint(quote, b.key, VerifiablePlatforms{}, launched) ==
        "tee: the quote of software (for tests: proves nothing): this program cannot verify it");
}

TEST_CASE("attest: a machine without a TEE says nothing of one") {
  const Boot b = booted({});
  const Quote quote = b.quote();
  CHECK(quote.note.signatures.size() == 1);
  CHECK(quote_problems(quote, b.key, nonce, b.reference).empty());
  CHECK(complaint(quote, b.key, SoftwareTeeVerifier{tee_of(1).endorsement_key()}, launched) == no_tee);
}

TEST_CASE("attest: a TEE that gives no quote leaves the kernel's own, and the console says so") {
  const Boot b = booted({hal::TeePlatform::sev_snp, [](const hal::ReportData&) { return std::vector<std::byte>{}; }});
  CHECK(quote_problems(b.quote(), b.key, nonce, b.reference).empty());
  CHECK(complaint(b.quote(), b.key, VerifiablePlatforms{}, launched) == no_tee);
  CHECK(b.console.contains("rvm: the trusted execution environment gave no quote\n"));
}

TEST_CASE("attest: a TEE's line is good for one note and one key") {
  const SoftwareTee tee = tee_of(1);
  const SoftwareTeeVerifier verifier{tee.endorsement_key()};
  const Boot first = booted(built_in(tee));
  const Boot second = booted(built_in(tee), Bytes(16, std::byte{0x22}));
  const std::string line = first.note.substr(first.note.rfind("\xe2\x80\x94"));

  // The whole note again for another nonce; the TEE's line under another note; twice; of another platform.
  CHECK(quote_problems(first.quote(), first.key, Bytes(16, std::byte{0x22}), first.reference).size() == 1);
  const std::string moved = second.note.substr(0, second.note.rfind("\xe2\x80\x94")) + line;
  CHECK(complaint(parse_quote(moved).value(), second.key, verifier, launched)
            .ends_with("it was made over something else"));
  CHECK(complaint(parse_quote(first.note + line).value(), first.key, verifier, launched) ==
        "tee: the quote has more than one line of it");
  for (const unsigned platform : {0U, 2U, 4U, 6U, 255U}) {
    Quote other = first.quote();
    other.note.signatures[1].bytes[0] = static_cast<std::byte>(platform);
    CHECK(tee_problems(other, first.key, verifier, launched).size() == 1);
  }
  // Somebody else's key under the same text: the TEE vouches for the kernel's.
  crypto::Ed25519PublicKey thief = first.key;
  thief[0] ^= std::byte{1};
  CHECK(complaint(first.quote(), thief, verifier, launched) == no_tee);
  Quote claimed = first.quote();
  claimed.note.signatures[1].key_id = witness::note_key_id(claimed.origin, security::tee_signature_type, thief);
  CHECK(complaint(claimed, thief, verifier, launched).ends_with("it was made over something else"));
}

TEST_CASE("attest: each changed byte of a quote with a TEE's line is found") {
  const SoftwareTee tee = tee_of(1);
  const SoftwareTeeVerifier verifier{tee.endorsement_key()};
  const Boot b = booted(built_in(tee));
  const std::size_t own_line = b.note.find("\n\n");
  const std::size_t tee_line = b.note.rfind("\xe2\x80\x94");
  for (std::size_t i = 0; i < b.note.size(); ++i) {
    std::string changed = b.note;
    changed[i] = static_cast<char>(changed[i] ^ 1 << i % 7);
    const auto quote = parse_quote(changed);
    const bool own = quote && quote_problems(*quote, b.key, nonce, b.reference).empty();
    const bool vouched = quote && tee_problems(*quote, b.key, verifier, launched).empty();
    CHECK_FALSE((own && vouched));
    if (i < own_line || i >= tee_line) CHECK_FALSE(vouched);
  }
}
