// SPDX-License-Identifier: MIT OR Apache-2.0
#include "turn_state.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace rvm::wasm {

namespace {

constexpr std::size_t page = PageTree::page_bytes;

constexpr std::size_t line = 64;

/// In vectors: this is what a turn costs for each line that it left alone.
bool same_line(const std::byte* a, const std::byte* b) {
  using Vector = std::uint64_t __attribute__((vector_size(16)));
  Vector x[4];
  Vector y[4];
  std::memcpy(x, a, sizeof x);
  std::memcpy(y, b, sizeof y);
  const Vector differs = (x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]);
  return (differs[0] | differs[1]) == 0;
}

bool same_page(const std::byte* a, const std::byte* b) {
  for (std::size_t at = 0; at < page; at += line) {
    if (!same_line(a + at, b + at)) return false;
  }
  return true;
}

/// Writes only what differs: memory that is shared until it is written stays shared.
void copy_differing(std::byte* to, const std::byte* from, std::size_t bytes) {
  std::size_t at = 0;
  for (; bytes - at >= line; at += line) {
    if (!same_line(to + at, from + at)) std::memcpy(to + at, from + at, line);
  }
  if (std::memcmp(to + at, from + at, bytes - at) != 0) std::memcpy(to + at, from + at, bytes - at);
}

}  // namespace

std::size_t TurnState::memory_begin() const {
  const Memory* const m = instance_->memory;
  return m == nullptr || m->place == nullptr ? store_->arena().used() : store_->arena().offset_of(m->place);
}
std::size_t TurnState::memory_end() const {
  const Memory* const m = instance_->memory;
  return m == nullptr || m->place == nullptr ? store_->arena().used()
                                             : memory_begin() + std::size_t{m->room} * memory_page_bytes;
}
std::size_t TurnState::pages() const {
  return instance_->memory == nullptr ? 0 : static_cast<std::size_t>(instance_->memory->bytes / page);
}

std::byte* TurnState::now(std::uint32_t number) const { return instance_->memory->place + std::size_t{number} * page; }
std::byte* TurnState::before(std::size_t i) const {
  return copy_.data() + memory_begin() + (space_ != nullptr ? i : std::size_t{changed_[i]}) * page;
}

std::optional<TurnState> TurnState::create(Store& store, Instance& instance, std::span<std::byte> copy, Arena& arena,
                                           AddressSpace* space) {
  const std::size_t room =
      instance.memory == nullptr ? 0 : std::size_t{instance.memory->room} * (memory_page_bytes / page);
  auto tree = PageTree::create(arena, room);
  const auto differing = arena.allocate<std::uint32_t>(space != nullptr ? 1 : room + 1);
  if (!tree || differing.empty()) return std::nullopt;
  if (instance.memory == nullptr || !instance.memory->guarded) space = nullptr;
  TurnState state{store, instance, copy, *tree, differing, space};
  (void)state.examine({});
  state.accept();
  return state;
}

/// What of the arena is not linear memory: objects before it, and tables that grew behind it.
void TurnState::move_rest(std::byte* to, const std::byte* from, std::size_t used) const {
  const std::size_t begin = std::min(memory_begin(), used);
  copy_differing(to, from, begin);
  const std::size_t behind = memory_end();
  if (used > behind) copy_differing(to + behind, from + behind, used - behind);
}

void TurnState::find_changed() {
  if (space_ != nullptr) {
    changed_ = space_->written();
    return;
  }
  std::size_t count = 0;
  for (std::uint32_t i = 0; i < pages(); ++i) {
    if (!same_page(now(i), copy_.data() + memory_begin() + std::size_t{i} * page)) differing_[count++] = i;
  }
  changed_ = differing_.first(count);
}

void TurnState::start_over() {
  changed_ = {};
  if (space_ != nullptr) space_->start_over(copy_.subspan(memory_begin(), memory_end() - memory_begin()));
}

crypto::Digest TurnState::examine(std::span<const std::byte> beside) {
  find_changed();
  for (const std::uint32_t i : changed_) tree_.set(i, PageTree::Page{now(i), page});
  tree_.update();
  const Memory* const memory = instance_->memory;
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
  if (space_ == nullptr) {
    for (std::size_t i = 0; i < changed_.size(); ++i) std::copy_n(now(changed_[i]), page, before(i));
  }
  start_over();
  used_ = store_->arena().used();
  move_rest(copy_.data(), store_->arena().base(), used_);
}

void TurnState::reject() {
  // The memory may have grown in the turn: its pages go back to zero before it is small again.
  for (std::size_t i = 0; i < changed_.size(); ++i) {
    std::copy_n(before(i), page, now(changed_[i]));
    tree_.set(changed_[i], PageTree::Page{before(i), page});
  }
  tree_.update();
  Memory* const memory = instance_->memory;
  const std::uint64_t grown = memory == nullptr ? 0 : memory->bytes;
  move_rest(store_->arena().base(), copy_.data(), used_);
  store_->arena().rewind(used_);
  if (memory != nullptr && memory->guarded && memory->bytes < grown) {
    (void)store_->host().resize(store_->host().user, memory->base, grown, memory->bytes);  // smaller is always possible
  }
  start_over();
}

}  // namespace rvm::wasm
