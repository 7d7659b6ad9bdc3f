// SPDX-License-Identifier: MIT OR Apache-2.0
//
// The log as the simulation saw it being written, against what is on the disk.
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "rvm/witness_verify/query.hpp"
#include "rvm/witness_verify/verify.hpp"
#include "simulation.hpp"

namespace rvm::sim {
namespace {

/// Records after which capabilities, mappings or objects may look different.
constexpr bool calls_for_scan(witness::Kind kind) {
  using enum witness::Kind;
  return kind != proof_rejected && kind != scheduler_epoch && kind != ipc_send && kind != ipc_receive &&
         kind != vmid_reclaim && kind != witness_flood && kind != tree_head && kind != coherence_recomputed &&
         kind != min_cut_budget_exceeded && kind != degraded_mode_entered && kind != degraded_mode_exited &&
         kind != migration_timeout;
}

/// The disk of the simulated machine as a file for the verifier.
class DiskFile {
 public:
  explicit DiskFile(std::span<const std::byte> disk) : descriptor_(memfd_create("rvm-sim-disk", 0)) {
    require(descriptor_ >= 0 && ftruncate(descriptor_, static_cast<off_t>(disk.size())) == 0, "environment",
            "no memory for a copy of the disk");
    // Zeros at the end stay a hole, which the verifier need not read.
    std::size_t end = disk.size();
    while (end > 0 && std::memcmp(disk.data() + end - 4096, zeros.data(), 4096) == 0) end -= 4096;
    for (std::size_t at = 0; at < end;) {
      const ssize_t written = pwrite(descriptor_, disk.data() + at, end - at, static_cast<off_t>(at));
      require(written > 0, "environment", "no memory for a copy of the disk");
      at += static_cast<std::size_t>(written);
    }
  }
  DiskFile(const DiskFile&) = delete;
  DiskFile& operator=(const DiskFile&) = delete;
  ~DiskFile() { close(descriptor_); }
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  static constexpr std::array<std::byte, 4096> zeros{};
  int descriptor_;
};

}  // namespace

/// Copies what was emitted since last time; says what has to be looked at.
void Simulation::take_records() {
  witness::Ring& ring = kernel::log().ring;
  step_first_record_ = records_.size();
  const std::uint64_t end = ring.reserved();
  require(end >= records_.size(), "log", "sequence numbers went back");
  for (std::uint64_t sequence = records_.size(); sequence < end; ++sequence) {
    const witness::Record* const r = ring.committed(sequence);
    require(r != nullptr && r->sequence == sequence, "log", "a record was reserved and never committed");
    if (!records_.empty() && r->action_kind != witness::Kind::boot_attestation) {
      require(r->timestamp_ns >= records_.back().timestamp_ns || records_.size() == durable_, "log",
              "time runs backwards");
    }
    records_.push_back(*r);
    replay(*r);
    ++coverage.records;
    if (calls_for_scan(r->action_kind)) scan_due_ = true;
    if (r->action_kind == witness::Kind::vmid_reclaim) ++coverage.vmid_reclaims;
    if ((r->flags & security::record_failed) == 0) {
      note_birth(*r);
    } else if (r->action_kind == witness::Kind::task_fork) {
      look_for_shared();  // what the original shared with a fork that was not to be
    }
    if (r->action_kind == witness::Kind::partition_destroy || r->action_kind == witness::Kind::task_terminate)
      full_scan_due_ |= sequence % 8 == 0;
  }
  const std::uint64_t durable = ring.durable();
  require(durable >= durable_ && durable <= ring.sealed() && ring.sealed() <= end, "log",
          "the counts of records taken, sealed and durable do not fit");
  durable_ = durable;
}

void Simulation::note_birth(const witness::Record& r) {
  switch (r.action_kind) {
    case witness::Kind::partition_create:
    case witness::Kind::task_spawn:
    case witness::Kind::task_fork:
    case witness::Kind::comm_edge_create:
    case witness::Kind::region_create:
      require(r.target_object != 0, "record", "a record of success names no object");
      break;
    case witness::Kind::task_terminate:
      note_home(r);
      return;
    case witness::Kind::partition_migrate:
    case witness::Kind::partition_split:
    case witness::Kind::partition_merge:
      note_relocation(r);
      return;
    default:
      return;
  }
  switch (r.action_kind) {
    case witness::Kind::partition_create:
      partitions_.push_back(r.target_object);
      break;
    case witness::Kind::task_spawn:
    case witness::Kind::task_fork:
      // In the order of their indices, so that a scan of the capability tables comes out sorted.
      agents_.insert(
          std::ranges::lower_bound(agents_, r.target_object & 0xffff, {}, [](std::uint32_t id) { return id & 0xffff; }),
          r.target_object);
      note_home(r);
      std::fill_n(generations_.begin() + std::ptrdiff_t{r.target_object & 0xffff} * cap::table_slots, cap::table_slots,
                  std::uint16_t{0});
      if (r.action_kind == witness::Kind::task_fork) note_fork(r.target_object, static_cast<std::uint32_t>(r.aux));
      break;
    case witness::Kind::comm_edge_create:
      edges_.push_back(r.target_object);
      edge_badges_[r.target_object] = r.aux;
      break;
    case witness::Kind::region_create:
      regions_.push_back(r.target_object);
      break;
    default:
      break;
  }
}

bool Simulation::recorded(std::initializer_list<witness::Kind> kinds, std::uint64_t from) const {
  for (std::uint64_t i = from; i < records_.size(); ++i) {
    if ((records_[i].flags & security::record_failed) != 0) continue;
    if (kinds.size() == 0 ? calls_for_scan(records_[i].action_kind)
                          : std::ranges::find(kinds, records_[i].action_kind) != kinds.end()) {
      return true;
    }
  }
  return false;
}

/// Reads the log back with the verifier, and compares it with what was emitted.
void Simulation::check_log(bool after_cut) {
  if (durable_ == 0) return;
  const DiskFile disk{machine_.hardware.disk};
  auto file = witness::LogFile::open(disk.path());
  require(file.has_value(), "log", "the volume cannot be opened");
  const witness::Keys keys = witness::derive_keys(key_);
  const witness::VerifyReport report = witness::verify_volume(*file, {.keys = &keys, .threads = 1});
  require(report.ok && report.authenticated, "log-verifies", [&] {
    return report.problems.empty() ? std::string{"the log does not verify"}
                                   : report.problems.front().what + ": " + report.problems.front().why;
  });
  require(report.records >= durable_, "durability", [&] {
    return std::to_string(durable_) + " records were reported durable, the volume has " +
           std::to_string(report.records);
  });
  (void)after_cut;
  const auto walked = witness::for_each_record(*file, [&](const witness::Record& r, std::uint64_t) {
    if (r.sequence >= records_.size()) return r.action_kind == witness::Kind::tree_head;
    witness::Record expected = records_[r.sequence];
    expected.prev_hash = r.prev_hash;  // the verifier has checked both
    expected.record_hash = r.record_hash;
    require(std::memcmp(&expected, &r, sizeof r) == 0, "log-contents",
            [&] { return "record " + std::to_string(r.sequence) + " on the disk is not the one that was emitted"; });
    return true;
  });
  require(walked.has_value(), "log", "the volume cannot be read");
}

}  // namespace rvm::sim
