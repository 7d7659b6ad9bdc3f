// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The state of an actor between turns, kept so that a turn can be undone, and its digest.
//
// Pages that a turn wrote are hashed anew; when it is aborted they become again what they were. Where the agent has translation
// tables of its own (AddressSpace) they tell which pages those are, and what was in them is kept at the first write: a turn costs
// 4 KiB of copy and hash and an exception for each page that it writes, and nothing for others. Elsewhere a copy of all memory lies
// beside it and is compared with it after each turn.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "address_space.hpp"
#include "page_tree.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/wasm/store.hpp"

namespace rvm::wasm {

class TurnState {
 public:
  /// The instance as it is becomes the state of which turns start. `copy` is zero and as large as the store's arena; what else is
  /// needed comes from `arena`. `space` has watched the instance's memory since it was made. Nothing: there is no room.
  [[nodiscard]] static std::optional<TurnState> create(Store& store, Instance& instance, std::span<std::byte> copy,
                                                       Arena& arena, AddressSpace* space = nullptr);

  /// Looks for what the turn changed. Returns the digest of the state it led to, with `beside`, what the host keeps for the
  /// instance: SHA-256("RVM-STATE-1" || memory bytes || root of the page tree || globals || tables || dropped || beside).
  [[nodiscard]] crypto::Digest examine(std::span<const std::byte> beside);
  /// After examine: the next turn starts from here.
  void accept();
  /// After examine: everything is as it was when the turn began.
  void reject();

 private:
  TurnState(Store& store, Instance& instance, std::span<std::byte> copy, PageTree tree,
            std::span<std::uint32_t> differing, AddressSpace* space)
      : store_(&store), instance_(&instance), copy_(copy), tree_(tree), differing_(differing), space_(space) {}

  [[nodiscard]] std::size_t memory_begin() const;  ///< in the arena; where linear memory is, or its end
  [[nodiscard]] std::size_t memory_end() const;    ///< of the room for it
  [[nodiscard]] std::size_t pages() const;         ///< of linear memory, of 4 KiB
  void find_changed();
  /// What the i-th page that was changed had been.
  [[nodiscard]] std::byte* before(std::size_t i) const;
  [[nodiscard]] std::byte* now(std::uint32_t page) const;
  void move_rest(std::byte* to, const std::byte* from, std::size_t used) const;
  void start_over();

  Store* store_;
  Instance* instance_;
  std::span<std::byte> copy_;
  PageTree tree_;
  std::span<std::uint32_t> differing_;      ///< room for the numbers of pages, when they are found by comparison
  AddressSpace* space_;                     ///< nullptr: they are
  std::span<const std::uint32_t> changed_;  ///< pages of linear memory, after examine
  std::size_t used_ = 0;                    ///< of the arena, when the turn began
};

}  // namespace rvm::wasm
