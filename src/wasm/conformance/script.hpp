// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "rvm/wasm/execution.hpp"
#include "stream.hpp"

namespace rvm::wasm::conformance {

struct Count {
  unsigned passed = 0;
  unsigned failed = 0;
  unsigned skipped = 0;
};

/// Hears of each command that failed, and of each instance before anything of it runs.
class Listener {
 public:
  Listener() = default;
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;
  virtual void failed(std::uint32_t line, std::string_view what, std::string_view expected) = 0;
  /// All instances before are gone.
  virtual void begins() {}
  virtual void instantiated(Store& /*store*/, Instance& /*instance*/) {}

 protected:
  ~Listener() = default;
};

/// The memory that scripts run in, one after another; all of it zero at first.
struct Workspace {
  std::span<std::byte> modules;
  std::span<std::byte> store;
  std::span<std::uint64_t> stack;
  /// Memories are guarded, by these functions of a Host.
  bool guarded = false;
  Host host{};
};

/// Runs one script.
class Script {
 public:
  Script(const Workspace& workspace, Listener& listener) : workspace_(workspace), listener_(listener) {}
  Script(const Script&) = delete;
  Script& operator=(const Script&) = delete;
  /// Leaves the workspace zero.
  ~Script();

  Count run(std::span<const std::byte> commands);

 private:
  struct Named {
    std::string_view name;
    Instance* instance = nullptr;
  };
  struct Names {
    std::array<Named, 64> entries{};
    std::size_t count = 0;
    void set(std::string_view name, Instance* instance);
    [[nodiscard]] Instance* find(std::string_view name) const;
  };
  /// A store and what runs in it.
  struct World {
    World(const Workspace& workspace, const Limits& limits);
    Arena arena;
    Store store;
    Execution execution;
  };
  struct Spectest {
    std::string_view name;
    Extern item;
  };

  [[nodiscard]] World& world() { return world_ ? *world_ : start_over(); }
  void step(Reader& in);
  void clear();
  void remember(Memory* memory);
  World& start_over();
  void make_spectest();
  void passed(bool holds, std::string_view what, std::string_view expected = {});
  [[nodiscard]] std::expected<const Module*, LoadError> load(std::span<const std::byte> bytes);
  [[nodiscard]] std::string_view instantiate(std::span<const std::byte> bytes, Instance*& instance);
  [[nodiscard]] std::optional<Extern> imported(const Import& import, std::string_view& error);
  [[nodiscard]] std::string_view act(Reader& in, std::span<const std::uint64_t>& results);
  void refused(Reader& in, ErrorClass expected);
  [[nodiscard]] static bool matches(Reader& in, std::span<const std::uint64_t> results);

  Workspace workspace_;
  Limits limits_;
  Listener& listener_;
  std::optional<World> world_;
  std::size_t module_bytes_ = 0;  ///< taken of the modules' memory
  std::array<Spectest, 16> spectest_{};
  std::size_t spectest_count_ = 0;
  Names named_;
  Names registered_;
  Instance* last_ = nullptr;
  std::array<Memory*, 128> memories_{};  ///< of all instances
  std::size_t memory_count_ = 0;
  std::array<std::uint64_t, 2> global_{};
  std::uint32_t line_ = 0;
  Count count_;
};

}  // namespace rvm::wasm::conformance
