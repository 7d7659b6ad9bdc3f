// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/policy/policy.hpp"

#include <fmt/format.h>

#include <array>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "rvm/abi.h"

namespace rvm::host {

namespace {

struct Row {
  std::string_view name;
  unsigned number;
  std::string_view object;
  unsigned rights;
  std::string_view tier;
  std::string_view text;
};

constexpr std::array rows{
#define RVM_X(name, number, object, rights, tier, doc) Row{#name, number, #object, rights, #tier, doc},
    RVM_HYPERCALL_TABLE(RVM_X)
#undef RVM_X
};

/// Rights that the operation demands of the capability in x1: those of P1, and PROVE for the higher tiers.
std::string rights_of(const Row& row) {
  const unsigned needed = row.rights | (row.tier == "P1" ? 0u : unsigned{RVM_RIGHT_PROVE});
  std::string text;
  const auto add = [&](std::string_view name, unsigned bit) {
    if ((needed >> bit & 1) == 0) return;
    if (!text.empty()) text += ' ';
    text += name;
  };
#define RVM_X(name, bit) add(#name, bit);
  RVM_RIGHT_TABLE(RVM_X)
#undef RVM_X
  return text;
}

void print_json() {
  auto out = nlohmann::ordered_json::array();
  for (const Row& row : rows) {
    out.push_back({{"operation", row.name},
                   {"number", row.number},
                   {"object", row.object},
                   {"rights", rights_of(row)},
                   {"tier", row.tier},
                   {"text", row.text}});
  }
  fmt::print("{}\n", out.dump());
}

}  // namespace

ExitCode policy_command(PolicyFormat format) {
  if (format == PolicyFormat::json) {
    print_json();
    return ExitCode::ok;
  }
  const bool markdown = format == PolicyFormat::markdown;
  fmt::print("{}", markdown ? "| operation | number | object in x1 | rights it needs | tier | arguments and results |\n"
                              "|---|---|---|---|---|---|\n"
                            : "operation           number object     tier  rights\n");
  for (const Row& row : rows) {
    const std::string_view object = row.object == "NONE" ? "-" : row.object;
    const std::string_view tier = row.tier == "P2_P3" ? "P2/P3" : row.tier;
    if (markdown) {
      fmt::print("| `{}` | {:#04x} | {} | {} | {} | {} |\n", row.name, row.number, object, rights_of(row), tier,
                 row.text);
    } else {
      fmt::print("{:<19} {:#04x}   {:<10} {:<5} {}\n", row.name, row.number, object, tier, rights_of(row));
    }
  }
  fmt::print("{}P2/P3: P2 of agents in trusted partitions (infrastructure, root), P3 of others\n",
             markdown ? "\n" : "");
  return ExitCode::ok;
}

}  // namespace rvm::host
