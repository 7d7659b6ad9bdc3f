// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Rebuilds the kernel's object state from the records alone. A log may hold several boots; each begins with nothing, so the
// state is that of the last one.
//
// Records of long actions say how many capabilities each of their parts removed, and the model removes in the kernel's order
// (rvm/cap/space.hpp: depth first, newest child first), so that the state is exact between the parts as well.
#pragma once

#include <compare>
#include <cstdint>
#include <expected>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "rvm/witness/record.hpp"

namespace rvm::witness {

/// Where a capability lies: the agent's id and the slot in its table. Slot 0 names none.
struct CapabilityPlace {
  std::uint32_t agent = 0;
  std::uint16_t slot = 0;
  friend auto operator<=>(const CapabilityPlace&, const CapabilityPlace&) = default;
};

struct CapabilityState {
  std::uint32_t object = 0;
  std::uint8_t type = 0;    ///< rvm_object_type
  std::uint8_t rights = 0;  ///< RVM_RIGHT_*
  std::uint8_t depth = 0;
  std::uint16_t generation = 0;
  std::uint64_t badge = 0;
  CapabilityPlace parent;
  std::vector<CapabilityPlace> children;  ///< oldest first
  std::uint64_t mapped_at = 0;            ///< guest address of the region, 0: not mapped
  std::uint8_t mapped_access = 0;
  bool revoking = false;  ///< what was derived from it is being removed in parts, and some is left
};

enum class PartitionPhase : std::uint8_t { created, running, suspended, destroyed };

struct PartitionRecordState {
  std::uint16_t type = 0;
  PartitionPhase phase = PartitionPhase::created;
  std::uint32_t page_quota = 0;
  std::uint32_t record_quota = 0;
  std::uint64_t name = 0;
  std::vector<std::uint32_t> regions;  ///< that it owns, in the order in which it got them
};

struct AgentRecordState {
  std::uint32_t partition = 0;
  std::uint32_t image = 0;
  std::uint32_t priority = 0;
  std::uint64_t name = 0;
  bool suspended = false;
};

struct RegionRecordState {
  std::uint32_t owner = 0;
  std::uint32_t pages = 0;
};

struct EdgeRecordState {
  std::uint32_t sender = 0;  ///< agent; 0 when it has ended
  std::uint32_t receiver = 0;
  std::uint32_t capacity = 0;
  std::uint64_t badge = 0;
};

struct LeaseRecordState {
  std::uint32_t agent = 0;
  std::uint64_t expiry = 0;     ///< nanoseconds since boot
  std::uint64_t mapped_at = 0;  ///< guest address of the device's registers, 0: not mapped
  CapabilityPlace by;           ///< through which it was leased
};

/// Everything that exists, by id.
struct ObjectState {
  std::map<std::uint32_t, PartitionRecordState> partitions;
  std::map<std::uint32_t, AgentRecordState> agents;
  std::map<std::uint32_t, RegionRecordState> regions;
  std::map<std::uint32_t, EdgeRecordState> edges;
  std::map<std::uint32_t, LeaseRecordState> leases;  ///< by device
  std::map<CapabilityPlace, CapabilityState> capabilities;
};

class Replay {
 public:
  /// Takes the records of a log in order. The error is a sentence for people: the record does not fit what came before it.
  /// It is then left out.
  std::expected<void, std::string> apply(const Record& record);

  [[nodiscard]] const ObjectState& state() const { return state_; }
  [[nodiscard]] std::uint64_t boots() const { return boots_; }

 private:
  using Applied = std::expected<void, std::string>;
  using Object = std::pair<std::uint8_t, std::uint32_t>;  // type, id

  Applied apply_partition(const Record& r);
  Applied apply_agent(const Record& r);
  Applied apply_capability(const Record& r);
  Applied apply_region(const Record& r);
  Applied apply_edge(const Record& r);
  Applied apply_lease(const Record& r);

  [[nodiscard]] std::uint32_t agent_at(std::uint16_t index) const;
  [[nodiscard]] std::vector<CapabilityPlace>& siblings_of(const CapabilityState& c);
  Applied begin_agent(std::uint32_t agent, std::uint32_t partition);
  Applied place(CapabilityPlace at, CapabilityState capability);
  Applied derive(CapabilityPlace parent, CapabilityPlace at, std::uint8_t rights, std::uint16_t generation,
                 std::uint64_t badge);
  Applied move(CapabilityPlace from, CapabilityPlace to, std::uint16_t generation);
  void erase(CapabilityPlace leaf);
  std::uint64_t remove_subtree(CapabilityPlace root, bool keep_root, std::uint64_t count);
  std::uint64_t remove_all(Object object, std::uint64_t count);
  void hand_up_child(CapabilityPlace parent);
  Applied revoke(const Record& r);
  Applied close_table(const Record& r);
  Applied destroy_partition(const Record& r);
  [[nodiscard]] std::vector<std::uint32_t> agents_of(std::uint32_t partition) const;
  template <typename Visit>
  void each_capability_of(std::uint32_t agent, Visit visit);
  struct Move;
  [[nodiscard]] Move plan(std::uint32_t from, std::uint32_t to, std::vector<std::uint32_t> movers);
  void find_beyond_read(CapabilityPlace root, std::set<CapabilityPlace>& found);
  void relocate(const Move& move);
  Applied apply_split(const Record& r);
  Applied apply_merge(const Record& r);
  Applied apply_migrate(const Record& r);
  void end_agent(std::uint32_t agent);
  void erase_region(std::uint32_t region);

  ObjectState state_;
  std::map<Object, std::vector<CapabilityPlace>> roots_;  // of each object's derivation trees, oldest first
  std::map<std::uint16_t, std::uint32_t> indices_;        // of agents, to the id of the last that had it
  std::uint64_t slot_bytes_ = std::uint64_t{1} << 28;     // of guest-physical space per agent; BootComplete tells
  std::uint64_t boots_ = 0;
};

}  // namespace rvm::witness
