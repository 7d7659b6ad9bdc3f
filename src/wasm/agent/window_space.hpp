// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <rvm/agent.hpp>

#include "address_space.hpp"
#include "rvm/wasm/types.hpp"
#include "window.hpp"

namespace rvm::wasm {

/// Linear memories in the views of a program with a window.
class WindowSpace final : public AddressSpace {
 public:
  static_assert(RVM_WINDOW_BYTES >=
                (std::uint64_t{4} << 30) + guarded_bytes);  // an offset in the slot, then what is guarded

  void give_tables(std::span<std::byte> pages) override { window::give_tables(pages); }
  std::byte* view(std::span<std::byte> place) override {
    if (views_ == window::view_count()) return nullptr;
    std::byte* const view = window::in_view(views_++, place.data());
    if (!watched_.empty()) window::watch({view, place.size()}, watched_);
    return view;
  }
  bool resize(std::byte* view, std::uint64_t before, std::uint64_t bytes) override {
    if (bytes < before) return window::unmap({view + bytes, static_cast<std::size_t>(before - bytes)});
    return window::map({view + before, static_cast<std::size_t>(bytes - before)},
                       watched_.empty() ? window::Permission::write : window::Permission::read);
  }
  bool expect_faults(std::span<const std::byte> code, std::uint32_t target) override {
    return window::expect_faults(code, target);
  }
  void watch(std::span<std::uint32_t> numbers) override { watched_ = numbers; }
  std::span<const std::uint32_t> written() const override { return window::written(); }
  void start_over(std::span<std::byte> before) override { window::watch_again(before); }

  /// Views may be used again, with nothing mapped in them.
  void forget_views() { views_ = 0; }

 private:
  std::span<std::uint32_t> watched_;
  unsigned views_ = 0;
};

}  // namespace rvm::wasm
