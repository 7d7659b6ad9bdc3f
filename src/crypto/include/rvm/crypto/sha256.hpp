// SPDX-License-Identifier: MIT OR Apache-2.0
//
// SHA-256 (FIPS 180-4). One algorithm, three block functions: portable C++, the Armv8 SHA-2 instructions, and x86 SHA
// extensions. The portable one is in use until `select_implementation` has been called.
//
// On AArch64 the accelerated block function uses v0-v7 and v16-v31 and does not save them. Before anything in this
// module runs after `select_implementation` chose it, floating point must be enabled at the current exception level
// and the registers' contents must be dead or saved (in the kernel: hal::VectorScope around each batch).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace rvm::crypto {

inline constexpr std::size_t digest_bytes = 32;
/// Aligned, so that it can be copied by words even where unaligned accesses are not allowed.
struct alignas(8) Digest : std::array<std::byte, digest_bytes> {};

enum class Implementation : std::uint8_t { portable, armv8_sha2, x86_sha };

/// Chooses the fastest implementation that this CPU has, for all cores. Call once at boot, before other cores hash.
Implementation select_implementation();
/// Chooses `wanted` if this CPU has it; false and no change otherwise. For tests and measurements.
bool use_implementation(Implementation wanted);
[[nodiscard]] Implementation implementation_in_use();

/// Incremental hash. Holds at most one block; no allocation; copying it forks the computation.
class Sha256 {
 public:
  static constexpr std::size_t block_bytes = 64;
  using State = std::array<std::uint32_t, 8>;

  constexpr Sha256() = default;
  /// Continues from the state after `absorbed` bytes, which must be a multiple of 64.
  Sha256(const State& state, std::uint64_t absorbed) : state_(state), absorbed_(absorbed) {}

  void update(std::span<const std::byte> data);
  /// Ends the computation; the object must not be used after it.
  [[nodiscard]] Digest finish();
  /// The state at a block boundary. Precondition: a multiple of 64 bytes was absorbed.
  [[nodiscard]] constexpr const State& state() const { return state_; }

 private:
  State state_{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::uint64_t absorbed_ = 0;
  alignas(8) std::array<std::byte, block_bytes> partial_;  // absorbed_ % 64 bytes are meaningful
};

[[nodiscard]] Digest sha256(std::span<const std::byte> data);

/// SHA-256(prefix || body), the form of RFC 6962's leaf and node hashes here. `body` is in memory order: word 0 holds its
/// first 8 bytes, the first of them in bits 0-7. Same result as Sha256, without its buffering.
[[nodiscard]] Digest sha256_prefixed(std::byte prefix, const std::array<std::uint64_t, 8>& body);

/// The bytes of a trivially copyable object without padding.
template <typename T>
[[nodiscard]] std::span<const std::byte> bytes_of(const T& object) {
  return std::as_bytes(std::span<const T, 1>{&object, 1});
}

}  // namespace rvm::crypto
