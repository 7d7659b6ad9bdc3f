// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The memory of an agent's own: the parts of its slot that its image describes. Parts are loaded whole, or page by page when
// they are touched first (heaps of images marked so), or shared with the agent it was forked from until one of them writes.
//
// Every page counts for the partition of each agent that has it mapped, whether others share it or not: a fork saves memory
// of the machine, not of a quota, and what somebody else does with a shared page changes nobody's account.
#pragma once

#include <cstddef>
#include <span>

#include "state.hpp"

namespace rvm::kernel {

/// Addresses of the parts of a slot (include/rvm/abi.h, rvm_agent_info).
struct SlotLayout {
  GuestAddress base, image, stack, stack_top, heap, map;

  SlotLayout(GuestAddress slot, const rvm_package_image& i);
};

/// Maps and fills an arena as the image has it. After an error some of it is mapped: release_arena_step.
[[nodiscard]] Status load_arena(State& s, const Agent& agent, const rvm_package_image& image, const SlotLayout& layout);

/// Maps for an agent what `original` has mapped of its arena, but for the information page, which is a fresh one. From now on
/// neither can write a page that both have before it got one of its own. At most maximum_fork_pages. Error::resource_limit: it has
/// more, or a page has too many sharers already. After an error some is mapped: release_arena_step.
[[nodiscard]] Status fork_arena(State& s, Agent& original, const Agent& agent, const SlotLayout& layout);

/// Scrubs and frees up to release_step_pages of an agent's arena, whole or half built. False when nothing is left of it.
[[nodiscard]] bool release_arena_step(State& s, Agent& agent);

/// An agent of `p` wants to read or write at `at`, and its tables do not let it. If that is only because the page is not there yet,
/// or is shared, it is made its own. Errors: bad_address (it may not), no_memory (it might, but there is none).
[[nodiscard]] Status touch(State& s, Partition& p, GuestAddress at, Access wanted);

/// Before a device is told to use a page of the caller's arena: it is there, and no other agent has it. Errors as touch; nothing to
/// do for what cannot be written.
[[nodiscard]] Status own_page(State& s, Partition& p, GuestAddress at);

/// Pages of the agent's heap become executable and no longer writable. Errors, without effect: unaligned, bad_argument (no
/// pages, more than maximum_region_pages), bad_address (not in its heap, or not there), bad_state (sealed already, or shared).
[[nodiscard]] Status seal_memory(State& s, Agent& agent, GuestAddress at, std::uint64_t pages);

// As in memory/copy.hpp, with pages that are touched first now.
[[nodiscard]] Status copy_in(State& s, Partition& p, GuestAddress from, std::span<std::byte> to);
[[nodiscard]] Status copy_out(State& s, Partition& p, GuestAddress to, std::span<const std::byte> from);

}  // namespace rvm::kernel
