// SPDX-License-Identifier: MIT OR Apache-2.0
//
// 100 000 random operations on a capability space and on a plain map-based model of the specification, which must agree.
#include <doctest/doctest.h>

#include <map>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "test_space.hpp"

namespace rvm::cap {

namespace {

constexpr unsigned agents = 6;
using Id = std::uint64_t;

struct Node {
  Placed placed;
  std::optional<Id> parent;
  std::set<Id> children;
  Rights rights;
  std::uint64_t badge;
  Object object;
  unsigned depth;
  bool losing_children = false;  ///< a revocation of its children, perhaps of itself too, is not finished
};

struct Pending {
  Placed placed;
  Id root;
  bool keep_root;
};

class Model {
 public:
  explicit Model(unsigned seed) : random_(seed) {}

  void step() {
    switch (below(100)) {
      case 0:
      case 1:
        start_close();
        break;
      default:
        switch (below(12)) {
          case 0:
            mint();
            break;
          case 1:
          case 2:
            transfer();
            break;
          case 3:
            revoke(false);
            break;
          case 4:
            revoke(true);
            break;
          default:
            derive();
        }
    }
    if (below(3) == 0) {
      continue_pending();
    }
    if (below(8) == 0) {
      continue_close();
    }
    probe();
  }

  void finish() {
    while (!pending_.empty()) {
      continue_pending();
    }
    while (!closing_.empty()) {
      continue_close();
    }
    std::array<unsigned, agents> used{};
    for (const auto& [id, node] : nodes_) {
      ++used[node.placed.ref.agent.value];
      const Capability& capability = *s_.space->find(node.placed.ref, node.placed.handle.generation);
      REQUIRE(capability.live());
      REQUIRE(capability.rights() == node.rights);
      REQUIRE(capability.badge() == node.badge);
      REQUIRE(capability.depth() == node.depth);
      REQUIRE(capability.object() == node.object);
      REQUIRE(capability.parent() == (node.parent ? nodes_.at(*node.parent).placed.ref : CapabilityRef{}));
    }
    for (unsigned p = 0; p < agents; ++p) {
      REQUIRE(s_.table(p).used() == used[p]);
    }
  }

  std::size_t removed = 0;
  std::size_t handed_up = 0;
  std::size_t derived = 0;

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  /// An id of some node, by choice a recent one, so that trees grow deep.
  std::optional<Id> pick() {
    if (nodes_.empty()) {
      return std::nullopt;
    }
    auto found = nodes_.lower_bound(below(3) == 0 && next_ > 40 ? next_ - below(40) : below(next_));
    return found == nodes_.end() ? nodes_.begin()->first : found->first;
  }

  bool leaving(const Node& node, Children children) const {
    const auto closing = closing_.find(node.placed.ref.agent.value);
    return closing != closing_.end() && closing->second == children;
  }
  /// Whether the node or an ancestor is being revoked or lies in a table that takes everything with it: nothing may grow there.
  bool shrinking(Id id) const {
    for (std::optional<Id> at = id; at; at = nodes_.at(*at).parent) {
      const Node& node = nodes_.at(*at);
      if (node.losing_children || leaving(node, Children::revoked)) return true;
    }
    return false;
  }
  /// Whether the node may have died already: like shrinking(), but its own losing of children does not count.
  bool maybe_dead(Id id) const {
    const Node& node = nodes_.at(id);
    return closing_.contains(node.placed.ref.agent.value) || (node.parent && shrinking(*node.parent));
  }
  /// Whether nothing can be placed there, after the table has grown if it could.
  bool full(unsigned agent) {
    if (s_.table(agent).full() && !closing_.contains(agent)) (void)s_.grow(static_cast<std::uint16_t>(agent));
    return s_.table(agent).full();
  }

  void mint() {
    const auto agent = static_cast<unsigned>(below(agents));
    const Object object{static_cast<std::uint32_t>(next_), static_cast<std::uint16_t>(next_),
                        std::array{ObjectType::region, ObjectType::edge, ObjectType::agent}[below(3)]};
    const Rights rights{below(4) == 0 ? below(128) : RVM_RIGHT_ALL};
    const bool refuse = full(agent) || closing_.contains(agent);
    const Result<Placed> placed = s_.mint(agent, object, rights, next_);
    REQUIRE(placed.has_value() == !refuse);
    if (placed) {
      nodes_.emplace(next_, Node{*placed, std::nullopt, {}, rights, next_, object, 0});
      ++next_;
    }
  }

  void derive() {
    const std::optional<Id> id = pick();
    if (!id) {
      return;
    }
    Node& parent = nodes_.at(*id);
    const auto agent = static_cast<unsigned>(below(agents));
    const Rights rights{below(4) == 0 ? below(128) : parent.rights.bits()};
    Error expected = Error::ok;
    const bool grant = parent.rights.contains(rights::grant);
    if (shrinking(*id) || closing_.contains(parent.placed.ref.agent.value)) {
      expected = Error::bad_capability;
    } else if ((!grant && !parent.rights.contains(rights::grant_once)) || !parent.rights.contains(rights)) {
      expected = Error::rights;
    } else if (parent.depth == max_depth) {
      expected = Error::delegation_depth;
    } else if (closing_.contains(agent)) {
      expected = Error::bad_state;
    } else if (full(agent)) {
      expected = Error::resource_limit;
    }
    const Result<Placed> placed = s_.space->derive(parent.placed.ref, s_.index(agent), rights, next_);
    REQUIRE((placed ? Error::ok : placed.error()) == expected);
    if (placed) {
      ++derived;
      const Rights stripped = grant ? rights : rights.without(rights::grant).without(rights::grant_once);
      if (!grant) {
        parent.rights = parent.rights.without(rights::grant_once);
      }
      parent.children.insert(next_);
      nodes_.emplace(next_, Node{*placed, id, {}, stripped, next_, parent.object, parent.depth + 1});
      ++next_;
    }
  }

  void transfer() {
    const std::optional<Id> id = pick();
    if (!id) {
      return;
    }
    Node& node = nodes_.at(*id);
    const auto agent = static_cast<unsigned>(below(agents));
    const bool dead = maybe_dead(*id);
    // A revocation under way keeps it where it is, as long as there is something left to revoke.
    const bool losing = node.losing_children && !node.children.empty();
    const bool refuse = losing || closing_.contains(agent) || full(agent);
    const Result<Placed> placed = s_.space->transfer(node.placed.ref, s_.index(agent));
    if (!dead) REQUIRE(placed.has_value() == !refuse);
    if (placed) {
      REQUIRE(!refuse);
      stale_.push_back(node.placed);
      node.placed = *placed;
      node.losing_children = false;
    }
  }

  void revoke(bool keep_root) {
    const std::optional<Id> id = pick();
    if (!id || below(2) == 0) {
      return;
    }
    Node& node = nodes_.at(*id);
    if (maybe_dead(*id)) return;
    node.losing_children = true;
    pending_.push_back({node.placed, *id, keep_root});
    advance(pending_.size() - 1, 0);
  }

  /// What the visitor of a revocation sees: a leaf of the model below (or at) `root`.
  void on_removed(CapabilityRef ref, const Capability& capability) {
    const Id id = capability.badge();  // every capability was given its id as badge
    const Node& node = nodes_.at(id);
    REQUIRE(node.placed.ref == ref);
    if (leaving(node, Children::kept) && !node.losing_children) {
      for (const Id child : std::set{node.children}) hand_up(child);
    } else {
      REQUIRE((shrinking(id) || leaving(node, Children::kept)));
      REQUIRE(node.children.empty());
    }
    if (node.parent) {
      nodes_.at(*node.parent).children.erase(id);
    }
    stale_.push_back(node.placed);
    nodes_.erase(id);
    ++removed;
  }

  void hand_up(Id child) {
    Node& node = nodes_.at(child);
    nodes_.at(*node.parent).children.erase(child);
    node.parent = nodes_.at(*node.parent).parent;
    if (node.parent) nodes_.at(*node.parent).children.insert(child);
    ++handed_up;
  }

  void continue_pending() {
    if (pending_.empty()) {
      return;
    }
    advance(below(pending_.size()), static_cast<Budget>(1 + below(20)));
  }

  void advance(std::size_t chosen, Budget budget) {
    const Pending work = pending_[chosen];
    const Budget given = budget;
    unsigned seen = 0;
    const auto visitor = [&](CapabilityRef ref, Capability& capability) -> Budget {
      ++seen;
      on_removed(ref, capability);
      return 0;
    };
    // It may have gone with an ancestor or its table, and the slot may hold another capability since.
    const Capability* const there = s_.space->find(work.placed.ref, work.placed.handle.generation);
    const bool live = there != nullptr && there->live();
    if (live) nodes_.at(work.root).losing_children = true;
    const Result<Progress> progress = !live            ? Result<Progress>{fail(Error::bad_capability)}
                                      : work.keep_root ? s_.space->revoke_children(work.placed.ref, budget, visitor)
                                                       : s_.space->revoke(work.placed.ref, budget, visitor);
    REQUIRE(progress.has_value() == live);
    if (progress == Progress::more) {
      REQUIRE(seen == given);
      return;
    }
    REQUIRE(seen <= given + 1);
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(chosen));
    const auto root = nodes_.find(work.root);
    if (root == nodes_.end() || !live) return;
    REQUIRE(work.keep_root);
    REQUIRE(root->second.children.empty());
    root->second.losing_children = false;
  }

  void start_close() {
    if (closing_.empty() && below(4) == 0) {
      closing_[static_cast<unsigned>(below(agents))] = below(3) == 0 ? Children::revoked : Children::kept;
      continue_close();
    }
  }

  void continue_close() {
    if (closing_.empty()) {
      return;
    }
    const auto [agent, children] = *closing_.begin();
    const auto visitor = [&](CapabilityRef ref, Capability& capability) -> Budget {
      on_removed(ref, capability);
      return 0;
    };
    Budget budget = 25;
    std::uint32_t handed = 0;
    if (s_.space->close(s_.index(agent), children, budget, handed, visitor) == Progress::more) {
      // One that is still there may have handed up some of its children.
      for (auto& [id, node] : nodes_) {
        if (!node.parent) continue;
        const CapabilityRef parent = nodes_.at(*node.parent).placed.ref;
        if (parent.agent.value == agent && s_.space->find(node.placed.ref)->parent() != parent) hand_up(id);
      }
      if (below(10) == 0) {  // its partition is destroyed meanwhile
        closing_[agent] = Children::revoked;
        budget = 0;
        (void)s_.space->close(s_.index(agent), Children::revoked, budget, handed, visitor);
      }
      return;
    }
    while (s_.space->reclaim(s_.index(agent)) != nullptr) {
    }
    closing_.erase(agent);
    REQUIRE(!s_.table(agent).open());
    std::erase_if(stale_, [&](const Placed& placed) { return placed.ref.agent.value == agent; });
    s_.open(static_cast<std::uint16_t>(agent), 1);
  }

  void probe() {
    if (const std::optional<Id> id = pick()) {
      const Node& node = nodes_.at(*id);
      const Rights needed{below(128)};
      const Result<Capability*> checked =
          s_.table(node.placed.ref.agent.value).check(node.placed.handle, node.object.type, needed);
      if (!maybe_dead(*id)) {
        REQUIRE(checked.has_value() == node.rights.contains(needed));
        if (checked) {
          REQUIRE((*checked)->badge() == *id);
        }
      }
    }
    if (!stale_.empty()) {
      // Slots go round in order, so that no generation of this test comes back.
      const Placed& stale = stale_[below(stale_.size())];
      REQUIRE(!s_.table(stale.ref.agent.value).resolve(stale.handle));
    }
  }

  TestSpace<agents> s_;
  std::mt19937_64 random_;
  std::map<Id, Node> nodes_;
  std::vector<Pending> pending_;
  std::map<unsigned, Children> closing_;
  std::vector<Placed> stale_;
  Id next_ = 1;
};

}  // namespace

TEST_CASE("capability tree: 100 000 random operations agree with a model") {
  for (const unsigned seed : {1u, 2u, 3u, 4u}) {
    Model model{seed};
    for (int i = 0; i < 25'000; ++i) {
      model.step();
    }
    model.finish();
    CHECK(model.derived > 5000);
    CHECK(model.removed > 4000);
    CHECK(model.handed_up > 200);
  }
}

}  // namespace rvm::cap
