// SPDX-License-Identifier: MIT OR Apache-2.0
//
// WASI preview 1 (the WebAssembly System Interface's snapshot "wasi_snapshot_preview1"), as far as a program in a partition can
// have it: arguments, environment, clocks, random numbers, output, exit, and the read-only tree of files in its bundle. All
// functions of the interface exist, so that every program links; what a partition has nothing for answers with its errno.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "bundle.hpp"
#include "console.hpp"
#include "host_call.hpp"
#include "random.hpp"
#include "system.hpp"

namespace rvm::wasm {

/// The interface's error numbers, those that are given here.
enum class Errno : std::uint16_t {
  success = 0,
  badf = 8,
  fault = 21,
  inval = 28,
  io = 29,
  isdir = 31,
  mfile = 33,
  nametoolong = 37,
  noent = 44,
  nospc = 51,
  nosys = 52,
  notdir = 54,
  notsock = 57,
  notsup = 58,
  overflow = 61,
  rofs = 69,
  spipe = 70,
  notcapable = 76,
};

class Wasi {
 public:
  Wasi(System& system, const Bundle& bundle, const Identity& identity, Console& console);

  struct Import {
    std::uint32_t number;
    Signature signature;
  };
  /// A function of the interface by its name.
  [[nodiscard]] static std::optional<Import> find(std::string_view name);
  [[nodiscard]] static std::uint32_t count();
  [[nodiscard]] static std::string_view name(std::uint32_t number);

  /// What such a call costs in fuel, beside its instruction.
  [[nodiscard]] std::uint64_t price(std::uint32_t number, const HostCall& c) const;
  /// Calls a function; the result is in the call's first slot. Trap::host: the program is over, see exit_code().
  [[nodiscard]] Trap call(std::uint32_t number, const HostCall& c);

  [[nodiscard]] std::optional<std::uint32_t> exit_code() const { return exit_code_; }
  /// An actor's time stands still during a turn, and it does not sleep.
  void freeze_time(std::uint64_t now) { frozen_ = now; }

  enum class Kind : std::uint8_t { closed, input, output, file };
  struct Descriptor {
    Kind kind = Kind::closed;
    std::uint16_t flags = 0;
    std::uint32_t file = 0;
    std::uint64_t offset = 0;
    std::uint64_t rights = 0;
    std::uint64_t inheriting = 0;
  };
  static constexpr std::size_t descriptors_max = 64;
  /// All that calls change, but for console and guest memory.
  struct State {
    std::array<Descriptor, descriptors_max> descriptors{};
    std::uint64_t random = 0;
  };
  [[nodiscard]] State state() const { return {descriptors_, random_.position()}; }
  void restore(const State& state) {
    descriptors_ = state.descriptors;
    random_.set_position(state.random);
    exit_code_.reset();
  }

  using Function = Errno (Wasi::*)(const HostCall&);

 private:
  friend struct WasiTable;

  // wasi.cpp
  Errno args_get(const HostCall& c);
  Errno args_sizes_get(const HostCall& c);
  Errno environ_get(const HostCall& c);
  Errno environ_sizes_get(const HostCall& c);
  Errno clock_res_get(const HostCall& c);
  Errno clock_time_get(const HostCall& c);
  Errno poll_oneoff(const HostCall& c);
  Errno proc_exit(const HostCall& c);
  Errno random_get(const HostCall& c);
  Errno sched_yield(const HostCall& c);
  Errno not_here(const HostCall& c);  ///< nothing of the kind exists in a partition
  Errno not_a_socket(const HostCall& c);
  Errno read_only(const HostCall& c);  ///< on a path or file that cannot be written

  // wasi_files.cpp
  Errno fd_advise(const HostCall& c);
  Errno fd_change(const HostCall& c);
  Errno fd_close(const HostCall& c);
  Errno fd_fdstat_get(const HostCall& c);
  Errno fd_fdstat_set_flags(const HostCall& c);
  Errno fd_fdstat_set_rights(const HostCall& c);
  Errno fd_filestat_get(const HostCall& c);
  Errno fd_pread(const HostCall& c);
  Errno fd_prestat_get(const HostCall& c);
  Errno fd_prestat_dir_name(const HostCall& c);
  Errno fd_pwrite(const HostCall& c);
  Errno fd_read(const HostCall& c);
  Errno fd_readdir(const HostCall& c);
  Errno fd_renumber(const HostCall& c);
  Errno fd_seek(const HostCall& c);
  Errno fd_sync(const HostCall& c);
  Errno fd_tell(const HostCall& c);
  Errno fd_write(const HostCall& c);
  Errno path_filestat_get(const HostCall& c);
  Errno path_open(const HostCall& c);
  Errno path_readlink(const HostCall& c);

  [[nodiscard]] std::uint64_t time() { return frozen_ ? *frozen_ : system_.now(); }
  [[nodiscard]] Errno clock(std::uint32_t id, std::uint64_t& now);
  [[nodiscard]] Descriptor* descriptor(std::uint32_t fd);
  [[nodiscard]] bool is_directory(const Descriptor& d) const {
    return d.kind == Kind::file && bundle_.is_directory(d.file);
  }
  [[nodiscard]] Errno open_with(std::uint32_t fd, std::uint64_t rights, Descriptor*& found);
  [[nodiscard]] Errno resolve(const HostCall& c, const Descriptor& directory, std::uint32_t path, std::uint32_t bytes,
                              std::uint32_t& file) const;
  [[nodiscard]] Errno read_at(const HostCall& c, const Descriptor& d, std::uint64_t offset, std::uint32_t result,
                              std::uint64_t& taken) const;
  [[nodiscard]] Errno store_filestat(const HostCall& c, std::uint32_t at, const Descriptor& d) const;

  System& system_;
  const Bundle& bundle_;
  Identity identity_;
  Console& console_;
  Random random_;
  std::array<Descriptor, descriptors_max> descriptors_{};
  std::optional<std::uint32_t> exit_code_;
  std::optional<std::uint64_t> frozen_;
};

}  // namespace rvm::wasm
