// SPDX-License-Identifier: MIT OR Apache-2.0
//
// How fast a log is verified and searched. RECORDS in the environment says how large it is (default 1 000 000);
// `--query-limit-ms N` as the first argument instead checks that a search of it answers in that time, and finds what is there.
#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <string>

#include "large_volume.hpp"
#include "rvm/crypto/sha256_pair.hpp"
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
    fmt::print("made {} records in {} bytes: {:.0f} ns a record, emitted, sealed, packed, written\n", records,
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

void verify(benchmark::State& state, const Keys* keys) {
  const LogFile file = LogFile::open(volume().path).value();
  const VerifyOptions options{.keys = keys, .threads = static_cast<unsigned>(state.range(0))};
  for (auto _ : state) {
    const VerifyReport report = witness::verify(file, options);
    if (!report.ok) state.SkipWithError("does not verify");
    benchmark::DoNotOptimize(report);
  }
  state.counters["records/s"] = benchmark::Counter(
      static_cast<double>(volume().records) * static_cast<double>(state.iterations()), benchmark::Counter::kIsRate);
}

void verify_chain_and_tree(benchmark::State& state) { verify(state, nullptr); }
void verify_with_macs(benchmark::State& state) { verify(state, &volume().keys); }

void query_region(benchmark::State& state) {
  for (auto _ : state) benchmark::DoNotOptimize(volume().search());
}

void sha256_block(benchmark::State& state) {
  crypto::select_implementation();
  std::array<std::byte, 64 * 1024> data{};
  for (auto _ : state) benchmark::DoNotOptimize(crypto::sha256(data));
  state.counters["ns/block"] = benchmark::Counter(static_cast<double>(state.iterations()) * 1024.0 / 1e9,
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void sha256_pair_of_two_blocks(benchmark::State& state) {
  crypto::select_implementation();
  crypto::Body a{}, b{};
  for (auto _ : state) {
    const auto both = crypto::sha256_prefixed_pair(std::byte{0}, a, b);
    std::memcpy(a.data(), both[0].data(), both[0].size());
    std::memcpy(b.data(), both[1].data(), both[1].size());
  }
  state.counters["ns/block"] = benchmark::Counter(static_cast<double>(state.iterations()) * 4.0 / 1e9,
                                                  benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK(verify_chain_and_tree)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(verify_with_macs)->Arg(1)->Arg(2)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(query_region)->Unit(benchmark::kMillisecond)->UseRealTime();
BENCHMARK(sha256_block);
BENCHMARK(sha256_pair_of_two_blocks);

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
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
