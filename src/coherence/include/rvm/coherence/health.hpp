// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Degraded mode (design constraint DC-6): entered and left by itself, each with an event. It has reasons; while any of them
// holds there are no proposals, and pressure is 0.
#pragma once

#include "rvm/coherence/decisions.hpp"

namespace rvm::coherence {

class Health {
 public:
  /// Events that one epoch may need at most.
  static constexpr std::uint32_t events_maximum = 5;

  [[nodiscard]] bool degraded() const { return reasons_ != 0; }
  [[nodiscard]] bool has(DegradedReason reason) const { return (reasons_ & bit(reason)) != 0; }
  void set(DegradedReason reason, bool holds);

  /// What one epoch's budget was enough for. True when it is this epoch that leads into degraded mode.
  bool observe(const Config& config, bool over_budget);

  /// Writes events for what changed since it was last called. Precondition: room for events_maximum.
  void announce(Report& report);

 private:
  [[nodiscard]] static std::uint8_t bit(DegradedReason reason) {
    return static_cast<std::uint8_t>(1u << static_cast<unsigned>(reason));
  }

  std::uint8_t reasons_ = 0;
  std::uint8_t announced_ = 0;
  DegradedReason last_ended_ = DegradedReason::disabled;
  std::uint16_t over_ = 0;    ///< consecutive epochs
  std::uint16_t within_ = 0;  ///< consecutive epochs
};

}  // namespace rvm::coherence
