// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Measured boot: seven phases in strict order, each with the SHA-256 of what it loaded, and a chain over them. The kernel
// measures itself while it starts; the host computes the same from the files, as the reference. Hashing: see
// rvm/crypto/sha256.hpp about vector registers.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "rvm/boot/package.hpp"
#include "rvm/crypto/sha256.hpp"

namespace rvm::boot {

// X(enumerator, Name, what it loads)
#define RVM_BOOT_PHASE_TABLE(X) \
  X(hal_init, HalInit, "the kernel image") \
  X(memory_init, MemoryInit, "nothing") \
  X(capability_init, CapabilityInit, "nothing") \
  X(witness_init, WitnessInit, "nothing") \
  X(scheduler_init, SchedulerInit, "the settings in the boot package's header") \
  X(root_partition, RootPartition, "partitions, agents, edges, grants and devices of the manifest") \
  X(handoff, Handoff, "the agents' programs")

enum class Phase : std::uint8_t {
  none,
#define RVM_X(enumerator, name, loads) enumerator,
  RVM_BOOT_PHASE_TABLE(RVM_X)
#undef RVM_X
};

inline constexpr std::array phase_names{
#define RVM_X(enumerator, name, loads) std::string_view{#name},
    RVM_BOOT_PHASE_TABLE(RVM_X)
#undef RVM_X
};
inline constexpr std::size_t phases = phase_names.size();

class Measurement {
 public:
  /// What the phase in progress loads, piece by piece.
  void load(std::span<const std::byte> piece) { loading_.update(piece); }
  /// Ends the phase in progress: value = SHA-256(value || number of the phase || SHA-256(what it loaded)).
  void end_phase();
  /// What SchedulerInit, RootPartition and Handoff load of a package. Precondition: it was parsed.
  void load_settings(const Package& package);
  void load_manifest(const Package& package);
  void load_programs(const Package& package);

  /// What a phase that has ended loaded.
  [[nodiscard]] const crypto::Digest& loaded(Phase phase) const { return loaded_[index(phase)]; }
  /// The chain up to a phase that has ended.
  [[nodiscard]] const crypto::Digest& value(Phase phase) const { return values_[index(phase)]; }

 private:
  static std::size_t index(Phase phase) { return static_cast<std::size_t>(phase) - 1; }
  crypto::Sha256 loading_;
  std::size_t ended_ = 0;
  std::array<crypto::Digest, phases> loaded_{};
  std::array<crypto::Digest, phases> values_{};
};

}  // namespace rvm::boot
