// SPDX-License-Identifier: MIT OR Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "host/package/package.hpp"
#include "rvm/boot/coherence.hpp"
#include "rvm/boot/package.hpp"

namespace rvm::host {

namespace {

using Problem = std::string;  // empty: none

/// All entries of a table; the problem says which table and why.
template <typename Entry>
Problem read_table(std::span<const std::byte> bytes, const rvm_table& table, const char* name,
                   std::vector<Entry>& out) {
  if (table.entry_bytes != sizeof(Entry) || table.offset % 8 != 0 || table.offset < sizeof(rvm_package_header) ||
      table.offset > bytes.size() || table.count > (bytes.size() - table.offset) / sizeof(Entry)) {
    return fmt::format("the table of {} lies outside the package or has entries of the wrong size", name);
  }
  out.resize(table.count);
  if (table.count != 0) {
    std::memcpy(out.data(), bytes.data() + table.offset, table.count * sizeof(Entry));
  }
  return {};
}

/// A name as manifests allow it, NUL-terminated; so that printing it is harmless, too.
template <std::size_t N>
bool terminated(const char (&name)[N]) {
  return std::memchr(name, '\0', N) != nullptr && !check_name(name, N - 1);
}

Problem check_segments(const PackageView& v) {
  for (const rvm_package_segment& s : v.segments) {
    const bool bounded =
        s.payload % RVM_PAGE_SIZE == 0 && s.payload <= v.bytes.size() && s.file_bytes <= v.bytes.size() - s.payload;
    const bool shaped = s.offset % RVM_PAGE_SIZE == 0 && s.memory_bytes != 0 && s.memory_bytes % RVM_PAGE_SIZE == 0 &&
                        s.file_bytes <= s.memory_bytes && s.offset <= image_limit &&
                        s.memory_bytes <= image_limit - s.offset;
    constexpr std::uint32_t known = RVM_MAP_READ | RVM_MAP_WRITE | RVM_MAP_EXECUTE;
    const bool allowed = (s.permissions & ~known) == 0 && s.permissions != 0 &&
                         (s.permissions & (RVM_MAP_WRITE | RVM_MAP_EXECUTE)) != (RVM_MAP_WRITE | RVM_MAP_EXECUTE);
    if (!bounded || !shaped || !allowed) {
      return fmt::format("segment {} is out of bounds, misaligned or writable and executable", &s - v.segments.data());
    }
  }
  for (const rvm_package_image& i : v.images) {
    if (!terminated(i.name) || i.segment_count == 0 || i.first_segment > v.segments.size() ||
        i.segment_count > v.segments.size() - i.first_segment || i.bytes % RVM_PAGE_SIZE != 0 ||
        i.bytes > image_limit) {
      return fmt::format("image {} is malformed", &i - v.images.data());
    }
    std::uint64_t end = 0;
    bool entry = false;
    for (const rvm_package_segment& s : std::span(v.segments).subspan(i.first_segment, i.segment_count)) {
      if (s.offset < end || s.offset + s.memory_bytes > i.bytes) {
        return fmt::format("image {} has segments that overlap or exceed it", &i - v.images.data());
      }
      end = s.offset + s.memory_bytes;
      entry |= (s.permissions & RVM_MAP_EXECUTE) != 0 && i.entry >= s.offset && i.entry < end;
    }
    if (!entry || i.stack_pages == 0) {
      return fmt::format("image {} has no stack, or its entry point is not executable", &i - v.images.data());
    }
  }
  return {};
}

Problem check_agents(const PackageView& v) {
  for (const rvm_package_agent& a : v.agents) {
    const bool arguments =
        a.arguments_bytes == 0 || (a.arguments_bytes <= RVM_ARGUMENT_BYTES && a.arguments <= v.bytes.size() &&
                                   a.arguments_bytes <= v.bytes.size() - a.arguments);
    if (!terminated(a.name) || a.partition >= v.partitions.size() || a.image >= v.images.size() ||
        a.priority > 10'000 || !arguments) {
      return fmt::format("agent {} is malformed", &a - v.agents.data());
    }
  }
  for (const rvm_package_edge& e : v.edges) {
    if (!terminated(e.name) || !terminated(e.peer_name) || e.sender >= v.agents.size() ||
        e.receiver >= v.agents.size() || !std::has_single_bit(e.queue_length) || e.queue_length > 64 ||
        e.notify_bit > 64) {
      return fmt::format("edge {} is malformed", &e - v.edges.data());
    }
  }
  for (const rvm_package_grant& g : v.grants) {
    const bool object = g.type == RVM_OBJECT_AGENT       ? g.object < v.agents.size()
                        : g.type == RVM_OBJECT_PARTITION ? g.object < v.partitions.size() || g.object == UINT32_MAX
                        : g.type == RVM_OBJECT_DEVICE    ? g.object < v.devices.size()
                                                         : g.type == RVM_OBJECT_WITNESS;
    if (!terminated(g.name) || g.agent >= v.agents.size() || !object ||
        (g.rights & ~std::uint32_t{RVM_RIGHT_ALL}) != 0) {
      return fmt::format("grant {} is malformed", &g - v.grants.data());
    }
  }
  return {};
}

Problem check_devices(const PackageView& v) {
  if (v.devices.size() > RVM_PACKAGE_DEVICES_MAX) {
    return fmt::format("it has {} devices; at most {} fit", v.devices.size(), RVM_PACKAGE_DEVICES_MAX);
  }
  for (const rvm_package_device& d : v.devices) {
    if (!terminated(d.name) || !boot::is_device_kind(d.kind) || d.evidence > RVM_EVIDENCE_ATTESTATION ||
        boot::has_dma(d.kind) != (d.dma_bytes_per_epoch != 0)) {
      return fmt::format("device {} is malformed", &d - v.devices.data());
    }
  }
  return {};
}

Problem check_partitions(const PackageView& v) {
  if (v.partitions.empty() || v.partitions.front().type != RVM_PARTITION_ROOT) {
    return "the first partition is not the control partition";
  }
  for (const rvm_package_partition& p : v.partitions) {
    const bool root = &p == v.partitions.data();
    const bool flags =
        p.reserved == 0 &&
        (p.flags == 0 || (p.flags == RVM_PARTITION_LIVE && p.type == RVM_PARTITION_AGENT && p.mode == RVM_MODE_FLOW));
    if (!terminated(p.name) || p.mode > RVM_MODE_RECOVERY || p.type > RVM_PARTITION_ROOT ||
        (p.type == RVM_PARTITION_ROOT) != root || !flags) {
      return fmt::format("partition {} is malformed", &p - v.partitions.data());
    }
  }
  return {};
}

Problem check_header(const rvm_package_header& h, std::span<const std::byte> bytes, const Key* device_key) {
  if (std::memcmp(h.magic, RVM_PACKAGE_MAGIC, sizeof(h.magic)) != 0) {
    return "it does not start with the mark of a boot package";
  }
  if (h.version != RVM_PACKAGE_VERSION || h.header_bytes != sizeof(h)) {
    return fmt::format("it has version {}; this program reads version {}", h.version, RVM_PACKAGE_VERSION);
  }
  if (h.total_bytes != bytes.size()) {
    return fmt::format("it says {} bytes but has {}", h.total_bytes, bytes.size());
  }
  Digest expected{};
  std::memcpy(expected.data(), h.payload_digest, expected.size());
  if (!equal(expected, sha256(bytes.subspan(sizeof(h))))) {
    return "the contents do not match their digest";
  }
  if (device_key != nullptr) {
    rvm_package_header unsigned_header = h;
    std::memset(unsigned_header.authenticator, 0, sizeof(unsigned_header.authenticator));
    std::memcpy(expected.data(), h.authenticator, expected.size());
    if (!equal(expected, hmac_sha256(package_key(*device_key).bytes, std::as_bytes(std::span(&unsigned_header, 1))))) {
      return "the authenticator does not match: another key made it, or the header was changed";
    }
  }
  constexpr std::uint32_t known = RVM_PACKAGE_DEVELOPMENT | RVM_PACKAGE_CONSOLE_SHUTDOWN | RVM_PACKAGE_IPC_EACH |
                                  RVM_PACKAGE_FORCE_VMID8 | RVM_PACKAGE_DUMP_STATE;
  if ((h.flags & ~known) != 0 || h.epoch_us < 100 || h.epoch_us > 100'000) {
    return "the header has unknown flags or an epoch outside 100 us .. 100 ms";
  }
  return Problem(boot::check_coherence(h.coherence));
}

}  // namespace

std::expected<PackageView, std::string> read_package(std::span<const std::byte> bytes, const Key* device_key) {
  PackageView v;
  v.bytes = bytes;
  if (bytes.size() < sizeof(v.header)) {
    return std::unexpected(std::string("it is shorter than a header"));
  }
  std::memcpy(&v.header, bytes.data(), sizeof(v.header));
  Problem problem = check_header(v.header, bytes, device_key);
  const auto then = [&](auto&& next) {
    if (problem.empty()) {
      problem = next();
    }
  };
  then([&] { return read_table(bytes, v.header.partitions, "partitions", v.partitions); });
  then([&] { return read_table(bytes, v.header.images, "images", v.images); });
  then([&] { return read_table(bytes, v.header.segments, "segments", v.segments); });
  then([&] { return read_table(bytes, v.header.agents, "agents", v.agents); });
  then([&] { return read_table(bytes, v.header.edges, "edges", v.edges); });
  then([&] { return read_table(bytes, v.header.grants, "grants", v.grants); });
  then([&] { return read_table(bytes, v.header.devices, "devices", v.devices); });
  then([&] { return check_partitions(v); });
  then([&] { return check_segments(v); });
  then([&] { return check_devices(v); });
  then([&] { return check_agents(v); });
  if (!problem.empty()) {
    return std::unexpected(std::move(problem));
  }
  return v;
}

}  // namespace rvm::host
