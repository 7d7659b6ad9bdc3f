// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Every page of the machine has exactly one role, and every translation leads where it may. The tables are read here bit by
// bit, without the code that made them.
#include <cstring>
#include <string>

#include "objects.hpp"
#include "simulation.hpp"

namespace rvm::sim {
namespace {

constexpr std::uint64_t ram_base = hal::SimulatedMachine::ram_base;

enum Role : std::uint8_t { none, table, kernel_use, region, agent, shared };

}  // namespace

bool is_agents_or_table(std::uint8_t role) {
  return role == table || role == region || role == agent || role == shared;
}

void Simulation::check_memory() {
  full_scan_due_ = false;
  ++coverage.full_scans;
  scan_capabilities();
  check_replay();
  State& s = *state_;
  hal::SimulatedMachine& h = machine_.hardware;
  const std::uint64_t pages = h.ram.size() >> page_shift;
  roles_.assign(pages, none);
  std::vector<std::uint16_t> owners(pages, 0);
  std::vector<std::uint32_t> mappings(pages, 0);  // of shared pages
  std::vector<std::uint32_t> owned(s.partitions.capacity());
  const hal::MemoryRange package = machine_.package_memory();

  const auto claim = [&](PhysicalAddress address, std::uint64_t count, Role role, std::uint16_t owner) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t page = ((address.value - ram_base) >> page_shift) + i;
      require(page < pages, "pages", "something lies outside of memory");
      require(roles_[page] == none, "page-owner", [&] {
        return "page " + std::to_string(page) + " serves two purposes: " + std::to_string(roles_[page]) + " and " +
               std::to_string(role);
      });
      roles_[page] = role;
      owners[page] = owner;
    }
  };
  const auto word = [&](std::uint64_t address) {
    std::uint64_t value = 0;
    std::memcpy(&value, h.ram.data() + (address - ram_base), sizeof value);
    return value;
  };

  // What the kernel itself uses, and the regions.
  each_agent([&](Agent& a) {
    const auto owner = static_cast<std::uint16_t>(kernel::page_owner(a).value);
    for (const cap::Capability* page : a.capabilities->pages())
      claim(hal::Port::to_physical(page), 1, kernel_use, owner);
    claim(hal::Port::to_physical(a.context), 1, kernel_use, owner);
    if (a.latency != nullptr) claim(hal::Port::to_physical(a.latency), 1, kernel_use, owner);
  });
  each_edge([&](Edge& e) {
    if (e.slots == nullptr) return;
    require(e.sender == nullptr || e.payer == kernel::index_of(*e.sender->partition).value, "ipc",
            "a queue is paid for by another partition than its sender's");
    claim(hal::Port::to_physical(e.slots), partition::queue_pages(e.capacity), kernel_use, e.payer);
    require(e.count <= e.capacity, "ipc", "a queue holds more than it can");
    for (std::uint32_t i = 0; i < e.count; ++i) {
      const auto& slot = e.slots[(e.head + i) & (e.capacity - 1)];
      if (slot.page.value != 0) claim(slot.page, 1, kernel_use, e.payer);
    }
  });
  for (const kernel::Device& d : devices()) {
    if (d.broken) claim(h.devices[d.port].queues, 1, kernel_use, hypervisor_partition.value);
    if (d.queues.value != 0) claim(d.queues, 1, kernel_use, kernel::index_of(*d.holder->partition).value);
  }
  each_region([&](RegionObject& r) {
    require(s.partitions.at(r.owner).id.value != 0, "region", "a region's owner is gone");
    require(!r.holders.empty() || r.orphaned, "region", "a region to which nothing leads will be there for ever");
    for (const memory::Extent& extent : r.region.extents()) claim(extent.base(), extent.pages(), region, r.owner);
  });

  // The translations.
  struct Mapping {
    std::uint64_t guest;
    std::uint64_t page;
    Access access;
  };
  std::vector<Mapping> of_regions;
  std::size_t of_devices = 0;
  each_partition([&](Partition& p) {
    const std::uint16_t owner = kernel::index_of(p).value;
    of_regions.clear();
    claim(p.space.root(), h.geometry.root_pages, table, owner);
    const auto walk = [&](auto& self, std::uint64_t at, unsigned level, std::uint64_t guest, unsigned entries) -> void {
      const unsigned shift = 39 - 9 * level;
      for (unsigned i = 0; i < entries; ++i) {
        const std::uint64_t entry = word(at + i * 8);
        if ((entry & 1) == 0) continue;
        const std::uint64_t output = entry & 0x0000'ffff'ffff'f000;
        const std::uint64_t covered = guest + (std::uint64_t{i} << shift);
        if (level < 3 && (entry & 2) != 0) {
          claim(PhysicalAddress{output}, 1, table, owner);
          self(self, output, level + 1, covered, 512);
          continue;
        }
        const auto access = static_cast<Access>((entry >> 6 & 3) | ((entry >> 54 & 1) == 0 ? 4u : 0u));
        require(write_xor_execute(access), "write-xor-execute", "memory is mapped writable and executable");
        for (std::uint64_t k = 0; k < std::uint64_t{1} << (shift - page_shift); ++k) {
          const std::uint64_t frame = output + k * page_bytes;
          const std::uint64_t page = (frame - ram_base) >> page_shift;
          if (frame < ram_base) {
            check_device_mapping(p, covered + k * page_bytes, frame, access, entry);
            ++of_devices;
            continue;
          }
          require(frame >= ram_base && page < pages, "isolation", "a translation leads outside of memory");
          if (frame >= package.base.value && frame < package.base.value + package.bytes) {
            require(!allows(access, Access::write), "isolation", "the boot package is mapped writable");
            continue;
          }
          if (roles_[page] == region) {
            of_regions.push_back({covered + k * page_bytes, page, access});
            continue;
          }
          check_place(p, covered + k * page_bytes);
          if (s.pages.sharers(PhysicalAddress{frame}) == 0) {
            const std::uint64_t slot = (covered + k * page_bytes) / h.geometry.slot_bytes;  // check_place: somebody's
            claim(PhysicalAddress{frame}, 1, agent, static_cast<std::uint16_t>(kernel::maximum_partitions + slot));
            continue;
          }
          require(!allows(access, Access::write), "isolation", "a page that several have is writable for one of them");
          if (mappings[page]++ == 0) claim(PhysicalAddress{frame}, 1, shared, 0);
          require(roles_[page] == shared, "page-owner", "a page is shared and serves another purpose as well");
          ++owned[owner];  // everybody pays
        }
      }
    };
    walk(walk, p.space.root().value, h.geometry.start_level, 0, 512 * h.geometry.root_pages);

    // A region's page is mapped only through a live capability of this partition, there, with no more than its rights.
    std::uint64_t accounted = 0;
    for (const SeenCapability& c : capabilities_) {
      if (holder(c).partition != &p || c.mapped_at == 0) continue;
      RegionObject* const r = s.regions.find(RegionId{c.object.id});
      require(r != nullptr && c.object.type == ObjectType::region, "mapping", "a mapping of a region that is gone");
      const std::uint32_t access_rights =
          (static_cast<std::uint32_t>(c.access) & 3) | (allows(c.access, Access::execute) ? RVM_RIGHT_EXECUTE : 0u);
      require((access_rights & ~std::uint32_t{c.rights}) == 0, "mapping",
              "a mapping has rights that its capability lacks");
      std::uint64_t guest = std::uint64_t{c.mapped_at} << page_shift;
      for (const memory::Extent& extent : r->region.extents()) {
        for (std::uint32_t i = 0; i < extent.pages(); ++i, guest += page_bytes) {
          const auto found = h.walk({p.space.root(), 0}, GuestAddress{guest});
          require(found && found->frame == (extent.base().value >> page_shift) + i && found->access == c.access,
                  "mapping", "a region is not mapped as its capability says");
          ++accounted;
        }
      }
    }
    require(accounted == of_regions.size(), "isolation", [&] {
      return std::to_string(of_regions.size()) + " pages of regions are mapped, " + std::to_string(accounted) +
             " of them through a capability";
    });
  });

  const auto mapped = std::ranges::count_if(devices(), [](const kernel::Device& d) { return d.mapped_at.value != 0; });
  require(of_devices == static_cast<std::size_t>(mapped), "lease",
          "a leased device is not mapped where its lease says");
  for (const kernel::Device& d : devices()) {
    if (d.broken) continue;  // what it was told to reach it may reach for ever: docs/adr/0025-devices-are-leased.md
    for (const auto& request : h.devices[d.port].requests) {
      for (const hal::DeviceBuffer& buffer : request) {
        const std::uint64_t page = (buffer.address.value - ram_base) >> page_shift;
        const bool own = buffer.address.value >= ram_base && page < pages && d.holder != nullptr &&
                         (roles_[page] == agent || (!buffer.device_writes && roles_[page] == shared) ||
                          (!buffer.device_writes && buffer.address.value - package.base.value < package.bytes));
        require(own, "dma", "a device is told to reach what is no agent's own memory");
        require(roles_[page] != agent || owners[page] == kernel::page_owner(*d.holder).value, "dma",
                "a device is told to reach another agent's memory");
      }
    }
  }

  // The books: what the allocator says, page by page.
  for (std::uint64_t page = 0; page < pages; ++page) {
    const PhysicalAddress address{ram_base + (page << page_shift)};
    const std::uint32_t sharers = s.pages.sharers(address);
    require(sharers == mappings[page], "sharers", [&] {
      return "page " + std::to_string(page) + " has " + std::to_string(sharers) + " sharers and is mapped " +
             std::to_string(mappings[page]) + " times";
    });
    if (sharers != 0) continue;
    const auto owner = s.pages.owner_of(address);
    if (!owner) {
      require(roles_[page] == none, "page-owner", [&] {
        return "page " + std::to_string(page) + " is free and in use as " + std::to_string(roles_[page]);
      });
      continue;
    }
    require(roles_[page] != none, "page-leak", [&] {
      return "page " + std::to_string(page) + " belongs to owner " + std::to_string(owner->value) +
             " and to nothing in it";
    });
    require(owners[page] == owner->value, "page-owner", [&] {
      return "page " + std::to_string(page) + " is used by owner " + std::to_string(owners[page]) + " and owned by " +
             std::to_string(owner->value);
    });
    // What is an agent's counts for the partition that it is in.
    std::uint32_t payer = owner->value;
    if (payer >= kernel::maximum_partitions) {
      const Agent& holder = s.agents.at(static_cast<std::uint16_t>(payer - kernel::maximum_partitions));
      require(holder.id.value != 0, "page-owner", "a page belongs to an agent that is no more");
      payer = kernel::index_of(*holder.partition).value;
    }
    require(payer < owned.size(), "page-owner", "a page belongs to a partition that never was");
    ++owned[payer];
  }
  each_partition([&](Partition& p) {
    require(owned[kernel::index_of(p).value] == p.account.used, "pages", [&] {
      return "partition " + std::to_string(p.id.value) + " is charged " + std::to_string(p.account.used) +
             " pages and owns " + std::to_string(owned[kernel::index_of(p).value]);
    });
  });
  each_agent([&](Agent& a) {
    if (a.state != kernel::AgentState::terminated) check_arena(a);
  });
  check_translations();
  check_links();

  // Queues hold what was sent and not received, no more and no less, unless the sender or the receiver is gone.
  for (auto at = queues_.begin(); at != queues_.end();) {
    const Edge* const edge = s.edges.find(EdgeId{at->first});
    if (edge == nullptr) {
      at = queues_.erase(at);
      continue;
    }
    if (edge->receiver == nullptr || (edge->sender == nullptr && edge->slots == nullptr)) at->second.clear();
    require(at->second.size() == edge->count, "ipc", "a queue holds another number of messages than were sent");
    ++at;
  }
  each_partition([&](Partition& p) {
    std::uint32_t ends = 0;
    std::uint32_t agents = 0;
    for (Agent* a = p.agents.front(); a != nullptr; a = partition::List<Agent, &Agent::partition_link>::after(*a)) {
      require(a->partition == &p && a->id.value != 0, "partition",
              "an agent is listed in another partition than its own");
      ++agents;
      for (Edge* e = a->outbound.front(); e != nullptr; e = partition::List<Edge, &Edge::outbound_link>::after(*e))
        ++ends;
      for (Edge* e = a->inbound.front(); e != nullptr; e = partition::List<Edge, &Edge::inbound_link>::after(*e))
        ++ends;
    }
    require(agents == p.agent_count && ends == p.edge_count, "partition",
            "a partition counts its agents or edges wrong");
  });
}

/// The lists that run through the capability tables hold what the parent links say, and nothing else.
void Simulation::check_links() {
  State& s = *state_;
  const auto length = [&](cap::CapabilityRef first, auto belongs) {
    std::size_t count = 0;
    for (cap::CapabilityRef at = first; !at.empty(); ++count) {
      const cap::Capability* const c = s.capabilities.find(at);
      require(c != nullptr && belongs(*c) && count < 10'000, "derivation",
              "a list of capabilities has a foreign member");
      at = c->next_sibling();
    }
    return count;
  };
  std::map<std::uint32_t, std::size_t> children;
  std::map<std::uint64_t, std::size_t> roots;
  for (const SeenCapability& c : capabilities_) {
    if (c.parent.empty()) {
      ++roots[std::uint64_t{static_cast<std::uint8_t>(c.object.type)} << 32 | c.object.id];
    } else {
      ++children[std::uint32_t{c.parent.agent.value} << 16 | c.parent.slot];
    }
  }
  for (const SeenCapability& c : capabilities_) {
    const auto counted = children.find(c.key());
    const std::size_t expected = counted != children.end() ? counted->second : 0;
    const std::size_t found = length(s.capabilities.find(c.ref)->first_child(),
                                     [&](const cap::Capability& child) { return child.parent() == c.ref; });
    require(found == expected, "derivation", "a capability's children are not all in its list");
  }
  const auto check = [&](ObjectType type, std::uint32_t id, const cap::ObjectCapabilities& holders) {
    const auto counted = roots.find(std::uint64_t{static_cast<std::uint8_t>(type)} << 32 | id);
    const std::size_t expected = counted != roots.end() ? counted->second : 0;
    const std::size_t found = length(holders.first_root, [&](const cap::Capability& root) {
      return root.parent().empty() && root.type() == type && root.object_id() == id;
    });
    require(found == expected, "holders", "an object does not know all capabilities to it");
  };
  each_partition([&](Partition& p) { check(ObjectType::partition, p.id.value, p.holders); });
  each_agent([&](Agent& a) { check(ObjectType::agent, a.id.value, a.holders); });
  each_edge([&](Edge& e) { check(ObjectType::edge, e.id.value, e.holders); });
  each_region([&](RegionObject& r) { check(ObjectType::region, r.id.value, r.holders); });
  for (const kernel::Device& d : devices()) check(ObjectType::device, kernel::id_of(s, d), d.holders);
}

/// No core remembers a translation that the tables do not hold any more.
void Simulation::check_translations() {
  const hal::SimulatedMachine& h = machine_.hardware;
  State& s = *state_;
  for (std::uint32_t core = 0; core < machine_.core_count(); ++core) {
    for (const auto& entry : h.cores[core].tlb) {
      if (entry.page == 0) continue;
      each_partition([&](Partition& p) {
        if (!s.vmids.is_current(p.vmid) || p.vmid.vmid() != entry.vmid) return;
        const auto now = h.walk({p.space.root(), entry.vmid}, GuestAddress{(entry.page - 1) << page_shift});
        require(now && now->frame == entry.frame && now->access == entry.access, "stale-translation",
                "a TLB holds a translation that is no longer in the tables");
      });
    }
  }
  std::set<std::uint16_t> used;
  each_partition([&](Partition& p) {
    if (!s.vmids.is_current(p.vmid)) return;
    require(used.insert(p.vmid.vmid()).second, "vmid", "two partitions have one VMID");
  });
}

}  // namespace rvm::sim
