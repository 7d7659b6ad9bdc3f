// SPDX-License-Identifier: MIT OR Apache-2.0
#include "rvm/cap/space.hpp"

#include <array>

namespace rvm::cap {

namespace {

/// What stands for the pages that a table does not have: free slots, which nobody ever changes.
alignas(step_bytes) constinit std::array<std::byte, (table_pages > 1 ? step_bytes : 0)> no_page{};

/// Sound: Capability is an implicit-lifetime type, the page is aligned and large enough for page_slots of them, and all bytes
/// zero is a free slot of generation 0.
Capability* slots_in(std::byte* page) { return reinterpret_cast<Capability*>(page); }

bool valid_page(std::span<std::byte> page) {
  return page.size() == step_bytes && reinterpret_cast<std::uintptr_t>(page.data()) % alignof(Capability) == 0;
}

}  // namespace

Status CapabilityTree::open(AgentIndex index, std::span<std::byte> page) {
  CapabilityTable* const opened = table(index);
  if (opened == nullptr || !valid_page(page)) return fail(Error::bad_argument);
  if (opened->open()) return fail(Error::bad_state);
  opened->pages_.fill(slots_in(no_page.data()));
  opened->pages_[0] = slots_in(page.data());
  opened->page_count_ = 1;
  return {};
}

Status CapabilityTree::grow(AgentIndex index, std::span<std::byte> page) {
  if (!valid_page(page)) return fail(Error::bad_argument);
  CapabilityTable* const grown = receiving_table(index);
  if (grown == nullptr) return fail(Error::bad_state);
  if (grown->page_count_ == table_pages) return fail(Error::resource_limit);
  grown->pages_[grown->page_count_++] = slots_in(page.data());
  return {};
}

std::byte* CapabilityTree::reclaim(AgentIndex index) {
  CapabilityTable* const emptied = table(index);
  if (emptied == nullptr || !emptied->open()) return nullptr;
  ensure(emptied->used_ == 0);
  Capability*& last = emptied->pages_[--emptied->page_count_];
  std::byte* const page = reinterpret_cast<std::byte*>(last);
  last = slots_in(no_page.data());
  if (!emptied->open()) {
    emptied->free_head_ = emptied->free_tail_ = 0;
    emptied->touched_ = 0;
    emptied->closing_ = CapabilityTable::Closing::no;
  }
  return page;
}

Capability* CapabilityTree::find(CapabilityRef ref) {
  CapabilityTable* const holder = table(ref.agent);
  if (ref.empty() || ref.slot >= table_slots || holder == nullptr || !holder->open()) {
    return nullptr;
  }
  Capability& found = holder->at(ref.slot);
  return found.state_ == Capability::state_free ? nullptr : &found;
}

Capability* CapabilityTree::find(CapabilityRef ref, Generation generation) {
  Capability* const found = find(ref);
  return found != nullptr && found->generation_ == generation ? found : nullptr;
}

/// A table into which capabilities may be placed, or nullptr.
CapabilityTable* CapabilityTree::receiving_table(AgentIndex index) {
  CapabilityTable* const receiver = table(index);
  return receiver != nullptr && receiver->open() && receiver->closing_ == CapabilityTable::Closing::no ? receiver
                                                                                                       : nullptr;
}

/// Whether children may be added under `ref`: neither it nor an ancestor (at most max_depth) is under revocation. Without
/// this a revocation done in steps could be outrun by somebody who keeps deriving below it.
bool CapabilityTree::growing(CapabilityRef ref) {
  for (; !ref.empty(); ref = at(ref).parent_) {
    const Capability& ancestor = at(ref);
    const bool leaving = tables_[ref.agent.value].closing_ == CapabilityTable::Closing::revoking;
    if (!ancestor.live() || ancestor.revoking_children_ || leaving) return false;
    if (ancestor.parent_.empty() && ancestor.object_capabilities_->closing) return false;
  }
  return true;
}

bool CapabilityTree::chain_sound(CapabilityRef ref) {
  const Capability* child = &at(ref);
  unsigned wrong = static_cast<unsigned>(!child->live());
  for (unsigned i = 0; i < max_depth; ++i) {
    const bool is_root = child->parent_.empty();
    const Capability* const parent = is_root ? child : &at(child->parent_);
    const auto revoking = static_cast<unsigned>(parent->revoking_children_ && !is_root);
    wrong |= static_cast<unsigned>(!parent->live()) | revoking |
             static_cast<unsigned>(parent->object() != child->object()) |
             static_cast<unsigned>(!parent->rights_.contains(child->rights_)) |
             static_cast<unsigned>(parent->depth_ >= child->depth_ && !is_root);
    child = parent;
  }
  return (wrong | static_cast<unsigned>(!child->parent_.empty()) |
          static_cast<unsigned>(child->object_capabilities_ == nullptr || child->object_capabilities_->closing)) == 0;
}

/// A slot of the destination with its next generation, all else zero. Never-used slots go first, then those free longest.
Result<CapabilityRef> CapabilityTree::take_slot(AgentIndex destination) {
  CapabilityTable* const receiver = receiving_table(destination);
  if (receiver == nullptr) {
    return fail(Error::bad_state);
  }
  std::uint16_t slot = 0;
  if (receiver->touched_ + 1u < receiver->page_count_ * page_slots) {
    slot = ++receiver->touched_;
  } else if (receiver->free_head_ != 0) {
    slot = receiver->free_head_;
    receiver->free_head_ = receiver->at(slot).next_free_;
    if (receiver->free_head_ == 0) {
      receiver->free_tail_ = 0;
    }
  } else {
    return fail(Error::resource_limit);
  }
  ++receiver->used_;
  Capability& taken = receiver->at(slot);
  taken.next_free_ = 0;
  taken.slot_ = slot;
  taken.generation_ = next(taken.generation_);
  return CapabilityRef{destination, slot};
}

/// Clears the slot but for its generation.
void CapabilityTree::free_slot(CapabilityRef ref) {
  CapabilityTable& holder = tables_[ref.agent.value];
  Capability& freed = at(ref);
  const Generation generation = freed.generation_;
  freed = Capability{};
  freed.generation_ = generation;
  if (holder.free_tail_ == 0) {
    holder.free_head_ = ref.slot;
  } else {
    holder.at(holder.free_tail_).next_free_ = ref.slot;
  }
  holder.free_tail_ = ref.slot;
  --holder.used_;
}

/// The link that leads to a capability which has no sibling before it.
CapabilityRef& CapabilityTree::head_of(const Capability& capability) {
  return capability.parent_.empty() ? capability.object_capabilities_->first_root : at(capability.parent_).first_child_;
}

/// As the first of its siblings. Its parent, or else its object's capabilities, are set already.
void CapabilityTree::link(CapabilityRef ref) {
  Capability& linked = at(ref);
  CapabilityRef& head = head_of(linked);
  linked.previous_sibling_ = {};
  linked.next_sibling_ = head;
  if (!head.empty()) at(head).previous_sibling_ = ref;
  head = ref;
}

void CapabilityTree::unlink(CapabilityRef ref) {
  const Capability& leaving = at(ref);
  if (!leaving.previous_sibling_.empty()) {
    at(leaving.previous_sibling_).next_sibling_ = leaving.next_sibling_;
  } else {
    head_of(leaving) = leaving.next_sibling_;
  }
  if (!leaving.next_sibling_.empty()) {
    at(leaving.next_sibling_).previous_sibling_ = leaving.previous_sibling_;
  }
}

void CapabilityTree::restrict(CapabilityRef ref, Rights rights) {
  Capability& restricted = at(ref);
  restricted.rights_ = restricted.rights_.intersect(rights);
  restricted.update_hash();
}

void CapabilityTree::rename(CapabilityRef root, std::uint32_t object, ObjectCapabilities& all) {
  Capability& renamed = at(root);
  ensure(renamed.parent_.empty() && !renamed.has_children() && !all.closing);
  unlink(root);
  renamed.object_id_ = object;
  renamed.object_capabilities_ = &all;
  renamed.update_hash();
  link(root);
}

Result<Placed> CapabilityTree::mint(AgentIndex destination, Object object, Rights rights, std::uint64_t badge,
                                    ObjectCapabilities& all) {
  if (object.type == ObjectType::none || object.type == ObjectType::any) return fail(Error::bad_argument);
  if (all.closing) return fail(Error::bad_state);
  const Result<CapabilityRef> ref = take_slot(destination);
  if (!ref) {
    return fail(ref.error());
  }
  Capability& minted = at(*ref);
  minted.object_id_ = object.id;
  minted.object_generation_ = object.generation;
  minted.type_ = object.type;
  minted.rights_ = rights;
  minted.badge_ = badge;
  minted.state_ = Capability::state_live;
  minted.object_capabilities_ = &all;
  minted.update_hash();
  link(*ref);
  return Placed{*ref, {ref->slot, minted.generation_}};
}

Result<Placed> CapabilityTree::derive(CapabilityRef source, AgentIndex destination, Rights rights,
                                      std::uint64_t badge) {
  Capability* const parent = find(source);
  const bool leaving = parent != nullptr && tables_[source.agent.value].closing_ != CapabilityTable::Closing::no;
  if (parent == nullptr || leaving || !growing(source)) {
    return fail(Error::bad_capability);
  }
  const bool grant = parent->rights_.contains(rights::grant);
  if ((!grant && !parent->rights_.contains(rights::grant_once)) || !parent->rights_.contains(rights)) {
    return fail(Error::rights);
  }
  if (parent->depth_ >= max_depth) {
    return fail(Error::delegation_depth);
  }
  const Result<CapabilityRef> ref = take_slot(destination);
  if (!ref) {
    return fail(ref.error());
  }
  Capability& child = at(*ref);
  child.object_id_ = parent->object_id_;
  child.object_generation_ = parent->object_generation_;
  child.type_ = parent->type_;
  child.rights_ = grant ? rights : rights.without(rights::grant).without(rights::grant_once);
  child.badge_ = badge;
  child.depth_ = static_cast<std::uint8_t>(parent->depth_ + 1);
  child.state_ = Capability::state_live;
  child.parent_ = source;
  child.update_hash();
  link(*ref);
  if (!grant) {
    parent->rights_ = parent->rights_.without(rights::grant_once);
    parent->update_hash();
  }
  return Placed{*ref, {ref->slot, child.generation_}};
}

Result<Placed> CapabilityTree::transfer(CapabilityRef source, AgentIndex destination) {
  Capability* const from = find(source);
  if (from == nullptr || !from->live() || tables_[source.agent.value].closing_ != CapabilityTable::Closing::no) {
    return fail(Error::bad_capability);
  }
  if (from->mapped_at_ != 0 || (from->revoking_children_ && from->has_children())) {
    return fail(Error::bad_state);
  }
  const Result<CapabilityRef> ref = take_slot(destination);
  if (!ref) {
    return fail(ref.error());
  }
  Capability& to = at(*ref);
  const Generation generation = to.generation_;
  to = *from;
  to.generation_ = generation;
  to.slot_ = ref->slot;
  to.revoking_children_ = false;  // whatever children there were are gone
  to.update_hash();
  // Whoever pointed at the old place now points at the new one.
  if (!to.previous_sibling_.empty()) {
    at(to.previous_sibling_).next_sibling_ = *ref;
  } else {
    head_of(to) = *ref;
  }
  if (!to.next_sibling_.empty()) {
    at(to.next_sibling_).previous_sibling_ = *ref;
  }
  for (CapabilityRef child = to.first_child_; !child.empty(); child = at(child).next_sibling_) {
    at(child).parent_ = *ref;
  }
  free_slot(source);
  return Placed{*ref, {ref->slot, generation}};
}

CapabilityRef CapabilityTree::following(CapabilityRef root, CapabilityRef current, bool below) {
  if (below && at(current).has_children()) return at(current).first_child_;
  for (; current != root; current = at(current).parent_) {
    if (const CapabilityRef next = at(current).next_sibling_; !next.empty()) return next;
  }
  return {};
}

CapabilityRef CapabilityTree::descend(CapabilityRef from) {
  CapabilityRef current = from;
  while (!at(current).first_child_.empty()) {
    current = at(current).first_child_;
    at(current).state_ = Capability::state_revoking;
  }
  return current;
}

CapabilityRef CapabilityTree::first_in(AgentIndex index, std::uint16_t from) {
  const CapabilityTable& closing = tables_[index.value];
  if (closing.used_ == 0) return {};
  for (std::uint16_t slot = from; slot <= closing.touched_; ++slot) {
    if (closing.at(slot).state_ != Capability::state_free) return {index, slot};
  }
  return {};
}

void CapabilityTree::hand_up_child(CapabilityRef parent) {
  const Capability& leaving = at(parent);
  const CapabilityRef ref = leaving.first_child_;
  unlink(ref);
  Capability& child = at(ref);
  child.parent_ = leaving.parent_;
  if (child.parent_.empty()) child.object_capabilities_ = leaving.object_capabilities_;
  link(ref);
}

}  // namespace rvm::cap
