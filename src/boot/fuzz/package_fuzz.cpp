// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libFuzzer target: the kernel's reader of boot packages. What it accepts lies inside the bytes it was given.
#include <cstdlib>
#include <cstring>
#include <vector>

#include "rvm/boot/package.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using rvm::boot::Package;
  // 8-byte aligned, as the reader demands, and exactly as long as the input, so that a read beyond it is seen.
  std::vector<std::uint64_t> words((size + 7) / 8);
  if (size != 0) std::memcpy(words.data(), data, size);
  const auto bytes = std::as_bytes(std::span{words}).first(size);
  const auto package =
      Package::parse(bytes, {.partitions = 64, .agents = 64, .edges = 64, .slot_bytes = std::uint64_t{256} << 20});
  if (!package) return package.error().empty() ? (std::abort(), 0) : 0;
  const std::uint64_t total = package->header().total_bytes;
  if (total > size) std::abort();
  for (const rvm_package_segment& s : package->segments()) {
    if (s.payload > total || s.file_bytes > total - s.payload) std::abort();
    if ((s.permissions & RVM_MAP_WRITE) != 0 && (s.permissions & RVM_MAP_EXECUTE) != 0) std::abort();
  }
  for (const rvm_package_agent& a : package->agents()) {
    if (a.partition >= package->partitions().size() || a.image >= package->images().size()) std::abort();
  }
  return 0;
}
