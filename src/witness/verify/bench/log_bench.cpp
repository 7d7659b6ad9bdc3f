// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How fast a log is verified and searched, and records are emitted and sealed (ring_bench.cpp). RECORDS in the environment says
// how large the log is (default 1 000 000); `--query-limit-ms N` as the first argument instead checks that a search of it
// answers in that time, and finds what is there.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <optional>
#include <string>

#include "large_volume.hpp"
#include "rvm/crypto/sha256_lanes.hpp"
#include "rvm/witness_verify/query.hpp"
#include "rvm/witness_verify/verify.hpp"

namespace {

using namespace rvm;
using namespace rvm::witness;
namespace fs = std::filesystem;

Keys bench_keys() {
  std::array<std::byte, device_key_bytes> key;
  key.fill(std::byte{7});
  return derive_keys(key);
}

std::uint64_t records_wanted() {
  const char* const text = std::getenv("RECORDS");  // NOLINT(concurrency-mt-unsafe): before any thread
  return text != nullptr ? std::strtoull(text, nullptr, 10) : 1'000'000;
}

/// Made once, removed at the end.
struct Volume {
  Keys keys = (crypto::select_implementation(), bench_keys());
  std::uint64_t records = records_wanted();
  fs::path path = fs::temp_directory_path() / fmt::format("rvm-log-bench-{}.img", ::getpid());

  Volume() {
    const auto started = std::chrono::steady_clock::now();
    bench::make_large_volume(path, records, keys);
    const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - started;
    fmt::print(stderr, "made {} records in {} bytes: {:.0f} ns a record, emitted, sealed, packed, written\n", records,
               used_bytes(), took.count() / static_cast<double>(records));
  }
  Volume(const Volume&) = delete;
  Volume& operator=(const Volume&) = delete;
  ~Volume() {
    std::error_code ignored;
    fs::remove(path, ignored);
  }
  [[nodiscard]] std::uint64_t used_bytes() const {
    return search_volume(LogFile::open(path).value(), &keys, {.first_sequence = UINT64_MAX},
                         [](const Record&) { return true; })
        .value()
        .bytes;
  }
  /// "Which actions on this region between these times": the middle three quarters of the log.
  [[nodiscard]] SearchReport search() const {
    const std::uint64_t end = records * bench::record_interval_ns;
    const RecordFilter filter{
        .region = bench::rare_region, .first_time = Nanoseconds{end / 8}, .last_time = Nanoseconds{end / 8 * 7}};
    return search_volume(LogFile::open(path).value(), &keys, filter, [](const Record&) { return true; }).value();
  }
};

const Volume& volume() {
  static const Volume made;
  return made;
}

struct VerifyCase {
  const char* name;
  bool macs = false;
  unsigned threads = 1;
  /// Nothing: the most that this CPU can do.
  std::optional<crypto::Lanes> lanes{};  // NOLINT(readability-redundant-member-init): initialisers may leave it out
};
constexpr std::array verify_cases{
    VerifyCase{.name = "verify_chain_and_tree"},
    VerifyCase{.name = "verify_with_macs", .macs = true},
    VerifyCase{.name = "verify_chain_and_tree_2_threads", .threads = 2},
    VerifyCase{.name = "verify_with_macs_2_threads", .macs = true, .threads = 2},
    VerifyCase{.name = "verify_chain_and_tree_4_lanes", .lanes = crypto::Lanes::four},
    VerifyCase{.name = "verify_with_macs_4_lanes", .macs = true, .lanes = crypto::Lanes::four},
    VerifyCase{.name = "verify_chain_and_tree_1_lane", .lanes = crypto::Lanes::one},
};

/// The volume is in the page cache. CPU time is of all threads, so items per second are records per second and core.
void verify(benchmark::State& state, const VerifyCase& c) {
  const crypto::Lanes before = crypto::lanes_in_use();
  if (c.lanes && !crypto::use_lanes(*c.lanes)) return state.SkipWithError("this CPU cannot do that");
  const LogFile file = LogFile::open(volume().path).value();
  const VerifyOptions options{.keys = c.macs ? &volume().keys : nullptr, .threads = c.threads};
  for (auto _ : state) {
    const VerifyReport report = witness::verify(file, options);
    if (!report.ok) state.SkipWithError("does not verify");
    benchmark::DoNotOptimize(report);
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(volume().records) * state.iterations());
  (void)crypto::use_lanes(before);
}

void query_region(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(volume().search());
}

void sha256_block(benchmark::State& state) {
  crypto::select_implementation();
  std::array<std::byte, 64 * 1024> data{};
  for (auto _ : state) benchmark::DoNotOptimize(crypto::sha256(data));
  state.SetItemsProcessed(1024 * state.iterations());
}

/// Messages of two blocks that each need a digest before, as the records of sixteen segments do.
void sha256_lanes(benchmark::State& state) {
  crypto::select_implementation();
  const auto wanted = static_cast<crypto::Lanes>(state.range(0));
  const crypto::Lanes before = crypto::lanes_in_use();
  if (!crypto::use_lanes(wanted)) return state.SkipWithError("this CPU cannot do that");
  std::array<crypto::Digest, 32> bodies{};
  for (auto _ : state)
    crypto::sha256_prefixed_each(std::byte{0}, std::as_bytes(std::span{bodies}), std::span{bodies}.first<16>());
  (void)crypto::use_lanes(before);
  state.SetItemsProcessed(32 * state.iterations());
}

BENCHMARK(query_region)->Unit(benchmark::kMillisecond);
BENCHMARK(sha256_block);
BENCHMARK(sha256_lanes)->Name("sha256_block_1_lane")->Arg(1);
BENCHMARK(sha256_lanes)->Name("sha256_block_4_lanes")->Arg(4);
BENCHMARK(sha256_lanes)->Name("sha256_block_16_lanes")->Arg(16);

int check_query(std::uint64_t limit_ms) {
  const auto started = std::chrono::steady_clock::now();
  (void)volume();
  const auto made = std::chrono::steady_clock::now();
  const SearchReport found = volume().search();
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - made);
  const std::uint64_t expected = volume().records / bench::rare_every * 3 / 4;
  fmt::print("{} of {} records matched, {} of {} segments read, {} ms (limit {}); made in {} s\n", found.matches,
             found.records, found.segments_read, found.segments, took.count(), limit_ms,
             std::chrono::duration_cast<std::chrono::seconds>(made - started).count());
  const bool right = found.matches + 1 >= expected && found.matches <= expected + 1 && found.matches > 0;
  return right && static_cast<std::uint64_t>(took.count()) < limit_ms ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view{argv[1]} == "--query-limit-ms")
    return check_query(std::strtoull(argv[2], nullptr, 10));
  for (const VerifyCase& c : verify_cases) {
    benchmark::RegisterBenchmark(c.name, [&c](benchmark::State& state) { verify(state, c); })
        ->Unit(benchmark::kMillisecond)
        ->MeasureProcessCPUTime();
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
