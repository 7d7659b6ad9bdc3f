// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>

#include "rvm/types/address.hpp"
#include "rvm/types/capacities.hpp"
#include "rvm/types/ids.hpp"
#include "rvm/types/rights.hpp"
#include "rvm/types/strong.hpp"

namespace rvm::cap {

/// Dense position of an agent in the kernel's tables, unlike its id. A table belongs to an agent, wherever that is.
using AgentIndex = Strong<struct AgentIndexTag, std::uint16_t>;

inline constexpr unsigned table_slots =
    capacity::capability_slots;  ///< slot 0 stays empty: it is what a refused lookup may touch
inline constexpr std::uint8_t max_depth =
    8;  ///< greatest number of derivations between a minted capability and another

/// Where a capability lies. Slot 0 is never used, so the zero reference names none.
struct CapabilityRef {
  AgentIndex agent;
  std::uint16_t slot = 0;

  [[nodiscard]] constexpr bool empty() const { return slot == 0; }
  friend constexpr bool operator==(CapabilityRef, CapabilityRef) = default;
};

/// What a capability is about: an object id, its type, and the generation of the object's slot, so that a capability never
/// reaches an object that took the place of the one it was made for.
struct Object {
  std::uint32_t id = 0;
  std::uint16_t generation = 0;
  ObjectType type = ObjectType::none;
  friend constexpr bool operator==(Object, Object) = default;
};

/// Part of every kernel object: where the derivation trees begin that hold all capabilities to it.
struct ObjectCapabilities {
  CapabilityRef first_root;
  bool closing = false;  ///< all are being revoked: none may be added

  [[nodiscard]] bool empty() const { return first_root.empty(); }
};

/// One slot of a capability table. Only the capability tree changes it, except for the mapping, which is the kernel's.
class Capability {
 public:
  [[nodiscard]] Object object() const { return {object_id_, object_generation_, type_}; }
  [[nodiscard]] ObjectType type() const { return type_; }
  [[nodiscard]] std::uint32_t object_id() const { return object_id_; }
  [[nodiscard]] Rights rights() const { return rights_; }
  [[nodiscard]] std::uint64_t badge() const { return badge_; }
  /// How many derivations made it. Its ancestors may be fewer: those of ended agents are gone.
  [[nodiscard]] std::uint8_t depth() const { return depth_; }
  [[nodiscard]] Generation generation() const { return generation_; }
  /// First four bytes, big-endian, of the SHA-256 of the canonical encoding (capability.cpp), for witness records. Brought
  /// up to date whenever one of the encoded fields changes.
  [[nodiscard]] std::uint32_t hash() const { return hash_; }
  /// Usable: neither free nor being revoked.
  [[nodiscard]] bool live() const { return state_ == state_live; }
  [[nodiscard]] CapabilityRef parent() const { return parent_; }
  [[nodiscard]] bool has_children() const { return !first_child_.empty(); }
  /// The newest of what was derived from it, and the next older of what was derived from the same parent (of a root: the
  /// object's next root).
  [[nodiscard]] CapabilityRef first_child() const { return first_child_; }
  [[nodiscard]] CapabilityRef next_sibling() const { return next_sibling_; }

  /// Guest page number at which a region is mapped through this capability; 0 when it is not.
  [[nodiscard]] std::uint32_t mapped_at() const { return mapped_at_; }
  [[nodiscard]] Access mapped_access() const { return mapped_access_; }
  void set_mapping(std::uint32_t guest_page, Access access) {
    mapped_at_ = guest_page;
    mapped_access_ = access;
  }
  void clear_mapping() { set_mapping(0, Access::none); }

 private:
  friend class CapabilityTable;
  friend class CapabilityTree;

  static constexpr std::uint8_t state_free = 0;
  static constexpr std::uint8_t state_live = 1;
  static constexpr std::uint8_t state_revoking = 2;  ///< being revoked: resolves no more, still in the tree

  void update_hash();

  std::uint64_t badge_;
  std::uint32_t object_id_;
  std::uint16_t object_generation_;
  Generation generation_;  ///< of this slot; survives the capability
  std::uint8_t state_;
  ObjectType type_;
  Rights rights_;
  std::uint8_t depth_;
  std::uint32_t hash_;
  CapabilityRef parent_;
  CapabilityRef first_child_;
  CapabilityRef next_sibling_;  ///< of a root: the object's next root
  CapabilityRef previous_sibling_;
  std::uint32_t mapped_at_;
  Access mapped_access_;
  bool revoking_children_;                   ///< children are being revoked: none may be added anywhere below
  std::uint16_t next_free_;                  ///< of a free slot; 0 ends the queue
  ObjectCapabilities* object_capabilities_;  ///< of a root
  std::uint16_t slot_;                       ///< its own
  std::uint16_t reserved_[3];
};

}  // namespace rvm::cap
