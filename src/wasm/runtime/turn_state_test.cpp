// SPDX-License-Identifier: MIT OR Apache-2.0
#include "turn_state.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "page_tree.hpp"

using namespace rvm;
using namespace rvm::wasm;

namespace {

/// (module (table 2 funcref) (memory 1 4) (global (mut i32) (i32.const 0)))
constexpr unsigned char module_bytes[] = {0, 'a', 's', 'm', 1, 0, 0, 0, 4, 4,    1, 0x70, 0, 2,
                                          5, 4,   1,   1,   1, 4, 6, 6, 1, 0x7f, 1, 0x41, 0, 0x0b};

struct World {
  static constexpr std::size_t bytes = std::size_t{1} << 20;
  std::vector<std::uint64_t> place[4] = {std::vector<std::uint64_t>(bytes / 8), std::vector<std::uint64_t>(bytes / 8),
                                         std::vector<std::uint64_t>(bytes / 8), std::vector<std::uint64_t>(bytes / 8)};
  [[nodiscard]] std::span<std::byte> memory(int i) { return std::as_writable_bytes(std::span{place[i]}); }
  Arena module_arena{memory(0)};
  Arena arena{memory(1)};
  Arena tree{memory(3)};
  const Module* module = load(std::as_bytes(std::span{module_bytes}), module_arena).value();
  Store store{arena, {.memory_pages = 4, .table_elements = 1000}, {}};
  Instance& instance = *store.instantiate(*module, {}).value();
  TurnState state = TurnState::create(store, instance, memory(2), tree).value();

  struct Seen {
    std::vector<std::byte> memory;
    std::uint64_t global;
    std::vector<std::uint64_t> table;
    std::size_t arena;
    bool operator==(const Seen&) const = default;
  };
  [[nodiscard]] Seen seen() const {
    const Memory& m = *instance.memory;
    const Table& t = *instance.tables[0];
    return {{m.base, m.base + m.bytes},
            instance.globals[0]->value.bits[0],
            {t.elements.begin(), t.elements.begin() + t.length},
            arena.used()};
  }
  void change(std::mt19937& random) {
    Memory& m = *instance.memory;
    switch (random() % 8) {
      case 0:
        (void)store.grow(m, 1);
        break;
      case 1:
        (void)store.grow(*instance.tables[0], random() % 20, 5);
        break;
      case 2:
        instance.globals[0]->value.bits[0] = random();
        break;
      case 3:
        instance.tables[0]->elements[random() % instance.tables[0]->length] = random();
        break;
      default:
        m.base[random() % m.bytes] = static_cast<std::byte>(random());
    }
  }
};

crypto::Digest naive_root(std::span<const std::byte> memory, std::size_t leaves) {
  std::vector<crypto::Digest> level;
  for (std::size_t i = 0; i < leaves; ++i) {
    std::vector<std::byte> input(1 + PageTree::page_bytes);
    for (std::size_t b = 0; b < PageTree::page_bytes && i * PageTree::page_bytes + b < memory.size(); ++b)
      input[1 + b] = memory[i * PageTree::page_bytes + b];
    level.push_back(crypto::sha256(input));
  }
  while (level.size() > 1) {
    std::vector<crypto::Digest> above;
    for (std::size_t i = 0; i < level.size(); i += 2) {
      std::vector<std::byte> input{std::byte{1}};
      input.insert(input.end(), level[i].begin(), level[i].end());
      input.insert(input.end(), level[i + 1].begin(), level[i + 1].end());
      above.push_back(crypto::sha256(input));
    }
    level = above;
  }
  return level[0];
}

}  // namespace

TEST_CASE("page tree: the root is that of RFC 6962's hashes, whatever was set in which order") {
  std::vector<std::uint64_t> place(1 << 14);
  for (const std::size_t pages : {1UL, 2UL, 3UL, 5UL, 8UL, 100UL}) {
    std::ranges::fill(place, 0);
    Arena arena{std::as_writable_bytes(std::span{place})};
    auto tree = PageTree::create(arena, pages);
    REQUIRE(tree);
    const std::size_t leaves = std::max<std::size_t>(std::bit_ceil(pages), 2);
    std::vector<std::byte> memory(pages * PageTree::page_bytes);
    std::mt19937 random(1);
    for (int round = 0; round < 3; ++round) {
      for (int i = 0; i < 4; ++i) {
        const std::size_t page = random() % pages;
        memory[page * PageTree::page_bytes + random() % PageTree::page_bytes] = static_cast<std::byte>(random());
        tree->set(page, PageTree::Page{memory.data() + page * PageTree::page_bytes, PageTree::page_bytes});
      }
      tree->update();
      CHECK(tree->root() == naive_root(memory, leaves));
    }
  }
}

TEST_CASE("turn state: what is rejected never was, what is accepted stays") {
  World w;
  std::mt19937 random(7);
  crypto::Digest before = w.state.examine({});
  w.state.accept();
  World::Seen seen = w.seen();
  for (int turn = 0; turn < 400; ++turn) {
    const unsigned changes = random() % 30;
    for (unsigned i = 0; i < changes; ++i) w.change(random);
    const crypto::Digest after = w.state.examine({});
    if (random() % 2 == 0) {
      w.state.reject();
      CHECK(w.seen() == seen);
      CHECK(w.state.examine({}) == before);
      w.state.accept();
    } else {
      w.state.accept();
      CHECK((w.seen() == seen) == (after == before));
      seen = w.seen();
      before = after;
    }
  }
}

TEST_CASE("turn state: the same changes lead to the same digest, others to another") {
  World a;
  World b;
  std::mt19937 one(3);
  std::mt19937 same(3);
  for (int i = 0; i < 50; ++i) a.change(one);
  (void)a.state.examine({});
  a.state.accept();
  for (int i = 0; i < 50; ++i) a.change(one);
  for (int i = 0; i < 100; ++i) b.change(same);
  const crypto::Digest digest = a.state.examine({});
  CHECK(b.state.examine({}) == digest);
  constexpr std::byte something[1]{};
  CHECK(b.state.examine(something) != digest);
  b.state.accept();
  b.instance.memory->base[70] ^= std::byte{1};
  CHECK(b.state.examine({}) != digest);
}
