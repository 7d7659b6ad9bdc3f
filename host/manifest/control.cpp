// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/manifest/control.hpp"

#include "host/common/paths.hpp"

namespace rvm::host {

namespace {

GrantEntry grant(std::uint32_t type, std::uint32_t rights, const char* name) {
  GrantEntry g;
  g.type = type;
  g.rights = rights;
  g.name = name;
  return g;
}

ControlEntries make() {
  ControlEntries out;
  out.agent.name.value = "control";
  out.agent.module.value = control_program().string();
  out.agent.service = true;
  // Before the agents it looks after, but never more than a fifth of a core: whoever reaches its console cannot stop the machine.
  out.agent.priority = 10'000;
  out.agent.period = Nanoseconds{10'000'000};
  out.agent.budget = Nanoseconds{2'000'000};
  out.device.name.value = "operator";
  out.device.kind = RVM_DEVICE_CONSOLE;
  out.grants[0] =
      grant(RVM_OBJECT_PARTITION,
            RVM_RIGHT_READ | RVM_RIGHT_WRITE | RVM_RIGHT_REVOKE | RVM_RIGHT_EXECUTE | RVM_RIGHT_PROVE, "hypervisor");
  out.grants[0].hypervisor = true;
  out.grants[1] = grant(RVM_OBJECT_WITNESS, RVM_RIGHT_READ, "log");
  out.grants[2] = grant(RVM_OBJECT_DEVICE, RVM_RIGHT_READ | RVM_RIGHT_WRITE | RVM_RIGHT_PROVE, "operator");
  return out;
}

}  // namespace

const ControlEntries& control_entries() {
  static const ControlEntries entries = make();
  return entries;
}

}  // namespace rvm::host
