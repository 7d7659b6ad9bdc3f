// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <random>
#include <vector>

#include "rvm/cap/capability.hpp"
#include "rvm/partition/lifecycle.hpp"
#include "rvm/partition/list.hpp"
#include "rvm/partition/pool.hpp"
#include "rvm/types/ids.hpp"

namespace rvm::partition {
namespace {

struct Thing {
  cap::ObjectCapabilities holders;
  AgentId id{};
  std::uint16_t reuse = 0;
  std::uint16_t next_free = 0;
  int content = 7;
  Link<Thing> link;
};

std::uint32_t draw(std::mt19937& random, std::uint32_t below) {
  return std::uniform_int_distribution<std::uint32_t>(0, below - 1)(random);
}

}  // namespace

TEST_CASE("a pool never confuses an object with the one that took its slot") {
  std::vector<Thing> storage(40);
  Pool<Thing> pool;
  pool.use(storage);
  std::mt19937 random(1);
  std::map<std::uint32_t, Thing*> live;
  std::vector<std::uint32_t> dead;
  for (int step = 0; step < 100'000; ++step) {
    if (draw(random, 2) == 0) {
      const auto made = pool.allocate();
      REQUIRE(made.has_value() == (live.size() < storage.size() - 1));
      if (!made) {
        CHECK(made.error() == Error::resource_limit);
        continue;
      }
      REQUIRE((*made)->content == 7);
      (*made)->content = step;
      REQUIRE(live.emplace((*made)->id.value, *made).second);
      REQUIRE((*made)->id.value != 0);
    } else if (!live.empty()) {
      auto it = live.begin();
      std::advance(it, draw(random, static_cast<std::uint32_t>(live.size())));
      pool.release(*it->second);
      dead.push_back(it->first);
      live.erase(it);
    }
    REQUIRE(pool.live() == live.size());
    if (!live.empty()) REQUIRE(pool.find(AgentId{live.begin()->first}) == live.begin()->second);
    // Ids repeat only after 65 536 lives of one slot, which this run does not reach.
    if (!dead.empty())
      REQUIRE(pool.find(AgentId{dead[draw(random, static_cast<std::uint32_t>(dead.size()))]}) == nullptr);
  }
  CHECK(pool.find(AgentId{0}) == nullptr);
  CHECK(pool.find(AgentId{0xffff}) == nullptr);
}

TEST_CASE("the first objects of a pool have the ids 1, 2, 3") {
  std::vector<Thing> storage(8);
  Pool<Thing> pool;
  pool.use(storage);
  for (std::uint32_t expected = 1; expected < 8; ++expected) CHECK((*pool.allocate())->id.value == expected);
}

TEST_CASE("an intrusive list is a queue with removal in the middle") {
  std::vector<Thing> things(50);
  List<Thing, &Thing::link> list;
  std::deque<Thing*> model;
  std::mt19937 random(2);
  for (int step = 0; step < 50'000; ++step) {
    Thing& thing = things[draw(random, 50)];
    const auto position = std::find(model.begin(), model.end(), &thing);
    if (position == model.end()) {
      list.push_back(thing);
      model.push_back(&thing);
    } else {
      list.remove(thing);
      model.erase(position);
    }
    std::size_t i = 0;
    for (Thing* t = list.front(); t != nullptr; t = List<Thing, &Thing::link>::after(*t)) REQUIRE(model.at(i++) == t);
    REQUIRE(i == model.size());
    REQUIRE(list.empty() == model.empty());
  }
}

TEST_CASE("lifecycles: destroyed and terminated are final, and every state but they can reach them") {
  for (int from = 0; from <= 4; ++from) {
    const auto state = static_cast<PartitionState>(from);
    CHECK(permitted(state, PartitionState::destroyed) == (state != PartitionState::destroyed));
    CHECK(!permitted(PartitionState::destroyed, state));
    CHECK(!permitted(state, state));
  }
  for (int from = 0; from <= 6; ++from) {
    const auto state = static_cast<AgentState>(from);
    CHECK(permitted(state, AgentState::terminated) == (state != AgentState::terminated));
    CHECK(!permitted(AgentState::terminated, state));
  }
  CHECK(permitted(PartitionState::created, PartitionState::running));
  CHECK(!permitted(PartitionState::created, PartitionState::suspended));
  CHECK(!permitted(AgentState::running, AgentState::migrating));
}

}  // namespace rvm::partition
