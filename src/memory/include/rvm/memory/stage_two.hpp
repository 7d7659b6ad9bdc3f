// SPDX-License-Identifier: MIT OR Apache-2.0
//
// A partition's second-stage translation: guest-physical pages to physical pages. Tables of VMSAv8-64 with the 4 KiB granule,
// in both shapes of hal::TranslationGeometry; 2 MiB and 1 GiB blocks wherever both addresses allow.
//
// All or nothing: what an operation needs (tables, quota) is counted before anything is written, so it cannot fail halfway
// and there is no roll-back whose half-made entries a walker could have cached.
//
// TLB maintenance is the caller's, but for the splitting of a block:
//  - map: new entries only, so nothing to invalidate; Machine::publish_tables() before the guest may rely on them.
//  - unmap: publish and invalidate before the operation that asked for it returns and before the pages are used for anything
//    else: the single pages, or the whole VMID if `tables_retired`. Then release_retired().
//  - an unmap that splits a block breaks it, invalidates everything itself, and only then writes the replacement
//    (break-before-make, Arm ARM D8.16). Meanwhile another core may fault on a page that stays mapped: a fault on an address
//    that translate() finds mapped with the needed access is to be retried.
//
// Every member runs under the kernel lock; a StageTwo refers to the allocator and account given at creation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "rvm/hal/machine.hpp"
#include "rvm/memory/descriptor.hpp"
#include "rvm/memory/page_account.hpp"
#include "rvm/memory/page_allocator.hpp"

namespace rvm::memory {

template <typename M>
concept TableMachine = PageMachine<M> && requires {
  M::publish_tables();
  M::invalidate_all();
};

struct Translation {
  PhysicalAddress address;  ///< of the byte asked for
  Access access;
  MemoryType type;
};

/// What hangs on the entries of a slot (relink).
struct SlotContents {
  std::uint32_t tables = 0;  ///< charged to the account
  std::uint64_t pages = 0;   ///< mapped, singly or in blocks, whoever pays for them
};

/// What an unmap leaves to do, see above.
struct Unmapped {
  bool tables_retired;  ///< invalidate by VMID, then release_retired(); else invalidating the single pages suffices
};

template <TableMachine Machine>
class [[nodiscard]] StageTwo {
 public:
  StageTwo() = default;
  StageTwo(const StageTwo&) = delete;
  StageTwo& operator=(const StageTwo&) = delete;
  StageTwo(StageTwo&& other) noexcept { *this = std::move(other); }
  StageTwo& operator=(StageTwo&& other) noexcept;
  ~StageTwo() { ensure(empty()); }

  /// Root tables only; nothing is mapped. Error::no_memory (also when over quota).
  [[nodiscard]] static Result<StageTwo> create(PageAllocator<Machine>& allocator,
                                               const hal::TranslationGeometry& geometry, PartitionId owner,
                                               PageAccount& account);

  /// Maps `pages` pages. Permissions must include read. Errors, without effect: unaligned, bad_address (outside of the
  /// guest-physical space, or physical address beyond 48 bits), bad_argument (no pages, no read permission), write_execute,
  /// overlap (with anything mapped), no_memory (tables: quota or free pages).
  [[nodiscard]] Status map(GuestAddress guest, PhysicalAddress physical, std::uint64_t pages, Access access,
                           MemoryType type);

  /// Unmaps `pages` pages, all of which must be mapped. `visitor(GuestAddress, PhysicalAddress, std::uint64_t pages)` sees
  /// each contiguous piece. Errors, without effect: unaligned, bad_argument, bad_address (a page is not mapped), no_memory
  /// (a block would have to be split).
  template <typename Visitor>
  [[nodiscard]] Result<Unmapped> unmap(GuestAddress guest, std::uint64_t pages, Visitor&& visitor);

  /// Frees the tables that unmap found empty. Only after the TLBs were invalidated: until then a walker may still hold
  /// pointers to them, which is why they wait, all entries invalid.
  void release_retired();

  /// What the hardware would find. Error::bad_address if not mapped. Cost on AArch64: about 40 instructions.
  [[nodiscard]] Result<Translation> translate(GuestAddress guest) const;

  /// Pages from `guest` to the first that is mapped, or `pages` if none of so many is. Cost: constant for 2 MiB without a table.
  [[nodiscard]] std::uint64_t next_mapped(GuestAddress guest, std::uint64_t pages) const;

  /// `visitor(GuestAddress, Translation) -> Result<Access>` sees every mapped page of a range without blocks, in ascending order,
  /// and says what access it has from now on; its error ends the visit. Taking permissions away needs an invalidation as unmap does.
  template <typename Visitor>
  [[nodiscard]] Status visit(GuestAddress guest, std::uint64_t pages, Visitor&& visitor);

  /// Everything in a range that is wholly mapped, and in which no block begins outside or ends outside, has this access from now
  /// on. Taking permissions away needs an invalidation as unmap does.
  void protect(GuestAddress guest, std::uint64_t pages, Access access);

  /// Maps in `other`, at `there`, what is mapped here in a range without blocks. `take(Translation) -> Result<Access>` sees every page,
  /// in ascending order, and says what access both have from now on; its error ends it, and so does one of map, after
  /// `give_back(Translation)`. What was mapped by then stays. The addresses are equal modulo 2 MiB, and nothing is mapped there yet.
  template <typename Take, typename GiveBack>
  [[nodiscard]] Status share(GuestAddress guest, std::uint64_t pages, StageTwo& other, GuestAddress there, Take&& take,
                             GiveBack&& give_back);

  /// Has a page that is mapped by itself, not in a block, lead elsewhere. `invalidate()` makes the TLBs forget it, between the
  /// old entry and the new one (break-before-make, Arm ARM D8.16). Error::bad_address: it is not mapped so.
  template <typename Invalidate>
  [[nodiscard]] Status replace(GuestAddress guest, PhysicalAddress physical, Access access, Invalidate&& invalidate);

  /// What is mapped in [slot, slot + bytes): a power of two of at least 2 MiB, aligned to its size, with no block that reaches
  /// beyond it.
  [[nodiscard]] SlotContents slot_contents(GuestAddress slot, std::uint64_t bytes) const;

  /// Hands what is mapped in a slot to `other`, at the same addresses, by moving the entries that it hangs on. Nothing is copied;
  /// both have the same geometry, and `other` has nothing mapped there. The caller moves the charges: slot_contents().tables,
  /// and what it charged for the pages. Then as after unmap: publish, invalidate the VMID here, release_retired() here.
  /// Error::no_memory, without effect: other's table above those entries.
  [[nodiscard]] Result<Unmapped> relink(GuestAddress slot, std::uint64_t bytes, StageTwo& other);

  /// Frees all tables; the mapped pages are not touched. Only when no core uses them and the VMID was invalidated.
  void destroy();

  [[nodiscard]] PhysicalAddress root() const { return root_; }
  [[nodiscard]] bool empty() const { return allocator_ == nullptr; }

 private:
  using Table = Descriptor*;

  /// Where a walk ends: the deepest entry, and the entry that points to its table (nullptr: the table is the root).
  struct Step {
    Table entry;
    Table parent;
    unsigned level;
  };

  [[nodiscard]] static Table table_at(PhysicalAddress address) {
    // Sound: table pages belong to this class; Descriptor is an implicit-lifetime type.
    return reinterpret_cast<Table>(Machine::to_pointer(address));
  }
  /// One store, which the walkers see whole (64-bit stores are single-copy atomic, Arm ARM B2.2.1).
  static void store(Table entry, Descriptor value) { *reinterpret_cast<volatile std::uint64_t*>(entry) = value.raw(); }

  [[nodiscard, gnu::noinline]] Step find(std::uint64_t address) const { return find_inline(address); }
  /// The same for the two paths that matter, map of a page and translate.
  [[nodiscard, gnu::always_inline]] Step find_inline(std::uint64_t address) const {
    unsigned level = start_level_;
    unsigned shift = level_shift(level);
    Step step{table_at(root_) + (address >> shift), nullptr,
              level};  // no mask: the root may be several tables in a row
    while (step.entry->is_table(level)) {
      ++level;
      shift -= 9;
      step.parent = step.entry;
      // A page is no table, so no shift is below that of a page. NOLINTNEXTLINE(clang-analyzer-core.BitwiseShift)
      step.entry = table_at(step.entry->address()) + ((address >> shift) & (entries_per_table - 1));
    }
    step.level = level;
    return step;
  }
  /// Counts valid entries that came or went in the table that `parent` points to.
  void add_live(Table parent, int change) {
    if (parent != nullptr) {
      store(parent, parent->with_live(static_cast<unsigned>(static_cast<int>(parent->live()) + change)));
    } else {
      root_live_ = static_cast<std::uint16_t>(static_cast<int>(root_live_) + change);
    }
  }
  [[nodiscard]] static bool block_fits(unsigned level, std::uint64_t guest, std::uint64_t physical,
                                       std::uint64_t bytes) {
    return level >= 1 && ((guest | physical) & (level_bytes(level) - 1)) == 0 && bytes >= level_bytes(level);
  }
  /// Pages from `at` to the end of its last-level table or to `end`.
  [[nodiscard]] static unsigned run_in_table(std::uint64_t at, std::uint64_t end) {
    const std::uint64_t left = (end - at) >> page_shift;
    const std::uint64_t room = entries_per_table - ((at >> page_shift) & (entries_per_table - 1));
    return static_cast<unsigned>(left < room ? left : room);
  }
  [[nodiscard]] static bool any_valid(Table entry, unsigned count);
  /// The first of `count` entries that is valid, or count.
  [[nodiscard]] static unsigned first_valid(Table entry, unsigned count) {
    unsigned i = 0;
    // Most are empty where few are used.
    while (i + 8 <= count && ((entry[i].raw() | entry[i + 1].raw() | entry[i + 2].raw() | entry[i + 3].raw() |
                               entry[i + 4].raw() | entry[i + 5].raw() | entry[i + 6].raw() | entry[i + 7].raw()) &
                              1) == 0) {
      i += 8;
    }
    while (i < count && !entry[i].valid()) ++i;
    return i;
  }
  [[nodiscard]] static bool all_valid(Table entry, unsigned count);

  [[nodiscard]] Status check_range(GuestAddress guest, std::uint64_t pages) const;
  [[nodiscard, gnu::noinline]] Status map_anywhere(GuestAddress guest, PhysicalAddress physical, std::uint64_t pages,
                                                   Access access, MemoryType type);
  [[nodiscard]] Result<std::uint32_t> tables_for_map(std::uint64_t at, std::uint64_t physical, std::uint64_t end) const;
  [[nodiscard]] Result<std::uint32_t> tables_for_unmap(std::uint64_t at, std::uint64_t end) const;
  [[nodiscard]] Status reserve(std::uint32_t tables);
  [[nodiscard]] PhysicalAddress take_table();
  void map_reserved(std::uint64_t at, PhysicalAddress output, std::uint64_t end, Access access, MemoryType type);
  void fill(const Step& step, unsigned count, PhysicalAddress output, Access access, MemoryType type);
  void split(const Step& step);
  [[nodiscard]] bool clear(Step step, std::uint64_t address, unsigned count);
  [[nodiscard]] bool retire_empty(Step step, std::uint64_t address);
  [[nodiscard]] Step find_slot(std::uint64_t address, unsigned level) const;
  /// `visitor(Descriptor, level)` sees what is valid in the entries of a slot and in the tables below them, but for pages.
  template <typename Visitor>
  static void each_in_slot(Table entry, unsigned level, unsigned entries, Visitor&& visitor);
  void free_table(PhysicalAddress table, unsigned order);

  PageAllocator<Machine>* allocator_ = nullptr;
  PageAccount* account_ = nullptr;
  PhysicalAddress root_;
  /// Chain of empty tables, through the first entry of each: an aligned address reads as an invalid entry.
  PhysicalAddress retired_;
  PartitionId owner_;
  std::uint16_t root_live_ = 0;  ///< valid entries of the root
  std::uint8_t start_level_ = 0;
  std::uint8_t address_bits_ = 0;
  std::uint8_t root_order_ = 0;
};

}  // namespace rvm::memory

#include "rvm/memory/stage_two_map.hpp"     // IWYU pragma: export
#include "rvm/memory/stage_two_relink.hpp"  // IWYU pragma: export
#include "rvm/memory/stage_two_unmap.hpp"   // IWYU pragma: export
