// SPDX-License-Identifier: MIT OR Apache-2.0
#include "objects.hpp"

#include <algorithm>

#include "balance.hpp"
#include "boundaries.hpp"
#include "capabilities.hpp"
#include "evidence.hpp"
#include "rvm/advice/advisor.hpp"
#include "scheduler.hpp"

namespace rvm::kernel {
namespace {
std::uint32_t drop_queue(State& s, Edge& edge);
}

Result<Partition*> create_partition(State& s, const security::Permit&, const PartitionRequest& request) {
  const auto slot = s.partitions.allocate();
  if (!slot) return fail(slot.error());
  Partition& p = **slot;
  p.type = request.type;
  p.mode = request.mode;
  p.live = request.live;
  p.home = first_home(s, p);
  p.account.quota = request.page_quota;
  set_record_quota(s, p, request.record_quota != 0 ? request.record_quota : default_record_quota);
  p.text.configure(text_quota, s.epoch_length, text_burst);
  copy_name(p.name, request.name);

  auto space = memory::StageTwo<hal::Port>::create(s.pages, hal::Port::geometry(), page_owner(p), p.account);
  if (!space) {
    s.partitions.release(p);
    return fail(space.error());
  }
  p.space = std::move(*space);
  hal::Port::publish_tables();
  ++s.partitions_ever;
  partition_known(p);
  return &p;
}

void set_record_quota(const State& s, Partition& p, std::uint32_t quota) {
  p.record_quota = quota;
  p.records.configure(quota, s.epoch_length, std::max(record_burst, quota));
}

Destruction destroy_partition(State& s, const security::Permit&, Partition& p) {
  ensure(p.agent_count == 0);
  Destruction done;
  cap::Budget budget = revocation_step;
  Remover remover{s};
  while (!p.regions.empty()) {
    RegionObject& region = *p.regions.front();
    // What leads there from other partitions, where it may be mapped; its own agents' tables are closed.
    const cap::Progress progress = s.capabilities.revoke_all(region.holders, budget, remover);
    done.capabilities = remover.removed;
    if (progress == cap::Progress::more) return done;
    const cap::Budget cost = 1 + region.region.pages() / pages_per_budget_unit;
    if (budget == 0) return done;
    budget -= std::min(budget, cost);
    destroy_region(s, region);
    ++done.regions;
  }
  s.edges.for_each([&](Edge& edge) {
    if (edge.slots != nullptr && edge.payer == index_of(p).value) drop_queue(s, edge);
  });
  release_partition(s, p);
  done.progress = cap::Progress::done;
  return done;
}

void release_partition(State& s, Partition& p) {
  invalidate(s, p);
  p.space.destroy();
  ensure(p.account.used == 0);
  s.partitions.release(p);
}

// --- memory ---

namespace {

Result<PhysicalAddress> charged_run(State& s, Partition& p, PartitionId owner, std::uint32_t pages) {
  if (auto charged = p.account.charge(pages); !charged) return fail(charged.error());
  const auto run = s.pages.allocate_run(pages, owner);
  if (!run) p.account.credit(pages);
  return run;
}

}  // namespace

Result<PhysicalAddress> charged_run(State& s, Partition& p, std::uint32_t pages) {
  return charged_run(s, p, page_owner(p), pages);
}

Result<PhysicalAddress> charged_run(State& s, const Agent& agent, std::uint32_t pages) {
  return charged_run(s, s.partition_of(agent), page_owner(agent), pages);
}

void free_charged_run(State& s, Partition& p, PhysicalAddress run, std::uint32_t pages) {
  ensure(s.pages.free_run(run, pages).has_value());
  p.account.credit(pages);
}

Result<std::byte*> charged_page(State& s, const Agent& agent) {
  const auto page = charged_run(s, agent, 1);
  if (!page) return fail(page.error());
  return hal::Port::to_pointer(*page);
}

void free_charged_page(State& s, const Agent& agent, const void* page) {
  free_charged_run(s, s.partition_of(agent), hal::Port::to_physical(page), 1);
}

// Not inlined: its users are many, and all small beside it.
[[gnu::noinline]] Status map_fresh(State& s, const Agent& agent, GuestAddress at, std::uint64_t pages, Access access) {
  Partition& p = s.partition_of(agent);
  for (std::uint64_t i = 0; i < pages; ++i) {
    const auto page = charged_run(s, agent, 1);
    if (!page) return fail(page.error());
    if (auto mapped = p.space.map(offset(at, i * page_bytes), *page, 1, access, memory::MemoryType::normal); !mapped) {
      free_charged_run(s, p, *page, 1);
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
  if (object.orphaned) s.orphans.remove(object);
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
  edge_known(edge);
  return &edge;
}

namespace {

/// Frees the queue; it is charged to the sender's partition, so this comes before the sender goes.
std::uint32_t drop_queue(State& s, Edge& edge) {
  const std::uint32_t unread = edge.count;
  if (edge.slots == nullptr) return unread;
  Partition& payer = s.partitions.at(edge.payer);
  for (; edge.count != 0; --edge.count, edge.head = (edge.head + 1) & (edge.capacity - 1)) {
    if (const PhysicalAddress page = edge.slots[edge.head].page; page.value != 0) free_charged_run(s, payer, page, 1);
  }
  free_charged_run(s, payer, hal::Port::to_physical(edge.slots), partition::queue_pages(edge.capacity));
  edge.slots = nullptr;
  if (edge.in_pending_list) edge.receiver->pending.remove(edge);
  edge.in_pending_list = false;
  return unread;
}

void release_edge(State& s, Edge& edge) {
  if (edge.in_epoch_list) s.epoch_edges.remove(edge);
  advice::edge_ended(partition::Pool<Edge>::index_of(edge.id));
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
