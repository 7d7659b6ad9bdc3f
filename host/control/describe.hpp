// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a snapshot says, for people and for programs.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "host/control/connection.hpp"

namespace rvm::host {

/// Of an rvm_partition_state_kind, rvm_agent_state_kind, rvm_partition_type; "?" of another number.
[[nodiscard]] std::string_view partition_state_name(std::uint8_t state);
[[nodiscard]] std::string_view agent_state_name(std::uint8_t state);
[[nodiscard]] std::string_view type_name(std::uint8_t type);
[[nodiscard]] std::string_view state_name(const rvm_partition_status& partition);
[[nodiscard]] std::string_view state_name(const rvm_agent_status& agent);
/// What an agent does or waits for: "running", "for a message", ...
[[nodiscard]] std::string_view activity(const rvm_agent_status& agent);
/// "12.3 %", "-" when nobody computes it.
[[nodiscard]] std::string basis_points(std::uint16_t value);

[[nodiscard]] const rvm_partition_status* partition_of(const Snapshot& s, std::uint32_t id);
[[nodiscard]] const rvm_agent_status* agent_of(const Snapshot& s, std::uint32_t id);
/// By name or by id. The failure says what there is.
[[nodiscard]] Outcome<const rvm_partition_status*> find_partition(const Snapshot& s, const std::string& text);
[[nodiscard]] Outcome<const rvm_agent_status*> find_agent(const Snapshot& s, const std::string& text);

[[nodiscard]] nlohmann::ordered_json json_of(const rvm_machine_status& machine);
[[nodiscard]] nlohmann::ordered_json json_of(const rvm_partition_status& partition);
[[nodiscard]] nlohmann::ordered_json json_of(const rvm_agent_status& agent);
[[nodiscard]] nlohmann::ordered_json json_of(const rvm_edge_status& edge);
[[nodiscard]] nlohmann::ordered_json json_of(const Snapshot& s);

}  // namespace rvm::host
