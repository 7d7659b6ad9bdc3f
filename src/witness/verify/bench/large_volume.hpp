// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A large log such as a busy machine leaves: ring, sealer and drain as in the kernel, over a device that is a file.
#pragma once

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <random>
#include <stdexcept>
#include <vector>

#include "rvm/witness/drain.hpp"

namespace rvm::witness::bench {

/// Writes and flushes at once into a mapped file; one at a time.
struct FileDevice {
  static inline std::byte* content = nullptr;
  static inline std::uint64_t bytes = 0;

  static std::uint64_t block_sectors() { return bytes / sector_bytes; }
  static void block_submit_read(std::uint64_t sector, PhysicalAddress memory, std::size_t count) {
    std::memcpy(pointer(memory), content + sector * sector_bytes, count);
  }
  static void block_submit_write(std::uint64_t sector, PhysicalAddress memory, std::size_t count) {
    std::memcpy(content + sector * sector_bytes, pointer(memory), count);
  }
  static void block_submit_flush() {}
  static hal::BlockStatus block_poll() { return hal::BlockStatus::done; }
  static PhysicalAddress to_physical(const void* p) { return PhysicalAddress{reinterpret_cast<std::uintptr_t>(p)}; }
  static void relax() {}

 private:
  static std::byte* pointer(PhysicalAddress memory) { return reinterpret_cast<std::byte*>(memory.value); }
};

/// The region that is acted upon rarely, and the time between two records.
inline constexpr std::uint32_t rare_region = 77'777;
inline constexpr std::uint64_t record_interval_ns = 10'000;
inline constexpr std::uint64_t rare_every = 1'000'000;

inline void must(bool holds, const char* what) {
  if (!holds) throw std::runtime_error{what};
}

/// Makes the file. Every `rare_every` records one maps `rare_region`.
inline void make_large_volume(const std::filesystem::path& path, std::uint64_t records, const Keys& keys) {
  FileDevice::bytes = (records * 40 + (std::uint64_t{4} << 20)) / sector_bytes * sector_bytes;
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  must(file >= 0 && ::ftruncate(file, static_cast<off_t>(FileDevice::bytes)) == 0, "cannot make the volume");
  void* const mapped = ::mmap(nullptr, FileDevice::bytes, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  must(mapped != MAP_FAILED, "cannot map the volume");
  FileDevice::content = static_cast<std::byte*>(mapped);

  std::vector<Record> slots(4096);
  std::vector<std::byte> staging(staging_bytes);
  Ring ring;
  Sealer sealer;
  Drain<FileDevice> drain;
  constexpr std::string_view identity = "large";
  must(drain.load(keys, std::span<std::byte, staging_bytes>{staging}, std::as_bytes(std::span{identity}), sealer)
           .has_value(),
       "load");
  must(ring.init(slots, 0).has_value(), "ring");
  std::mt19937_64 random{1};
  for (std::uint64_t i = 0; i < records; ++i) {
    const std::uint64_t r = random();
    const bool rare = i % rare_every == rare_every / 2;
    // Mostly sums of messages per edge, some grants, refusals and mappings.
    const Kind kind = rare           ? Kind::region_map
                      : r % 16 < 12  ? Kind::ipc_send
                      : r % 16 == 12 ? Kind::capability_grant
                      : r % 16 == 13 ? Kind::proof_rejected
                      : r % 16 == 14 ? Kind::region_map
                                     : Kind::region_unmap;
    const Fields fields{.kind = kind,
                        .tier = 1,
                        .flags = 1,
                        .actor = PartitionId{static_cast<std::uint32_t>(1 + (r >> 8) % 64)},
                        .target = rare ? rare_region : static_cast<std::uint32_t>(1 + (r >> 16) % 256),
                        .capability_hash = static_cast<std::uint32_t>(kind == Kind::ipc_send ? 0 : r >> 32),
                        .payload = (r >> 24) % 64,
                        .aux = (r >> 30) % 4096};
    must(ring.emit(Lane::reserved, fields, Nanoseconds{i * record_interval_ns + (r >> 50)}).has_value(), "emit");
    if (ring.free_slots(Lane::ordinary) < 256) {
      while (ring.free_slots(Lane::ordinary) < 2048) {
        sealer.seal(ring, 4096);
        must(drain.step(ring, sealer, never) != DrainState::failed, "drain");
      }
    }
  }
  must(drain.flush(ring, sealer).has_value(), "flush");
  must(ring.emit(Lane::reserved, sealer.tree_head(true), Nanoseconds{records * record_interval_ns}).has_value(),
       "emit");
  must(drain.close(ring, sealer).has_value(), "close");
  ::munmap(mapped, FileDevice::bytes);
  ::close(file);
}

}  // namespace rvm::witness::bench
