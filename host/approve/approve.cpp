// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/approve/approve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>

#include "host/attest/attest.hpp"
#include "host/key/key.hpp"
#include "host/manifest/manifest.hpp"
#include "rvm/proof/p3.hpp"

namespace rvm::host {

namespace {

std::uint64_t unix_now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(since).count());
}

Outcome<proof::Act> act_of(const ApproveOptions& options) {
  proof::Act act{.operation = RVM_HVC_LEASE_GRANT, .evidence_kind = RVM_EVIDENCE_ATTESTATION};
  for (const auto& [option, name, to] : {std::tuple{"--partition", &options.partition, act.partition},
                                         std::tuple{"--device", &options.device, act.object}}) {
    if (auto wrong = check_name(*name, RVM_NAME_BYTES - 1)) {
      return failure(ExitCode::usage, *wrong, fmt::format("give {} the name that the manifest has", option));
    }
    std::ranges::copy(*name, to);
  }
  return act;
}

Outcome<proof::Machine> machine_of(const ApproveOptions& options) {
  const auto reference = read_reference(options.reference);
  if (!reference) {
    return std::unexpected(reference.error());
  }
  const auto key = machine_key(options.pubkey, options.key);
  if (!key) {
    return std::unexpected(key.error());
  }
  const auto loaded = [&](boot::Phase phase) {
    return crypto::Digest{(*reference)[static_cast<std::size_t>(phase) - 1]};
  };
  return proof::Machine{
      .key = *key, .log_origin = {}, .kernel = loaded(boot::Phase::hal_init), .programs = loaded(boot::Phase::handoff)};
}

}  // namespace

ExitCode approve_command(const ApproveOptions& options) {
  const auto seed = load_device_key(options.approver);
  if (!seed) {
    return report(seed.error());
  }
  const crypto::Ed25519Key approver{crypto::Ed25519Seed{seed->bytes}};
  if (options.show_key) {
    fmt::print("{}\n", hex(approver.public_key()));
    return ExitCode::ok;
  }
  const auto act = act_of(options);
  if (!act) {
    return report(act.error());
  }
  const auto machine = machine_of(options);
  if (!machine) {
    return report(machine.error());
  }
  rvm_evidence evidence{};
  evidence.kind = RVM_EVIDENCE_ATTESTATION;
  rvm_evidence_attestation& shown = evidence.as.attestation;
  // Machines learn the time from the computer that builds their package; a minute for clocks that differ.
  constexpr std::uint64_t minute = 60'000'000'000;
  shown.not_before_ns = unix_now() - minute;
  shown.not_after_ns = shown.not_before_ns + minute + options.validity.value;
  const auto subject = proof::attestation_subject(*act, *machine, shown.not_before_ns, shown.not_after_ns);
  const crypto::Ed25519Signature signature = approver.sign(crypto::bytes_of(subject));
  std::memcpy(shown.signature, signature.data(), sizeof shown.signature);
  const auto bytes = std::as_bytes(std::span(&evidence, 1)).first(proof::evidence_bytes(evidence.kind, evidence.count));
  const std::string text = witness::to_base64(bytes);
  if (options.json) {
    nlohmann::ordered_json out;
    out["partition"] = options.partition;
    out["device"] = options.device;
    out["approver"] = hex(approver.public_key());
    out["machine"] = hex(machine->key);
    out["not_before_ns"] = shown.not_before_ns;
    out["not_after_ns"] = shown.not_after_ns;
    out["evidence"] = text;
    fmt::print("{}\n", out.dump());
  } else {
    fmt::print("{}\n", text);
  }
  return ExitCode::ok;
}

}  // namespace rvm::host
