// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The state of an actor between turns, kept so that a turn can be undone, and its digest.
//
// A copy of the store lies beside it. After a turn the pages of linear memory are compared with their copies: those that differ
// are hashed anew and, when the turn commits, copied; when it is aborted they are copied back. So a turn costs a comparison of
// its memory and 4 KiB of hash and copy for each page it wrote, and nothing while it runs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "page_tree.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/wasm/store.hpp"

namespace rvm::wasm {

class TurnState {
 public:
  /// The instance as it is becomes the state of which turns start. `copy` is zero and as large as the store's arena; what else is
  /// needed comes from `arena`. Nothing: there is no room.
  [[nodiscard]] static std::optional<TurnState> create(Store& store, Instance& instance, std::span<std::byte> copy,
                                                       Arena& arena);

  /// Looks for what the turn changed. Returns the digest of the state it led to, with `beside`, what the host keeps for the
  /// instance: SHA-256("RVM-STATE-1" || memory bytes || root of the page tree || globals || tables || dropped || beside).
  [[nodiscard]] crypto::Digest examine(std::span<const std::byte> beside);
  /// After examine: the next turn starts from here.
  void accept();
  /// After examine: everything is as it was when the turn began.
  void reject();

 private:
  TurnState(Store& store, Instance& instance, std::span<std::byte> copy, PageTree tree,
            std::span<std::uint64_t> changed)
      : store_(&store), instance_(&instance), copy_(copy), tree_(tree), changed_(changed) {}

  [[nodiscard]] std::size_t memory_begin() const;  ///< in the arena; where linear memory is, or its end
  [[nodiscard]] std::size_t memory_end() const;    ///< of the room for it
  [[nodiscard]] std::size_t pages() const;         ///< of linear memory, of 4 KiB
  void move_rest(std::byte* to, const std::byte* from, std::size_t used) const;
  void save_rest();
  template <typename Use>
  void each_changed(Use&& use);

  Store* store_;
  Instance* instance_;
  std::span<std::byte> copy_;
  PageTree tree_;
  std::span<std::uint64_t> changed_;  ///< pages of linear memory, one bit each
  std::size_t used_ = 0;              ///< of the arena, when the turn began
};

}  // namespace rvm::wasm
