// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <string_view>

#include "rvm/abi.h"

namespace rvm {

/// Why an operation failed. The values are the ABI's; the one table is RVM_ERROR_TABLE in rvm/abi.h.
enum class Error : std::uint16_t {
  ok = RVM_ERROR_OK,
  bad_operation = RVM_ERROR_BAD_OPERATION,
  bad_capability = RVM_ERROR_BAD_CAPABILITY,
  wrong_type = RVM_ERROR_WRONG_TYPE,
  rights = RVM_ERROR_RIGHTS,
  bad_argument = RVM_ERROR_BAD_ARGUMENT,
  bad_address = RVM_ERROR_BAD_ADDRESS,
  unaligned = RVM_ERROR_UNALIGNED,
  bad_state = RVM_ERROR_BAD_STATE,
  no_memory = RVM_ERROR_NO_MEMORY,
  resource_limit = RVM_ERROR_RESOURCE_LIMIT,
  timed_out = RVM_ERROR_TIMED_OUT,
  would_block = RVM_ERROR_WOULD_BLOCK,
  peer_gone = RVM_ERROR_PEER_GONE,
  overlap = RVM_ERROR_OVERLAP,
  write_execute = RVM_ERROR_WRITE_EXECUTE,
  truncated = RVM_ERROR_TRUNCATED,
  witness_log_full = RVM_ERROR_WITNESS_LOG_FULL,
  delegation_depth = RVM_ERROR_DELEGATION_DEPTH,
  internal = RVM_ERROR_INTERNAL,
  proof = RVM_ERROR_PROOF,
  no_lease = RVM_ERROR_NO_LEASE,
  dma_refused = RVM_ERROR_DMA_REFUSED,
  device_failed = RVM_ERROR_DEVICE_FAILED,
  no_shared_edge = RVM_ERROR_NO_SHARED_EDGE,
  not_coherent = RVM_ERROR_NOT_COHERENT,
  lease_conflict = RVM_ERROR_LEASE_CONFLICT,
  region_overlap = RVM_ERROR_REGION_OVERLAP,
  capability_conflict = RVM_ERROR_CAPABILITY_CONFLICT,
};

template <typename T>
using Result = std::expected<T, Error>;
using Status = std::expected<void, Error>;

[[nodiscard]] constexpr std::unexpected<Error> fail(Error e) { return std::unexpected<Error>{e}; }

struct ErrorDescription {
  Error error;
  std::uint8_t failure_class;  ///< 1..4 as in F1..F4; 0 for success
  std::string_view name;
  std::string_view text;
};

inline constexpr std::array error_descriptions{
#define RVM_X(name, value, failure_class, text) ErrorDescription{static_cast<Error>(value), failure_class, #name, text},
    RVM_ERROR_TABLE(RVM_X)
#undef RVM_X
};
static_assert(error_descriptions.size() == RVM_ERROR_COUNT);

[[nodiscard]] constexpr const ErrorDescription& describe(Error e) {
  return error_descriptions[static_cast<std::size_t>(e)];
}

}  // namespace rvm
