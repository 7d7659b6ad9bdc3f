// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The hostile agent: waits for the director's signal, tries the attack that args[0] names, and says what came of it.
#include "attack.hpp"

namespace {

using namespace attacks;

const Attack* find_attack(std::string_view wanted) {
  for (const std::span<const Attack> table :
       {memory_attacks, machine_attacks, register_attacks, vector_attacks, argument_attacks, region_attacks,
        authority_attacks, proof_attacks, message_attacks, exhaustion_attacks, device_attacks, fork_attacks})
    for (const Attack& a : table)
      if (a.name == wanted) return &a;
  return nullptr;
}

}  // namespace

extern "C" int agent_main(const rvm_agent_info*) {
  const std::string_view wanted = argument(0);
  const Attack* attack = find_attack(wanted);
  if (attack == nullptr) {
    say("there is no attack '", wanted, "'");
    return 2;
  }
  (void)rvm_wait(1, RVM_FOREVER, nullptr);
  say("attack: tried ", attack->name);
  const Verdict v = attack->run();
  if (v.contained) {
    say("attack: contained ", attack->name, " error=", v.detail);
    return 0;
  }
  say("attack: ESCAPED ", attack->name, " ", v.detail);
  return 1;
}
