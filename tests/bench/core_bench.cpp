// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the core's authority checks cost on this computer (Google Benchmark), and whether their time tells what they looked at
// (--constant-time).
//
// The second follows "Dude, is my code constant time?" (Reparaz, Balasch, Verbauwhede, DATE 2017): two classes of input in
// random order, a million timings, the slowest tenth left out because that is the machine and not the code, Welch's t-test.
// |t| < 4.5 is no evidence of a difference. A busy computer can disturb one measurement but not three in the same way: a class
// fails when all three attempts exceed the limit.
#include <benchmark/benchmark.h>
#include <fmt/format.h>
#include <x86intrin.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <random>
#include <string_view>
#include <vector>

#include "rvm/cap/space.hpp"
#include "rvm/crypto/sha256.hpp"
#include "rvm/proof/p2.hpp"
#include "rvm/proof/p3.hpp"

namespace {

using namespace rvm;

constexpr double limit = 4.5;
constexpr std::size_t samples = 1'000'000;
constexpr std::size_t variants = 64;

/// A request of tier P2 whose proof holds, and ways to spoil it.
struct Case {
  proof::Request request{.operation = RVM_HVC_REGION_MAP,
                         .partition = PartitionId{3},
                         .agent = AgentId{7},
                         .arguments = {0x10002, 0x1000'0000, 3, 0, 0, 0, 0}};
  proof::Token token{
      .mutation_hash = {}, .nonce = 9, .not_before = Nanoseconds{1000}, .not_after = Nanoseconds{5000}, .tier = 2};
  proof::Facts facts{.rights = Rights{RVM_RIGHT_READ | RVM_RIGHT_PROVE}, .chain_sound = true, .now = Nanoseconds{3000}};
  proof::NonceWindow nonces;
  Case() { token.mutation_hash = proof::mutation_hash(request, token); }
};

constexpr unsigned ways_to_fail = 8;

/// A proof that fails check number `which`.
Case spoiled(unsigned which, std::mt19937_64& random) {
  Case c;
  switch (which) {
    case 0:
      c.facts.rights = rights::read;
      break;
    case 1:
      c.token.mutation_hash[random() % c.token.mutation_hash.size()] ^= std::byte{1};
      break;
    case 2:
      c.facts.needed = proof::Tier::p3;
      break;
    case 3:
      c.facts.now = Nanoseconds{10};
      break;
    case 4:
      c.facts.now = Nanoseconds{6000};
      break;
    case 5:
      c.nonces.use(9);
      break;
    case 6:
      c.facts.chain_sound = false;
      break;
    default:
      c.facts.within_bounds = false;
      break;
  }
  return c;
}

struct Moments {
  double count = 0, mean = 0, squares = 0;
  void add(double x) {
    ++count;
    const double delta = x - mean;
    mean += delta / count;
    squares += delta * (x - mean);
  }
  [[nodiscard]] double variance() const { return squares / (count - 1); }
};

/// |t| between the times of `run()` after `prepare(0, i)` and after `prepare(1, i)`, i below `variants`. What is prepared lies in
/// the same place for both.
template <typename Prepare, typename Run>
double difference(Prepare&& prepare, Run&& run) {
  std::mt19937_64 random(std::random_device{}());
  std::vector<std::uint8_t> kind(samples);
  std::vector<std::uint64_t> time(samples);
  for (std::size_t i = 0; i < samples; ++i) {
    const std::uint64_t draw = random();
    kind[i] = draw & 1;
    const std::size_t variant = draw / 2 % variants;
    prepare(kind[i], variant);
    unsigned auxiliary = 0;
    _mm_lfence();
    const std::uint64_t start = __rdtsc();
    _mm_lfence();
    run();
    const std::uint64_t end = __rdtscp(&auxiliary);
    _mm_lfence();
    time[i] = end - start;
  }
  std::vector<std::uint64_t> sorted = time;
  std::ranges::nth_element(sorted, sorted.begin() + samples * 9 / 10);
  const std::uint64_t cut = sorted[samples * 9 / 10];
  std::array<Moments, 2> classes;
  for (std::size_t i = samples / 100; i < samples; ++i) {
    if (time[i] <= cut) classes[kind[i]].add(static_cast<double>(time[i]));
  }
  const auto& [a, b] = classes;
  return std::abs(a.mean - b.mean) / std::sqrt(a.variance() / a.count + b.variance() / b.count);
}

template <typename Prepare, typename Run>
bool constant(std::string_view what, Prepare&& prepare, Run&& run) {
  double best = INFINITY;
  for (int attempt = 0; attempt < 3 && best >= limit; ++attempt) best = std::min(best, difference(prepare, run));
  fmt::print("{:<72} |t| = {:.2f}{}\n", what, best, best < limit ? "" : "  DIFFERENT");
  return best < limit;
}

bool p2_is_constant() {
  std::mt19937_64 random(1);
  bool good = true;
  auto c = std::make_unique<Case>();
  const auto compare = [&](std::string_view what, const std::vector<Case>& a, const std::vector<Case>& b) {
    const std::array<const std::vector<Case>*, 2> classes{&a, &b};
    good &= constant(
        what, [&](unsigned kind, std::size_t i) { *c = (*classes[kind])[i]; },
        [&] { benchmark::DoNotOptimize(proof::verify_p2(c->request, c->token, c->facts, c->nonces)); });
  };
  const auto failing = [&](unsigned which) {
    std::vector<Case> cases;
    cases.reserve(variants);
    for (std::size_t i = 0; i < variants; ++i) cases.push_back(spoiled(which, random));
    return cases;
  };
  const auto hash_fails = failing(1);
  for (unsigned which = 0; which < ways_to_fail; ++which) {
    if (which != 1) compare(fmt::format("P2: the hash is wrong / check {} fails", which), hash_fails, failing(which));
  }
  auto first = failing(1);
  auto last = failing(1);
  for (std::size_t i = 0; i < variants; ++i) {
    first[i].token.mutation_hash = last[i].token.mutation_hash = Case{}.token.mutation_hash;
    first[i].token.mutation_hash[0] ^= std::byte{1};
    last[i].token.mutation_hash[31] ^= std::byte{1};
  }
  compare("P2: the first / the last byte of the hash is wrong", first, last);
  return good;
}

/// A table of full size, and its tree.
struct Table {
  struct alignas(page_bytes) Page {
    std::array<std::byte, page_bytes> bytes{};
  };
  static constexpr cap::AgentIndex index{0};
  std::array<Page, cap::table_pages> pages{};
  std::array<cap::CapabilityTable, 1> tables;
  cap::CapabilityTree tree;
  cap::ObjectCapabilities all;

  [[nodiscard]] bool open() {
    tree.use(tables);
    bool good = tree.open(index, pages[0].bytes).has_value();
    for (std::size_t i = 1; i < pages.size(); ++i) good = good && tree.grow(index, pages[i].bytes).has_value();
    return good;
  }
};

bool p1_is_constant() {
  auto space = std::make_unique<Table>();
  if (!space->open()) return false;
  // Capabilities alike but for what must not show: rights, badge, object.
  std::array<std::array<Handle, variants>, 2> handles;
  std::mt19937_64 random(2);
  for (std::size_t i = 0; i < variants; ++i) {
    for (unsigned kind = 0; kind < 2; ++kind) {
      const Rights rights{kind == 0 ? std::uint64_t{RVM_RIGHT_READ} : RVM_RIGHT_READ | (random() & RVM_RIGHT_ALL)};
      const cap::Object object{kind == 0 ? 1 : static_cast<std::uint32_t>(random()), 0, ObjectType::region};
      handles[kind][i] = space->tree.mint(Table::index, object, rights, kind == 0 ? 0 : random(), space->all)->handle;
    }
  }
  const cap::CapabilityTable& table = *space->tree.table(Table::index);
  Handle asked;
  return constant(
      "P1: one / any rights, object and badge",
      [&](unsigned kind, std::size_t i) {
        asked = handles[kind][i];
        benchmark::DoNotOptimize(asked);
        benchmark::DoNotOptimize(table.check(asked, ObjectType::region, rights::read));  // into the cache
      },
      [&] { benchmark::DoNotOptimize(table.check(asked, ObjectType::region, rights::read)); });
}

void bench_p1(benchmark::State& state) {
  auto space = std::make_unique<Table>();
  if (!space->open()) return;
  const Handle handle =
      space->tree.mint(Table::index, cap::Object{1, 0, ObjectType::region}, rights::all, 0, space->all)->handle;
  for (auto _ : state) {
    Handle asked = handle;
    benchmark::DoNotOptimize(asked);
    benchmark::DoNotOptimize(space->tree.table(Table::index)->check(asked, ObjectType::region, rights::read));
  }
}
BENCHMARK(bench_p1)->Name("p1_check");

void bench_p2(benchmark::State& state) {
  const Case c;
  for (auto _ : state) benchmark::DoNotOptimize(proof::verify_p2(c.request, c.token, c.facts, c.nonces));
}
BENCHMARK(bench_p2)->Name("p2_verify");

/// The floor of P2: the two blocks it has to hash.
void bench_hash(benchmark::State& state) {
  std::array<std::byte, sizeof(rvm_proof_subject)> subject{};
  for (auto _ : state) {
    benchmark::DoNotOptimize(subject);
    benchmark::DoNotOptimize(crypto::sha256(subject));
  }
}
BENCHMARK(bench_hash)->Name("p2_floor_sha256_of_112_bytes");

/// An attestation: the dearest thing that tier P3 may have to verify is one signature.
void bench_p3(benchmark::State& state) {
  crypto::Ed25519Seed seed;
  seed.fill(std::byte{1});
  const crypto::Ed25519Key approver{seed};
  const proof::Machine machine{.key = approver.public_key(),
                               .log_origin = "rvm.local/0123456789abcdef0123456789abcdef"};
  proof::Act act{.operation = RVM_HVC_LEASE_GRANT,
                 .partition = "timekeepers",
                 .object = "clock",
                 .evidence_kind = RVM_EVIDENCE_ATTESTATION};
  std::memcpy(act.evidence_value, approver.public_key().data(), sizeof act.evidence_value);
  rvm_evidence evidence{};
  evidence.kind = RVM_EVIDENCE_ATTESTATION;
  evidence.as.attestation.not_after_ns = 2;
  const auto subject = proof::attestation_subject(act, machine, 0, 2);
  const crypto::Ed25519Signature signature = approver.sign(crypto::bytes_of(subject));
  std::memcpy(evidence.as.attestation.signature, signature.data(), sizeof evidence.as.attestation.signature);
  if (!proof::evidence_holds(evidence, act, machine, 1)) state.SkipWithError("good evidence does not hold");
  for (auto _ : state) benchmark::DoNotOptimize(proof::evidence_holds(evidence, act, machine, 1));
}
BENCHMARK(bench_p3)->Name("p3_attestation");

/// The floor of P3: the signature alone.
void bench_verify(benchmark::State& state) {
  crypto::Ed25519Seed seed;
  seed.fill(std::byte{1});
  const crypto::Ed25519Key key{seed};
  const std::array<std::byte, sizeof(rvm_attestation_subject)> message{};
  const crypto::Ed25519Signature signature = key.sign(message);
  for (auto _ : state) benchmark::DoNotOptimize(crypto::verify(key.public_key(), message, signature));
}
BENCHMARK(bench_verify)->Name("p3_floor_ed25519_of_192_bytes");

}  // namespace

int main(int argc, char** argv) {
  crypto::select_implementation();
  if (argc == 2 && std::string_view{argv[1]} == "--constant-time") {
    const bool p1 = p1_is_constant();
    const bool p2 = p2_is_constant();
    return p1 && p2 ? 0 : 1;
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
