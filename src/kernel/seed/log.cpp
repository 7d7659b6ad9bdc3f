// SPDX-License-Identifier: MIT OR Apache-2.0
#include "log.hpp"

#include <algorithm>
#include <bit>

#include "manifest.hpp"
#include "text.hpp"

namespace rvm::kernel {
namespace {

alignas(witness::record_bytes) constinit std::array<witness::Record, Log::ring_records> slots{};
static_assert(std::has_single_bit(Log::ring_records) && Log::ring_records >= 8);  // all that Ring::init wants
constexpr Nanoseconds report_interval{50'000'000};
/// Origin and size, root, time, and in the first of a boot measurement and key; without a signature line.
constexpr std::size_t note_bytes = 43 + 21 + 45 + 31 + 57 + 61 + 1;

}  // namespace

bool Log::take_key() {
  auto key = hal::Flash::start() ? hal::Flash::take_device_key() : std::nullopt;
  if (!key) return false;
  keys_ = witness::derive_keys(*key);
  identity_ = witness::derive_identity(*key);
  crypto::wipe(*key);
  return true;
}

std::expected<witness::FlashResume, witness::FlashError> Log::start(std::span<const std::byte> identity) {
  const auto resume = flash_.load(keys_, identity, sealer_);
  if (!resume) return resume;
  signed_size_ = resume->next_sequence;
  (void)ring.init(slots, resume->next_sequence);
  return resume;
}

void Log::stop(std::string_view why) {
  stopped_ = true;
  Line{}.text("rvm: the log takes no more records: ").text(why).print();
}

bool Log::append_next() {
  // Before a segment is begun nothing may be sealed that is not in the one before: its header holds the tree as it is then.
  if (ring.waiting() == 0 || ring.committed(sealer_.size()) == nullptr) return false;
  if (flash_.segment_full()) {
    if (!flash_.begin_segment(sealer_)) stop("flash cannot be erased or programmed");
    return true;
  }
  const std::uint64_t sequence = sealer_.size();
  (void)sealer_.seal(ring, 1);
  if (!flash_.append(ring.slot(sequence))) {
    stop("flash cannot be programmed");
    return true;
  }
  ring.mark_durable(sequence + 1);
  const Nanoseconds now = hal::Port::now();
  if (reported_at_ <= now || closing_) {
    reported_at_ = now + report_interval;
    Line{}.text("rvm# {\"t\":\"durable\",\"seq\":").number(sequence + 1).text("}").print();
  }
  return true;
}

bool Log::sign_head() {
  const Nanoseconds now = hal::Port::now();
  const Nanoseconds interval{std::uint64_t{manifest.head_ms} * 1'000'000};
  if (!bound_ || sealer_.size() == signed_size_ || (!closing_ && now < signed_at_ + interval)) return false;
  if (flash_.segment_full(sizeof(witness::FlashHead))) {
    if (!flash_.begin_segment(sealer_)) stop("flash cannot be erased or programmed");
    return true;
  }
  signed_size_ = sealer_.size();
  signed_at_ = now;
  witness::FlashHead head{};
  head.size = signed_size_;
  head.unix_ns = now.value;
  head.first_of_boot = first_head_ ? 1 : 0;
  head.root = sealer_.root();
  if (first_head_) head.measurement = measurement_;
  first_head_ = false;
  const witness::Origin origin{flash_.volume_id()};
  witness::NoteBuffer<note_bytes> note;
  witness::write_flash_head(note, origin.view(), head, identity_.public_key());
  const std::string_view text = note.view();
  const auto signature = identity_.sign(std::as_bytes(std::span{text.data(), text.size() - 1}));
  std::ranges::copy(signature, head.signature.begin());
  if (!flash_.append(head)) stop("flash cannot be programmed");
  return true;
}

bool Log::step() { return !stopped_ && (append_next() || sign_head()); }

void Log::close() {
  while (!stopped_ && append_next()) {
  }
  (void)ring.emit(witness::Lane::reserved, sealer_.tree_head(true), hal::Port::now());
  closing_ = true;
  while (step()) {
  }
}

}  // namespace rvm::kernel
