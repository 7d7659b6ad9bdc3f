// SPDX-License-Identifier: MIT OR Apache-2.0
#include "turn_state.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <string_view>

namespace rvm::wasm {

namespace {

constexpr std::size_t page = PageTree::page_bytes;

/// By lines of 64 bytes, in vectors: this is what a turn costs for each page that it left alone.
bool same_page(const std::byte* a, const std::byte* b) {
  using Vector = std::uint64_t __attribute__((vector_size(16)));
  for (std::size_t at = 0; at < page; at += 64) {
    Vector x[4];
    Vector y[4];
    std::memcpy(x, a + at, sizeof x);
    std::memcpy(y, b + at, sizeof y);
    const Vector differs = (x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]);
    if ((differs[0] | differs[1]) != 0) return false;
  }
  return true;
}

}  // namespace

std::size_t TurnState::memory_begin() const {
  const Memory* const m = instance_->memory;
  return m == nullptr || m->base == nullptr ? store_->arena().used() : store_->arena().offset_of(m->base);
}
std::size_t TurnState::memory_end() const {
  const Memory* const m = instance_->memory;
  return m == nullptr || m->base == nullptr ? store_->arena().used()
                                            : memory_begin() + std::size_t{m->room} * memory_page_bytes;
}
std::size_t TurnState::pages() const {
  return instance_->memory == nullptr ? 0 : static_cast<std::size_t>(instance_->memory->bytes / page);
}

std::optional<TurnState> TurnState::create(Store& store, Instance& instance, std::span<std::byte> copy, Arena& arena) {
  const std::size_t room =
      instance.memory == nullptr ? 0 : std::size_t{instance.memory->room} * (memory_page_bytes / page);
  auto tree = PageTree::create(arena, room);
  const auto changed = arena.allocate<std::uint64_t>(room / 64 + 1);
  if (!tree || changed.empty()) return std::nullopt;
  TurnState state{store, instance, copy, *tree, changed};
  (void)state.examine({});
  state.accept();
  return state;
}

/// What of the arena is not linear memory: objects before it, and tables that grew behind it.
void TurnState::move_rest(std::byte* to, const std::byte* from, std::size_t used) const {
  const std::size_t begin = std::min(memory_begin(), used);
  std::memcpy(to, from, begin);
  const std::size_t behind = memory_end();
  if (used > behind) std::memcpy(to + behind, from + behind, used - behind);
}

void TurnState::save_rest() {
  used_ = store_->arena().used();
  move_rest(copy_.data(), store_->arena().base(), used_);
}

template <typename Use>
void TurnState::each_changed(Use&& use) {
  for (std::size_t word = 0; word < changed_.size(); ++word) {
    for (std::uint64_t bits = changed_[word]; bits != 0; bits &= bits - 1) {
      use(word * 64 + static_cast<std::size_t>(std::countr_zero(bits)));
    }
    changed_[word] = 0;
  }
}

crypto::Digest TurnState::examine(std::span<const std::byte> beside) {
  const Memory* const memory = instance_->memory;
  const std::size_t begin = memory_begin();
  for (std::size_t i = 0; i < pages(); ++i) {
    const std::byte* const now = memory->base + i * page;
    if (same_page(now, copy_.data() + begin + i * page)) continue;
    changed_[i / 64] |= std::uint64_t{1} << i % 64;
    tree_.set(i, PageTree::Page{now, page});
  }
  tree_.update();
  crypto::Sha256 hash;
  constexpr std::string_view domain = "RVM-STATE-1";
  const std::uint64_t bytes = memory == nullptr ? 0 : memory->bytes;
  hash.update(std::as_bytes(std::span{domain}));
  hash.update(crypto::bytes_of(bytes));
  hash.update(tree_.root());
  for (const Global* global : instance_->globals) hash.update(crypto::bytes_of(global->value.bits));
  for (const Table* table : instance_->tables) {
    hash.update(crypto::bytes_of(table->length));
    hash.update(std::as_bytes(table->elements.first(table->length)));
  }
  hash.update(std::as_bytes(instance_->dropped_data));
  hash.update(std::as_bytes(instance_->dropped_elements));
  hash.update(beside);
  return hash.finish();
}

void TurnState::accept() {
  const std::size_t begin = memory_begin();
  each_changed(
      [&](std::size_t i) { std::memcpy(copy_.data() + begin + i * page, instance_->memory->base + i * page, page); });
  save_rest();
}

void TurnState::reject() {
  const std::size_t begin = memory_begin();
  // The memory may have grown in the turn: its pages go back to zero, as their copies are, before it is small again.
  each_changed([&](std::size_t i) {
    const std::byte* const before = copy_.data() + begin + i * page;
    std::memcpy(instance_->memory->base + i * page, before, page);
    tree_.set(i, PageTree::Page{before, page});
  });
  tree_.update();
  move_rest(store_->arena().base(), copy_.data(), used_);
  store_->arena().rewind(used_);
}

}  // namespace rvm::wasm
