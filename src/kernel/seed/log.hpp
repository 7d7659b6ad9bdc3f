// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The log on a microcontroller: records go to a ring in RAM; the worker seals them one by one and appends them to flash. A record
// is durable when its last word is programmed.
#pragma once

#include <expected>
#include <string_view>

#include "rvm/crypto/ed25519.hpp"
#include "rvm/hal/flash.hpp"
#include "rvm/hal/port.hpp"
#include "rvm/witness/flash_log.hpp"
#include "rvm/witness/note.hpp"
#include "rvm/witness/ring.hpp"
#include "rvm/witness/sealer.hpp"

namespace rvm::kernel {

class Log {
 public:
  static constexpr std::size_t ring_records = 64;
  witness::Ring ring;

  /// First: derives the keys from the device's. False: there is none, or no flash. Needs most of the stack, so what it has there must
  /// not stay in the frame of its caller, which the worker goes on in.
  [[nodiscard, gnu::noinline]] bool take_key();
  /// Finds the end of the log, prepares the ring. Boot only. `identity`: makes a new log unlike others.
  [[nodiscard]] std::expected<witness::FlashResume, witness::FlashError> start(std::span<const std::byte> identity);
  /// Heads are signed from now on, and the first of them says what booted.
  void bind(const crypto::Digest& measurement) { measurement_ = measurement, bound_ = true; }

  /// One step of the worker's: a segment begun, a record sealed and appended, a head signed. False: there is nothing to do.
  [[nodiscard]] bool step();
  /// Half the ring waits to become durable.
  [[nodiscard]] bool urgent() const {
    return static_cast<std::uint32_t>(ring.reserved() - ring.durable()) > ring_records / 2 && !stopped_;
  }
  /// Nothing waits to become durable, or nothing that waits can.
  [[nodiscard]] bool drained() const { return stopped_ || ring.waiting() == 0; }
  /// Everything, the closing tree head, and a signature over it. The worker, when no agent runs any more.
  void close();

  [[nodiscard]] const crypto::Ed25519PublicKey& public_key() const { return identity_.public_key(); }

 private:
  // Apart, so that neither has the other's variables on the stack when it goes deep.
  [[gnu::noinline]] bool append_next();
  [[gnu::noinline]] bool sign_head();
  void stop(std::string_view why);

  witness::Keys keys_;
  witness::Sealer sealer_;
  witness::FlashLog<hal::Flash> flash_;
  crypto::Ed25519Key identity_;
  crypto::Digest measurement_{};
  std::uint64_t signed_size_ = 0;
  Nanoseconds signed_at_{0};
  Nanoseconds reported_at_{0};
  bool bound_ = false, first_head_ = true, stopped_ = false, closing_ = false;
};

}  // namespace rvm::kernel
