// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Reads a boot package (rvm/boot_package.h). Nothing in it is believed before `parse` has checked every offset, count,
// index, name, limit and combination; afterwards the spans may be used without further checks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <string_view>

#include "rvm/abi.h"
#include "rvm/boot_package.h"

namespace rvm::boot {

/// What is wrong with a package, for people: a sentence without the final stop.
using PackageError = std::string_view;

/// Upper bounds on what a package may ask for; from the target's configuration.
struct PackageLimits {
  std::uint32_t partitions;
  std::uint32_t agents;
  std::uint32_t edges;
  std::uint64_t slot_bytes;  ///< an image with stack and heap must fit an agent slot
};

/// A number that some entry of RVM_DEVICE_KIND_TABLE has.
[[nodiscard]] constexpr bool is_device_kind(std::uint32_t kind) {
#define RVM_X(name, value, text, doc) \
  if (kind == RVM_DEVICE_##name) return true;
  RVM_DEVICE_KIND_TABLE(RVM_X)
#undef RVM_X
  return false;
}
/// Devices of this kind reach memory by themselves: they need a quota, and in QEMU's machine a virtio transport.
[[nodiscard]] constexpr bool has_dma(std::uint32_t kind) { return kind >= RVM_DEVICE_VIRTIO; }

class Package {
 public:
  /// No package: only bytes() may be asked.
  Package() = default;

  /// `bytes` must be 8-byte aligned and stay valid as long as the Package. Payload pages are used in place, so the kernel
  /// also demands 4096-byte alignment; `parse` does not. Cost: linear in the tables, not in the payload.
  [[nodiscard]] static std::expected<Package, PackageError> parse(std::span<const std::byte> bytes,
                                                                  const PackageLimits& limits);

  [[nodiscard]] const rvm_package_header& header() const {
    return *reinterpret_cast<const rvm_package_header*>(bytes_.data());
  }
  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  /// What payload_digest covers.
  [[nodiscard]] std::span<const std::byte> payload() const { return bytes_.subspan(sizeof(rvm_package_header)); }

  [[nodiscard]] auto partitions() const { return table<rvm_package_partition>(header().partitions); }
  [[nodiscard]] auto images() const { return table<rvm_package_image>(header().images); }
  [[nodiscard]] auto segments() const { return table<rvm_package_segment>(header().segments); }
  [[nodiscard]] auto agents() const { return table<rvm_package_agent>(header().agents); }
  [[nodiscard]] auto edges() const { return table<rvm_package_edge>(header().edges); }
  [[nodiscard]] auto grants() const { return table<rvm_package_grant>(header().grants); }
  [[nodiscard]] auto devices() const { return table<rvm_package_device>(header().devices); }

 private:
  explicit Package(std::span<const std::byte> bytes) : bytes_(bytes) {}

  template <typename Entry>
  [[nodiscard]] std::span<const Entry> table(const rvm_table& t) const {
    // Sound: parse checked alignment, entry size and extent.
    return {reinterpret_cast<const Entry*>(bytes_.data() + t.offset), t.count};
  }

  [[nodiscard]] PackageError check_header() const;
  [[nodiscard]] PackageError check_segments() const;
  [[nodiscard]] PackageError check_images(const PackageLimits& limits) const;
  [[nodiscard]] PackageError check_agents() const;
  [[nodiscard]] PackageError check_devices() const;
  [[nodiscard]] PackageError check_links() const;

  std::span<const std::byte> bytes_;
};

}  // namespace rvm::boot
