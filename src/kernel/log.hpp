// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The kernel's use of the witness log: the ring every record goes to, and the pump that seals and drains it. The pump runs
// outside the kernel lock, on whichever core has time.
#pragma once

#include <atomic>
#include <cstdint>
#include <expected>
#include <optional>
#include <span>

#include "config.hpp"
#include "lock.hpp"
#include "rvm/boot/measurement.hpp"
#include "rvm/hal/port.hpp"
#include "rvm/witness/drain.hpp"
#include "rvm/witness/note.hpp"
#include "rvm/witness/ring.hpp"
#include "rvm/witness/sealer.hpp"

namespace rvm::kernel {

class Log {
 public:
  witness::Ring ring;

  struct Start {
    bool has_volume;
    witness::Resume resume;
  };
  /// Derives the keys, loads or formats the volume, prepares the ring. Boot only. Without a block device records stay in
  /// memory and the ring fills up.
  [[nodiscard]] std::expected<Start, std::string_view> start(std::span<const std::byte, 32> device_key,
                                                             std::span<witness::Record> slots,
                                                             std::span<std::byte> staging,
                                                             std::span<const std::byte> identity);

  /// Seals up to `records` and moves the drain on. Returns false when there was nothing to do or another core is at it.
  /// Caller: kernel lock not held.
  bool pump(std::uint32_t records);

  /// Whether pump would have something to do, if not at once then when the disk has answered.
  [[nodiscard]] bool has_work() const {
    return ring.sealed() != ring.reserved() ||
           (has_volume_ && ring.durable() != ring.reserved() && !stopped_.load(std::memory_order_relaxed));
  }

  /// What every tree head of this boot says beside size and root: the time, and in the first one what booted.
  struct Boot {
    crypto::Digest measurement;   ///< the final one
    std::uint64_t wall_clock_ns;  ///< Unix time when the clock stood at 0
  };
  /// Prints a quote: what booted, and what the log held before, signed together with the nonce of who asks. Without a
  /// volume there is none. Cost: one signature.
  void quote(std::span<const std::byte> nonce, const boot::Measurement& measurement) const;

  /// From now on heads are signed. Boot core, before other cores use the log.
  void bind(const Boot& boot) { boot_ = boot; }

  /// Signs a head over the records that are durable and has it stored, unless there are no new ones, the last head is less
  /// than head_interval old, or another core is at it. The signature is made under no lock, and the caller is the worker,
  /// which interrupts pre-empt. Returns whether it signed. Cost: docs/performance.md.
  bool sign_head();

  /// Public half of the device's attestation identity.
  [[nodiscard]] const crypto::Ed25519Key& identity() const { return identity_; }
  [[nodiscard]] std::string_view origin() const { return origin_.view(); }

  struct Head {
    std::uint64_t tree_size;
    crypto::Digest root;
    bool durable;  ///< everything is on disk and the volume is closed
  };
  /// Seals and writes everything, then the closing tree head. The machine has stopped; only the boot core runs.
  [[nodiscard]] Head close();

  [[nodiscard]] bool has_volume() const { return has_volume_; }

 private:
  void report_progress(Nanoseconds now);
  void write_head(witness::NoteWriter& note, std::uint64_t size, const crypto::Digest& root);

  SpinLock lock_;
  witness::Keys keys_;
  witness::Sealer sealer_;
  witness::Drain<hal::Port> drain_;
  crypto::Ed25519Key identity_;
  witness::Origin origin_;
  std::optional<Boot> boot_;
  std::uint64_t signed_size_ = 0;  // of the last head
  Nanoseconds signed_at_{0};
  bool signing_ = false;
  bool first_head_ = true;
  bool has_volume_ = false;
  std::atomic<bool> stopped_{false};  ///< the drain takes no more, and that was said
  std::uint64_t reported_durable_ = 0;
  Nanoseconds reported_at_{0};
};

}  // namespace rvm::kernel
