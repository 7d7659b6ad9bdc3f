// SPDX-License-Identifier: MIT OR Apache-2.0
//
// `rvm witness replay`: the kernel's objects as the records give them, beside the objects as the kernel printed them.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/common/failure.hpp"
#include "host/witness/command.hpp"
#include "rvm/witness_verify/replay.hpp"

namespace rvm::host {

/// Objects by a name such as "capability 3:17" (partition and slot) or "edge 5", with the fields of the kernel's dump.
using ObjectTable = std::map<std::string, nlohmann::ordered_json>;

[[nodiscard]] ObjectTable objects_of(const witness::ObjectState& state);
/// From the lines that `rvm run --dump` collected. Fails when a line is not understood, or when the dump is cut short.
[[nodiscard]] Outcome<ObjectTable> parse_dump(std::string_view text);
/// A sentence for each object that is not the same in both.
[[nodiscard]] std::vector<std::string> differences(const ObjectTable& replayed, const ObjectTable& dumped);

[[nodiscard]] ExitCode witness_replay_command(const LogSource& source,
                                              const std::optional<std::filesystem::path>& compare, bool json);

}  // namespace rvm::host
