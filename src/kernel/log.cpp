// SPDX-License-Identifier: MIT OR Apache-2.0
#include "log.hpp"

#include "rvm/hal/vector_scope.hpp"
#include "rvm/security/tee.hpp"
#include "text.hpp"

namespace rvm::kernel {

std::expected<Log::Start, std::string_view> Log::start(std::span<const std::byte, 32> device_key,
                                                       std::span<witness::Record> slots, std::span<std::byte> staging,
                                                       std::span<const std::byte> identity) {
  const hal::VectorScope vectors;
  keys_ = witness::derive_keys(device_key);
  Start start{};
  if (hal::Port::block_sectors() != 0) {
    const auto resume = drain_.load(keys_, staging.first<witness::staging_bytes>(), identity, sealer_);
    if (!resume) return std::unexpected(witness::describe(resume.error()));
    start = {true, *resume};
    identity_ = witness::derive_identity(device_key);
    origin_ = witness::Origin{drain_.durable().volume_id};
    signed_size_ = resume->next_sequence;
  } else {
    sealer_.start(keys_);
  }
  has_volume_ = start.has_volume;
  reported_durable_ = start.resume.next_sequence;
  if (!ring.init(slots, start.resume.next_sequence))
    return std::unexpected(std::string_view{"the record ring has a wrong size"});
  return start;
}

bool Log::pump(std::uint32_t records) {
  const bool unsealed = ring.reserved() != sealer_.size();
  const bool undrained = has_volume_ && ring.durable() != ring.reserved();
  if ((!unsealed && !undrained) || !lock_.try_lock()) return false;
  std::uint32_t sealed = 0;
  const std::uint64_t durable = ring.durable();
  {
    const hal::VectorScope vectors;
    sealed = sealer_.seal(ring, records);
    if (has_volume_) drain_.step(ring, sealer_, hal::Port::now());
  }
  if (has_volume_) report_progress(hal::Port::now());
  const bool worked = sealed != 0 || ring.durable() != durable;
  lock_.unlock();
  return worked;
}

void Log::write_head(witness::NoteWriter& note, std::uint64_t size, const crypto::Digest& root) {
  const Boot boot = boot_.value_or(Boot{});  // callers make sure that there is one
  witness::HeadText head{origin(), size, root, boot.wall_clock_ns + hal::Port::now().value, {}};
  if (first_head_) head.boot.emplace(boot.measurement, identity_.public_key());
  first_head_ = false;
  witness::write_head(note, head);
  const hal::VectorScope vectors;  // the key id is a hash
  witness::sign_note(note, origin(), identity_);
}

void Log::quote(std::span<const std::byte> nonce, const boot::Measurement& measurement) const {
  if (!has_volume_) return;
  constexpr hal::Port::TrustedEnvironment tee;
  witness::NoteBuffer<witness::note_bytes_max + security::TeeSigner<hal::Port::TrustedEnvironment>::line_bytes_max>
      note;
  note.text(origin()).text("/quote\nnonce ").hex(nonce);
  note.text("\nhead ").number(drain_.durable().records).text(" ").base64(drain_.durable().root).text("\n");
  for (std::size_t i = 0; i < boot::phases; ++i) {
    note.text(boot::phase_names[i]).text(" ").base64(measurement.loaded(static_cast<boot::Phase>(i + 1))).text("\n");
  }
  const hal::VectorScope vectors;  // the key id is a hash
  if (tee.platform() == hal::TeePlatform::none) {
    witness::sign_note(note, origin(), identity_);
  } else if (!witness::sign_note(note, origin(), identity_, security::TeeSigner{tee, identity_.public_key()})) {
    Line{}.text("rvm: the trusted execution environment gave no quote").print();
  }
  print_note("quote", note.view());
}

bool Log::sign_head() {
  if (!has_volume_ || !lock_.try_lock()) return false;
  const std::uint64_t size = drain_.durable().records;
  const crypto::Digest root = drain_.durable().root;
  const Nanoseconds now = hal::Port::now();
  const bool due =
      boot_ && !signing_ && size != signed_size_ && !drain_.note_waits() && signed_at_ + head_interval <= now;
  if (due) {
    signing_ = true;
    signed_size_ = size;
    signed_at_ = now;
  }
  lock_.unlock();
  if (!due) return false;
  witness::NoteText note;
  write_head(note, size, root);
  lock_.lock();
  drain_.offer_note(note.view());
  signing_ = false;
  lock_.unlock();
  return true;
}

void Log::report_progress(Nanoseconds now) {
  const auto state = drain_.state();
  if ((state == witness::DrainState::full || state == witness::DrainState::failed) &&
      !stopped_.load(std::memory_order_relaxed)) {
    stopped_.store(true, std::memory_order_relaxed);
    Line{}.text("rvm: the log volume takes no more records: ").text(witness::describe(drain_.error())).print();
    Line line;
    line.text("rvm# {\"t\":\"log_stopped\"")
        .key("reason")
        .text("\"")
        .text(witness::describe(drain_.error()))
        .text("\"}")
        .print();
  }
  const std::uint64_t durable = ring.durable();
  if (durable == reported_durable_ || now < reported_at_ + Nanoseconds{50'000'000}) return;
  reported_durable_ = durable;
  reported_at_ = now;
  Line{}.text("rvm# {\"t\":\"durable\",\"seq\":").number(durable).text("}").print();
}

Log::Head Log::close() {
  lock_.lock();
  const hal::VectorScope vectors;
  bool written = false;
  if (has_volume_) {
    written = drain_.flush(ring, sealer_).has_value();
  } else {
    while (sealer_.seal(ring, UINT32_MAX) != 0) {
    }
  }
  (void)ring.emit(witness::Lane::reserved, sealer_.tree_head(true), hal::Port::now());
  if (has_volume_) {
    written = drain_.flush(ring, sealer_).has_value() && written;
    if (written && boot_) {
      witness::NoteText note;
      write_head(note, sealer_.size(), sealer_.root());
      drain_.offer_note(note.view());
    }
    written = drain_.close(ring, sealer_).has_value() && written;
    report_progress(never);
  } else {
    sealer_.seal(ring, 1);
  }
  return {sealer_.size(), sealer_.root(), written};
}

}  // namespace rvm::kernel
