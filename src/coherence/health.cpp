// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/health.hpp"

namespace rvm::coherence {

void Health::set(DegradedReason reason, bool holds) {
  if (holds) {
    reasons_ |= bit(reason);
  } else if (has(reason)) {
    reasons_ &= static_cast<std::uint8_t>(~bit(reason));
    last_ended_ = reason;
  }
}

bool Health::observe(const Config& config, bool over_budget) {
  if (over_budget) {
    within_ = 0;
    if (over_ < config.over_budget_limit) ++over_;
    if (over_ < config.over_budget_limit || has(DegradedReason::over_budget)) return false;
    set(DegradedReason::over_budget, true);
    return true;
  }
  over_ = 0;
  if (within_ < config.within_budget) ++within_;
  if (within_ >= config.within_budget) set(DegradedReason::over_budget, false);
  return false;
}

void Health::announce(Report& report) {
  for (const DegradedReason reason :
       {DegradedReason::disabled, DegradedReason::paused, DegradedReason::over_budget, DegradedReason::check_failed}) {
    if ((reasons_ & ~announced_ & bit(reason)) == 0) continue;
    report.events[report.event_count++] = {EventKind::degraded_entered, static_cast<std::uint32_t>(reason)};
  }
  if (reasons_ == 0 && announced_ != 0) {
    report.events[report.event_count++] = {EventKind::degraded_exited, static_cast<std::uint32_t>(last_ended_)};
  }
  announced_ = reasons_;
}

}  // namespace rvm::coherence
