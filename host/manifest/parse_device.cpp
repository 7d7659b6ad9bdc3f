// SPDX-License-Identifier: MIT OR Apache-2.0
//
// [[device]] of a manifest.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "host/common/file.hpp"
#include "host/common/units.hpp"
#include "host/manifest/reader.hpp"
#include "rvm/boot/package.hpp"
#include "rvm/witness/kinds.hpp"

namespace rvm::host {

namespace {

constexpr std::array device_kinds{
#define RVM_X(name, value, text, doc) Choice{text, RVM_DEVICE_##name},
    RVM_DEVICE_KIND_TABLE(RVM_X)
#undef RVM_X
};

/// Devices of one kind have what those of another have not.
void check_device_keys(TableReader& t, DeviceEntry& d) {
  const std::string_view kind = device_kind_name(d.kind);
  if (!boot::has_dma(d.kind)) {
    d.dma = 0;
    if (t.has("dma")) {
      t.report(t.at("dma"), fmt::format("a {} does not reach memory by itself: leave 'dma' out", kind));
    }
  }
  if (has_file(d.kind) && !t.has("file")) {
    t.report(d.file.at, fmt::format("a {} device needs 'file', {}", kind,
                                    d.kind == RVM_DEVICE_BLOCK ? "its contents" : "which gets what is written to it"));
  } else if (!has_file(d.kind) && t.has("file")) {
    t.report(d.file.at, fmt::format("no file is behind a device of kind '{}': leave 'file' out", kind));
  }
  if (d.kind != RVM_DEVICE_BLOCK && t.has("size")) {
    t.report(t.at("size"), fmt::format("'size' is that of a block device, and this is of kind '{}'", kind));
  }
}

/// An rvm_record_pattern from "KIND:ACTOR:OBJECT", a record kind's name and two numbers as they stand in the log.
std::optional<Bytes> parse_pattern(std::string_view text) {
  const auto colon = text.find(':');
  const auto kind = std::ranges::find(witness::kinds, text.substr(0, colon), &witness::KindDescription::name);
  if (colon == std::string_view::npos || kind == witness::kinds.end()) {
    return std::nullopt;
  }
  text.remove_prefix(colon + 1);
  const auto actor = take_number(text);
  if (!actor || !text.starts_with(':')) {
    return std::nullopt;
  }
  text.remove_prefix(1);
  const auto object = take_number(text);
  if (!object || !text.empty() || *actor > UINT32_MAX || *object > UINT32_MAX) {
    return std::nullopt;
  }
  const rvm_record_pattern pattern{static_cast<std::uint32_t>(kind->kind),
                                   static_cast<std::uint32_t>(*actor),
                                   static_cast<std::uint32_t>(*object),
                                   {}};
  const auto bytes = std::as_bytes(std::span(&pattern, 1));
  return Bytes(bytes.begin(), bytes.end());
}

/// At most one of the keys that say what evidence a lease wants.
void parse_evidence(TableReader& t, DeviceEntry& d) {
  const auto set = [&](std::string_view key, rvm_evidence_kind kind, std::optional<Bytes> value,
                       std::string_view wanted) {
    if (!t.has(key)) return;
    if (boot::has_dma(d.kind)) {
      t.report(t.at(key), fmt::format("no evidence is enough for a {}: it reaches memory by itself, and only agents of "
                                      "infrastructure partitions can lease it",
                                      device_kind_name(d.kind)));
    } else if (d.evidence != RVM_EVIDENCE_NONE) {
      t.report(t.at(key), fmt::format("'{}' asks for a second kind of evidence; one is what an agent shows", key));
    } else if (!value || value->size() != d.evidence_value.size()) {
      t.report(t.at(key), fmt::format("'{}' is not {}", key, wanted));
    } else {
      d.evidence = kind;
      std::ranges::copy(*value, d.evidence_value.begin());
    }
  };
  set("evidence_sha256", RVM_EVIDENCE_PREIMAGE, from_hex(t.text("evidence_sha256")),
      "a SHA-256: 64 hexadecimal digits");
  set("evidence_key", RVM_EVIDENCE_ATTESTATION, from_hex(t.text("evidence_key")),
      "an Ed25519 public key: 64 hexadecimal digits, as `rvm approve --show-key` prints it");
  set("evidence_record", RVM_EVIDENCE_RECORD, parse_pattern(t.text("evidence_record")),
      "KIND:ACTOR:OBJECT, such as CapabilityGrant:2:5: a kind of record and two numbers as `rvm witness query` shows "
      "them");
}

}  // namespace

std::string_view device_kind_name(std::uint32_t kind) {
  const auto found = std::ranges::find(device_kinds, kind, &Choice::value);
  return found == device_kinds.end() ? std::string_view{} : found->name;
}

DeviceEntry parse_device(const toml::table& table, Diagnostics& diagnostics) {
  TableReader t(table, "[[device]]", diagnostics);
  DeviceEntry d;
  d.name = t.required_text("name");
  t.check_name_of(d.name, RVM_NAME_BYTES - 1);
  const std::size_t before = diagnostics.size();
  d.kind = static_cast<rvm_device_kind>(t.choice("kind", 0, device_kinds));
  if (!t.has("kind")) {
    t.report(position_of(table), "[[device]] lacks 'kind'");
  }
  const bool kind_known = diagnostics.size() == before;
  d.dma = t.size("dma", d.dma, {1, std::uint64_t{1} << 30}, false);
  d.file = {t.text("file"), t.at("file")};
  d.size = t.size("size", d.size, {RVM_PAGE_SIZE, std::uint64_t{1} << 40}, true);
  parse_evidence(t, d);
  if (kind_known) {
    check_device_keys(t, d);
  }
  t.finish();
  return d;
}

}  // namespace rvm::host
