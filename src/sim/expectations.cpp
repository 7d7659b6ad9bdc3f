// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a hypercall must have done, judged from the capability tables, the page tables and the log as they lie in memory,
// without the kernel functions that made the decision.
#include <algorithm>
#include <cstring>
#include <string>

#include "objects.hpp"
#include "simulation.hpp"

namespace rvm::sim {
namespace {

struct Rule {
  bool exists = false;
  ObjectType type = ObjectType::none;
  std::uint32_t rights = 0;
  std::uint8_t tier = 1;
  const char* name = "?";
};
constexpr std::array<Rule, RVM_HVC_LIMIT> rules = [] {
  enum : std::uint8_t { P1 = 1, P2, P3, P2_P3 };  // as the table spells them
  std::array<Rule, RVM_HVC_LIMIT> table{};
#define RVM_X(label, number, object, needed, tier, doc) \
  table[number] = {true, static_cast<ObjectType>(RVM_OBJECT_##object), needed, tier, #label};
  RVM_HYPERCALL_TABLE(RVM_X)
#undef RVM_X
  return table;
}();

/// The record that a success leaves; 0: none of its own.
constexpr std::array<std::uint8_t, RVM_HVC_LIMIT> evidence = [] {
  std::array<std::uint8_t, RVM_HVC_LIMIT> table{};
  const auto set = [&](unsigned operation, witness::Kind kind) { table[operation] = static_cast<std::uint8_t>(kind); };
  using enum witness::Kind;
  set(RVM_HVC_PARTITION_CREATE, partition_create);
  set(RVM_HVC_PARTITION_DESTROY, partition_destroy);
  set(RVM_HVC_PARTITION_SUSPEND, partition_suspend);
  set(RVM_HVC_PARTITION_RESUME, partition_resume);
  set(RVM_HVC_PARTITION_SPLIT, partition_split);
  set(RVM_HVC_PARTITION_MERGE, partition_merge);
  set(RVM_HVC_AGENT_MIGRATE, partition_migrate);
  set(RVM_HVC_AGENT_SPAWN, task_spawn);
  set(RVM_HVC_AGENT_FORK, task_fork);
  set(RVM_HVC_MEMORY_SEAL, memory_seal);
  set(RVM_HVC_AGENT_TERMINATE, task_terminate);
  set(RVM_HVC_AGENT_SUSPEND, task_suspend);
  set(RVM_HVC_AGENT_RESUME, task_resume);
  set(RVM_HVC_CAP_DERIVE, capability_attenuated);
  set(RVM_HVC_CAP_REVOKE, capability_revoke);
  set(RVM_HVC_CAP_DROP, capability_revoke);
  set(RVM_HVC_CAP_TRANSFER, capability_delegate);
  set(RVM_HVC_CAP_OBTAIN, capability_grant);
  set(RVM_HVC_REGION_CREATE, region_create);
  set(RVM_HVC_REGION_DESTROY, region_destroy);
  set(RVM_HVC_REGION_MAP, region_map);
  set(RVM_HVC_REGION_UNMAP, region_unmap);
  set(RVM_HVC_REGION_SHARE, region_share);
  set(RVM_HVC_REGION_UNSHARE, region_unshare);
  set(RVM_HVC_REGION_TRANSFER, region_transfer);
  set(RVM_HVC_EDGE_CREATE, comm_edge_create);
  set(RVM_HVC_EDGE_DESTROY, comm_edge_destroy);
  set(RVM_HVC_TURN_COMMIT, turn_commit);
  set(RVM_HVC_TURN_ABORT, turn_abort);
  set(RVM_HVC_LEASE_GRANT, device_lease_grant);
  set(RVM_HVC_LEASE_RENEW, device_lease_renew);
  set(RVM_HVC_LEASE_RELEASE, device_lease_revoke);
  return table;
}();

constexpr bool makes_new_object(std::uint64_t operation) {
  return operation == RVM_HVC_PARTITION_CREATE || operation == RVM_HVC_AGENT_SPAWN || operation == RVM_HVC_AGENT_FORK ||
         operation == RVM_HVC_REGION_CREATE || operation == RVM_HVC_EDGE_CREATE;
}

/// Agents are moved when all have come to rest, and the call is repeated until then.
constexpr bool moves_agents(std::uint64_t operation) {
  return operation == RVM_HVC_AGENT_MIGRATE || operation == RVM_HVC_PARTITION_SPLIT ||
         operation == RVM_HVC_PARTITION_MERGE;
}

/// Errors that say "not now" rather than "not you".
constexpr bool leaves_no_record(Error e) {
  return e == Error::ok || e == Error::would_block || e == Error::timed_out || e == Error::peer_gone ||
         e == Error::truncated || e == Error::witness_log_full || e == Error::resource_limit;
}

}  // namespace

const char* operation_name(std::uint64_t operation) { return operation < rules.size() ? rules[operation].name : "?"; }

std::uint8_t Simulation::tier_of(const Agent& agent, std::uint64_t operation) {
  constexpr std::uint8_t by_trust = 4;  // P2_P3
  const std::uint8_t tier = operation < rules.size() ? rules[operation].tier : std::uint8_t{1};
  if (tier != by_trust) return tier;
  return agent.partition->type == RVM_PARTITION_AGENT ? 3 : 2;
}

AgentView& Simulation::view(const Agent& agent) {
  AgentView& v = views_[kernel::index_of(agent)];
  if (v.id != agent.id.value) {
    v = AgentView{};
    v.id = agent.id.value;
  }
  return v;
}

std::optional<SeenCapability> Simulation::named(const Agent& agent, std::uint64_t handle) {
  const auto low = static_cast<std::uint32_t>(handle);
  const std::uint32_t slot = low & 0xffff;
  if (slot == 0 || slot >= cap::table_slots || handle >> 32 != 0) return std::nullopt;
  const cap::CapabilityRef ref{kernel::table_of(agent), static_cast<std::uint16_t>(slot)};
  const cap::Capability* const c = state_->capabilities.find(ref);
  if (c == nullptr || !c->live() || c->generation().value != low >> 16) return std::nullopt;
  return see(ref, *c);
}

Error Simulation::p1(const Agent& agent, std::uint64_t operation, std::uint64_t handle) {
  if (operation >= rules.size() || !rules[operation].exists) return Error::bad_operation;
  const Rule& rule = rules[operation];
  if (rule.type == ObjectType::none) return Error::ok;
  const auto capability = named(agent, handle);
  if (!capability) return Error::bad_capability;
  if (rule.type != ObjectType::any && capability->object.type != rule.type) return Error::wrong_type;
  return (capability->rights & rule.rights) == rule.rights ? Error::ok : Error::rights;
}

/// Whether x8-x15 prove the request in x0-x7 under `capability`, as the ABI says, at this moment. What depends on the
/// object (bounds, its chain of derivation) is left out.
bool Simulation::p2(const Agent& agent, const Attempt& a, hal::Context& registers) {
  rvm_proof_subject subject{};
  std::memcpy(subject.domain, RVM_PROOF_DOMAIN, sizeof subject.domain);
  subject.abi_version = RVM_ABI_VERSION;
  subject.operation = static_cast<std::uint32_t>(a.operation);
  subject.partition_id = agent.partition->id.value;
  subject.agent_id = agent.id.value;
  for (unsigned i = 0; i < 7; ++i) subject.arguments[i] = a.x[1 + i];
  subject.nonce = registers.reg(12);
  subject.not_before_ns = registers.reg(13);
  subject.not_after_ns = registers.reg(14);
  subject.tier = registers.reg(15);
  const crypto::Digest digest = crypto::sha256(std::as_bytes(std::span{&subject, 1}));
  const std::uint64_t now = machine_.hardware.now.value;
  const std::set<std::uint64_t>& used = view(agent).used_nonces;
  const bool old = !used.empty() && subject.nonce < *used.rbegin() && *used.rbegin() - subject.nonce > 4095;
  return a.object && (a.object->rights & RVM_RIGHT_PROVE) != 0 &&
         std::memcmp(digest.data(), &registers.reg(8), digest.size()) == 0 && subject.not_before_ns <= now &&
         now <= subject.not_after_ns && subject.not_after_ns - subject.not_before_ns <= RVM_PROOF_VALIDITY_MAX_NS &&
         subject.tier >= tier_of(agent, a.operation) && subject.tier <= 3 && !old && !used.contains(subject.nonce) &&
         subject.nonce != UINT64_MAX;
}

std::uint64_t Simulation::digest_of(const Partition& p, std::uint64_t at, std::uint64_t length) {
  // Put together first, so that it does not matter where the pages end.
  std::array<std::uint64_t, RVM_MESSAGE_BYTES_MAX / sizeof(std::uint64_t)> words{};
  std::byte* to = reinterpret_cast<std::byte*>(words.data());
  require(length <= sizeof words, "environment", "a message is longer than any can be");
  for (std::uint64_t done = 0; done < length;) {
    const std::uint64_t within = (at + done) % page_bytes;
    const std::uint64_t piece = std::min<std::uint64_t>(page_bytes - within, length - done);
    if (const std::byte* const from = guest_pointer(p, at + done)) {
      std::memcpy(to + done, from, piece);
    } else if (!is_hole(p, at + done)) {  // holes read as zeros
      return 0;                           // says that it cannot be read
    }
    done += piece;
  }
  std::uint64_t digest = length + 0x5bd1'e995;
  for (const std::uint64_t word : words) {
    digest = (digest ^ word) * 0x9e37'79b9'7f4a'7c15;
    digest ^= digest >> 29;
  }
  return digest | 1;
}

std::vector<std::uint64_t> Simulation::subtree(const SeenCapability& root, bool with_root) {
  // Parents come before children only by chance: go over the table until nothing is added (depth is at most 8).
  std::vector<std::uint64_t> found;
  std::set<std::uint32_t> keys{root.key()};
  if (with_root) found.push_back(std::uint64_t{root.key()} << 16 | root.generation);
  for (bool more = true; more;) {
    more = false;
    for (const SeenCapability& c : capabilities_) {
      if (c.parent.empty() || keys.contains(c.key())) continue;
      if (!keys.contains(std::uint32_t{c.parent.agent.value} << 16 | c.parent.slot)) continue;
      keys.insert(c.key());
      found.push_back(std::uint64_t{c.key()} << 16 | c.generation);
      more = true;
    }
  }
  return found;
}

void Simulation::begin_attempt(std::uint32_t core, Agent& agent) {
  hal::Context& registers = machine_.context(core);
  Partition& p = *agent.partition;
  AgentView& v = view(agent);
  Attempt& a = v.attempt;
  const bool again = a.active;
  if (!again) a = Attempt{};
  a.active = true;
  a.repeated = again;
  a.home = p.id.value;
  a.pc = registers.pc + 4;
  a.operation = registers.reg(0);
  for (unsigned i = 0; i < a.x.size(); ++i) a.x[i] = registers.reg(i);
  a.expected = p1(agent, a.operation, a.x[1]);
  a.object = a.second = std::nullopt;
  if (!again || !moves_agents(a.operation)) a.first_record = kernel::log().ring.reserved();
  if (a.operation < rules.size() && rules[a.operation].type != ObjectType::none) a.object = named(agent, a.x[1]);
  a.second = named(agent, a.x[2]);
  if (const std::uint8_t tier = tier_of(agent, a.operation); a.expected == Error::ok && tier >= 2) {
    a.nonce = registers.reg(12);
    if (!p2(agent, a, registers)) a.expected = Error::proof;
    if (tier == 3 && is_dma(*a.object)) a.expected = Error::dma_refused;  // whatever it shows
    a.shown |= tier != 3 || shows_evidence(core, a.x[7]);
  }
  if (a.object && a.object->object.type == ObjectType::device && a.object->object.id - 1 < devices().size()) {
    const kernel::Device& device = devices()[a.object->object.id - 1];
    a.held = device.holder == &agent && device.expiry > machine_.hardware.now;
    a.dma_left = device.dma_left;
  }
  switch (a.operation) {
    case RVM_HVC_AGENT_FORK:
      a.forkable = a.second && may_be_forked(*a.second);
      break;
    case RVM_HVC_MEMORY_SEAL:
      a.seal = expected_of_seal(agent, a);
      break;
    case RVM_HVC_CAP_REVOKE:
    case RVM_HVC_CAP_DROP:
    case RVM_HVC_REGION_DESTROY:
    case RVM_HVC_REGION_UNSHARE:
    case RVM_HVC_REGION_TRANSFER:
    case RVM_HVC_CAP_TRANSFER:
      if (a.object && !again) {
        scan_capabilities();
        const bool all = a.operation != RVM_HVC_CAP_TRANSFER;
        const bool root = a.operation == RVM_HVC_CAP_REVOKE || a.operation == RVM_HVC_REGION_DESTROY ||
                          a.operation == RVM_HVC_CAP_DROP;
        if (all) a.doomed = subtree(*a.object, root);
        if (!root && a.operation != RVM_HVC_REGION_UNSHARE)
          a.doomed.push_back(std::uint64_t{a.object->key()} << 16 | a.object->generation);
      }
      break;
    case RVM_HVC_PARTITION_DESTROY:
      if (a.object && !again) {
        scan_capabilities();
        const Partition* doomed = state_->partitions.find(PartitionId{a.object->object.id});
        if (doomed == nullptr) break;
        for (const SeenCapability& c : capabilities_) {
          // Of an agent that ended before, what was derived stays.
          if (holder(c).partition != doomed || holder(c).state == kernel::AgentState::terminated) continue;
          const auto below = subtree(c, true);
          a.doomed.insert(a.doomed.end(), below.begin(), below.end());
        }
      }
      break;
    case RVM_HVC_CALL:
      if (a.object) {
        const auto badge = edge_badges_.find(a.object->object.id);
        a.call_badge = badge != edge_badges_.end() ? badge->second : 0;
      }
      break;
    case RVM_HVC_REPLY:
    case RVM_HVC_REPLY_WAIT:
      if (agent.caller != nullptr) {
        Attempt& call = view(*agent.caller).attempt;
        call.answered = true;
        for (unsigned i = 0; i < 8; ++i) call.reply[i] = registers.reg(2 + i);
      }
      break;
    case RVM_HVC_SEND:
      if (a.x[3] <= RVM_MESSAGE_BYTES_MAX) a.message_digest = digest_of(p, a.x[2], a.x[3]);
      break;
    case RVM_HVC_TURN_COMMIT:
      note_turn(agent, a);
      break;
    default:
      break;
  }
}

/// Calls whose message arrived: the callee has exactly what the caller passed, and learns who it was.
void Simulation::follow_calls() {
  each_agent([&](Agent& agent) {
    Attempt& a = view(agent).attempt;
    if (agent.wait != Wait::reply || !a.active || a.delivered) return;
    a.delivered = true;
    require(a.operation == RVM_HVC_CALL && agent.callee != nullptr && agent.callee->caller == &agent, "ipc",
            "an agent waits for a reply that nobody owes");
    require(a.expected == Error::ok, "authority", "a call went through without a capability that permits it");
    const Edge* const edge = state_->edges.find(EdgeId{a.object->object.id});
    require(edge != nullptr && edge->sender == &agent && edge->receiver == agent.callee, "authority",
            "a call went along an edge that is not the caller's");
    hal::Context& to = *agent.callee->context;
    require(to.reg(0) == 0 && to.reg(1) == a.call_badge, "badge",
            "a call arrived under another badge than its edge has");
    for (unsigned i = 2; i < 10; ++i) require(to.reg(i) == a.x[i], "ipc", "a call's message arrived changed");
  });
}

void Simulation::judge(Agent& agent) {
  Attempt& a = view(agent).attempt;
  if (!a.active) return;
  switch (agent.wait) {
    case Wait::none:
    case Wait::budget:
    case Wait::throttled:
      break;
    default:
      return;  // it waits still
  }
  if (agent.context->pc != a.pc) {
    require(agent.context->pc == a.pc - 4, "resumption",
            "an agent goes on at neither its hypercall nor the instruction after");
    return;  // it asks again
  }
  const std::uint64_t result = agent.context->reg(0);
  require(result < RVM_ERROR_COUNT, "result",
          [&] { return std::string{operation_name(a.operation)} + " answered " + std::to_string(result); });
  const auto error = static_cast<Error>(result);
  const Attempt attempt = a;
  a.active = false;
  require(error != Error::internal, "result",
          [&] { return std::string{operation_name(attempt.operation)} + " failed with INTERNAL"; });
  if (options_.trace && error != Error::ok) note("    refused: " + std::string{describe(error).text});
  if (attempt.operation < coverage.succeeded.size()) {
    ++(error == Error::ok ? coverage.succeeded : coverage.refused)[attempt.operation];
  }
  if (error == Error::ok) {
    judge_success(agent, attempt);
  } else {
    judge_refusal(agent, attempt, error);
  }
}

void Simulation::judge_refusal(Agent& agent, const Attempt& attempt, Error error) {
  const bool waited = attempt.operation == RVM_HVC_CALL && error == Error::peer_gone;
  if (attempt.expected != Error::ok && !waited) {
    require(error == attempt.expected, "authority", [&] {
      return std::string{operation_name(attempt.operation)} + " answered " + std::to_string(static_cast<int>(error)) +
             " where its proof demands " + std::to_string(static_cast<int>(attempt.expected));
    });
  }
  if (attempt.operation == RVM_HVC_AGENT_FORK && error == Error::bad_state && attempt.expected == Error::ok) {
    const Partition* const into = state_->partitions.find(PartitionId{attempt.object->object.id});
    const bool open = into != nullptr && (into->state == kernel::PartitionState::created ||
                                          into->state == kernel::PartitionState::running);
    require(!attempt.forkable || !open, "fork", "an agent that may be forked was not");
  }
  if (attempt.operation == RVM_HVC_MEMORY_SEAL && attempt.expected == Error::ok)
    require(error == attempt.seal || error == Error::witness_log_full, "seal", [&] {
      return "MEMORY_SEAL answered " + std::to_string(static_cast<int>(error)) + " and not " +
             std::to_string(static_cast<int>(attempt.seal));
    });
  require(!moves_agents(attempt.operation) || attempt.repeated || relocation_record(attempt) == nullptr, "relocation",
          "agents were moved by a call that was refused");
  // Bounds are part of the proof of REGION_MAP and LEASE_GRANT, and evidence may be bad.
  require(error != Error::proof || attempt.expected == Error::proof || attempt.operation == RVM_HVC_REGION_MAP ||
              attempt.operation == RVM_HVC_LEASE_GRANT,
          "proof", [&] { return std::string{operation_name(attempt.operation)} + " refused a proof that holds"; });
  if (leaves_no_record(error)) return;
  const std::uint64_t code =
      (attempt.operation < RVM_HVC_LIMIT ? attempt.operation : 0xff) | static_cast<std::uint64_t>(error) << 8;
  bool found = false;
  for (std::uint64_t i = attempt.first_record; i < records_.size() && !found; ++i) {
    const witness::Record& r = records_[i];
    found = r.action_kind == witness::Kind::proof_rejected && r.actor_partition == attempt.home &&
            r.target_object == agent.id.value && r.flags == code && r.payload == attempt.x[1] && r.aux == attempt.x[2];
  }
  require(found, "refusal-recorded", [&] {
    return std::string{operation_name(attempt.operation)} + " was refused with " +
           std::to_string(static_cast<int>(error)) + " and no ProofRejected says so";
  });
}

void Simulation::judge_success(Agent& agent, const Attempt& attempt) {
  require(attempt.expected == Error::ok, "authority", [&] {
    return std::string{operation_name(attempt.operation)} + " succeeded, but its proof demands error " +
           std::to_string(static_cast<int>(attempt.expected));
  });
  const std::uint8_t tier = tier_of(agent, attempt.operation);
  require(tier < 3 || attempt.shown, "evidence", "an agent that is not trusted was believed without evidence");
  if (tier >= 2) view(agent).used_nonces.insert(attempt.nonce);
  if (evidence[attempt.operation] != 0) {
    bool found = false;
    for (std::uint64_t i = attempt.first_record; i < records_.size() && !found; ++i) {
      const witness::Record& r = records_[i];
      found = static_cast<std::uint8_t>(r.action_kind) == evidence[attempt.operation] && (r.flags & 0x8000) == 0 &&
              r.actor_partition == attempt.home && r.proof_tier >= tier &&
              (makes_new_object(attempt.operation) ||
               r.target_object == (attempt.operation == RVM_HVC_CAP_OBTAIN ? attempt.x[3]
                                   : attempt.object                        ? attempt.object->object.id
                                                                           : agent.id.value));
    }
    require(found, "mutation-recorded",
            [&] { return std::string{operation_name(attempt.operation)} + " succeeded without its record"; });
  }
  for (const std::uint64_t doomed : attempt.doomed) {
    const cap::CapabilityRef ref{cap::AgentIndex{static_cast<std::uint16_t>(doomed >> 32)},
                                 static_cast<std::uint16_t>(doomed >> 16)};
    require(
        state_->capabilities.find(ref, Generation{static_cast<std::uint16_t>(doomed)}) == nullptr, "revocation", [&] {
          return std::string{operation_name(attempt.operation)} + " returned and capability " +
                 std::to_string(ref.slot) + " of agent index " + std::to_string(ref.agent.value) + " is still there";
        });
  }
  judge_arena_success(agent, attempt);
  judge_relocation_success(agent, attempt);
  judge_capability_success(agent, attempt);
  judge_message_success(agent, attempt);
  judge_device_success(agent, attempt);
}

void Simulation::judge_capability_success(Agent& agent, const Attempt& attempt) {
  hal::Context& registers = *agent.context;
  const auto made = [&](unsigned i) {
    const auto c = named(agent, registers.reg(i));
    require(c.has_value(), "new-capability",
            [&] { return std::string{operation_name(attempt.operation)} + " answered a handle that names nothing"; });
    return *c;
  };
  switch (attempt.operation) {
    case RVM_HVC_CAP_DERIVE: {
      const SeenCapability child = made(1);
      const SeenCapability& parent = *attempt.object;
      const bool grant = (parent.rights & RVM_RIGHT_GRANT) != 0;
      const std::uint32_t strip = grant ? 0 : RVM_RIGHT_GRANT | RVM_RIGHT_GRANT_ONCE;
      require(grant || (parent.rights & RVM_RIGHT_GRANT_ONCE) != 0, "attenuation", "derived without a right to grant");
      require(child.rights == (attempt.x[2] & ~strip) && (child.rights & ~parent.rights) == 0, "attenuation",
              "a derived capability has other rights than it may");
      require(child.depth == parent.depth + 1 && child.depth <= 8, "depth", "a derived capability has a wrong depth");
      require(child.parent == parent.ref && child.object == parent.object, "derivation", "derived from something else");
      require(child.badge == (attempt.x[3] != 0 ? attempt.x[3] : parent.badge), "badge", "a derived badge is wrong");
      if (!grant) {
        const auto after = named(agent, attempt.x[1]);
        require(!after || (after->rights & RVM_RIGHT_GRANT_ONCE) == 0, "grant-once", "GRANT_ONCE was not consumed");
      }
      break;
    }
    case RVM_HVC_CAP_OBTAIN: {
      const SeenCapability c = made(1);
      const std::uint32_t allowed = RVM_RIGHT_EXECUTE | RVM_RIGHT_PROVE;
      require(attempt.object->object.id == 0 && (attempt.object->rights & allowed) == allowed, "authority",
              "a capability was obtained without one to the hypervisor");
      require(c.rights == attempt.x[4] && (c.rights & ~attempt.object->rights) == 0, "attenuation",
              "a capability was obtained with rights that the hypervisor's has not");
      require(c.object.id == attempt.x[3] && static_cast<std::uint64_t>(c.object.type) == attempt.x[2] && c.depth == 0,
              "new-capability", "CAP_OBTAIN gave a capability to something else");
      break;
    }
    case RVM_HVC_CAP_INSPECT:
      require(registers.reg(1) == static_cast<std::uint64_t>(attempt.object->object.type) &&
                  registers.reg(2) == attempt.object->rights && registers.reg(3) == attempt.object->object.id &&
                  registers.reg(4) == attempt.object->badge && registers.reg(5) == attempt.object->depth,
              "inspect", "CAP_INSPECT says something else than the table");
      break;
    case RVM_HVC_PARTITION_CREATE: {
      const SeenCapability c = made(1);
      const Partition* created = state_->partitions.find(PartitionId{c.object.id});
      require(attempt.object->object.id == 0, "authority", "a partition was made without the hypervisor's capability");
      require(created != nullptr && c.object.type == ObjectType::partition && c.depth == 0, "new-capability",
              "PARTITION_CREATE gave a capability to something else");
      require(created->account.quota == static_cast<std::uint32_t>(attempt.x[2]), "quota", "another page quota");
      break;
    }
    case RVM_HVC_AGENT_SPAWN: {
      const SeenCapability c = made(1);
      const Agent* spawned = state_->agents.find(AgentId{c.object.id});
      require(spawned != nullptr && c.object.type == ObjectType::agent &&
                  spawned->partition->id.value == attempt.object->object.id,
              "new-capability", "AGENT_SPAWN made an agent somewhere else");
      require(may_outrank(agent, *spawned), "priority", "an agent outranks its maker");
      // What it finds: its own data, and zeros.
      const rvm_agent_info& info = *spawned->information;
      for (std::uint64_t at = info.heap_base; at < info.heap_base + info.heap_size; at += 512) {
        const auto found = machine_.hardware.walk({spawned->partition->space.root(), 0}, GuestAddress{at});
        require(found.has_value() != profile_.on_demand, "spawn", "an agent's heap is not as its image says");
        if (!found) continue;
        std::uint64_t word = 0;
        std::memcpy(&word,
                    machine_.hardware.ram.data() + ((found->frame << page_shift) - hal::SimulatedMachine::ram_base) +
                        at % page_bytes,
                    8);
        require(word == 0, "scrubbing", "a new agent's heap holds somebody's data");
      }
      break;
    }
    case RVM_HVC_REGION_CREATE: {
      const SeenCapability c = made(1);
      RegionObject* region = state_->regions.find(RegionId{c.object.id});
      require(region != nullptr && region->region.pages() == attempt.x[2] && c.rights == RVM_RIGHT_ALL && c.depth == 0,
              "new-capability", "REGION_CREATE gave something else");
      for (const memory::Extent& extent : region->region.extents()) {
        for (std::uint64_t at = 0; at < extent.pages() * page_bytes; at += 2048) {
          std::uint64_t word = 0;
          std::memcpy(&word, hal::Port::to_pointer(offset(extent.base(), at)), 8);
          require(word == 0, "scrubbing", "a new region holds somebody's data");
        }
      }
      break;
    }
    case RVM_HVC_REGION_MAP: {
      const auto c = named(agent, attempt.x[1]);
      require(c && c->mapped_at == attempt.x[2] >> page_shift && static_cast<std::uint64_t>(c->access) == attempt.x[3],
              "mapping", "REGION_MAP mapped something else");
      AgentView& v = view(agent);
      v.last_mapped[v.last_mapped[0] == 0 ? 0 : attempt.first_record % 2] = attempt.x[2];
      full_scan_due_ |= attempt.first_record % 8 == 0;
      break;
    }
    case RVM_HVC_EDGE_CREATE: {
      const SeenCapability c = made(1);
      const Edge* edge = state_->edges.find(EdgeId{c.object.id});
      require(edge != nullptr && edge->sender->id.value == attempt.object->object.id && attempt.second &&
                  edge->receiver->id.value == attempt.second->object.id &&
                  (attempt.second->rights & RVM_RIGHT_WRITE) != 0,
              "new-capability", "EDGE_CREATE connected other agents than it was asked to, or without authority");
      require(edge->badge == (attempt.x[4] != 0 ? attempt.x[4] : edge->sender->id.value), "badge",
              "an edge's badge is wrong");
      break;
    }
    case RVM_HVC_AGENT_TERMINATE:
    case RVM_HVC_PARTITION_DESTROY:
    case RVM_HVC_CAP_REVOKE:
    case RVM_HVC_CAP_DROP:
    case RVM_HVC_REGION_UNSHARE:
    case RVM_HVC_REGION_DESTROY:
    case RVM_HVC_REGION_TRANSFER:
    case RVM_HVC_REGION_UNMAP:
      full_scan_due_ |= attempt.first_record % 4 == 0;
      break;
    default:
      break;
  }
}

/// The kernel wrote there for the agent, who must be able to do so itself.
void Simulation::require_writable(const Agent& agent, const Attempt& attempt, std::uint64_t at) {
  const auto found = machine_.hardware.walk({reached(agent, attempt, at).space.root(), 0}, GuestAddress{at});
  require(
      found && allows(found->access, Access::write) && found->frame << page_shift >= hal::SimulatedMachine::ram_base,
      "copy", "the kernel wrote where the agent may not");
}

void Simulation::judge_observation(Agent& agent, const Attempt& attempt) {
  hal::Context& registers = *agent.context;
  require(attempt.object->object.id == 0, "authority", "the system was read without a capability to the hypervisor");
  constexpr std::array<std::uint64_t, 5> sizes{0, sizeof(rvm_machine_status), sizeof(rvm_partition_status),
                                               sizeof(rvm_agent_status), sizeof(rvm_edge_status)};
  require(attempt.x[2] != 0 && attempt.x[2] < sizes.size(), "observation",
          "SYSTEM_READ answered for what is not there");
  const std::uint64_t bytes = registers.reg(1) * sizes[attempt.x[2]];
  require(bytes <= attempt.x[5] && bytes <= page_bytes, "observation", "SYSTEM_READ wrote more than there is room for");
  require(registers.reg(2) == 0 || registers.reg(2) > attempt.x[3], "observation", "SYSTEM_READ goes in circles");
  if (bytes == 0) return;
  for (std::uint64_t at = attempt.x[4]; at < attempt.x[4] + bytes; at = (at | (page_bytes - 1)) + 1)
    require_writable(agent, attempt, at);
  note_written(reached(agent, attempt, attempt.x[4]), attempt.x[4], bytes);
}

void Simulation::judge_message_success(Agent& agent, const Attempt& attempt) {
  hal::Context& registers = *agent.context;
  const auto sent = [&](std::uint32_t edge, const SentMessage& message) { queues_[edge].push_back(message); };
  switch (attempt.operation) {
    case RVM_HVC_CALL:
      require(attempt.answered && attempt.delivered, "ipc", "a call returned without an answer");
      for (unsigned i = 0; i < 8; ++i)
        require(registers.reg(2 + i) == attempt.reply[i], "ipc", "a reply arrived changed");
      break;
    case RVM_HVC_SEND: {
      const Edge* const edge = state_->edges.find(EdgeId{attempt.object->object.id});
      require(edge != nullptr && edge->sender == &agent, "authority",
              "a message was sent by another than the edge's sender");
      require(attempt.message_digest != 0 || attempt.x[3] == 0, "copy", "SEND read what the sender cannot read");
      require(attempt.x[3] <= RVM_MESSAGE_BYTES_MAX, "copy", "SEND took more than a message holds");
      sent(attempt.object->object.id,
           {static_cast<std::uint16_t>(attempt.x[3]), RVM_MESSAGE_BYTES, attempt.message_digest});
      break;
    }
    case RVM_HVC_REGION_SHARE:
    case RVM_HVC_REGION_TRANSFER:
      require(attempt.second && attempt.second->object.type == ObjectType::edge &&
                  (attempt.second->rights & RVM_RIGHT_WRITE) != 0,
              "authority", "a region went over an edge without authority to send on it");
      sent(attempt.second->object.id, {sizeof(rvm_capability_message), RVM_MESSAGE_REGION, 0});
      break;
    case RVM_HVC_CAP_TRANSFER:
      require(attempt.second && attempt.second->object.type == ObjectType::edge &&
                  (attempt.second->rights & RVM_RIGHT_WRITE) != 0,
              "authority", "a capability went over an edge without authority to send on it");
      sent(attempt.second->object.id, {sizeof(rvm_capability_message), RVM_MESSAGE_CAPABILITY, 0});
      break;
    case RVM_HVC_RECEIVE: {
      const auto edge = static_cast<std::uint32_t>(registers.reg(4));
      for (std::uint64_t at = attempt.x[2]; at < attempt.x[2] + registers.reg(2); at = (at | (page_bytes - 1)) + 1)
        require_writable(agent, attempt, at);
      note_written(reached(agent, attempt, attempt.x[2]), attempt.x[2], registers.reg(2));
      auto& queue = queues_[edge];
      require(!queue.empty(), "ipc", "a message was received that nobody sent, or twice");
      const SentMessage message = queue.front();
      queue.pop_front();
      require(registers.reg(2) == message.length && registers.reg(3) == message.kind, "ipc",
              "a message arrived out of order, or with another length or kind");
      require(registers.reg(1) == edge_badges_[edge], "badge",
              "a message arrived under another badge than its edge has");
      if (message.kind == RVM_MESSAGE_BYTES && message.length != 0) {
        require(digest_of(reached(agent, attempt, attempt.x[2]), attempt.x[2], message.length) == message.digest, "ipc",
                "a message arrived changed");
      }
      break;
    }
    case RVM_HVC_TURN_COMMIT:
      judge_turn(agent, attempt);
      break;
    case RVM_HVC_WITNESS_READ:
      require_writable(agent, attempt, attempt.x[3]);
      note_written(reached(agent, attempt, attempt.x[3]), attempt.x[3], sizeof(witness::Record));
      break;
    case RVM_HVC_SYSTEM_READ:
      judge_observation(agent, attempt);
      break;
    case RVM_HVC_WAIT:
      require(registers.reg(1) != 0 && (registers.reg(1) & ~attempt.x[1]) == 0, "ipc",
              "WAIT took bits that were not asked for");
      break;
    case RVM_HVC_SELF:
      require(registers.reg(1) == agent.id.value && registers.reg(2) == attempt.home, "identity",
              "SELF names somebody else");
      break;
    default:
      break;
  }
}

}  // namespace rvm::sim
