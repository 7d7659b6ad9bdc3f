// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/security/gate.hpp"

namespace rvm::security {

Result<witness::Reservation> Gate::reserve(witness::Lane lane) { return ring_.reserve(lane); }

Status Gate::commit(witness::Reservation&& reservation, const Authority& authority, witness::Kind kind,
                    const Result<Effect>& effect, Nanoseconds (*now)()) {
  witness::Fields fields{.kind = kind,
                         .tier = static_cast<std::uint8_t>(authority.tier()),
                         .actor = authority.actor(),
                         .capability_hash = authority.capability_hash()};
  if (effect) [[likely]] {
    fields.flags = effect->flags;
    fields.target = effect->target;
    fields.payload = effect->payload;
    fields.aux = effect->aux;
  } else {
    fields.flags = record_failed;
    fields.payload = static_cast<std::uint64_t>(effect.error());
  }
  ring_.commit(std::move(reservation), fields, now());
  if (!effect) return fail(effect.error());
  return {};
}

}  // namespace rvm::security
