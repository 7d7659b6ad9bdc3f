// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/control/reach.hpp"

#include <fmt/format.h>

namespace rvm::host {

Outcome<Reached> reach(const ControlOptions& options) {
  auto machine = choose_machine(options.machine);
  if (!machine) {
    return std::unexpected(machine.error());
  }
  auto connection = Connection::open(*machine);
  if (!connection) {
    return std::unexpected(connection.error());
  }
  return Reached{std::move(*machine), std::move(*connection)};
}

Outcome<Seen> look(const ControlOptions& options) {
  auto reached = reach(options);
  if (!reached) {
    return std::unexpected(reached.error());
  }
  auto snapshot = reached->connection.snapshot();
  if (!snapshot) {
    return std::unexpected(snapshot.error());
  }
  return Seen{std::move(*reached), std::move(*snapshot)};
}

void print_json(const RunningMachine& machine, const nlohmann::ordered_json& body) {
  nlohmann::ordered_json out{{"machine", machine.name}};
  out.update(body);
  fmt::print("{}\n", out.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace));
}

ExitCode tell(const ControlOptions& options, const RunningMachine& machine, std::uint32_t status,
              const std::string& done, const Failure& why_not, nlohmann::ordered_json details) {
  if (options.json) {
    details["status"] = status == RVM_ERROR_OK ? "ok" : status_text(status);
    print_json(machine, details);
  } else if (status == RVM_ERROR_OK) {
    fmt::print("{}\n", done);
  }
  return status == RVM_ERROR_OK ? ExitCode::ok : report(why_not);
}

}  // namespace rvm::host
