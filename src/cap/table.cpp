// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/cap/table.hpp"

namespace rvm::cap {

/// Which error a refused check() reports. Only here may time depend on what was wrong.
Error CapabilityTable::refusal(Handle handle, ObjectType type, Rights needed) const {
  if (handle.slot >= table_slots) {
    return Error::bad_capability;
  }
  const Capability& claimed = at(handle.slot);
  if (!claimed.live() || claimed.generation_ != handle.generation) {
    return Error::bad_capability;
  }
  if (type != ObjectType::any && claimed.type_ != type) {
    return Error::wrong_type;
  }
  return claimed.rights_.contains(needed) ? Error::internal : Error::rights;
}

}  // namespace rvm::cap
