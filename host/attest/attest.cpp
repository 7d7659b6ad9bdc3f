// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/attest/attest.hpp"

#include <fmt/format.h>
#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "host/attest/tee.hpp"
#include "host/common/paths.hpp"
#include "host/common/units.hpp"
#include "host/run/run.hpp"
#include "host/witness/heads.hpp"

namespace rvm::host {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::size_t nonce_least = 8;
constexpr std::size_t nonce_most = 64;  // what the kernel takes

constexpr std::array phase_loads{
#define RVM_X(enumerator, name, loads) std::string_view{loads},
    RVM_BOOT_PHASE_TABLE(RVM_X)
#undef RVM_X
};

std::optional<Digest> digest_from(std::optional<std::vector<std::byte>> bytes) {
  Digest out{};
  if (!bytes || bytes->size() != out.size()) {
    return std::nullopt;
  }
  std::ranges::copy(*bytes, out.begin());
  return out;
}

/// The rest of the line at the front of `text`, which must begin with `label`; both are taken off.
std::optional<std::string_view> take_line(std::string_view& text, std::string_view label) {
  const auto end = text.find('\n');
  if (end == std::string_view::npos || !text.starts_with(label)) {
    return std::nullopt;
  }
  const std::string_view rest = text.substr(label.size(), end - label.size());
  text.remove_prefix(end + 1);
  return rest;
}

boot::Measurement measured(std::span<const std::byte> kernel, const boot::Package& package) {
  boot::Measurement m;
  m.load(kernel);
  for (int phases = 0; phases < 4; ++phases) {  // HalInit, and three that load nothing
    m.end_phase();
  }
  m.load_settings(package);
  m.end_phase();
  m.load_manifest(package);
  m.end_phase();
  m.load_programs(package);
  m.end_phase();
  return m;
}

Outcome<Bytes> requested_nonce(const std::optional<std::string>& text) {
  if (!text) {
    Bytes random(32);
    randombytes_buf(random.data(), random.size());
    return random;
  }
  auto nonce = from_hex(*text);
  if (!nonce || nonce->size() < nonce_least || nonce->size() > nonce_most) {
    return failure(ExitCode::usage, fmt::format("'{}' is no nonce", *text),
                   fmt::format("give {} to {} bytes in hexadecimal, fresh ones each time", nonce_least, nonce_most));
  }
  return *nonce;
}

Outcome<Bytes> expected_launch(const std::string& text) {
  auto measurement = from_hex(text);
  if (!measurement || measurement->empty() || measurement->size() > security::LaunchMeasurement::bytes_max) {
    return failure(ExitCode::usage, fmt::format("'{}' is no launch measurement", text),
                   "give it in hexadecimal, as the platform's own tool computes it for the kernel image");
  }
  return *measurement;
}

/// A saved quote; nothing if the file is something else.
std::optional<std::string> saved_quote(const std::filesystem::path& file) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(file, error)) {
    return std::nullopt;
  }
  const auto bytes = read_file(file, "quote", 1 << 26);
  const auto prefix = as_bytes(witness::origin_prefix);
  if (!bytes || bytes->size() < prefix.size() || !std::ranges::equal(std::span(*bytes).first(prefix.size()), prefix)) {
    return std::nullopt;
  }
  std::string text(bytes->size(), '\0');
  std::ranges::transform(*bytes, text.begin(), [](std::byte b) { return std::to_integer<char>(b); });
  return text;
}

/// The quote that is to be judged: a saved one, or that of a machine that is run for it.
Outcome<std::string> obtain_quote(AttestOptions& options, const Bytes& nonce) {
  if (auto saved = saved_quote(options.target)) {
    if (!options.nonce) {
      return failure(ExitCode::usage, "a saved quote says nothing without the nonce it was asked for with",
                     "give --nonce HEX");
    }
    return *saved;
  }
  options.run.path = options.target;
  options.run.nonce = nonce;
  options.run.style = {.json = true, .quiet = true, .verbose = false};
  const auto run = perform_run(options.run);
  if (!run) {
    return std::unexpected(run.error());
  }
  if (run->session.report.quote.empty()) {
    return failure(ExitCode::failed,
                   fmt::format("the machine gave no quote{}{}", run->session.report.refusal.empty() ? "" : ": ",
                               run->session.report.refusal),
                   "see what it says: rvm run with --verbose");
  }
  return run->session.report.quote;
}

}  // namespace

std::expected<PhaseDigests, std::string> reference_of(std::span<const std::byte> kernel,
                                                      std::span<const std::byte> package) {
  // The host reads packages of any machine: no limit but that of the numbers.
  const auto parsed = boot::Package::parse(
      package,
      {.partitions = UINT32_MAX, .agents = UINT32_MAX, .edges = UINT32_MAX, .slot_bytes = std::uint64_t{1} << 40});
  if (!parsed) {
    return std::unexpected{std::string{parsed.error()}};
  }
  const boot::Measurement m = measured(kernel, *parsed);
  PhaseDigests out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = m.loaded(static_cast<boot::Phase>(i + 1));
  }
  return out;
}

Digest final_measurement(const PhaseDigests& digests) {
  Digest value{};
  for (std::size_t i = 0; i < digests.size(); ++i) {
    Bytes link(value.begin(), value.end());
    link.push_back(static_cast<std::byte>(i + 1));
    link.insert(link.end(), digests[i].begin(), digests[i].end());
    value = sha256(link);
  }
  return value;
}

std::string reference_json(const PhaseDigests& digests) {
  Json phases;
  for (std::size_t i = 0; i < digests.size(); ++i) {
    phases[std::string{boot::phase_names[i]}] = {{"sha256", hex(digests[i])}, {"loads", phase_loads[i]}};
  }
  Json out;
  out["phases"] = std::move(phases);
  out["measurement"] = hex(final_measurement(digests));
  return out.dump(2);
}

std::optional<PhaseDigests> parse_reference(std::string_view text) {
  const Json json = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  PhaseDigests out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    const Json::json_pointer at{fmt::format("/phases/{}/sha256", boot::phase_names[i])};
    const auto digest = json.is_object() && json.contains(at) && json[at].is_string()
                            ? digest_from(from_hex(json[at].get<std::string>()))
                            : std::nullopt;
    if (!digest) {
      return std::nullopt;
    }
    out[i] = *digest;
  }
  return out;
}

std::expected<Quote, std::string> parse_quote(std::string_view text) {
  auto note = witness::parse_note(text);
  if (!note) {
    return std::unexpected(note.error());
  }
  Quote out;
  out.note = std::move(*note);
  std::string_view rest = out.note.text;
  const auto first = take_line(rest, "");
  constexpr std::string_view suffix = "/quote";
  if (!first || !first->ends_with(suffix)) {
    return std::unexpected{std::string{"it is no quote: its first line does not end in /quote"}};
  }
  out.origin = first->substr(0, first->size() - suffix.size());
  const auto nonce_line = take_line(rest, "nonce ");
  const auto nonce = nonce_line ? from_hex(*nonce_line) : std::nullopt;
  auto head = take_line(rest, "head ").value_or("");
  const auto size = take_number(head);
  const auto root = size && head.starts_with(' ') ? digest_from(witness::from_base64(head.substr(1))) : std::nullopt;
  if (!nonce || !root) {
    return std::unexpected{std::string{"its nonce or its head is malformed"}};
  }
  out.nonce = *nonce;
  out.head_size = *size;
  out.head_root = crypto::Digest{*root};
  for (std::size_t i = 0; i < out.digests.size(); ++i) {
    const auto line = take_line(rest, fmt::format("{} ", boot::phase_names[i]));
    const auto digest = line ? digest_from(witness::from_base64(*line)) : std::nullopt;
    if (!digest) {
      return std::unexpected{fmt::format("its line for the phase {} is missing or malformed", boot::phase_names[i])};
    }
    out.digests[i] = *digest;
  }
  if (!rest.empty()) {
    return std::unexpected{std::string{"it says more than a quote does"}};
  }
  return out;
}

std::vector<std::string> quote_problems(const Quote& quote, const crypto::Ed25519PublicKey& key,
                                        std::span<const std::byte> nonce, const PhaseDigests& reference) {
  std::vector<std::string> out;
  const witness::VerifierKey verifier{quote.origin, witness::SignatureType::ed25519, key};
  if (const auto signature = witness::check_signature(quote.note, verifier); !signature) {
    out.push_back(fmt::format("signature: {}", signature.error()));
  }
  if (!std::ranges::equal(quote.nonce, nonce)) {
    out.push_back(fmt::format("nonce: the quote answers {}, not {}: it is a replay", hex(quote.nonce), hex(nonce)));
  }
  for (std::size_t i = 0; i < reference.size(); ++i) {
    if (quote.digests[i] != reference[i]) {
      out.push_back(
          fmt::format("phase {}: differs from the reference; it loads {}", boot::phase_names[i], phase_loads[i]));
    }
  }
  return out;
}

Outcome<PhaseDigests> read_reference(const std::filesystem::path& file) {
  const auto bytes = read_file(file, "reference measurements", 1 << 20);
  if (!bytes) {
    return std::unexpected(bytes.error());
  }
  std::string text(bytes->size(), '\0');
  std::ranges::transform(*bytes, text.begin(), [](std::byte b) { return std::to_integer<char>(b); });
  const auto reference = parse_reference(text);
  if (!reference) {
    return failure(ExitCode::usage, fmt::format("{} holds no reference measurements", file.string()),
                   "make one with `rvm build PATH > FILE`");
  }
  return *reference;
}

Outcome<crypto::Ed25519PublicKey> machine_key(const std::optional<std::filesystem::path>& pubkey,
                                              const std::optional<std::filesystem::path>& device_key_file) {
  if (pubkey) {
    const auto key = read_verifier_key(*pubkey);
    return key ? Outcome<crypto::Ed25519PublicKey>(key->key) : std::unexpected(key.error());
  }
  const auto device_key = load_device_key(device_key_file);
  if (!device_key) {
    return std::unexpected(device_key.error());
  }
  return witness::derive_identity(device_key->bytes).public_key();
}

ExitCode build_command(const RunOptions& options) {
  const auto key = load_device_key(options.key);
  if (!key) {
    return report(key.error());
  }
  const auto package = build_for_run(options, *key);
  if (!package) {
    return report(package.error());
  }
  const auto kernel = read_file(options.kernel.value_or(default_kernel_image()), "kernel image");
  if (!kernel) {
    return report(kernel.error());
  }
  const auto reference = reference_of(*kernel, package->bytes);
  if (!reference) {
    return report({ExitCode::failed, fmt::format("the boot package is not valid: {}", reference.error()), {}});
  }
  fmt::print("{}\n", reference_json(*reference));
  return ExitCode::ok;
}

ExitCode attest_command(AttestOptions options) {
  const auto reference = read_reference(options.reference);
  const auto nonce = requested_nonce(options.nonce);
  const auto launch = options.tee ? expected_launch(*options.tee) : Outcome<Bytes>{};
  if (!reference || !nonce || !launch) {
    return report(!reference ? reference.error() : !nonce ? nonce.error() : launch.error());
  }
  const auto text = obtain_quote(options, *nonce);
  if (!text) {
    return report(text.error());
  }
  if (options.save) {
    if (const auto saved = write_file(*options.save, as_bytes(*text)); !saved) {
      return report(saved.error());
    }
  }
  const auto key = machine_key(options.pubkey, options.run.key);
  if (!key) {
    return report(key.error());
  }
  const auto quote = parse_quote(*text);
  std::vector<std::string> problems =
      quote ? quote_problems(*quote, *key, *nonce, *reference) : std::vector{"format: " + quote.error()};
  if (quote && options.tee) {
    std::ranges::move(tee_problems(*quote, *key, VerifiablePlatforms{}, *launch), std::back_inserter(problems));
  }
  if (options.json) {
    Json out;
    out["attested"] = problems.empty();
    out["problems"] = problems;
    if (quote) {
      out["origin"] = quote->origin;
      out["measurement"] = hex(final_measurement(quote->digests));
      out["head_size"] = quote->head_size;
    }
    fmt::print("{}\n", out.dump());
  }
  if (!problems.empty()) {
    return report({ExitCode::failed, fmt::format("not attested: {}", fmt::join(problems, "\n  and ")),
                   problems.size() == 1 && problems[0] == no_tee
                       ? "take a machine that has one, or leave out --tee and trust the kernel's own measurement"
                       : "do not trust this machine before the difference is explained"});
  }
  if (!options.json) {
    fmt::print("attested: {} booted what the reference says, and continues a log of {}\n", quote->origin,
               format_count(quote->head_size, "record", "records"));
  }
  return ExitCode::ok;
}

}  // namespace rvm::host
