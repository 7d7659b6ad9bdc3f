// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>

namespace rvm::wasm {

/// What the runtime asks of the agent that it runs in: hypercalls in a partition, a model of them in tests. All times in
/// nanoseconds.
class System {
 public:
  System() = default;
  System(const System&) = delete;
  System& operator=(const System&) = delete;

  /// Prints one line, at most `line_bytes` long, given without its end.
  virtual void print(std::string_view line) = 0;
  static constexpr std::size_t line_bytes = 255;

  [[nodiscard]] virtual std::uint64_t now() = 0;  ///< since boot
  [[nodiscard]] virtual std::uint64_t cpu_time() = 0;
  virtual void sleep_until(std::uint64_t time) = 0;
  virtual void yield() = 0;

 protected:
  ~System() = default;
};

/// Who the module is, as the manifest has it.
struct Identity {
  std::string_view name;        ///< of the agent; a program's argument 0
  std::string_view arguments;   ///< texts ended by NUL, one after another
  std::uint64_t boot_time = 0;  ///< Unix time of the boot
};

}  // namespace rvm::wasm
