// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What a worker does, chosen by the argument that its supervisor spawns it with.
#pragma once

#include <cstdint>

namespace test {

enum class Behaviour : std::uint64_t {
  idle,          ///< ends at once with code 0; what the copy of the manifest does
  exit_seven,    ///< ends with code 7
  spin,          ///< never yields
  fault,         ///< reads an address that is not mapped
  sleep,         ///< sleeps for ever in short naps
  await_signal,  ///< waits for any notification bit and ends with the bits as its code
  serve,         ///< answers calls; see Request
  receive_one,   ///< receives one message, checks it and ends with the sum of its bytes
};

/// First word of a call to a worker that serves.
enum class Request : std::uint64_t {
  increment,  ///< the answer's second word is the request's plus one
  fault,      ///< the worker dies while the caller waits
  exit,       ///< the worker ends while the caller waits
  spin,       ///< the worker never answers
};

}  // namespace test
