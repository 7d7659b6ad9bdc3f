// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The boot package of rvm/boot_package.h: built from a swarm, and read back with every bound checked.
#pragma once

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <vector>

#include "host/common/failure.hpp"
#include "host/common/file.hpp"
#include "host/elf/elf.hpp"
#include "host/key/key.hpp"
#include "host/manifest/swarm.hpp"
#include "rvm/boot_package.h"

namespace rvm::host {

struct PackageOptions {
  std::uint64_t run_for_ns = 0;     ///< 0 = until done
  std::uint64_t wall_clock_ns = 0;  ///< Unix time
};

/// A module with the stack and heap that some agents want: one image of the package.
struct SwarmImage {
  std::string name;
  std::size_t program = 0;  ///< index into the programs
  std::uint32_t stack_pages = 0;
  std::uint32_t heap_pages = 0;
  std::uint32_t flags = 0;  ///< rvm_image_flags
};

/// The agent programs of a swarm, each file read once.
struct SwarmImages {
  std::vector<Program> programs;
  std::vector<SwarmImage> images;
  std::vector<std::uint32_t> of_agent;  ///< image index per agent
};

[[nodiscard]] Outcome<SwarmImages> load_images(const Manifest& manifest, const Swarm& swarm);

[[nodiscard]] Bytes build_package(const Manifest& manifest, const Swarm& swarm, const SwarmImages& images,
                                  const PackageOptions& options, const Key& device_key);

/// A package that was checked; spans point into the bytes it was read from.
struct PackageView {
  rvm_package_header header{};
  std::span<const std::byte> bytes;
  std::vector<rvm_package_partition> partitions;
  std::vector<rvm_package_image> images;
  std::vector<rvm_package_segment> segments;
  std::vector<rvm_package_agent> agents;
  std::vector<rvm_package_edge> edges;
  std::vector<rvm_package_grant> grants;
  std::vector<rvm_package_device> devices;
};

/// Checks structure, bounds, indices, digest and, if a key is given, the authenticator. The error says what is wrong.
[[nodiscard]] std::expected<PackageView, std::string> read_package(std::span<const std::byte> bytes,
                                                                   const Key* device_key);

[[nodiscard]] inline bool development(const PackageView& view) {
  return (view.header.flags & RVM_PACKAGE_DEVELOPMENT) != 0;
}

}  // namespace rvm::host
