// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The security gate: the one function through which every privileged mutation passes.
//
//   check (proof) -> reserve the witness record -> mutate -> commit the record
//
// No record, no mutation; and a mutation that fails after the reservation leaves a record that says so. Mutating functions
// of the kernel take a `const Permit&`, which only the gate can construct, and the gate wants an `Authority`, which only a
// proof can construct.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#include "rvm/cap/capability.hpp"
#include "rvm/cap/table.hpp"
#include "rvm/proof/p2.hpp"
#include "rvm/types/error.hpp"
#include "rvm/types/ids.hpp"
#include "rvm/witness/effects.hpp"
#include "rvm/witness/ring.hpp"

namespace rvm::security {

class Gate;

/// Result of a successful proof: who acts, on what, by which capability.
class Authority {
 public:
  [[nodiscard]] PartitionId actor() const { return actor_; }
  [[nodiscard]] std::uint32_t capability_hash() const { return capability_hash_; }
  [[nodiscard]] proof::Tier tier() const { return tier_; }
  /// The same, after a proof of a higher tier held as well.
  [[nodiscard]] Authority raised(const proof::Verified& verified) const {
    Authority higher = *this;
    higher.tier_ = verified.tier();
    return higher;
  }
  /// Proof tier P1: the handle resolves in the caller's own table and the capability has the type and the rights.
  /// The refusal's error is specific. Constant time in the capability's contents.
  [[nodiscard]] static Result<std::pair<Authority, cap::Capability*>> prove(PartitionId actor,
                                                                            cap::CapabilityTable& table, Handle handle,
                                                                            ObjectType type, Rights needed) {
    const Result<cap::Capability*> capability = table.check(handle, type, needed);
    if (!capability) return fail(capability.error());
    return std::pair{Authority{actor, (*capability)->hash()}, *capability};
  }
  /// An agent acting on itself, or an owner on its own, where the kernel itself established the identity.
  [[nodiscard]] static constexpr Authority self(PartitionId actor) { return Authority{actor, 0}; }
  /// The hypervisor's own actions: boot, fault containment, expiry.
  [[nodiscard]] static constexpr Authority hypervisor() { return Authority{hypervisor_partition, 0}; }

 private:
  constexpr Authority(PartitionId actor, std::uint32_t capability_hash)
      : actor_(actor), capability_hash_(capability_hash) {}
  PartitionId actor_;
  std::uint32_t capability_hash_;
  proof::Tier tier_ = proof::Tier::p1;
};

/// Proof that a record is reserved for the mutation that runs now.
class Permit {
 public:
  Permit(const Permit&) = delete;
  Permit& operator=(const Permit&) = delete;
  ~Permit() = default;
  [[nodiscard]] const Authority& authority() const { return authority_; }

 private:
  friend class Gate;
  explicit Permit(const Authority& authority) : authority_(authority) {}
  const Authority& authority_;
};

/// What a mutation did, for its record; fields as in the kinds table.
struct Effect {
  std::uint32_t target = 0;
  std::uint64_t payload = 0;
  std::uint64_t aux = 0;
  std::uint16_t flags = 0;
};

using witness::agents_capabilities;
using witness::all_capabilities;
using witness::record_failed;
using witness::record_unfinished;

class Gate {
 public:
  explicit Gate(witness::Ring& ring) : ring_(ring) {}

  /// Runs `mutate(const Permit&)`, which returns Result<Effect>. Error::witness_log_full without calling it when no record
  /// can be reserved. `now` reads the clock; called only for a record that is made.
  template <typename Mutate>
  [[nodiscard]] Status perform(const Authority& authority, witness::Kind kind, witness::Lane lane, Nanoseconds (*now)(),
                               Mutate&& mutate) {
    Result<witness::Reservation> reservation = reserve(lane);
    if (!reservation) [[unlikely]]
      return fail(reservation.error());
    const Permit permit{authority};
    return commit(std::move(*reservation), authority, kind, mutate(permit), now);
  }

 private:
  // Out of line: perform is instantiated for every mutation there is.
  [[nodiscard]] Result<witness::Reservation> reserve(witness::Lane lane);
  [[nodiscard]] Status commit(witness::Reservation&& reservation, const Authority& authority, witness::Kind kind,
                              const Result<Effect>& effect, Nanoseconds (*now)());

  witness::Ring& ring_;
};

}  // namespace rvm::security
