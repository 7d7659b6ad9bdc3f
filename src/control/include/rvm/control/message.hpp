// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What requests ask and responses answer. Structures are little-endian and without padding, as they lie in memory.
#pragma once

#include <array>
#include <cstdint>

#include "rvm/abi.h"
#include "rvm/control/frame.hpp"

namespace rvm::control {

enum class Operation : std::uint32_t {
  read = 1,       ///< RVM_READ_*, cursor -> those structures (SYSTEM_READ)
  records = 2,    ///< first sequence, then a bit for each kind of record (256) -> records of those kinds
  suspend = 3,    ///< RVM_OBJECT_PARTITION or RVM_OBJECT_AGENT, id; partition 0: the coherence engine
  resume = 4,     ///< the same
  terminate = 5,  ///< the same; a partition with all in it
  /// partition, who of its living agents leave (bit i: the one with the i-th lowest slot), members_digest of the ids of all of
  /// them -> new partition, agents moved
  split = 6,
  merge = 7,    ///< surviving partition, absorbed partition
  migrate = 8,  ///< agent, destination partition
};

inline constexpr std::size_t argument_count = 5;
struct Request {
  Operation operation = Operation::read;
  std::uint32_t reserved = 0;  ///< 0
  std::array<std::uint64_t, argument_count> arguments{};
};
static_assert(sizeof(Request) == 48);

/// Status of a response: an rvm_error, or one of these.
enum ControlStatus : std::uint32_t {
  status_itself = 0x100,   ///< the control partition does not act upon itself
  status_unknown = 0x101,  ///< no such operation
  status_members = 0x102,  ///< the partition has other members than the request says
  status_static = 0x103,   ///< a partition whose boundary stays as its manifest says
};

struct ResponseHead {
  std::uint32_t status = 0;
  std::uint32_t entries = 0;  ///< structures that follow
  std::uint64_t next = 0;     ///< where to go on; of `read` 0 at the end, of `records` the next sequence to look at
  std::array<std::uint64_t, 2> values{};
};
static_assert(sizeof(ResponseHead) == 32);
inline constexpr std::size_t data_limit = payload_limit - sizeof(ResponseHead);

/// What anybody is told.
struct HealthReport {
  std::uint64_t now_ns = 0;
  std::uint64_t epoch = 0;
  std::uint64_t records = 0;
  std::uint64_t durable = 0;
};

/// Why a frame had no effect.
enum class Refusal : std::uint32_t {
  malformed = 1,       ///< it is no frame of this protocol
  version = 2,         ///< it is of another version of it
  authentication = 3,  ///< its tag is not right, or there is no such session
  sequence = 4,        ///< it is not the next one: repeated, or one is missing
};

}  // namespace rvm::control
