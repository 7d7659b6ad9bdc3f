// SPDX-License-Identifier: MIT OR Apache-2.0
#include "arena.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "objects.hpp"
#include "rvm/memory/copy.hpp"

namespace rvm::kernel {
namespace {

constexpr std::uint64_t image_offset = 0x10000;  // from the slot base; documented in the agent guide
constexpr std::uint64_t map_alignment = std::uint64_t{2} << 20;

std::span<const rvm_package_segment> segments_of(const State& s, const rvm_package_image& image) {
  return s.package.segments().subspan(image.first_segment, image.segment_count);
}
bool is_writable(const rvm_package_segment& segment) {
  return allows(static_cast<Access>(segment.permissions), Access::write);
}

/// Nobody can change it, so all agents share the pages of the package itself.
Status map_constant(State& s, Partition& p, GuestAddress at, const rvm_package_segment& segment) {
  const auto access = static_cast<Access>(segment.permissions);
  const PhysicalAddress physical = hal::Port::to_physical(s.package.bytes().data() + segment.payload);
  return p.space.map(at, physical, pages_for(segment.memory_bytes), access, memory::MemoryType::normal);
}

Status load_segment(State& s, const Agent& agent, GuestAddress at, const rvm_package_segment& segment) {
  Partition& p = s.partition_of(agent);
  const std::byte* content = s.package.bytes().data() + segment.payload;
  const auto access = static_cast<Access>(segment.permissions);
  const std::uint64_t pages = pages_for(segment.memory_bytes);
  if (!is_writable(segment)) {
    if (auto mapped = map_constant(s, p, at, segment); !mapped) return mapped;
    if (allows(access, Access::execute))
      hal::Port::synchronise_instructions(hal::Port::to_physical(content),
                                          static_cast<std::size_t>(pages) * page_bytes);
    return {};
  }
  if (auto mapped = map_fresh(s, agent, at, pages, access); !mapped) return mapped;
  for (std::uint64_t done = 0; done < segment.file_bytes; done += page_bytes) {
    const auto page = p.space.translate(offset(at, done));
    if (!page) return fail(Error::internal);
    std::memcpy(hal::Port::to_pointer(page->address), content + done,
                static_cast<std::size_t>(std::min<std::uint64_t>(page_bytes, segment.file_bytes - done)));
  }
  return {};
}

/// A part of an arena whose pages are single ones: all but constant segments.
struct Part {
  GuestAddress at;
  std::uint64_t pages = 0;
  bool on_demand = false;

  [[nodiscard]] bool contains(GuestAddress a) const {
    return a.value >= at.value && a.value - at.value < pages * page_bytes;
  }
};

/// Calls `use` with the parts that the agent may write, in ascending order, until it returns false.
template <typename Use>
bool each_writable_part(const State& s, const rvm_package_image& image, const SlotLayout& layout, Use&& use) {
  for (const rvm_package_segment& segment : segments_of(s, image)) {
    if (is_writable(segment) && !use(Part{offset(layout.image, segment.offset), pages_for(segment.memory_bytes)}))
      return false;
  }
  return use(Part{layout.stack, image.stack_pages}) &&
         use(Part{layout.heap, image.heap_pages, (image.flags & RVM_IMAGE_ON_DEMAND) != 0});
}

/// The agent of `p` in whose slot an address lies, as long as its arena is whole.
Agent* occupant(State& s, const Partition& p, GuestAddress at) {
  const std::uint64_t index = at.value / hal::Port::geometry().slot_bytes;
  if (index == 0 || index >= s.agents.capacity()) return nullptr;
  Agent& agent = s.agents.at(static_cast<std::uint16_t>(index));
  return agent.id.value != 0 && agent.partition == &p && agent.state != AgentState::terminated ? &agent : nullptr;
}

Status fill_hole(State& s, const Agent& agent, GuestAddress at) {
  if (auto mapped = map_fresh(s, agent, at, 1, Access::read_write); !mapped) return mapped;
  hal::Port::publish_tables();
  return {};
}

/// Gives the agent a page of its own instead of one that it shares. It is counted already.
Status part_with(State& s, const Agent& agent, GuestAddress at, PhysicalAddress shared) {
  Partition& p = s.partition_of(agent);
  const auto forget = [&] {
    hal::Port::publish_tables();
    if (s.vmids.is_current(p.vmid)) hal::Port::invalidate_page({p.space.root(), p.vmid.vmid()}, at);
  };
  if (s.pages.claim(shared, page_owner(agent))) return p.space.replace(at, shared, Access::read_write, forget);
  const auto own = s.pages.allocate_run(1, page_owner(agent));
  if (!own) return fail(own.error());
  std::memcpy(hal::Port::to_pointer(*own), hal::Port::to_pointer(shared), page_bytes);
  const Status replaced = p.space.replace(at, *own, Access::read_write, forget);
  ensure(replaced.has_value());
  s.pages.drop_share(shared);
  return {};
}

/// Both have the pages of `part` that the original has, none with write access.
Status share_part(State& s, Agent& original, const Part& part, Partition& p, GuestAddress at, std::uint64_t& left) {
  return s.partition_of(original).space.share(
      part.at, part.pages, p.space, at,
      [&](const memory::Translation& page) -> Result<Access> {
        if (left == 0) return fail(Error::resource_limit);
        --left;
        if (auto charged = p.account.charge(1); !charged) return fail(charged.error());
        if (auto shared = s.pages.share(page.address); !shared) {
          p.account.credit(1);
          return fail(shared.error());
        }
        return allows(page.access, Access::execute) ? page.access : Access::read;
      },
      [&](const memory::Translation& page) {
        s.pages.drop_share(page.address);
        p.account.credit(1);
      });
}

/// Touches what a copy of `bytes` needs. False: that does not help.
bool reach(State& s, Partition& p, GuestAddress from, std::size_t bytes, Access wanted) {
  if (bytes == 0 || bytes > memory::max_copy_bytes || from.value > UINT64_MAX - bytes) return false;
  if (!touch(s, p, from, wanted)) return false;
  return touch(s, p, offset(from, bytes - 1), wanted).has_value();
}

}  // namespace

SlotLayout::SlotLayout(GuestAddress slot, const rvm_package_image& i)
    : base(slot),
      image(offset(slot, image_offset)),
      stack(offset(image, i.bytes + page_bytes)),
      stack_top(offset(stack, std::uint64_t{i.stack_pages} * page_bytes)),
      heap(offset(stack_top, page_bytes)),
      map(GuestAddress{(heap.value + (std::uint64_t{i.heap_pages} + 1) * page_bytes + map_alignment - 1) &
                       ~(map_alignment - 1)}) {}

Status load_arena(State& s, const Agent& agent, const rvm_package_image& image, const SlotLayout& layout) {
  for (const rvm_package_segment& segment : segments_of(s, image)) {
    if (auto loaded = load_segment(s, agent, offset(layout.image, segment.offset), segment); !loaded) return loaded;
  }
  if (auto mapped = map_fresh(s, agent, layout.stack, image.stack_pages, Access::read_write); !mapped) return mapped;
  if ((image.flags & RVM_IMAGE_ON_DEMAND) == 0) {
    if (auto mapped = map_fresh(s, agent, layout.heap, image.heap_pages, Access::read_write); !mapped) return mapped;
  }
  return map_fresh(s, agent, layout.base, 1, Access::read);
}

Status fork_arena(State& s, Agent& original, const Agent& agent, const SlotLayout& layout) {
  Partition& p = s.partition_of(agent);
  const rvm_package_image& image = s.package.images()[original.image];
  for (const rvm_package_segment& segment : segments_of(s, image)) {
    if (is_writable(segment)) continue;
    if (auto mapped = map_constant(s, p, offset(layout.image, segment.offset), segment); !mapped) return mapped;
  }
  std::uint64_t left = maximum_fork_pages;
  Status shared;
  each_writable_part(s, image, {original.slot, image}, [&](const Part& part) {
    shared = share_part(s, original, part, p, offset(layout.base, part.at.value - original.slot.value), left);
    return shared.has_value();
  });
  // Also after an error: the original may have lost write access to some pages, and must find that out.
  hal::Port::publish_tables();
  invalidate(s, s.partition_of(original));
  if (!shared) return shared;
  return map_fresh(s, agent, layout.base, 1, Access::read);
}

bool release_arena_step(State& s, Agent& agent) {
  Partition& p = s.partition_of(agent);
  const rvm_package_image& image = s.package.images()[agent.image];
  const SlotLayout layout{agent.slot, image};
  std::uint64_t before = 0;  // pages of the ranges passed so far
  const auto advance = [&](GuestAddress at, std::uint64_t pages) {
    std::uint64_t done = agent.pages_released - before;
    before += pages;
    if (done >= pages) return false;
    const std::uint64_t holes = p.space.next_mapped(offset(at, done * page_bytes), pages - done);
    done += holes;
    agent.pages_released += holes;
    if (done == pages) return false;
    const std::uint64_t now = std::min(pages - done, release_step_pages);
    release_range(s, p, offset(at, done * page_bytes), now);
    agent.pages_released += now;
    return true;
  };
  for (const rvm_package_segment& segment : segments_of(s, image)) {
    if (advance(offset(layout.image, segment.offset), pages_for(segment.memory_bytes))) return true;
  }
  return advance(layout.stack, image.stack_pages) || advance(layout.heap, image.heap_pages) || advance(layout.base, 1);
}

Status touch(State& s, Partition& p, GuestAddress at, Access wanted) {
  const auto page = p.space.translate(at);
  if (page && allows(page->access, wanted)) return {};  // by now
  const Agent* const agent = occupant(s, p, at);
  if (agent == nullptr || allows(wanted, Access::execute)) return fail(Error::bad_address);
  const rvm_package_image& image = s.package.images()[agent->image];
  const GuestAddress first{at.value & ~std::uint64_t{page_bytes - 1}};
  Status done = fail(Error::bad_address);
  each_writable_part(s, image, {agent->slot, image}, [&](const Part& part) {
    if (!part.contains(at)) return true;
    if (!page) {
      if (part.on_demand) done = fill_hole(s, *agent, first);
    } else if (page->access == Access::read) {  // not sealed
      done = part_with(s, *agent, first, PhysicalAddress{page->address.value & ~std::uint64_t{page_bytes - 1}});
    }
    return false;
  });
  return done;
}

Status own_page(State& s, Partition& p, GuestAddress at) {
  const auto page = p.space.translate(at);
  if (!page) return touch(s, p, at, Access::read);
  return s.pages.sharers(page->address) != 0 && page->access == Access::read ? touch(s, p, at, Access::write)
                                                                             : Status{};
}

Status seal_memory(State& s, Agent& agent, GuestAddress at, std::uint64_t pages) {
  if (!page_aligned(at)) return fail(Error::unaligned);
  if (pages == 0 || pages > maximum_region_pages) return fail(Error::bad_argument);
  Partition& p = s.partition_of(agent);
  const rvm_package_image& image = s.package.images()[agent.image];
  const SlotLayout layout{agent.slot, image};
  const std::uint64_t first = at.value - layout.heap.value;  // wraps if it is below
  const std::uint64_t heap_bytes = std::uint64_t{image.heap_pages} * page_bytes;
  if (first >= heap_bytes || pages * page_bytes > heap_bytes - first) return fail(Error::bad_address);
  std::uint64_t there = 0;
  const Status may = p.space.visit(at, pages, [&](GuestAddress, const memory::Translation& t) -> Result<Access> {
    if (t.access != Access::read_write) return fail(Error::bad_state);
    ++there;
    return t.access;
  });
  if (!may) return may;
  if (there != pages) return fail(Error::bad_address);
  ensure(p.space
             .visit(at, pages,
                    [](GuestAddress, const memory::Translation& t) -> Result<Access> {
                      hal::Port::synchronise_instructions(t.address, page_bytes);
                      return Access::read_execute;
                    })
             .has_value());
  hal::Port::publish_tables();
  invalidate(s, p);
  return {};
}

Status copy_in(State& s, Partition& p, GuestAddress from, std::span<std::byte> to) {
  const Status copied = memory::copy_in(p.space, from, to);
  if (copied || copied.error() != Error::bad_address || !reach(s, p, from, to.size(), Access::read)) return copied;
  return memory::copy_in(p.space, from, to);
}

Status copy_out(State& s, Partition& p, GuestAddress to, std::span<const std::byte> from) {
  const Status copied = memory::copy_out(p.space, to, from);
  if (copied || copied.error() != Error::bad_address || !reach(s, p, to, from.size(), Access::write)) return copied;
  return memory::copy_out(p.space, to, from);
}

}  // namespace rvm::kernel
