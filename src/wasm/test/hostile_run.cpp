// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Modules that are wrong, or may be: the verdict on each, and when it is good, that running it does no harm.
//   wasm_hostile catalogue FOLDER                       the modules made to be bad; each must be refused for its reason
//   wasm_hostile mutated FIRST COUNT FOLDER MODULE...   changed copies of real modules
//   wasm_hostile given FOLDER MODULE...                 as they are
// Writes each module to FOLDER/NUMBER.wasm, what the catalogue's are about to FOLDER/names.txt, and prints a line for it:
//   NUMBER valid CALLS TRAPS FUEL     or     NUMBER malformed|invalid|limit OFFSET TEXT
// tests/wasm/hostile.py compares the verdicts with another validator's.
#include <algorithm>
#include <array>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "catalogue.hpp"
#include "mutator.hpp"
#include "run_anything.hpp"
#include "zeroed.hpp"

namespace rvm::wasm::test {

namespace {

constexpr std::size_t module_words = std::size_t{2} << 20;
/// Below the usual ones, because each load makes room for them.
constexpr Limits limits{.frame_slots = 8000, .nesting = 500, .operands = 4000};
constexpr RunBounds bounds{.store_bytes = std::size_t{4} << 20, .memory_pages = 40, .fuel = 20'000, .calls = 20};

class Judge {
 public:
  explicit Judge(std::string folder) : folder_(std::move(folder)) {}

  struct Verdict {
    bool valid = false;
    LoadError error;
  };
  Verdict operator()(std::uint64_t number, const Bytes& bytes) {
    std::ofstream{folder_ + "/" + std::to_string(number) + ".wasm", std::ios::binary}.write(
        reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
    // Exact, so that AddressSanitizer sees a step outside.
    const auto copy = std::make_unique<std::byte[]>(std::max<std::size_t>(bytes.size(), 1));
    std::ranges::copy(std::as_bytes(std::span{bytes}), copy.get());
    const ZeroedWords memory{module_words};
    Arena arena{memory.bytes()};
    const auto module = load({copy.get(), bytes.size()}, arena, limits);
    if (module) {
      const Ran ran = run_anything(**module, bounds);
      std::printf("%" PRIu64 " valid %u %u %" PRIu64 "\n", number, ran.calls, ran.traps, ran.fuel);
      return {.valid = true, .error = {}};
    }
    if (module.error().offset > bytes.size()) {
      std::printf("%" PRIu64 ": the error lies behind the module\n", number);
      std::exit(1);
    }
    const ModuleErrorDescription& why = describe(module.error().reason);
    constexpr std::array classes{"malformed", "invalid", "limit"};
    std::printf("%" PRIu64 " %s %u %s\n", number, classes[static_cast<std::size_t>(why.kind)], module.error().offset,
                std::string{why.text}.c_str());
    return {.valid = false, .error = module.error()};
  }

 private:
  std::string folder_;
};

/// Each entry is judged as it must be, and each reason that there is to refuse a module is the reason of some entry.
int run_catalogue(const std::string& folder) {
  Judge judge{folder};
  auto entries = format_catalogue();
  for (CatalogueEntry& e : instruction_catalogue()) entries.push_back(std::move(e));
  for (CatalogueEntry& e : definition_catalogue()) entries.push_back(std::move(e));
  unsigned wrong = 0;
  unsigned refused = 0;
  std::set<ModuleError> reasons;
  std::ofstream names{folder + "/names.txt"};
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const CatalogueEntry& e = entries[i];
    names << e.name << '\n';
    const auto verdict = judge(i, e.bytes);
    if (!verdict.valid) reasons.insert(verdict.error.reason);
    refused += verdict.valid ? 0 : 1;
    if (e.verdict == CatalogueEntry::Verdict::either) continue;
    const bool right = verdict.valid ? e.verdict == CatalogueEntry::Verdict::valid
                                     : e.verdict == CatalogueEntry::Verdict::refused &&
                                           (!e.reason || *e.reason == verdict.error.reason);
    if (right) continue;
    ++wrong;
    std::fprintf(stderr, "catalogue %zu, %s: %s; expected %s\n", i, e.name.c_str(),
                 verdict.valid ? "valid" : std::string{describe(verdict.error.reason).text}.c_str(),
                 e.verdict == CatalogueEntry::Verdict::valid ? "valid"
                 : !e.reason                                 ? "refused"
                                                             : std::string{describe(*e.reason).text}.c_str());
  }
  for (std::size_t r = 0; r < module_error_descriptions.size(); ++r) {
    if (module_error_descriptions[r].kind == ErrorClass::limit || reasons.contains(static_cast<ModuleError>(r)))
      continue;
    ++wrong;
    std::fprintf(stderr, "no module is refused for '%s'\n", std::string{module_error_descriptions[r].text}.c_str());
  }
  std::fprintf(stderr, "catalogue: %zu modules, %u refused, %u not as they must be\n", entries.size(), refused, wrong);
  return wrong == 0 ? 0 : 1;
}

std::vector<Bytes> read_all(std::span<char*> paths) {
  std::vector<Bytes> all;
  for (const char* const path : paths) {
    std::ifstream in{path, std::ios::binary};
    all.emplace_back(std::istreambuf_iterator<char>{in}, std::istreambuf_iterator<char>{});
  }
  return all;
}

}  // namespace

}  // namespace rvm::wasm::test

int main(int argc, char** argv) {
  using namespace rvm::wasm::test;
  const std::string_view mode = argc > 1 ? argv[1] : "";
  if (mode == "catalogue" && argc == 3) return run_catalogue(argv[2]);
  if (mode == "given" && argc > 3) {
    Judge judge{argv[2]};
    const auto modules = read_all({argv + 3, argv + argc});
    for (std::size_t i = 0; i < modules.size(); ++i) (void)judge(i, modules[i]);
    return 0;
  }
  if (mode == "mutated" && argc > 5) {
    const std::uint64_t first = std::strtoull(argv[2], nullptr, 10);
    const std::uint64_t count = std::strtoull(argv[3], nullptr, 10);
    Judge judge{argv[4]};
    const auto corpus = read_all({argv + 5, argv + argc});
    for (std::uint64_t seed = first; seed < first + count; ++seed) {
      Source source{seed};
      (void)judge(seed, mutated(source, corpus));
    }
    return 0;
  }
  std::fprintf(stderr, "usage: see the top of hostile_run.cpp\n");
  return 2;
}
