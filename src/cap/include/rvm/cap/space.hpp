// SPDX-License-Identifier: MIT OR Apache-2.0
//
// All capability tables and the derivation tree that runs through them. A capability's children may lie in any agent's table.
//
// Revocation is depth-first from the leaves and iterative. It stops when its budget is spent and is resumed by the same
// call: from the first call on no capability can be derived anywhere below, so it ends after at most as many removals as
// there were descendants when it began. One that answered `more` and is not resumed leaves the capability usable but barren.
//
// Every member runs under the kernel lock. mint, derive and transfer hash (crypto::sha256): where that uses vector registers,
// the caller has saved an agent's (hal::VectorScope).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "rvm/cap/capability.hpp"
#include "rvm/cap/table.hpp"

namespace rvm::cap {

/// A capability's place and the handle under which its agent knows it.
struct Placed {
  CapabilityRef ref;
  Handle handle;
};

enum class Progress : std::uint8_t { done, more };

/// What becomes of what was derived from the capabilities of a table that closes.
enum class Children : std::uint8_t {
  kept,    ///< their parent's parent takes them over, or they become roots
  revoked  ///< they go too, with all that was derived from them
};

/// What a revocation may still spend before it stops. Each removal costs one unit, and what its visitor adds.
using Budget = std::uint32_t;
inline constexpr Budget unlimited = UINT32_MAX;

class CapabilityTree {
 public:
  constexpr CapabilityTree() = default;
  CapabilityTree(const CapabilityTree&) = delete;
  CapabilityTree& operator=(const CapabilityTree&) = delete;
  ~CapabilityTree() = default;

  /// Called once, before anything else. `tables`: one for each agent that can be, closed.
  void use(std::span<CapabilityTable> tables) { tables_ = tables; }

  /// Gives agent `index` an empty table in `page`, page_bytes of zeroed memory that the tree keeps until reclaim().
  /// Errors: bad_state (has one), bad_argument (index or page).
  [[nodiscard]] Status open(AgentIndex index, std::span<std::byte> page);
  /// One page more for a table, of the same kind. Errors: bad_state (no table, or it is closing), bad_argument,
  /// resource_limit (it has as many slots as any can have).
  [[nodiscard]] Status grow(AgentIndex index, std::span<std::byte> page);
  /// The table of an agent; nullptr if the index is out of range. It may not be open.
  [[nodiscard]] CapabilityTable* table(AgentIndex index) {
    return index.value < tables_.size() ? &tables_[index.value] : nullptr;
  }

  /// A derivation root: depth 0, no parent, one of `all` that lead to the object. Kernel only. Errors: bad_argument,
  /// bad_state (no such table, or all are being revoked), resource_limit (grow() comes first).
  [[nodiscard]] Result<Placed> mint(AgentIndex destination, Object object, Rights rights, std::uint64_t badge,
                                    ObjectCapabilities& all);

  /// A child of `source` in any agent's table. Needs GRANT, or GRANT_ONCE, which is consumed and strips GRANT and
  /// GRANT_ONCE from the child. Errors, without effect: bad_capability (source dead or under revocation), rights (no right
  /// to grant, or not a subset), delegation_depth, bad_state (no such table), resource_limit (table full).
  [[nodiscard]] Result<Placed> derive(CapabilityRef source, AgentIndex destination, Rights rights, std::uint64_t badge);

  /// Moves a capability, which keeps its parent and children, to another agent; its old handle is dead. The badge and
  /// all else stays. Cost grows with the number of its children. Errors, without effect: bad_capability, bad_state (mapped,
  /// or no such table), resource_limit.
  [[nodiscard]] Result<Placed> transfer(CapabilityRef source, AgentIndex destination);

  /// `visitor(CapabilityRef, Capability&) -> bool` sees those of `root` and all that was derived from it which have more than
  /// `rights`, each before what was derived from it, until it answers false. It may restrict what it sees, and change nothing else.
  template <typename Visitor>
  void each_beyond(CapabilityRef root, Rights rights, Visitor&& visitor);
  /// From now on no more than these rights are left. Nothing that was derived from it may keep more (each_beyond).
  void restrict(CapabilityRef ref, Rights rights);
  /// A derivation root leads to another object of its type from now on, under the same handle. `all`: that one's.
  /// Precondition: it is one, and nothing was derived from it.
  void rename(CapabilityRef root, std::uint32_t object, ObjectCapabilities& all);

  /// Revokes all descendants of `root`, then `root` itself. `visitor(CapabilityRef, Capability&) -> Budget` sees each
  /// before it goes (unmap there), must not change the tree, and says what that cost beside the removal.
  /// Error::bad_capability: `root` is not live.
  template <typename Visitor>
  [[nodiscard]] Result<Progress> revoke(CapabilityRef root, Budget& budget, Visitor&& visitor);
  /// The same for the descendants only; afterwards `root` can be derived from again.
  template <typename Visitor>
  [[nodiscard]] Result<Progress> revoke_children(CapabilityRef root, Budget& budget, Visitor&& visitor);
  /// Revokes every capability to an object. After `done` new ones can be minted.
  template <typename Visitor>
  [[nodiscard]] Progress revoke_all(ObjectCapabilities& all, Budget& budget, Visitor&& visitor);
  /// Removes one capability from which nothing is derived. Errors: bad_capability, bad_state (it has children).
  template <typename Visitor>
  [[nodiscard]] Status drop(CapabilityRef leaf, Visitor&& visitor);

  /// Removes every capability of an agent that uses none of them any more, in the order of the slots. From the first call
  /// nothing can be placed in the table. Resumed by calling again, also with Children::revoked after Children::kept. A
  /// revocation that the agent had begun and not finished is carried out. Each capability handed up costs one unit and is
  /// counted in `handed_up`. After `done` comes reclaim().
  template <typename Visitor>
  [[nodiscard]] Progress close(AgentIndex index, Children children, Budget& budget, std::uint32_t& handed_up,
                               Visitor&& visitor);
  /// Takes a page back from a table that close() has emptied; nullptr when it has none: then it can be opened again.
  [[nodiscard]] std::byte* reclaim(AgentIndex index);

  /// The capability at `ref`, even one under revocation; nullptr if the slot is free. A reference carries no generation:
  /// one that was kept may lead to a capability that came later, unless the generation is given too.
  [[nodiscard]] Capability* find(CapabilityRef ref);
  [[nodiscard]] Capability* find(CapabilityRef ref, Generation generation);
  /// Whether every ancestor of `ref` is usable, leads to the same object and covers what its child holds, up to a root that
  /// is not being revoked. Always looks at as many as a chain can have; time does not depend on the answer.
  [[nodiscard]] bool chain_sound(CapabilityRef ref);
  /// Where a capability lies that check() returned from the table of `index`.
  [[nodiscard]] static CapabilityRef ref_of(AgentIndex index, const Capability& capability) {
    return {index, capability.slot_};
  }

 private:
  [[nodiscard]] Capability& at(CapabilityRef ref) { return tables_[ref.agent.value].at(ref.slot); }
  [[nodiscard]] CapabilityTable* receiving_table(AgentIndex index);
  [[nodiscard]] bool growing(CapabilityRef ref);
  [[nodiscard]] Result<CapabilityRef> take_slot(AgentIndex destination);
  void free_slot(CapabilityRef ref);
  [[nodiscard]] CapabilityRef& head_of(const Capability& capability);
  void link(CapabilityRef ref);
  void unlink(CapabilityRef ref);
  /// What comes after `current` in the tree below `root`, parents first: what was derived from it only if `below`. Empty at the end.
  [[nodiscard]] CapabilityRef following(CapabilityRef root, CapabilityRef current, bool below);
  /// Follows first children from `from` to a leaf, killing what it passes.
  [[nodiscard]] CapabilityRef descend(CapabilityRef from);
  /// The first slot in use of a closing table at or after `from`; empty when there is none.
  [[nodiscard]] CapabilityRef first_in(AgentIndex index, std::uint16_t from);
  /// The newest child of `parent` goes to the parent of that, as its newest.
  void hand_up_child(CapabilityRef parent);
  template <typename Visitor>
  [[nodiscard]] Progress remove_keeping_children(CapabilityRef leaving, Budget& budget, std::uint32_t& handed_up,
                                                 Visitor& visitor);
  template <typename Visitor>
  [[nodiscard]] Progress remove_subtree(CapabilityRef root, bool keep_root, Budget& budget, Visitor& visitor);
  template <typename Visitor>
  void remove(CapabilityRef leaf, Budget& budget, Visitor& visitor);

  std::span<CapabilityTable> tables_;
};

template <typename Visitor>
void CapabilityTree::each_beyond(CapabilityRef root, Rights rights, Visitor&& visitor) {
  for (CapabilityRef current = root; !current.empty();) {
    // A child never has more than its parent, so nothing below is beyond them either.
    const bool beyond = !rights.contains(at(current).rights_);
    if (beyond && !visitor(current, at(current))) return;
    current = following(root, current, beyond);
  }
}

template <typename Visitor>
void CapabilityTree::remove(CapabilityRef leaf, Budget& budget, Visitor& visitor) {
  const Budget extra = visitor(leaf, at(leaf));
  const Budget cost = 1 + extra;
  budget -= cost < budget ? cost : budget;
  unlink(leaf);
  free_slot(leaf);
}

template <typename Visitor>
Progress CapabilityTree::remove_subtree(CapabilityRef root, bool keep_root, Budget& budget, Visitor& visitor) {
  CapabilityRef current = root;
  while (true) {
    current = descend(current);
    const bool at_root = current == root;
    if (at_root && keep_root) return Progress::done;
    if (budget == 0) return Progress::more;
    const CapabilityRef parent = at(current).parent_;
    remove(current, budget, visitor);
    if (at_root) return Progress::done;
    current = parent;
  }
}

template <typename Visitor>
Result<Progress> CapabilityTree::revoke_children(CapabilityRef root, Budget& budget, Visitor&& visitor) {
  Capability* const found = find(root);
  if (found == nullptr || !found->live()) return fail(Error::bad_capability);
  found->revoking_children_ = true;
  if (remove_subtree(root, true, budget, visitor) == Progress::more) return Progress::more;
  found->revoking_children_ = false;
  return Progress::done;
}

template <typename Visitor>
Result<Progress> CapabilityTree::revoke(CapabilityRef root, Budget& budget, Visitor&& visitor) {
  const Result<Progress> children = revoke_children(root, budget, visitor);
  if (!children || *children == Progress::more) return children;
  remove(root, budget, visitor);
  return Progress::done;
}

template <typename Visitor>
Progress CapabilityTree::revoke_all(ObjectCapabilities& all, Budget& budget, Visitor&& visitor) {
  all.closing = true;
  while (!all.empty()) {
    const CapabilityRef root = all.first_root;
    at(root).state_ = Capability::state_revoking;
    if (remove_subtree(root, false, budget, visitor) == Progress::more) return Progress::more;
  }
  all.closing = false;
  return Progress::done;
}

template <typename Visitor>
Status CapabilityTree::drop(CapabilityRef leaf, Visitor&& visitor) {
  const Capability* const found = find(leaf);
  if (found == nullptr || !found->live()) return fail(Error::bad_capability);
  if (found->has_children()) return fail(Error::bad_state);
  Budget budget = unlimited;
  remove(leaf, budget, visitor);
  return {};
}

template <typename Visitor>
Progress CapabilityTree::remove_keeping_children(CapabilityRef leaving, Budget& budget, std::uint32_t& handed_up,
                                                 Visitor& visitor) {
  for (; at(leaving).has_children(); --budget, ++handed_up) {
    if (budget == 0) return Progress::more;
    hand_up_child(leaving);
  }
  if (budget == 0) return Progress::more;
  remove(leaving, budget, visitor);
  return Progress::done;
}

template <typename Visitor>
Progress CapabilityTree::close(AgentIndex index, Children children, Budget& budget, std::uint32_t& handed_up,
                               Visitor&& visitor) {
  CapabilityTable* const closing = table(index);
  if (closing == nullptr || !closing->open()) return Progress::done;
  closing->closing_ =
      children == Children::kept ? CapabilityTable::Closing::keeping : CapabilityTable::Closing::revoking;
  // Nothing is placed in a closing table, so slots behind the last one emptied stay free.
  for (CapabilityRef next = first_in(index, 1); !next.empty(); next = first_in(index, next.slot)) {
    Capability& leaving = at(next);
    const bool keep = children == Children::kept && !leaving.revoking_children_;
    if (!keep) leaving.state_ = Capability::state_revoking;
    const Progress progress =
        keep ? remove_keeping_children(next, budget, handed_up, visitor) : remove_subtree(next, false, budget, visitor);
    if (progress == Progress::more) return Progress::more;
  }
  return Progress::done;
}

}  // namespace rvm::cap
