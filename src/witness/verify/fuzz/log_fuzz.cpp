// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The readers of what an attacker may have written to the disk. The first byte chooses: bytes as a bare log, bytes as a
// volume, or bytes as changes to a right volume, of which each must be reported.
#include <algorithm>
#include <cstring>

#include "rvm/witness/volume.hpp"
#include "test_files.hpp"

using namespace rvm::witness;
using namespace rvm::witness::test;

namespace {

void require(bool condition) {
  if (!condition) __builtin_trap();
}

void read_everything(const TemporaryFile& file, const Keys* keys) {
  const VerifyOptions options{.keys = keys, .allow_open = true};
  static_cast<void>(file.verify(options));
  static_cast<void>(
      for_each_record(LogFile::open(file.path()).value(), [](const Record&, std::uint64_t) { return true; }));
}

// Triples: position (3 bytes), value to exclusive-or.
void change_volume(TemporaryFile& file, const Keys& keys, std::span<const std::uint8_t> changes) {
  static const std::vector<std::byte> original = sample_volume(volume_bytes_min);
  std::vector<std::byte> changed = original;
  for (; changes.size() >= 4; changes = changes.subspan(4)) {
    const std::size_t position = changes[0] | std::size_t{changes[1]} << 8 | std::size_t{changes[2]} << 16;
    changed[position % changed.size()] ^= static_cast<std::byte>(changes[3]);
  }
  file.replace(changed);
  const VerifyOptions options{.keys = &keys};
  require(file.verify(options).ok == (changed == original));
  read_everything(file, nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Keys keys = test_keys();
  static TemporaryFile file;
  if (size == 0) return 0;
  const std::span<const std::uint8_t> rest{data + 1, size - 1};
  if (data[0] % 3 == 0) {
    file.replace(std::as_bytes(rest));
    read_everything(file, &keys);
  } else if (data[0] % 3 == 1) {
    std::vector<std::byte> image(volume_bytes_min);
    std::ranges::copy(std::as_bytes(rest).first(std::min(rest.size(), image.size())), image.begin());
    std::memcpy(image.data(), superblock_magic.data(), superblock_magic.size());
    file.replace(image);
    read_everything(file, &keys);
  } else {
    change_volume(file, keys, rest);
  }
  return 0;
}
