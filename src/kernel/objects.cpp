// SPDX-License-Identifier: MIT OR Apache-2.0
#include "objects.hpp"

#include <algorithm>

#include "agents.hpp"
#include "evidence.hpp"
#include "leases.hpp"
#include "rvm/hal/vector_scope.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {
std::uint32_t drop_queue(State& s, Edge& edge);
}

std::uint64_t name_word(std::string_view name) {
  std::uint64_t word = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(8, name.size()); ++i) {
    word |= std::uint64_t{static_cast<unsigned char>(name[i])} << (8 * i);
  }
  return word;
}

std::uint64_t authority_word(const cap::Capability& capability, PartitionId holder) {
  return witness::authority(static_cast<std::uint8_t>(capability.type()), capability.rights().bits(),
                            capability.generation().value, holder.value);
}

Result<Partition*> create_partition(State& s, const security::Permit&, const PartitionRequest& request) {
  const auto slot = s.partitions.allocate();
  if (!slot) return fail(slot.error());
  Partition& p = **slot;
  p.type = request.type;
  p.mode = request.mode;
  p.account.quota = request.page_quota;
  p.record_quota = request.record_quota != 0 ? request.record_quota : default_record_quota;
  p.records.configure(p.record_quota, s.epoch_length, std::max(record_burst, p.record_quota));
  p.text.configure(text_quota, s.epoch_length, text_burst);
  copy_name(p.name, request.name);

  constexpr std::uint32_t table_pages = 1u << cap::table_page_order;
  Error error = Error::no_memory;
  if (p.account.charge(table_pages)) {
    if (const auto table = s.pages.allocate_run(table_pages, page_owner(p))) {
      p.capability_memory = *table;
      auto space = memory::StageTwo<hal::Port>::create(s.pages, hal::Port::geometry(), page_owner(p), p.account);
      if (space) {
        p.space = std::move(*space);
        hal::Port::publish_tables();
        ensure(s.capabilities.open(index_of(p), {hal::Port::to_pointer(*table), cap::table_bytes}).has_value());
        p.capabilities = s.capabilities.table(index_of(p));
        ++s.partitions_ever;
        return &p;
      }
      error = space.error();
      ensure(s.pages.free_run(*table, table_pages).has_value());
    }
    p.account.credit(table_pages);
  }
  s.partitions.release(p);
  return fail(error);
}

Destruction destroy_partition(State& s, const security::Permit&, Partition& p) {
  ensure(p.agent_count == 0);
  Destruction done;
  cap::Budget budget = revocation_step;
  const auto visitor = [&](cap::CapabilityRef ref, cap::Capability& c) {
    ++done.capabilities;
    return before_removal(s, ref, c);
  };
  if (s.capabilities.close(index_of(p), budget, visitor) == cap::Progress::more) return done;
  while (!p.regions.empty()) {
    RegionObject& region = *p.regions.front();
    // Its root may have gone to another partition, and be mapped there.
    if (s.capabilities.revoke_all(region.holders, budget, visitor) == cap::Progress::more) return done;
    const cap::Budget cost = 1 + region.region.pages() / pages_per_budget_unit;
    if (budget == 0) return done;
    budget -= std::min(budget, cost);
    destroy_region(s, region);
    ++done.regions;
  }
  s.edges.for_each([&](Edge& edge) {
    if (edge.slots != nullptr && edge.payer == index_of(p).value) drop_queue(s, edge);
  });
  invalidate(s, p);
  p.space.destroy();
  constexpr std::uint32_t table_pages = 1u << cap::table_page_order;
  ensure(s.pages.free_run(p.capability_memory, table_pages).has_value());
  p.account.credit(table_pages);
  ensure(p.account.used == 0);
  s.partitions.release(p);
  done.progress = cap::Progress::done;
  return done;
}

cap::ObjectCapabilities& holders_of(State& s, ObjectType type, std::uint32_t object) {
  switch (type) {
    case ObjectType::partition:
      if (Partition* const p = s.partitions.find(PartitionId{object})) return p->holders;
      break;
    case ObjectType::agent:
      if (Agent* const agent = s.agents.find(AgentId{object})) return agent->holders;
      break;
    case ObjectType::edge:
      if (Edge* const edge = s.edges.find(EdgeId{object})) return edge->holders;
      break;
    case ObjectType::region:
      if (RegionObject* const region = s.regions.find(RegionId{object})) return region->holders;
      break;
    case ObjectType::device:
      if (Device* const device = device_of(s, object)) return device->holders;
      break;
    default:
      break;
  }
  return s.permanent;
}

Result<cap::Placed> mint(State& s, const security::Authority& by, Partition& holder, ObjectType type,
                         std::uint32_t object, Rights rights, std::uint64_t badge) {
  Result<cap::Placed> placed = fail(Error::internal);
  const Status done =
      perform(s, by, witness::Kind::capability_grant, [&](const security::Permit&) -> Result<security::Effect> {
        const hal::VectorScope vectors;  // a capability carries a hash
        placed = s.capabilities.mint(index_of(holder), cap::Object{object, 0, type}, rights, badge,
                                     holders_of(s, type, object));
        if (!placed) return fail(placed.error());
        const cap::Capability& c = *s.capabilities.find(placed->ref);
        return security::Effect{object, authority_word(c, holder.id), badge, placed->ref.slot};
      });
  if (!done) return fail(done.error());
  return placed;
}

cap::Budget before_removal(State& s, cap::CapabilityRef ref, cap::Capability& capability) {
  if (capability.type() == ObjectType::device) end_leases_by(s, ref);
  if (capability.mapped_at() == 0) return 0;
  return 1 + unmap_region(s, holder_of(s, ref), capability) / pages_per_budget_unit;
}

Step revoke_step(State& s, const security::Authority& by, cap::CapabilityRef root, witness::Lane lane) {
  Step step;
  step.status = perform(
      s, by, witness::Kind::capability_revoke,
      [&](const security::Permit&) -> Result<security::Effect> {
        const cap::Capability& c = *s.capabilities.find(root);
        security::Effect effect{c.object_id(), authority_word(c, holder_of(s, root).id), 0, root.slot};
        cap::Budget budget = revocation_step;
        const auto revoked = s.capabilities.revoke(root, budget, [&](cap::CapabilityRef ref, cap::Capability& removed) {
          ++effect.aux;
          return before_removal(s, ref, removed);
        });
        if (!revoked) return fail(revoked.error());
        step.progress = *revoked;
        if (step.progress == cap::Progress::more) effect.flags |= security::record_unfinished;
        return effect;
      },
      lane);
  return step;
}

bool revoke_holders(State& s, cap::ObjectCapabilities& holders, std::uint32_t object) {
  if (holders.empty()) return true;
  cap::Progress progress = cap::Progress::more;
  // Without room in the log nothing is revoked, and the slot stays as it is.
  (void)perform(
      s, security::Authority::hypervisor(), witness::Kind::capability_revoke,
      [&](const security::Permit&) -> Result<security::Effect> {
        security::Effect effect{object, 0, 0, security::all_capabilities};
        cap::Budget budget = revocation_step;
        progress = s.capabilities.revoke_all(holders, budget, [&](cap::CapabilityRef ref, cap::Capability& c) {
          ++effect.aux;
          effect.payload = static_cast<std::uint64_t>(c.type());
          return before_removal(s, ref, c);
        });
        if (progress == cap::Progress::more) effect.flags |= security::record_unfinished;
        return effect;
      },
      witness::Lane::reserved);
  return progress == cap::Progress::done;
}

// --- memory ---

Status map_fresh(State& s, Partition& p, GuestAddress at, std::uint64_t pages, Access access) {
  for (std::uint64_t i = 0; i < pages; ++i) {
    if (auto charged = p.account.charge(1); !charged) return charged;
    const auto page = s.pages.allocate_run(1, page_owner(p));
    if (!page) {
      p.account.credit(1);
      return fail(page.error());
    }
    if (auto mapped = p.space.map(offset(at, i * page_bytes), *page, 1, access, memory::MemoryType::normal); !mapped) {
      ensure(s.pages.free_run(*page, 1).has_value());
      p.account.credit(1);
      return mapped;
    }
  }
  return {};
}

void invalidate(State& s, Partition& p) {
  // A partition without a current VMID has nothing in any TLB.
  if (s.vmids.is_current(p.vmid)) hal::Port::invalidate_vmid({p.space.root(), p.vmid.vmid()});
}

namespace {

/// After unmap: TLBs first, then the tables that became empty.
void settle(State& s, Partition& p, const memory::Unmapped& unmapped) {
  invalidate(s, p);
  if (unmapped.tables_retired) p.space.release_retired();
}

}  // namespace

void release_range(State& s, Partition& p, GuestAddress from, std::uint64_t pages) {
  // In chunks, because a page may be freed only after the TLBs forgot it, and the list of a chunk fits the stack.
  constexpr std::uint64_t chunk_pages = 64;
  std::array<PhysicalAddress, chunk_pages> removed;
  for (std::uint64_t done = 0; done < pages;) {
    std::size_t count = 0;
    const GuestAddress first = offset(from, done * page_bytes);
    while (count < chunk_pages && done + count < pages) {
      const auto page = p.space.translate(offset(first, count * page_bytes));
      if (!page) break;
      removed[count++] = page->address;
    }
    done += count;
    if (count == 0) {
      ++done;  // a hole: an agent that was only half built
      continue;
    }
    const auto unmapped = p.space.unmap(first, count, [](GuestAddress, PhysicalAddress, std::uint64_t) {});
    ensure(unmapped.has_value());
    settle(s, p, *unmapped);
    for (const PhysicalAddress page : std::span{removed}.first(count)) {
      if (s.pages.sharers(page) != 0) {
        s.pages.drop_share(page);
      } else if (s.pages.owner_of(page)) {
        ensure(s.pages.free_run(page, 1).has_value());
      } else {
        continue;  // of the boot package
      }
      p.account.credit(1);
    }
  }
}

void unmap_pages(State& s, Partition& p, GuestAddress at, std::uint64_t pages) {
  const auto unmapped = p.space.unmap(at, pages, [](GuestAddress, PhysicalAddress, std::uint64_t) {});
  ensure(unmapped.has_value());
  settle(s, p, *unmapped);
}

std::uint32_t unmap_region(State& s, Partition& p, cap::Capability& capability) {
  RegionObject* region = s.regions.find(RegionId{capability.object_id()});
  ensure(region != nullptr);
  unmap_pages(s, p, GuestAddress{std::uint64_t{capability.mapped_at()} << page_shift}, region->region.pages());
  capability.clear_mapping();
  return region->region.pages();
}

Result<RegionObject*> create_region(State& s, const security::Permit&, Partition& owner, std::uint32_t pages) {
  const auto slot = s.regions.allocate();
  if (!slot) return fail(slot.error());
  RegionObject& object = **slot;
  auto region = memory::Region<hal::Port>::create(s.pages, object.id, pages, page_owner(owner), owner.account);
  if (!region) {
    s.regions.release(object);
    return fail(region.error());
  }
  object.region = std::move(*region);
  object.owner = index_of(owner).value;
  owner.regions.push_back(object);
  return &object;
}

void destroy_region(State& s, RegionObject& object) {
  ensure(object.holders.empty());
  Partition& owner = s.partitions.at(object.owner);
  object.region.begin_destroy();
  object.region.destroy(s.pages, owner.account);
  owner.regions.remove(object);
  s.regions.release(object);
}

// --- edges ---

Result<Edge*> create_edge(State& s, const security::Permit&, const EdgeRequest& request) {
  Partition& from = *request.sender.partition;
  Partition& to = *request.receiver.partition;
  const std::uint32_t ends = &from == &to ? 2 : 1;
  if (from.edge_count + ends > maximum_edges_per_partition || to.edge_count + ends > maximum_edges_per_partition) {
    return fail(Error::resource_limit);
  }
  const auto slot = s.edges.allocate();
  if (!slot) return fail(slot.error());
  Edge& edge = **slot;
  ++from.edge_count;
  ++to.edge_count;
  edge.sender = &request.sender;
  edge.receiver = &request.receiver;
  edge.capacity = request.queue_length;
  edge.badge = request.badge != 0 ? request.badge : request.sender.id.value;
  edge.notify_bit = request.notify_bit;
  request.sender.outbound.push_back(edge);
  request.receiver.inbound.push_back(edge);
  return &edge;
}

namespace {

/// Frees the queue; it is charged to the sender's partition, so this comes before the sender goes.
std::uint32_t drop_queue(State& s, Edge& edge) {
  const std::uint32_t unread = edge.count;
  if (edge.slots == nullptr) return unread;
  Partition& payer = s.partitions.at(edge.payer);
  for (; edge.count != 0; --edge.count, edge.head = (edge.head + 1) & (edge.capacity - 1)) {
    if (const PhysicalAddress page = edge.slots[edge.head].page; page.value != 0) {
      ensure(s.pages.free_run(page, 1).has_value());
      payer.account.credit(1);
    }
  }
  const std::uint32_t pages = partition::queue_pages(edge.capacity);
  ensure(s.pages.free_run(hal::Port::to_physical(edge.slots), pages).has_value());
  payer.account.credit(pages);
  edge.slots = nullptr;
  if (edge.in_pending_list) edge.receiver->pending.remove(edge);
  edge.in_pending_list = false;
  return unread;
}

void release_edge(State& s, Edge& edge) {
  if (edge.in_epoch_list) s.epoch_edges.remove(edge);
  s.edges.release(edge);
}

/// Both ends have gone: so do the handles, as far as a step reaches.
void abandon_edge(State& s, Edge& edge) {
  const std::uint32_t id = edge.id.value;
  release_edge(s, edge);
  (void)revoke_holders(s, edge.holders, id);
}

/// The receiver waits for what can never come: it repeats its call and learns why.
void tell_receiver(State& s, Edge& edge) {
  Agent* const receiver = edge.receiver;
  if (receiver == nullptr) return;
  receiver->lost_edge = edge.id.value;
  if (receiver->wait == Wait::receive && (receiver->wait_edge == nullptr || receiver->wait_edge == &edge))
    wake_to_retry(s, *receiver);
}

}  // namespace

void detach_sender(State& s, Edge& edge) {
  edge.sender->outbound.remove(edge);
  --edge.sender->partition->edge_count;
  edge.sender = nullptr;
  // What was sent stays readable; the queue's pages are charged to the partition, which outlives its agents.
  if (edge.count == 0) drop_queue(s, edge);
  tell_receiver(s, edge);
  if (edge.receiver == nullptr) abandon_edge(s, edge);
}

void detach_receiver(State& s, Edge& edge) {
  drop_queue(s, edge);
  edge.receiver->inbound.remove(edge);
  --edge.receiver->partition->edge_count;
  edge.receiver = nullptr;
  Agent* const sender = edge.sender;
  if (sender == nullptr) {
    abandon_edge(s, edge);
  } else if (sender->wait == Wait::space && sender->wait_edge == &edge) {
    wake_to_retry(s, *sender);
  }
}

std::uint32_t destroy_edge(State& s, Edge& edge) {
  const std::uint32_t unread = drop_queue(s, edge);
  if (edge.sender != nullptr) {
    Agent& sender = *edge.sender;
    sender.outbound.remove(edge);
    --sender.partition->edge_count;
    if (sender.wait == Wait::space && sender.wait_edge == &edge) wake_to_retry(s, sender);
    if (sender.wait == Wait::accept && sender.wait_edge == &edge) {
      sender.callee->callers.remove(sender);
      sender.callee = nullptr;
      wake(s, sender, Error::peer_gone);
    }
  }
  if (edge.receiver != nullptr) {
    edge.receiver->inbound.remove(edge);
    --edge.receiver->partition->edge_count;
    tell_receiver(s, edge);
  }
  release_edge(s, edge);
  return unread;
}

}  // namespace rvm::kernel
