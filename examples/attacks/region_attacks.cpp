// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Regions mapped where, how or when they must not be.
#include "attack.hpp"

namespace attacks {

namespace {

rvm_handle region(std::uint64_t pages) {
  rvm_handle h = RVM_INVALID_HANDLE;
  const rvm_error e = rvm_region_create(partition_handle(), pages, &h);
  if (e != RVM_ERROR_OK) say("unexpected: region_create -> ", static_cast<Error>(e));
  return h;
}

Verdict unaligned() {
  const rvm_handle r = region(1);
  Tries tries;
  for (const std::uint64_t off : {1ull, 8ull, 64ull, 4095ull})
    tries.refused("map", rvm_region_map(r, info().map_base + off, RVM_MAP_READ), {RVM_ERROR_UNALIGNED});
  return tries.verdict();
}
Verdict outside_slot() {
  const rvm_handle r = region(2);
  Tries tries;
  const std::uint64_t end = info().slot_base + info().slot_size;
  for (const std::uint64_t address :
       {std::uint64_t{0}, slot_of(victim_id), victim_image(), end - RVM_PAGE_SIZE, end, std::uint64_t{1} << 40,
        std::uint64_t{1} << 48, ~std::uint64_t{0xfff}, ~std::uint64_t{0x1fff}})
    tries.refused("map", rvm_region_map(r, address, RVM_MAP_READ | RVM_MAP_WRITE), {RVM_ERROR_PROOF});
  return tries.verdict();
}
Verdict double_map() {
  const rvm_handle r = region(1);
  Tries tries;
  tries.check("first map", rvm_region_map(r, info().map_base, RVM_MAP_READ | RVM_MAP_WRITE) == RVM_ERROR_OK);
  tries.refused("same place", rvm_region_map(r, info().map_base, RVM_MAP_READ),
                {RVM_ERROR_BAD_STATE, RVM_ERROR_OVERLAP});
  tries.refused("elsewhere", rvm_region_map(r, info().map_base + 0x10000, RVM_MAP_READ | RVM_MAP_WRITE),
                {RVM_ERROR_BAD_STATE, RVM_ERROR_OVERLAP});
  return tries.verdict();
}
Verdict over_live_region() {
  const rvm_handle a = region(4);
  const rvm_handle b = region(4);
  Tries tries;
  tries.check("first map", rvm_region_map(a, info().map_base + 0x4000, RVM_MAP_READ | RVM_MAP_WRITE) == RVM_ERROR_OK);
  poke(info().map_base + 0x4000, 0x1234);
  for (const std::uint64_t off : {0x1000ull, 0x4000ull, 0x7000ull})
    tries.refused("overlap", rvm_region_map(b, info().map_base + off, RVM_MAP_READ | RVM_MAP_WRITE),
                  {RVM_ERROR_OVERLAP});
  tries.check("content", peek(info().map_base + 0x4000) == 0x1234);
  return tries.verdict();
}
Verdict over_own_image() {
  const rvm_handle r = region(1);
  Tries tries;
  for (const std::uint64_t address :
       {info().slot_base, info().image_base, info().stack_top - RVM_PAGE_SIZE, info().heap_base})
    tries.refused("map", rvm_region_map(r, address, RVM_MAP_READ | RVM_MAP_WRITE), {RVM_ERROR_PROOF});
  return tries.verdict();
}
Verdict write_and_execute() {
  const rvm_handle r = region(1);
  Tries tries;
  for (const std::uint64_t access :
       {std::uint64_t{RVM_MAP_READ | RVM_MAP_WRITE | RVM_MAP_EXECUTE}, std::uint64_t{RVM_MAP_WRITE | RVM_MAP_EXECUTE}})
    tries.refused("map", rvm_region_map(r, info().map_base, access), {RVM_ERROR_WRITE_EXECUTE, RVM_ERROR_BAD_ARGUMENT});
  for (const std::uint64_t access :
       {std::uint64_t{0}, std::uint64_t{8}, std::uint64_t{0xff}, ~std::uint64_t{0}, std::uint64_t{1} << 32 | 1})
    tries.refused("map", rvm_region_map(r, info().map_base, access), {RVM_ERROR_BAD_ARGUMENT, RVM_ERROR_WRITE_EXECUTE});
  return tries.verdict();
}
/// Counts that are no size: nothing, or more than there can be.
Verdict absurd_sizes() {
  Tries tries;
  rvm_handle h = 0;
  for (const std::uint64_t pages : {0ull, 1ull << 31, 1ull << 32, 1ull << 51, 1ull << 52, 1ull << 63, ~0ull})
    tries.refused("create", rvm_region_create(partition_handle(), pages, &h),
                  {RVM_ERROR_BAD_ARGUMENT, RVM_ERROR_NO_MEMORY, RVM_ERROR_RESOURCE_LIMIT});
  return tries.verdict();
}
/// Memory must be unreachable, in the TLB too, when unmap returns.
Verdict use_after_unmap() {
  const rvm_handle r = region(1);
  if (rvm_region_map(r, info().map_base, RVM_MAP_READ | RVM_MAP_WRITE) != RVM_ERROR_OK) return escaped("cannot map");
  poke(info().map_base, 1);
  if (rvm_region_unmap(r) != RVM_ERROR_OK) return escaped("cannot unmap");
  (void)peek(info().map_base);
  return escaped("an unmapped region can be read");
}
Verdict use_after_destroy() {
  const rvm_handle r = region(1);
  if (rvm_region_map(r, info().map_base, RVM_MAP_READ | RVM_MAP_WRITE) != RVM_ERROR_OK) return escaped("cannot map");
  poke(info().map_base, 1);
  if (rvm_region_destroy(r) != RVM_ERROR_OK) return escaped("cannot destroy");
  poke(info().map_base, 2);
  return escaped("a destroyed region can be written");
}
Verdict stale_region_handle() {
  const rvm_handle r = region(1);
  Tries tries;
  tries.check("destroy", rvm_region_destroy(r) == RVM_ERROR_OK);
  tries.refused("map", rvm_region_map(r, info().map_base, RVM_MAP_READ), {RVM_ERROR_BAD_CAPABILITY});
  tries.refused("destroy", rvm_region_destroy(r), {RVM_ERROR_BAD_CAPABILITY});
  // The slot may be given out again: the old handle must not name its new content.
  (void)region(1);
  tries.refused("map", rvm_region_map(r, info().map_base, RVM_MAP_READ), {RVM_ERROR_BAD_CAPABILITY});
  return tries.verdict();
}
/// New memory must be clean: nothing of its earlier owner.
Verdict read_old_memory() {
  const rvm_handle r = region(64);
  if (rvm_region_map(r, info().map_base, RVM_MAP_READ) != RVM_ERROR_OK) return escaped("cannot map");
  for (std::uint64_t off = 0; off < 64 * RVM_PAGE_SIZE; off += 4)
    if (peek(info().map_base + off) != 0) return escaped("a new region held old data");
  return contained("all zero");
}
/// A read-only mapping of one's own region is still read-only.
Verdict write_read_only_region() {
  const rvm_handle r = region(1);
  if (rvm_region_map(r, info().map_base, RVM_MAP_READ) != RVM_ERROR_OK) return escaped("cannot map");
  poke(info().map_base, 1);
  return escaped("a read-only region was written");
}
/// The director shares a region for reading. First ask for more, then take more.
Verdict write_shared_region() {
  alignas(16) std::byte buffer[64];
  rvm_received received{};
  const rvm_error got =
      rvm_receive(rvm_find("director", RVM_OBJECT_EDGE), buffer, sizeof buffer, RVM_FOREVER, &received);
  if (got != RVM_ERROR_OK || received.kind != RVM_MESSAGE_REGION) return escaped("no region arrived");
  rvm_capability_message message{};
  std::memcpy(&message, buffer, sizeof message);
  if (rvm_region_map(message.handle, info().map_base, RVM_MAP_READ | RVM_MAP_WRITE) == RVM_ERROR_OK)
    return escaped("mapped for writing");
  if (rvm_region_destroy(message.handle) == RVM_ERROR_OK) return escaped("destroyed another partition's region");
  if (rvm_region_map(message.handle, info().map_base, RVM_MAP_READ) != RVM_ERROR_OK)
    return escaped("cannot map for reading");
  (void)peek(info().map_base);
  poke(info().map_base, 0x41414141);
  return escaped("another partition's region was written");
}
/// The director shares a region and takes it back: reading must end with a fault, however warm the TLB is.
Verdict read_after_unshare() {
  alignas(16) std::byte buffer[64];
  rvm_received received{};
  const rvm_error got =
      rvm_receive(rvm_find("director", RVM_OBJECT_EDGE), buffer, sizeof buffer, RVM_FOREVER, &received);
  if (got != RVM_ERROR_OK || received.kind != RVM_MESSAGE_REGION) return escaped("no region arrived");
  rvm_capability_message message{};
  std::memcpy(&message, buffer, sizeof message);
  if (rvm_region_map(message.handle, info().map_base, RVM_MAP_READ) != RVM_ERROR_OK)
    return escaped("cannot map for reading");
  const Nanoseconds end = now() + milliseconds(500);
  while (now() < end) (void)peek(info().map_base);
  return escaped("a region that was taken back can be read");
}

constexpr Attack region_table[] = {
    {"region-unaligned", unaligned},
    {"region-outside-slot", outside_slot},
    {"region-double-map", double_map},
    {"region-over-region", over_live_region},
    {"region-over-image", over_own_image},
    {"region-write-execute", write_and_execute},
    {"region-absurd-sizes", absurd_sizes},
    {"region-after-unmap", use_after_unmap},
    {"region-after-destroy", use_after_destroy},
    {"region-stale-handle", stale_region_handle},
    {"region-old-content", read_old_memory},
    {"region-write-readonly", write_read_only_region},
    {"region-write-shared", write_shared_region},
    {"region-after-unshare", read_after_unshare},
};

}  // namespace

constexpr std::span<const Attack> region_attacks{region_table};

}  // namespace attacks
