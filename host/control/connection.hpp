// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The operator's end of a machine's console. One command at a time has it; others wait a little for their turn.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "host/common/failure.hpp"
#include "host/common/file.hpp"
#include "host/control/run_folder.hpp"
#include "rvm/control/session.hpp"
#include "rvm/witness/record.hpp"

namespace rvm::host {

struct ControlResponse {
  control::ResponseHead head;
  Bytes data;
};

/// What RVM_READ_* say of a machine, as of about one moment.
struct Snapshot {
  rvm_machine_status machine{};
  std::vector<rvm_partition_status> partitions;
  std::vector<rvm_agent_status> agents;
  std::vector<rvm_edge_status> edges;
};

struct RecordsSince {
  std::vector<witness::Record> records;
  std::uint64_t next = 0;  ///< sequence to go on from
};

class Connection {
 public:
  /// Connects and proves to the machine that it has its key; so does the machine.
  [[nodiscard]] static Outcome<Connection> open(const RunningMachine& machine);
  /// The same without a key: nothing but `health` works.
  [[nodiscard]] static Outcome<Connection> open_unauthenticated(const RunningMachine& machine);

  /// A response, whatever its status.
  [[nodiscard]] Outcome<ControlResponse> request(const control::Request& request);
  [[nodiscard]] Outcome<control::HealthReport> health();
  [[nodiscard]] Outcome<Snapshot> snapshot();
  /// The machine went away while something was awaited from it.
  [[nodiscard]] bool ended() const { return ended_; }
  /// Records of these kinds from `first` on, or from as early as the machine has in memory.
  [[nodiscard]] Outcome<RecordsSince> records(std::uint64_t first, std::span<const witness::Kind> kinds);

 private:
  Connection(std::string name, Descriptor turn, Descriptor socket, const Key& key);

  Outcome<void> begin();
  Outcome<void> write(std::size_t bytes);
  /// The next frame; a failure when none comes in time.
  Outcome<control::Frame> next_frame(std::chrono::steady_clock::time_point deadline);
  template <typename T>
  Outcome<std::vector<T>> read_all(rvm_read what);

  std::string name_;
  Descriptor turn_;  ///< the lock of whoever talks
  Descriptor socket_;
  control::Initiator initiator_;
  control::FrameReader reader_;
  bool ended_ = false;
  Bytes input_;  ///< read, but not looked at
  std::array<std::byte, control::encoded_limit> output_{};
};

/// Why a request with this status had no effect.
[[nodiscard]] std::string status_text(std::uint32_t status);

}  // namespace rvm::host
