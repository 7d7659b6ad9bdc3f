// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rvm/types/time.hpp"

namespace rvm::host {

/// Takes the digits at the start of `text` off it; nothing, and `text` as it was, without a digit or on overflow.
[[nodiscard]] std::optional<std::uint64_t> take_number(std::string_view& text, unsigned base = 10);

/// "64M", "1G", "4096": bytes, with a binary suffix K, M, G or T (also KiB, MiB, ...). Nothing on overflow or bad text.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);
/// "250us", "1.5ms", "10s", "2m": a unit is required (ns, us, ms, s, m, h). Nothing on overflow or bad text.
[[nodiscard]] std::optional<Nanoseconds> parse_duration(std::string_view text);

/// "64 MiB"; exact when a whole number of the unit, else one decimal.
[[nodiscard]] std::string format_size(std::uint64_t bytes);
/// "1.23 ms", three significant digits.
[[nodiscard]] std::string format_duration(Nanoseconds duration);
/// "1,234,567".
[[nodiscard]] std::string format_count(std::uint64_t value);
/// "1 agent", "1,000 agents".
[[nodiscard]] std::string format_count(std::uint64_t value, std::string_view one, std::string_view many);

[[nodiscard]] std::string hex(std::span<const std::byte> data);
[[nodiscard]] std::optional<std::vector<std::byte>> from_hex(std::string_view text);

}  // namespace rvm::host
