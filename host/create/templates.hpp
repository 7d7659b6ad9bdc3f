// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The files of a new native project; those of WebAssembly are in sdk/wasm/new. @NAME@ and the like are replaced.
#pragma once

#include <string_view>

namespace rvm::host::templates {

inline constexpr std::string_view manifest =
    R"(# What runs, and who may talk to whom. Every key: docs/guide/manifest.md in the RVM repository.
development = true   # the emulated machine has a development key
build = "make"       # `rvm run` calls make in this folder first

[[partition]]
name = "home"

[[agent]]
name = "@NAME@"
partition = "home"
module = "@NAME@"
args = ["world"]
)";

inline constexpr std::string_view makefile =
    R"(# Builds @NAME@.elf. RVM is where the RVM repository is; `rvm run` passes it.
RVM ?= @ROOT@

AGENT   := @NAME@
SOURCES := @NAME@.@SUFFIX@
include $(RVM)/sdk/agent.mk
)";

inline constexpr std::string_view cpp_source =
    R"(// An RVM agent. It runs alone in its partition; what it may touch is what the manifest gives it.
#include "rvm/agent.hpp"

using namespace rvm::agent;

extern "C" int agent_main(const rvm_agent_info*) {
  const auto whom = argument(0);
  say("hello, ", whom.empty() ? "nobody" : whom, ": I am ", own_name(), ", agent ", self().agent);
  for (int i = 1; i <= 3; ++i) {
    sleep_for(milliseconds(10));
    say("tick ", i, " at ", now());
  }
  return 0;  // the machine stops when its last agent has ended
}
)";

inline constexpr std::string_view c_source =
    R"(/* An RVM agent. It runs alone in its partition; what it may touch is what the manifest gives it. */
#include "rvm/agent.h"

int agent_main(const struct rvm_agent_info* info) {
  (void)rvm_print("hello from an agent in C");
  (void)rvm_print(info->name);
  for (int i = 0; i < 3; ++i) {
    (void)rvm_sleep_until(rvm_time() + 10000000); /* 10 ms */
    (void)rvm_print("tick");
  }
  return 0; /* the machine stops when its last agent has ended */
}
)";

inline constexpr std::string_view readme = R"(# @NAME@

An agent for RVM.

    rvm run .

builds it (@COMPILER@), boots it and verifies the log of what it did.

| file | is |
|---|---|
| @NAME@.@SUFFIX@ | the agent: `agent_main` is where it starts |
| swarm.toml | what runs, and who may talk to whom |
| Makefile | `make` builds @NAME@.elf |

More: `docs/guide/` and `examples/` in the RVM repository.
)";

inline constexpr std::string_view ignored = "build/\n*.elf\n";
inline constexpr std::string_view wasm_ignored = "build/\nnode_modules/\n*.wasm\n";

}  // namespace rvm::host::templates
