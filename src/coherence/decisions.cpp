// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/coherence/decisions.hpp"

#include <algorithm>

namespace rvm::coherence {

Status Config::check() const {
  const auto within = [](auto value, std::uint32_t least, std::uint32_t most) {
    return value >= least && value <= most;
  };
  const bool ok = within(budget, 1, 1'000'000) && within(interval[0], 1, 1000) &&
                  within(interval[1], interval[0], 1000) && within(interval[2], interval[1], 1000) &&
                  within(decay.value, 0, 5000) && within(alpha.value, 1, 10000) && within(report.value, 1, 10000) &&
                  within(migrate_margin.value, 0, 10000) && within(split_cohesion.value, 0, 5000) &&
                  within(split_pressure.value, 1, 10000) && within(merge_mutual.value, 1, 10000) &&
                  within(distrust.value, 0, 9000) && within(trust_recovery.value, 0, 10000) &&
                  within(hysteresis.value, 0, 2500) && within(persistence, 1, 1000) &&
                  within(maximum_members, 1, members_maximum) && within(cut_refresh, 1, 10000) &&
                  within(minimum_weight, 1, 1u << 30) && within(move_cost, 0, 1u << 30) && payback != 0 &&
                  within(cooldown, 1, 10000) && within(cooldown_doublings, 0, 16) && recovery != 0 &&
                  within(window, 1, 10000) && within(window_proposals, 1, 4096) && answer_timeout != 0 &&
                  within(over_budget_limit, 1, 10000) && within(within_budget, 1, 10000);
  return ok ? Status{} : fail(Error::bad_argument);
}

void Anchor::engage(const Config& config, Epoch now) {
  if (now > until_) {
    const std::uint64_t forgiven = (now.value - until_.value) / config.recovery;
    doublings_ = static_cast<std::uint16_t>(doublings_ - std::min<std::uint64_t>(doublings_, forgiven));
  }
  doublings_ = std::min(doublings_, config.cooldown_doublings);  // the configuration may have changed
  until_ = std::max(until_, Epoch{now.value + (std::uint64_t{config.cooldown} << doublings_)});
  if (doublings_ < config.cooldown_doublings) ++doublings_;
}

void Anchor::join(const Anchor& other) {
  until_ = std::max(until_, other.until_);
  doublings_ = std::max(doublings_, other.doublings_);
}

void RateLimit::refill(const Config& config, Epoch now) {
  if (!started_) {
    started_ = true;
    tokens_ = config.window_proposals;
  } else {
    // A whole window refills it, so longer times need not be multiplied.
    fraction_ += std::min<std::uint64_t>(now.value - last_.value, config.window) * config.window_proposals;
    const std::uint64_t tokens = tokens_ + fraction_ / config.window;
    fraction_ %= config.window;
    tokens_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(tokens, config.window_proposals));
  }
  last_ = now;
}

BasisPoints Trust::at(const Config& config, Epoch now) const {
  const std::uint64_t back = std::min<std::uint64_t>(now.value - since_.value, 10000) * config.trust_recovery.value;
  return BasisPoints{static_cast<std::uint16_t>(back >= deficit_ ? 10000u : 10000u - deficit_ + back)};
}

void Trust::lose(const Config& config, Epoch now, BasisPoints severity) {
  const unsigned deficit = 10000u - at(config, now).value + severity.value;
  deficit_ = static_cast<std::uint16_t>(std::min(deficit, 10000u));
  since_ = now;
}

std::uint64_t part_of(std::uint64_t value, BasisPoints fraction) {
  return value / 10000 * fraction.value + value % 10000 * fraction.value / 10000;
}

bool exceeds(std::uint64_t a, std::uint64_t b, BasisPoints margin) { return a > b && a - b > part_of(b, margin); }

}  // namespace rvm::coherence
