// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <sys/mman.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "guard.hpp"
#include "host_memory.hpp"
#include "rvm/wasm/compiler.hpp"

namespace rvm::wasm::test {

/// Which tier a test program runs: the environment variable RVM_WASM_TIER is "compiled", "mixed" (every other function
/// interpreted), or absent (all interpreted).
class CompiledTier {
 public:
  CompiledTier() {
    const char* const wanted = std::getenv("RVM_WASM_TIER");
    if (wanted == nullptr) return;
    const std::string_view tier{wanted};
    enabled_ = true;
    if (tier == "guarded") options_.guarded = true;
    if (tier == "mixed") options_.left_out = 0xaaaa'aaaa'aaaa'aaaa;
    if (tier == "mixed2") options_.left_out = 0x5555'5555'5555'5555;
  }

  /// Compiled whatever the environment says.
  explicit CompiledTier(const CompileOptions& options) : enabled_(true), options_(options) {}

  [[nodiscard]] bool guarded() const { return options_.guarded; }

  /// Compiles the instance's module and attaches it. The pages are written first and executable afterwards, never both.
  void attach_to(Store& store, Instance& instance) {
    if (!enabled_) return;
    const Module& module = *instance.module;
    const std::size_t bytes = (code_bytes_max(module) + 4095) / 4096 * 4096;
    auto code = std::make_unique<HostMemory>(bytes);
    auto tables = std::make_unique<HostMemory>(std::size_t{64} << 20);
    Arena arena{tables->bytes()};
    const auto compiled = compile(module, code->bytes(), arena, options_);
    if (!compiled) fail("does not compile");
    auto kept = std::make_unique<Compiled>(*compiled);
    if (const char* const path = std::getenv("RVM_WASM_DUMP"); path != nullptr) {
      if (std::FILE* const out = std::fopen(path, "wb"); out != nullptr) {
        std::fwrite(code->bytes().data(), 1, kept->bytes, out);
        std::fclose(out);
      }
      std::fprintf(stderr, "code at %p\n", static_cast<void*>(code->bytes().data()));
    }
    if (mprotect(code->bytes().data(), bytes, PROT_READ | PROT_EXEC) != 0) fail("cannot be made executable");
    make_code_visible(code->bytes().first(kept->bytes));
    if (options_.guarded) expect_faults(code->bytes().first(kept->bytes), kept->guard_target);
    if (!attach(store, instance, *kept, code->bytes().data())) fail("cannot be attached");
    kept_.push_back({std::move(kept), std::move(code), std::move(tables)});
  }

  /// Attaches an instance to what was compiled last, or now for the first time.
  void attach_again(Store& store, Instance& instance) {
    if (kept_.empty()) return attach_to(store, instance);
    if (!attach(store, instance, *kept_.back().compiled, kept_.back().code->bytes().data())) fail("cannot be attached");
  }

 private:
  [[noreturn]] static void fail(const char* why) {
    std::fprintf(stderr, "compiled code %s\n", why);
    std::abort();
  }

  bool enabled_ = false;
  CompileOptions options_;
  struct Kept {
    std::unique_ptr<Compiled> compiled;
    std::unique_ptr<HostMemory> code;
    std::unique_ptr<HostMemory> tables;
  };
  std::vector<Kept> kept_;
};

}  // namespace rvm::wasm::test
