// SPDX-License-Identifier: MIT OR Apache-2.0
//
// What the hypervisor says on its serial line: `rvm: text` for people, `rvm# {json}` for programs, `NAME| text` from
// agents. The kernel escapes control characters of agents, so an agent cannot forge a kernel line; names cannot contain
// '#', ':' or '|'.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "host/machine/coherence_report.hpp"

namespace rvm::host {

struct BootReport {
  std::uint64_t cpus = 0;
  std::uint64_t memory = 0;
  std::uint64_t partitions = 0;
  std::uint64_t agents = 0;
  std::uint64_t first_witness_ns = 0;
  std::uint64_t log_records = 0;  ///< found on the volume and continued
  std::uint64_t vmid_bits = 0;
  std::uint64_t ipa_bits = 0;
};

struct FaultReport {
  std::uint64_t agent = 0;
  std::uint64_t partition = 0;
  std::string name;
  std::string kind;
  std::string address;
};

struct LatencyReport {
  std::uint64_t p50 = 0;
  std::uint64_t p99 = 0;
  std::uint64_t max = 0;
};

struct AgentReport {
  std::uint64_t id = 0;
  std::uint64_t partition = 0;
  std::string name;
  std::string state;  ///< exited, faulted, ready, blocked, terminated
  std::uint64_t exit = 0;
  std::uint64_t cpu_ns = 0;
  std::uint64_t messages = 0;
  std::uint64_t refused = 0;
  std::uint64_t faults = 0;
  std::uint64_t deadlines_met = 0;
  std::uint64_t deadlines_missed = 0;
  std::optional<LatencyReport> latency;
};

struct SummaryReport {
  std::uint64_t partitions = 0;
  std::uint64_t agents = 0;
  std::uint64_t messages = 0;
  std::uint64_t switches = 0;
  std::uint64_t refused = 0;
  std::uint64_t faults = 0;
  std::uint64_t vmid_reclaims = 0;
  std::uint64_t throttled = 0;
  std::uint64_t records = 0;
  std::uint64_t durable = 0;
  std::uint64_t tree_size = 0;
  std::string root;
  bool closed = false;  ///< the closing record is on the volume
  std::string reason;   ///< done, requested, time
};

/// One line, understood.
struct ConsoleLine {
  enum class Source : std::uint8_t { agent, kernel_text, kernel_report, other };
  Source source = Source::other;
  std::string_view agent;  ///< of an agent's line
  std::string_view text;   ///< what follows the prefix; the whole line for `other`
};
[[nodiscard]] ConsoleLine classify(std::string_view line);
/// One of the kernel's objects as it is at shutdown (`rvm run --dump`).
[[nodiscard]] bool is_state_line(const ConsoleLine& line);

/// Everything that was reported, collected line by line.
struct MachineReport {
  std::optional<BootReport> boot;
  std::vector<FaultReport> faults;
  std::vector<AgentReport> agents;
  std::optional<SummaryReport> summary;
  std::optional<CoherenceReport> coherence;  ///< if an engine ran
  std::uint64_t durable = 0;
  std::string quote;                    ///< signed note about the boot, if one was asked for
  std::string refusal;                  ///< why the kernel would not start, if so
  std::string log_stopped;              ///< why the log takes no more records, if so
  bool panicked = false;                ///< the kernel itself faulted
  std::vector<std::string> last_texts;  ///< the last few `rvm:` lines, and lines of no known form
  std::vector<std::string> malformed;   ///< `rvm#` lines that are not understood
  std::map<std::string, std::vector<std::string>, std::less<>>
      marked;  ///< agents' `attack:`, `victim:` and `bench:` lines

  void take(const ConsoleLine& line);
};

/// Cuts a byte stream into lines. A line that grows beyond the limit is cut there, so memory is bounded.
class LineSplitter {
 public:
  static constexpr std::size_t limit = 65536;

  template <typename Sink>
  void feed(std::string_view bytes, Sink&& sink) {
    for (const char c : bytes) {
      if (c == '\n' || pending_.size() == limit) {
        flush(sink);
      }
      if (c != '\n' && c != '\r') {
        pending_ += c;
      }
    }
  }
  template <typename Sink>
  void finish(Sink&& sink) {
    if (!pending_.empty()) {
      flush(sink);
    }
  }

 private:
  template <typename Sink>
  void flush(Sink&& sink) {
    sink(std::string_view(pending_));
    pending_.clear();
  }
  std::string pending_;
};

}  // namespace rvm::host
