// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libFuzzer target: the kernel's reader of boot packages. What it accepts lies inside the bytes it was given. The input is
// read as a package, and as changes to a sound one, which get past the checks of the header.
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "rvm/boot/coherence.hpp"
#include "rvm/boot/package.hpp"

namespace {

using rvm::boot::Package;

template <typename Entry>
rvm_table table(std::size_t offset, std::uint32_t count) {
  return {offset, count, sizeof(Entry)};
}

/// A package as it lies in memory, with something in every table.
struct SoundPackage {
  rvm_package_header header{};
  std::array<rvm_package_partition, 2> partitions{};
  rvm_package_image image{};
  rvm_package_segment segment{};
  std::array<rvm_package_agent, 2> agents{};
  rvm_package_edge edge{};
  std::array<rvm_package_grant, 2> grants{};
  std::array<rvm_package_device, 2> devices{};
  alignas(RVM_PAGE_SIZE) std::array<std::byte, RVM_PAGE_SIZE> payload{};

  SoundPackage() {
    std::memcpy(header.magic, RVM_PACKAGE_MAGIC, sizeof header.magic);
    header.version = RVM_PACKAGE_VERSION;
    header.header_bytes = sizeof header;
    header.total_bytes = sizeof *this;
    header.epoch_us = 1000;
    header.coherence = rvm::boot::coherence_defaults();
    header.coherence.flags = RVM_COHERENCE_ENABLED;
    header.partitions = table<rvm_package_partition>(offsetof(SoundPackage, partitions), 2);
    header.images = table<rvm_package_image>(offsetof(SoundPackage, image), 1);
    header.segments = table<rvm_package_segment>(offsetof(SoundPackage, segment), 1);
    header.agents = table<rvm_package_agent>(offsetof(SoundPackage, agents), 2);
    header.edges = table<rvm_package_edge>(offsetof(SoundPackage, edge), 1);
    header.grants = table<rvm_package_grant>(offsetof(SoundPackage, grants), 2);
    header.devices = table<rvm_package_device>(offsetof(SoundPackage, devices), 2);
    partitions[0].type = RVM_PARTITION_ROOT;
    partitions[1].flags = RVM_PARTITION_LIVE;
    image.segment_count = 1;
    image.bytes = RVM_PAGE_SIZE;
    image.stack_pages = 1;
    segment = {0, RVM_PAGE_SIZE, RVM_PAGE_SIZE, offsetof(SoundPackage, payload), RVM_MAP_READ | RVM_MAP_EXECUTE, 0};
    edge.receiver = 1;
    edge.queue_length = 4;
    for (rvm_package_agent& agent : agents) agent.partition = 1;
    for (rvm_package_grant& grant : grants) {
      grant.type = RVM_OBJECT_DEVICE;
      grant.object = 1;
      grant.rights = RVM_RIGHT_READ;
    }
    devices[0].kind = RVM_DEVICE_GPIO;
    devices[1].kind = RVM_DEVICE_BLOCK;
    devices[1].dma_bytes_per_epoch = 512;
    image.name[0] = edge.name[0] = edge.peer_name[0] = 'n';
    for (auto& partition : partitions) partition.name[0] = 'p';
    for (auto& agent : agents) agent.name[0] = 'a';
    for (auto& grant : grants) grant.name[0] = 'g';
    for (auto& device : devices) device.name[0] = 'd';
  }
};

/// Three bytes are a change: where, and the new value.
SoundPackage changed(std::span<const std::uint8_t> changes) {
  SoundPackage package;
  constexpr std::size_t tables_end = offsetof(SoundPackage, devices) + sizeof package.devices;
  for (; changes.size() >= 3; changes = changes.subspan(3)) {
    const std::size_t at = (changes[0] | std::size_t{changes[1]} << 8) % tables_end;
    std::memcpy(reinterpret_cast<std::byte*>(&package) + at, &changes[2], 1);
  }
  return package;
}

bool sound(const rvm_package_coherence& c) {
  bool ok = c.flags <= 3 && c.budget >= 1 && c.budget <= RVM_COHERENCE_BUDGET_MAX;
#define RVM_X(type, name, least, greatest, fallback, doc) \
  ok = ok && std::int64_t{c.name} >= (least) && std::int64_t{c.name} <= (greatest);
  RVM_COHERENCE_SETTING_TABLE(RVM_X)
#undef RVM_X
  return ok && c.interval[0] >= 1 && c.interval[0] <= c.interval[1] && c.interval[1] <= c.interval[2] &&
         c.interval[2] <= RVM_COHERENCE_INTERVAL_MAX;
}

/// Whether it is accepted; then all of it must be as promised.
bool check(std::span<const std::byte> bytes) {
  const auto package =
      Package::parse(bytes, {.partitions = 64, .agents = 64, .edges = 64, .slot_bytes = std::uint64_t{256} << 20});
  if (!package) {
    if (package.error().empty()) std::abort();
    return false;
  }
  const std::uint64_t total = package->header().total_bytes;
  if (total > bytes.size()) std::abort();
  if (!sound(package->header().coherence)) std::abort();
  for (const rvm_package_partition& p : package->partitions()) {
    if (p.flags != 0 && (p.type != RVM_PARTITION_AGENT || p.mode != RVM_MODE_FLOW)) std::abort();
  }
  for (const rvm_package_segment& s : package->segments()) {
    if (s.payload > total || s.file_bytes > total - s.payload) std::abort();
    if ((s.permissions & RVM_MAP_WRITE) != 0 && (s.permissions & RVM_MAP_EXECUTE) != 0) std::abort();
  }
  for (const rvm_package_agent& a : package->agents()) {
    if (a.partition >= package->partitions().size() || a.image >= package->images().size()) std::abort();
  }
  if (package->devices().size() > RVM_PACKAGE_DEVICES_MAX) std::abort();
  for (const rvm_package_device& d : package->devices()) {
    if (!rvm::boot::is_device_kind(d.kind) || rvm::boot::has_dma(d.kind) != (d.dma_bytes_per_epoch != 0)) std::abort();
  }
  for (const rvm_package_grant& g : package->grants()) {
    if (g.agent >= package->agents().size()) std::abort();
    if (g.type == RVM_OBJECT_DEVICE && g.object >= package->devices().size()) std::abort();
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // 8-byte aligned, as the reader demands, and exactly as long as the input, so that a read beyond it is seen.
  std::vector<std::uint64_t> words((size + 7) / 8);
  if (size != 0) std::memcpy(words.data(), data, size);
  check(std::as_bytes(std::span{words}).first(size));

  const SoundPackage package = changed({data, size});
  const bool accepted = check(std::as_bytes(std::span{&package, 1}));
  if (size < 3 && !accepted) std::abort();  // nothing was changed
  return 0;
}
