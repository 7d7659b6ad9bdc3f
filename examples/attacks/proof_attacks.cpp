// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Operations of tier P2 without a proof, or with one that is old, borrowed or about something else.
#include "attack.hpp"

namespace attacks {

namespace {

/// A region of the agent's own, which it may map at map_base.
struct Target {
  rvm_handle region = RVM_INVALID_HANDLE;
  std::uint64_t at = info().map_base;

  explicit Target(Tries& tries) {
    tries.check("region", rvm_region_create(partition_handle(), 1, &region) == RVM_ERROR_OK);
  }
  [[nodiscard]] rvm_proof proof(std::uint64_t now) const {
    return rvm_prove(RVM_HVC_REGION_MAP, region, at, RVM_MAP_READ, 0, now);
  }
  [[nodiscard]] rvm_error map(const rvm_proof& p, std::uint64_t permissions = RVM_MAP_READ) const {
    rvm_registers r{{RVM_HVC_REGION_MAP, region, at, permissions, 0, 0, 0, 0, 0, 0}};
    return static_cast<rvm_error>(rvm_invoke_with(&r, p));
  }
  [[nodiscard]] bool unmap() const { return rvm_region_unmap(region) == RVM_ERROR_OK; }
};

Verdict without_proof() {
  Tries tries;
  const Target t(tries);
  tries.refused("nothing", t.map(rvm_proof{}), {RVM_ERROR_PROOF});
  tries.refused("all ones", t.map(rvm_proof{{~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull, ~0ull}}),
                {RVM_ERROR_PROOF});
  rvm_proof p = t.proof(rvm_time());
  p.x[7] = 1;
  tries.refused("tier 1", t.map(p), {RVM_ERROR_PROOF});
  p = t.proof(rvm_time());
  for (unsigned word = 0; word < 4; ++word) {
    p.x[word] ^= 1;
    tries.refused("hash", t.map(p), {RVM_ERROR_PROOF});
    p.x[word] ^= 1;
  }
  tries.check("the right one holds", t.map(p) == RVM_ERROR_OK);
  return tries.verdict();
}

Verdict borrowed_proof() {
  Tries tries;
  const Target t(tries);
  // For reading, used for writing; for another region; another operation; another agent; other terms.
  tries.refused("permissions", t.map(t.proof(rvm_time()), RVM_MAP_READ | RVM_MAP_WRITE), {RVM_ERROR_PROOF});
  const Target other(tries);
  tries.refused("region", other.map(t.proof(rvm_time())), {RVM_ERROR_PROOF});
  tries.refused("operation", t.map(rvm_prove(RVM_HVC_REGION_UNMAP, t.region, t.at, RVM_MAP_READ, 0, rvm_time())),
                {RVM_ERROR_PROOF});
  rvm_agent_info somebody = info();
  const rvm_agent_info* const me = rvm_this_agent;
  for (const bool partition : {false, true}) {
    somebody = *me;
    (partition ? somebody.partition_id : somebody.agent_id) += 1;
    rvm_this_agent = &somebody;
    const rvm_proof p = t.proof(rvm_time());
    rvm_this_agent = me;
    tries.refused("identity", t.map(p), {RVM_ERROR_PROOF});
  }
  rvm_proof p = t.proof(rvm_time());
  p.x[6] += 1;
  tries.refused("lifetime", t.map(p), {RVM_ERROR_PROOF});
  return tries.verdict();
}

Verdict replayed_proof() {
  Tries tries;
  const Target t(tries);
  const rvm_proof p = t.proof(rvm_time());
  tries.check("once", t.map(p) == RVM_ERROR_OK);
  tries.check("unmap", t.unmap());
  for (int i = 0; i < 4; ++i) tries.refused("again", t.map(p), {RVM_ERROR_PROOF});
  // A nonce so far ahead that the window leaves everything below it behind.
  const std::uint64_t before = rvm_next_nonce;
  const rvm_proof unused = t.proof(rvm_time());
  rvm_next_nonce = before + 100'000;
  tries.check("far ahead", t.map(t.proof(rvm_time())) == RVM_ERROR_OK);
  tries.check("unmap", t.unmap());
  tries.refused("left behind", t.map(unused), {RVM_ERROR_PROOF});
  tries.refused("again", t.map(p), {RVM_ERROR_PROOF});
  return tries.verdict();
}

Verdict proof_out_of_time() {
  Tries tries;
  const Target t(tries);
  const std::uint64_t now = rvm_time();
  tries.refused("in the future", t.map(t.proof(now + 1'000'000'000)), {RVM_ERROR_PROOF});
  tries.refused("in the past", t.map(t.proof(now - 2'000'000'000)), {RVM_ERROR_PROOF});
  // Good for ever: signed as such, and still refused.
  rvm_proof_subject s{{'R', 'V', 'M', '-', 'P', '2', '-', '1'},
                      RVM_ABI_VERSION,
                      RVM_HVC_REGION_MAP,
                      info().partition_id,
                      info().agent_id,
                      {t.region, t.at, RVM_MAP_READ, 0, 0, 0, 0},
                      ++rvm_next_nonce,
                      0,
                      ~0ull,
                      2};
  const rvm_sha256 d = rvm_sha256_of(&s, sizeof s);
  tries.refused("for ever", t.map({{d.words[0], d.words[1], d.words[2], d.words[3], s.nonce, 0, ~0ull, 2}}),
                {RVM_ERROR_PROOF});
  return tries.verdict();
}

Verdict proof_without_right() {
  Tries tries;
  const Target t(tries);
  rvm_handle weak = RVM_INVALID_HANDLE;
  tries.check("derive", rvm_cap_derive(t.region, RVM_RIGHT_ALL & ~RVM_RIGHT_PROVE, 0, &weak) == RVM_ERROR_OK);
  tries.refused("map", rvm_region_map(weak, t.at, RVM_MAP_READ), {RVM_ERROR_PROOF});
  return tries.verdict();
}

/// A proof of REGION_MAP that is right in itself, on terms of the caller's choice.
rvm_proof proof_on_terms(const Target& t, std::uint64_t at, std::uint64_t nonce, std::uint64_t from, std::uint64_t to,
                         std::uint64_t tier) {
  const rvm_proof_subject s{{'R', 'V', 'M', '-', 'P', '2', '-', '1'},
                            RVM_ABI_VERSION,
                            RVM_HVC_REGION_MAP,
                            info().partition_id,
                            info().agent_id,
                            {t.region, at, RVM_MAP_READ, 0, 0, 0, 0},
                            nonce,
                            from,
                            to,
                            tier};
  const rvm_sha256 d = rvm_sha256_of(&s, sizeof s);
  return {{d.words[0], d.words[1], d.words[2], d.words[3], nonce, from, to, tier}};
}

/// What `calls` calls take by a clock that counts instructions (`icount`) in steps of 16. The least of several tries, for
/// interrupts come in between; more than a step for all of them is less than an instruction for one.
class Stopwatch {
 public:
  static constexpr unsigned calls = 32;
  static constexpr unsigned tries = 6;
  template <typename Call>
  void time(Call&& call) {
    const std::uint64_t before = rvm_time();
    for (unsigned i = 0; i < calls; ++i) call();
    least_ = std::min(least_, rvm_time() - before);
  }
  [[nodiscard]] bool same_as(const Stopwatch& other) const {
    return std::max(least_, other.least_) - std::min(least_, other.least_) < calls;
  }

 private:
  std::uint64_t least_ = ~0ull;
};

Verdict proof_timing() {
  Tries tries;
  const Target root(tries);
  // As deep as the one without PROVE: how long a chain is, is no secret.
  Target t = root;
  tries.check("derive", rvm_cap_derive(root.region, RVM_RIGHT_ALL, 0, &t.region) == RVM_ERROR_OK);
  constexpr std::uint64_t second = 1'000'000'000;
  const std::uint64_t used = rvm_next_nonce + 1;
  rvm_next_nonce += 10'000;
  tries.check("map", t.map(proof_on_terms(t, t.at, used, 0, rvm_time() + second, 2)) == RVM_ERROR_OK);
  tries.check("unmap", t.unmap());
  rvm_handle weak = RVM_INVALID_HANDLE;
  tries.check("derive", rvm_cap_derive(root.region, RVM_RIGHT_ALL & ~RVM_RIGHT_PROVE, 0, &weak) == RVM_ERROR_OK);
  Target unproven = t;
  unproven.region = weak;
  Target outside = t;
  outside.at = t.at - RVM_PAGE_SIZE;
  constexpr unsigned ways = 11;
  Stopwatch watches[ways];
  for (unsigned i = 0; i < Stopwatch::tries * ways; ++i) {
    const std::uint64_t now = rvm_time();
    const std::uint64_t fresh = ++rvm_next_nonce;
    const std::uint64_t to = now + second;
    const Target* on = &t;
    rvm_proof p{};
    switch (i % ways) {
      case 0:
        p = proof_on_terms(t, t.at, fresh, now, to, 2);
        p.x[0] ^= 1;
        break;
      case 1:
        p = proof_on_terms(t, t.at, fresh, now, to, 2);
        p.x[3] ^= 1ull << 63;
        break;
      case 2:
        p = proof_on_terms(t, t.at, fresh, now, to, 1);
        break;
      case 3:
        p = proof_on_terms(t, t.at, fresh, now, to, 4);
        break;
      case 4:
        p = proof_on_terms(t, t.at, fresh, now + second, now + 2 * second, 2);
        break;
      case 5:
        p = proof_on_terms(t, t.at, fresh, now / 4, now / 2, 2);
        break;
      case 6:
        p = proof_on_terms(t, t.at, fresh, 0, ~0ull, 2);
        break;
      case 7:
        p = proof_on_terms(t, t.at, used, now, to, 2);
        break;
      case 8:
        p = rvm_proof{};
        break;
      case 9:
        on = &unproven;
        p = proof_on_terms(unproven, t.at, fresh, now, to, 2);
        break;
      default:
        on = &outside;
        p = proof_on_terms(t, outside.at, fresh, now, to, 2);
        break;
    }
    rvm_error e = RVM_ERROR_OK;
    watches[i % ways].time([&] { e = on->map(p); });
    tries.refused("a wrong proof", e, {RVM_ERROR_PROOF});
  }
  for (const Stopwatch& watch : watches) tries.check("the time tells what is wrong", watch.same_as(watches[0]));
  return tries.verdict();
}

/// P1 says why it refuses, but not, by its time, what else the capability holds.
Verdict rights_timing() {
  Tries tries;
  const Target t(tries);
  constexpr std::uint64_t rights[] = {RVM_RIGHT_READ, RVM_RIGHT_READ | RVM_RIGHT_WRITE, RVM_RIGHT_PROVE,
                                      RVM_RIGHT_ALL & ~RVM_RIGHT_REVOKE, RVM_RIGHT_EXECUTE | RVM_RIGHT_GRANT_ONCE};
  constexpr unsigned ways = std::size(rights);
  rvm_handle handles[ways]{};
  Stopwatch watches[ways];
  for (unsigned i = 0; i < ways; ++i)
    tries.check("derive", rvm_cap_derive(t.region, rights[i], i * 0x9e37'79b9'7f4a'7c15, &handles[i]) == RVM_ERROR_OK);
  for (unsigned i = 0; i < Stopwatch::tries * ways; ++i) {
    rvm_error e = RVM_ERROR_OK;
    watches[i % ways].time([&] { e = rvm_region_destroy(handles[i % ways]); });
    tries.refused("without REVOKE", e, {RVM_ERROR_RIGHTS});
  }
  for (const Stopwatch& watch : watches) tries.check("the time tells the rights", watch.same_as(watches[0]));
  return tries.verdict();
}

constexpr Attack proof_table[] = {
    {"without-proof", without_proof},
    {"borrowed-proof", borrowed_proof},
    {"replayed-proof", replayed_proof},
    {"proof-out-of-time", proof_out_of_time},
    {"proof-without-right", proof_without_right},
    {"proof-timing", proof_timing},
    {"rights-timing", rights_timing},
};

}  // namespace

constexpr std::span<const Attack> proof_attacks{proof_table};

}  // namespace attacks
