// SPDX-License-Identifier: MIT OR Apache-2.0
#include <doctest/doctest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <vector>

#include "rvm/sched/histogram.hpp"
#include "rvm/sched/ordered_queue.hpp"
#include "rvm/sched/run_queue.hpp"
#include "rvm/sched/sleep_queue.hpp"
#include "rvm/sched/token_bucket.hpp"

namespace rvm::sched {
namespace {

struct Table {
  std::vector<Node> nodes;
  Node& node(NodeIndex i) { return nodes.at(i); }
};

std::uint32_t draw(std::mt19937& random, std::uint32_t below) {
  return std::uniform_int_distribution<std::uint32_t>(0, below - 1)(random);
}

}  // namespace

TEST_CASE("the ordered queue of a microcontroller hands out agents in the order of the run queue") {
  std::mt19937 random(3);
  Table many{std::vector<Node>(8)}, few{std::vector<Node>(8)};
  auto queue = std::make_unique<RunQueue<>>();
  queue->clear();
  OrderedQueue<8> ordered;
  for (int step = 0; step < 100'000; ++step) {
    const auto index = static_cast<NodeIndex>(draw(random, 8));
    const Priority priority{static_cast<std::uint16_t>(draw(random, 3) * 10000)};
    if (many.node(index).queued()) {
      queue->remove(many, index);
      ordered.remove(few, index);
    } else if (draw(random, 4) == 0) {
      queue->push_front(many, index, priority);
      ordered.push_front(few, index, priority);
    } else {
      queue->push(many, index, priority);
      ordered.push(few, index, priority);
    }
    REQUIRE(queue->size() == ordered.size());
    if (queue->empty()) continue;
    REQUIRE(queue->highest() == ordered.highest());
    if (draw(random, 3) == 0) REQUIRE(queue->take(many) == ordered.take(few));
  }
}

TEST_CASE("the run queue behaves as a map of FIFOs") {
  std::mt19937 random(1);
  Table table{std::vector<Node>(300)};
  auto queue = std::make_unique<RunQueue<>>();
  queue->clear();
  std::map<std::uint16_t, std::deque<NodeIndex>, std::greater<>> model;
  for (int step = 0; step < 200'000; ++step) {
    const auto index = static_cast<NodeIndex>(draw(random, 300));
    Node& node = table.node(index);
    if (!node.queued()) {
      // Few distinct levels, so that FIFO order within a level is exercised; extremes included.
      const std::uint32_t pick = draw(random, 8);
      const auto level = static_cast<std::uint16_t>(pick == 0   ? 0
                                                    : pick == 1 ? priority_levels - 1
                                                    : pick == 2 ? draw(random, priority_levels)
                                                                : pick * 4096u);
      if (draw(random, 4) == 0) {
        queue->push_front(table, index, Priority{level});
        model[level].push_front(index);
      } else {
        queue->push(table, index, Priority{level});
        model[level].push_back(index);
      }
    } else if (draw(random, 8) == 0) {
      // Turn the ring: the head leaves, somebody from outside joins at the tail.
      const auto outsider = std::ranges::find_if(table.nodes, [](const Node& n) { return !n.queued(); });
      if (outsider == table.nodes.end()) continue;
      const auto joining = static_cast<NodeIndex>(outsider - table.nodes.begin());
      auto& fifo = model[node.level.value];
      queue->replace_first(table, fifo.front(), joining);
      fifo.pop_front();
      fifo.push_back(joining);
    } else if (draw(random, 2) == 0) {
      auto& fifo = model[node.level.value];
      std::erase(fifo, index);
      if (fifo.empty()) model.erase(node.level.value);
      queue->remove(table, index);
    } else {
      auto& [level, fifo] = *model.begin();
      REQUIRE(queue->highest().value == level);
      REQUIRE(queue->take(table) == fifo.front());
      fifo.pop_front();
      if (fifo.empty()) model.erase(level);
    }
    REQUIRE(queue->empty() == model.empty());
    if (!model.empty()) {
      REQUIRE(queue->highest().value == model.begin()->first);
      const auto cursor = static_cast<std::uint16_t>(draw(random, priority_levels));
      auto below = model.upper_bound(cursor);  // the map is ordered downwards: first level < cursor
      if (below == model.end()) below = model.begin();
      REQUIRE(queue->first_below(Priority{cursor}) == below->second.front());
    }
  }
}

TEST_CASE("the sleep queue always yields the earliest") {
  std::mt19937 random(2);
  Table table{std::vector<Node>(500)};
  std::vector<NodeIndex> storage(500);
  SleepQueue queue;
  queue.use(storage);
  std::multimap<std::uint64_t, NodeIndex> model;
  for (int step = 0; step < 100'000; ++step) {
    const auto index = static_cast<NodeIndex>(draw(random, 500));
    Node& node = table.node(index);
    if (!node.timed()) {
      const std::uint64_t at = draw(random, 1000);
      queue.insert(table, index, Nanoseconds{at});
      model.emplace(at, index);
    } else {
      const auto [first, last] = model.equal_range(node.wake_at.value);
      model.erase(std::find_if(first, last, [&](const auto& entry) { return entry.second == index; }));
      queue.remove(table, index);
    }
    REQUIRE(queue.empty() == model.empty());
    REQUIRE(queue.earliest(table) == (model.empty() ? never : Nanoseconds{model.begin()->first}));
  }
}

TEST_CASE("histogram quantiles are within a sixteenth of the truth") {
  std::mt19937 random(3);
  Histogram histogram;
  std::vector<std::uint64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t v = std::uint64_t{draw(random, 1000)} << draw(random, 24);
    values.push_back(v);
    histogram.add(v);
  }
  std::ranges::sort(values);
  for (std::uint32_t per_mille : {1u, 250u, 500u, 990u, 1000u}) {
    const std::uint64_t truth = values[(values.size() * per_mille + 999) / 1000 - 1];
    const std::uint64_t got = histogram.quantile(per_mille);
    CHECK(got >= truth);
    CHECK(got <= truth + truth / 16 + 1);
  }
  CHECK(histogram.maximum() == values.back());
  CHECK(Histogram{}.quantile(500) == 0);
}

TEST_CASE("a token bucket allows the burst, then the rate, and remembers debt") {
  TokenBucket bucket;
  bucket.configure(4, Nanoseconds{1000}, 8);  // one per 250 ns
  const Nanoseconds start{100'000};
  for (int i = 0; i < 8; ++i) CHECK(bucket.take(1, start).value <= start.value);
  CHECK(bucket.take(1, start).value == start.value + 250);
  CHECK(bucket.take(3, start).value == start.value + 1000);
  CHECK(bucket.take(1, Nanoseconds{start.value + 1250}).value <= start.value + 1250);
  TokenBucket fresh;
  fresh.configure(4, Nanoseconds{1000}, 8);
  for (int i = 0; i < 8; ++i) CHECK(fresh.take(1, Nanoseconds{0}).value == 0);
  CHECK(fresh.take(1, Nanoseconds{0}).value == 250);
}

}  // namespace rvm::sched
