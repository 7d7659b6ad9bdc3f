// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Time from the 24-bit SysTick counter, which counts down and never stops. Ticks are gathered each time it is set anew; what passes
// in the dozen instructions between its last reading and its restart is lost.
#include "clock.hpp"

#include <algorithm>

#include "board.hpp"
#include "registers.hpp"
#include "rvm/hal/port.hpp"

namespace rvm::hal {
namespace {

/// As far as the counter reaches, with room for the time until the interrupt is served.
constexpr std::uint32_t longest_ns = 250'000'000;
constexpr std::uint32_t shortest_ticks = 8;
constexpr std::uint32_t shortest_repeat_ticks = 512;  ///< well above what an exception takes, so that none is lost
static_assert((std::uint64_t{longest_ns} << board.tick_shift) / board.tick_multiplier < systick::count_max);

constinit std::uint64_t ticks_before = 0;      // when the counter was last set
constinit std::uint32_t period = 0;            // to which
constinit std::uint32_t repeats = UINT32_MAX;  // what timer_repeats returns, computed where it is not urgent

[[nodiscard]] std::uint64_t to_ns(std::uint64_t ticks) { return ticks * board.tick_multiplier >> board.tick_shift; }
[[nodiscard]] std::uint32_t to_ticks(std::uint32_t ns) {
  if constexpr (board.tick_shift == 0) return ns / board.tick_multiplier + 1;
  return static_cast<std::uint32_t>((ns >> 8) * ((256u << board.tick_shift) / board.tick_multiplier)) + 1;
}

/// From where it was set, or wrapped: one tick at 0, and then down from the period.
[[gnu::always_inline]] inline std::uint32_t passed(std::uint32_t count) { return count == 0 ? 0 : period + 1 - count; }

/// Since the counter was set, or its last interrupt was taken. Interrupts are masked or this is one, so there is one more at most.
[[gnu::always_inline]] inline std::uint32_t ticks_since() {
  const std::uint32_t count = systick::Current::read();
  const bool wrapped = (scb::InterruptControl::read() & scb::systick_pending) != 0;
  return wrapped ? period + 1 + passed(systick::Current::read()) : passed(count);
}

}  // namespace

std::uint64_t clock_wrapped() {
  const std::uint64_t before = ticks_before + (period + 1);
  ticks_before = before;
  return to_ns(before + ticks_since());
}

std::uint64_t rvm_now() {
  const Port::InterruptMask masked;
  return to_ns(ticks_before + ticks_since());
}

std::uint32_t Port::timer_repeats() { return repeats; }

void Port::set_timer(Nanoseconds at) {
  const InterruptMask masked;
  const std::uint64_t now_ticks = ticks_before + ticks_since();
  const std::uint64_t now_ns = to_ns(now_ticks);
  const std::uint64_t ahead = at.value > now_ns ? at.value - now_ns : 0;
  const std::uint32_t wanted = to_ticks(static_cast<std::uint32_t>(std::min<std::uint64_t>(ahead, longest_ns)));
  // What passed while this was computed, and the tick at 0, count.
  ticks_before += ticks_since() + 1;
  const std::uint32_t gone = static_cast<std::uint32_t>(ticks_before) - static_cast<std::uint32_t>(now_ticks);
  period = wanted > gone + shortest_ticks ? wanted - gone : shortest_ticks;
  repeats = period < shortest_repeat_ticks ? UINT32_MAX : static_cast<std::uint32_t>(to_ns(period + 1));
  systick::Reload::write(period);
  systick::Current::write(0);
  scb::InterruptControl::write(scb::systick_clear);
}

void clock_start() {
  Port::set_timer(never);
  systick::Control::write(systick::enable | systick::interrupt | systick::processor_clock);
}

}  // namespace rvm::hal
