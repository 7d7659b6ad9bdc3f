// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The structures and numbers of WASI preview 1, as they lie in the module's memory.
#pragma once

#include <cstdint>

namespace rvm::wasm {

namespace clock_id {
inline constexpr std::uint32_t realtime = 0;
inline constexpr std::uint32_t monotonic = 1;
inline constexpr std::uint32_t process = 2;
inline constexpr std::uint32_t thread = 3;
}  // namespace clock_id

namespace right {
inline constexpr std::uint64_t fd_datasync = 1 << 0;
inline constexpr std::uint64_t fd_read = 1 << 1;
inline constexpr std::uint64_t fd_seek = 1 << 2;
inline constexpr std::uint64_t fd_fdstat_set_flags = 1 << 3;
inline constexpr std::uint64_t fd_sync = 1 << 4;
inline constexpr std::uint64_t fd_tell = 1 << 5;
inline constexpr std::uint64_t fd_write = 1 << 6;
inline constexpr std::uint64_t fd_advise = 1 << 7;
inline constexpr std::uint64_t path_open = 1 << 13;
inline constexpr std::uint64_t fd_readdir = 1 << 14;
inline constexpr std::uint64_t path_readlink = 1 << 15;
inline constexpr std::uint64_t path_filestat_get = 1 << 18;
inline constexpr std::uint64_t fd_filestat_get = 1 << 21;
inline constexpr std::uint64_t poll_fd_readwrite = 1 << 27;

inline constexpr std::uint64_t input = fd_read | fd_fdstat_set_flags | fd_filestat_get | poll_fd_readwrite;
inline constexpr std::uint64_t output =
    fd_write | fd_datasync | fd_sync | fd_fdstat_set_flags | fd_filestat_get | poll_fd_readwrite;
inline constexpr std::uint64_t file = fd_read | fd_seek | fd_tell | fd_advise | fd_fdstat_set_flags | fd_datasync |
                                      fd_sync | fd_filestat_get | poll_fd_readwrite;
inline constexpr std::uint64_t directory = path_open | fd_readdir | path_readlink | path_filestat_get |
                                           fd_filestat_get | fd_fdstat_set_flags | fd_datasync | fd_sync;
}  // namespace right

namespace file_type {
inline constexpr std::uint8_t character_device = 2;
inline constexpr std::uint8_t directory = 3;
inline constexpr std::uint8_t regular_file = 4;
}  // namespace file_type

namespace open_flag {
inline constexpr std::uint32_t create = 1;
inline constexpr std::uint32_t directory = 2;
inline constexpr std::uint32_t exclusive = 4;
inline constexpr std::uint32_t truncate = 8;
}  // namespace open_flag

/// Of poll_oneoff. For descriptors `clock` is the descriptor.
struct Subscription {
  std::uint64_t userdata = 0;
  std::uint8_t type = 0;  ///< 0 clock, 1 descriptor to read, 2 descriptor to write
  std::uint8_t padding[7]{};
  std::uint32_t clock = 0;
  std::uint32_t padding2 = 0;
  std::uint64_t timeout = 0;
  std::uint64_t precision = 0;
  std::uint16_t flags = 0;  ///< 1: the timeout is a point in time
  std::uint8_t padding3[6]{};
};
static_assert(sizeof(Subscription) == 48);

struct Event {
  std::uint64_t userdata = 0;
  std::uint16_t error = 0;
  std::uint8_t type = 0;
  std::uint8_t padding[5]{};
  std::uint64_t bytes = 0;
  std::uint16_t hung_up = 0;
  std::uint8_t padding2[6]{};
};
static_assert(sizeof(Event) == 32);

struct Vector {  // iovec and ciovec
  std::uint32_t buffer = 0;
  std::uint32_t bytes = 0;
};

struct FdStat {
  std::uint8_t type = 0;
  std::uint8_t padding = 0;
  std::uint16_t flags = 0;
  std::uint32_t padding2 = 0;
  std::uint64_t rights = 0;
  std::uint64_t inheriting = 0;
};
static_assert(sizeof(FdStat) == 24);

struct FileStat {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::uint8_t type = 0;
  std::uint8_t padding[7]{};
  std::uint64_t links = 0;
  std::uint64_t size = 0;
  std::uint64_t times[3]{};
};
static_assert(sizeof(FileStat) == 64);

struct PreStat {
  std::uint8_t type = 0;  ///< a directory
  std::uint8_t padding[3]{};
  std::uint32_t name_bytes = 0;
};
static_assert(sizeof(PreStat) == 8);

struct DirectoryEntry {
  std::uint64_t next = 0;
  std::uint64_t inode = 0;
  std::uint32_t name_bytes = 0;
  std::uint8_t type = 0;
  std::uint8_t padding[3]{};
};
static_assert(sizeof(DirectoryEntry) == 24);

}  // namespace rvm::wasm
