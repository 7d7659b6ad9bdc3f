// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The few primitives the host side needs, over libsodium.
#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "host/common/failure.hpp"
#include "host/common/units.hpp"

namespace rvm::host {

using Digest = std::array<std::byte, 32>;
/// 32 secret bytes. Wiped when it goes out of scope.
struct Key {
  std::array<std::byte, 32> bytes{};
  Key() = default;
  Key(const Key&) = default;
  Key& operator=(const Key&) = default;
  ~Key();
};

[[nodiscard]] Digest sha256(std::span<const std::byte> data);
[[nodiscard]] Digest hmac_sha256(std::span<const std::byte> key, std::span<const std::byte> data);
/// HKDF-SHA-256 (RFC 5869) with one block of output: 32 bytes.
[[nodiscard]] Key hkdf_sha256(std::span<const std::byte> secret, std::span<const std::byte> salt,
                              std::string_view info);
/// Equality in time that does not depend on where they differ.
[[nodiscard]] bool equal(const Digest& a, const Digest& b);

/// The key under which boot packages are authenticated (rvm/boot_package.h).
[[nodiscard]] Key package_key(const Key& device_key);

/// By which an operator and the control agent of a package's machine know each other (rvm/boot_package.h).
[[nodiscard]] Key control_key(const Key& device_key, std::uint64_t wall_clock_ns);

/// The development device key that QEMU machines get: `file` when given (it must exist), else device.key in the state
/// folder, made with random bytes and mode 0600 at first use.
[[nodiscard]] Outcome<Key> load_device_key(const std::optional<std::filesystem::path>& file);

}  // namespace rvm::host
