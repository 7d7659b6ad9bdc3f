// SPDX-License-Identifier: MIT OR Apache-2.0
//
// Runs compiled code for an Execution, and changes between it and the interpreter. Neither calls the other: each returns here,
// so the machine's stack stays as deep as it is, however the two take turns.
#pragma once

#include "compile.hpp"

namespace rvm::wasm {

/// Of an instance to compiled code. In the store's arena.
struct Attachment {
  const Compiled* compiled = nullptr;
  const std::byte* code = nullptr;
  std::span<const std::uint64_t> entries;  ///< per definition, the word that a Function::code points to
};

class CompiledRun {
 public:
  explicit CompiledRun(Execution& execution) : run_(execution) {}

  /// Prepares to go on with an instruction at which the run was stopped. False: there is no compiled code for that.
  [[nodiscard]] bool enter_at(const std::uint64_t* pc);
  /// From where the interpreter left until it is needed again (true), or the run has ended (false).
  [[nodiscard]] bool go_on();

 private:
  void begin();
  void run();
  [[nodiscard]] bool leave();
  [[nodiscard]] bool pay();
  [[nodiscard]] bool step(const CompiledSite& site);
  [[nodiscard]] bool convert_header(std::size_t definition);
  void enter_function();
  void enter_callee(const CompiledSite& site);
  void return_interpreted();
  [[nodiscard]] const CompiledSite& site_at(std::uint64_t address) const;
  [[nodiscard]] std::size_t definition_of(std::uint32_t word) const;
  [[nodiscard]] std::span<const RegisterHome> homes(const CompiledSite& site) const;
  void write_back(const CompiledSite& site);
  void finish(Trap reason);
  [[nodiscard]] const Attachment& attachment() const { return *run_.instance_->attachment; }
  [[nodiscard]] std::int64_t fuel_reserve() const { return attachment().compiled->fuel_reserve; }
  /// Whether there is fuel for compiled code to go on.
  [[nodiscard]] bool reserve() { return run_.reserve(fuel_reserve()); }

  Execution& run_;
  const CompiledSite* again_ = nullptr;  ///< an instruction of the interpreter's that was stopped at
  bool ready_ = false;                   ///< state_.target says where to go on
  NativeState state_;  // NOLINT(cppcoreguidelines-pro-type-member-init): registers are written before they are read
};

}  // namespace rvm::wasm
