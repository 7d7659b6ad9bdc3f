// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/boot/package.hpp"

#include <algorithm>
#include <cstring>

#include "rvm/boot/coherence.hpp"
#include "rvm/types/address.hpp"

namespace rvm::boot {
namespace {

constexpr PackageError sound{};
constexpr std::uint64_t image_offset = 0x10000;  // of the image in the agent's slot

/// Names appear in console lines and log queries: printable, no separators of either.
template <std::size_t N>
bool good_name(const char (&name)[N], bool may_be_empty) {
  std::size_t length = 0;
  while (length < N && name[length] != '\0') ++length;
  if (length == N || (length == 0 && !may_be_empty)) return false;
  return std::all_of(name, name + length, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
           c == '.';
  });
}

bool table_fits(const rvm_table& t, std::size_t entry, std::uint64_t total) {
  return t.entry_bytes == entry && t.offset % 8 == 0 && t.offset >= sizeof(rvm_package_header) && t.offset <= total &&
         t.count <= (total - t.offset) / entry;
}

}  // namespace

std::expected<Package, PackageError> Package::parse(std::span<const std::byte> bytes, const PackageLimits& limits) {
  if (bytes.size() < sizeof(rvm_package_header))
    return std::unexpected(PackageError{"it is shorter than a package header"});
  rvm_package_header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, RVM_PACKAGE_MAGIC, sizeof header.magic) != 0) {
    return std::unexpected(PackageError{"it does not start with RVMBOOT1: not a boot package"});
  }
  if (header.version != RVM_PACKAGE_VERSION)
    return std::unexpected(PackageError{"its version is not 3: rebuild it with this release's rvm"});
  if (header.total_bytes < sizeof header || header.total_bytes > bytes.size()) {
    return std::unexpected(PackageError{"it is shorter than its header says: the file was cut"});
  }
  const Package package{bytes.first(static_cast<std::size_t>(header.total_bytes))};
  if (auto e = package.check_header(); !e.empty()) return std::unexpected(e);
  if (header.partitions.count > limits.partitions)
    return std::unexpected(PackageError{"more partitions than this machine supports"});
  if (header.agents.count > limits.agents)
    return std::unexpected(PackageError{"more agents than this machine supports"});
  if (header.edges.count > limits.edges) return std::unexpected(PackageError{"more edges than this machine supports"});
  if (auto e = package.check_segments(); !e.empty()) return std::unexpected(e);
  if (auto e = package.check_images(limits); !e.empty()) return std::unexpected(e);
  if (auto e = package.check_agents(); !e.empty()) return std::unexpected(e);
  if (auto e = package.check_devices(); !e.empty()) return std::unexpected(e);
  if (auto e = package.check_links(); !e.empty()) return std::unexpected(e);
  return package;
}

PackageError Package::check_header() const {
  const rvm_package_header& h = header();
  if (h.header_bytes != sizeof h) return "the header size is wrong";
  if (h.epoch_us < 100 || h.epoch_us > 100'000) return "epoch_us is outside 100..100000";
  constexpr std::uint32_t known = RVM_PACKAGE_DEVELOPMENT | RVM_PACKAGE_CONSOLE_SHUTDOWN | RVM_PACKAGE_IPC_EACH |
                                  RVM_PACKAGE_FORCE_VMID8 | RVM_PACKAGE_DUMP_STATE;
  if ((h.flags & ~known) != 0) {
    return "unknown flags are set";
  }
  if (auto e = check_coherence(h.coherence); !e.empty()) return e;
  const std::uint64_t total = h.total_bytes;
  if (!table_fits(h.partitions, sizeof(rvm_package_partition), total) ||
      !table_fits(h.images, sizeof(rvm_package_image), total) ||
      !table_fits(h.segments, sizeof(rvm_package_segment), total) ||
      !table_fits(h.agents, sizeof(rvm_package_agent), total) ||
      !table_fits(h.edges, sizeof(rvm_package_edge), total) ||
      !table_fits(h.grants, sizeof(rvm_package_grant), total) ||
      !table_fits(h.devices, sizeof(rvm_package_device), total)) {
    return "a table lies outside the package or has the wrong entry size";
  }
  if (partitions().empty() || partitions()[0].type != RVM_PARTITION_ROOT)
    return "the first partition is not the control partition";
  for (std::size_t i = 0; i < partitions().size(); ++i) {
    const rvm_package_partition& p = partitions()[i];
    if (!good_name(p.name, false))
      return "a partition's name is empty, too long or has characters other than A-Z a-z 0-9 . _ -";
    if (p.type > RVM_PARTITION_ROOT || (p.type == RVM_PARTITION_ROOT) != (i == 0))
      return "a partition's type is unknown, or a second one is root";
    if (p.mode > RVM_MODE_RECOVERY) return "a partition's mode is unknown";
    if ((p.flags & ~static_cast<std::uint32_t>(RVM_PARTITION_LIVE)) != 0 || p.reserved != 0)
      return "a partition's flags are not valid";
    if (p.flags != 0 && !may_be_live(p.type, p.mode))
      return "a partition is live that is not for agents or not in mode flow";
  }
  return sound;
}

PackageError Package::check_segments() const {
  const std::uint64_t total = header().total_bytes;
  for (const rvm_package_segment& s : segments()) {
    if (s.file_bytes > s.memory_bytes || s.file_bytes > total || s.payload % page_bytes != 0 || s.payload > total ||
        pages_for(s.file_bytes) > (total - s.payload) / page_bytes) {
      return "a segment's payload lies outside the package";
    }
    const auto access = static_cast<Access>(s.permissions);
    if (s.permissions == 0 || s.permissions > 7 || !allows(access, Access::read))
      return "a segment's permissions are not valid";
    if (!write_xor_execute(access)) return "a segment is writable and executable";
    if (!allows(access, Access::write) && s.file_bytes == 0) return "a read-only segment has no content";
    if (!allows(access, Access::write) && pages_for(s.file_bytes) != pages_for(s.memory_bytes)) {
      return "a read-only segment is larger than its content";
    }
  }
  return sound;
}

PackageError Package::check_images(const PackageLimits& limits) const {
  for (const rvm_package_image& image : images()) {
    if (!good_name(image.name, false)) return "an image's name is not valid";
    if (image.segment_count == 0 || image.first_segment > segments().size() ||
        image.segment_count > segments().size() - image.first_segment) {
      return "an image's segments lie outside the segment table";
    }
    if ((image.flags & ~static_cast<std::uint32_t>(RVM_IMAGE_ON_DEMAND)) != 0) return "an image's flags are not valid";
    if (image.bytes == 0 || image.bytes % page_bytes != 0 || image.bytes > limits.slot_bytes)
      return "an image's extent is not valid";
    if (image.stack_pages == 0 || image.stack_pages > 4096 || image.heap_pages > limits.slot_bytes / page_bytes) {
      return "an image's stack or heap size is not valid";
    }
    const std::uint64_t extent =
        image_offset + image.bytes + (std::uint64_t{image.stack_pages} + image.heap_pages + 3) * page_bytes;
    if (extent > limits.slot_bytes / 2) return "an image with its stack and heap is larger than half an agent slot";
    std::uint64_t end = 0;
    bool entry_executable = false;
    for (const rvm_package_segment& s : segments().subspan(image.first_segment, image.segment_count)) {
      if (s.offset % page_bytes != 0 || s.offset < end || s.memory_bytes == 0 || s.memory_bytes > image.bytes ||
          s.offset > image.bytes - s.memory_bytes) {
        return "a segment overlaps another, is unaligned or leaves its image";
      }
      entry_executable |= allows(static_cast<Access>(s.permissions), Access::execute) && image.entry >= s.offset &&
                          image.entry - s.offset < s.file_bytes;
      end = s.offset + pages_for(s.memory_bytes) * page_bytes;
    }
    if (!entry_executable || image.entry % 4 != 0) return "an image's entry point is not in executable code";
  }
  return sound;
}

PackageError Package::check_agents() const {
  const std::uint64_t total = header().total_bytes;
  for (const rvm_package_agent& a : agents()) {
    if (!good_name(a.name, false)) return "an agent's name is not valid";
    if (a.partition >= partitions().size()) return "an agent's partition does not exist";
    if (a.image >= images().size()) return "an agent's image does not exist";
    if (a.priority > 10'000) return "an agent's priority is above 10000";
    if (a.affinity < -1 || a.affinity > 15) return "an agent's affinity is not a core";
    if ((a.flags & ~std::uint32_t{RVM_AGENT_SERVICE | RVM_AGENT_CONTROL}) != 0) return "an agent's flags are not valid";
    if ((a.flags & RVM_AGENT_CONTROL) != 0 && a.partition != 0)
      return "a control agent is not in the control partition";
    if (a.arguments_bytes > RVM_ARGUMENT_BYTES - 2 || a.arguments > total || a.arguments_bytes > total - a.arguments) {
      return "an agent's arguments lie outside the package or are too long";
    }
    if ((a.budget_ns != 0 || a.deadline_ns != 0) && a.period_ns == 0)
      return "an agent has a budget or a deadline but no period";
    if (a.budget_ns > a.period_ns) return "an agent's budget is larger than its period";
  }
  return sound;
}

PackageError Package::check_devices() const {
  if (devices().size() > RVM_PACKAGE_DEVICES_MAX) return "more devices than a package may have";
  for (const rvm_package_device& d : devices()) {
    if (!good_name(d.name, false)) return "a device's name is not valid";
    if (!is_device_kind(d.kind)) return "a device's kind is unknown";
    if (d.evidence > RVM_EVIDENCE_ATTESTATION) return "a device asks for an unknown kind of evidence";
    if (has_dma(d.kind) && d.dma_bytes_per_epoch == 0) return "a device with DMA has no quota for it";
    if (!has_dma(d.kind) && d.dma_bytes_per_epoch != 0) return "a device without DMA has a quota for it";
  }
  return sound;
}

PackageError Package::check_links() const {
  for (const rvm_package_edge& e : edges()) {
    if (!good_name(e.name, true) || !good_name(e.peer_name, true)) return "an edge's name is not valid";
    if (e.sender >= agents().size() || e.receiver >= agents().size()) return "an edge's agent does not exist";
    if (e.sender == e.receiver) return "an edge leads from an agent to itself";
    if (e.queue_length == 0 || e.queue_length > 64 || (e.queue_length & (e.queue_length - 1)) != 0) {
      return "an edge's queue length is not a power of two from 1 to 64";
    }
    if (e.notify_bit > 64) return "an edge's notification bit is above 64";
  }
  for (const rvm_package_grant& g : grants()) {
    if (!good_name(g.name, false)) return "a grant's name is not valid";
    if (g.agent >= agents().size()) return "a grant's agent does not exist";
    if (g.rights == 0 || (g.rights & ~static_cast<std::uint32_t>(RVM_RIGHT_ALL)) != 0)
      return "a grant's rights are not valid";
    switch (g.type) {
      case RVM_OBJECT_PARTITION:
        if (g.object != UINT32_MAX && g.object >= partitions().size()) return "a grant's partition does not exist";
        break;
      case RVM_OBJECT_AGENT:
        if (g.object >= agents().size()) return "a grant's target agent does not exist";
        break;
      case RVM_OBJECT_WITNESS:
        break;
      case RVM_OBJECT_DEVICE:
        if (g.object >= devices().size()) return "a grant's device does not exist";
        break;
      default:
        return "a grant's type is not partition, agent, witness or device";
    }
  }
  return sound;
}

}  // namespace rvm::boot
