// SPDX-License-Identifier: MIT OR Apache-2.0
#include "reader.hpp"

namespace rvm::wasm {

std::uint8_t Reader::byte() {
  if (at_ >= end_) {
    fail(end_error_);
    return 0;
  }
  return static_cast<std::uint8_t>(bytes_[at_++]);
}

std::uint64_t Reader::unsigned_leb(unsigned bits) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const std::size_t at = at_;
    const std::uint8_t b = byte();
    if (!ok()) return 0;
    const unsigned left = bits - shift;  // bits of the value that this byte may still give
    if (left < 7) {
      if ((b & 0x80) != 0) {
        fail(ModuleError::integer_long, at);
        return 0;
      }
      if (b >> left != 0) {
        fail(ModuleError::integer_large, at);
        return 0;
      }
    }
    value |= static_cast<std::uint64_t>(b & 0x7f) << shift;
    if ((b & 0x80) == 0) return value;
  }
}

std::int64_t Reader::signed_leb(unsigned bits) {
  std::uint64_t value = 0;
  for (unsigned shift = 0;; shift += 7) {
    const std::size_t at = at_;
    const std::uint8_t b = byte();
    if (!ok()) return 0;
    const unsigned left = bits - shift;
    if (left < 7) {
      if ((b & 0x80) != 0) {
        fail(ModuleError::integer_long, at);
        return 0;
      }
      // The bits above the value must repeat its sign.
      const unsigned high = static_cast<unsigned>(b) >> (left - 1);
      if (high != 0 && high != 0x7fU >> (left - 1)) {
        fail(ModuleError::integer_large, at);
        return 0;
      }
    }
    value |= static_cast<std::uint64_t>(b & 0x7f) << shift;
    if ((b & 0x80) == 0) {
      if ((b & 0x40) != 0 && shift + 7 < 64) value |= ~std::uint64_t{0} << (shift + 7);
      return static_cast<std::int64_t>(value);
    }
  }
}

std::uint64_t Reader::fixed(unsigned bytes) {
  std::uint64_t value = 0;
  for (unsigned i = 0; i < bytes; ++i) value |= std::uint64_t{byte()} << (8 * i);
  return value;
}

std::span<const std::byte> Reader::take(std::size_t count) {
  if (count > remaining()) {
    fail(ModuleError::length);
    return {};
  }
  const auto taken = bytes_.subspan(at_, count);
  at_ += count;
  return taken;
}

std::string_view Reader::name() {
  const std::uint32_t length = u32();
  const std::size_t at = at_;
  const auto bytes = take(length);
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()), bytes.size()};  // bytes may be seen as char
  if (!is_utf8(text)) fail(ModuleError::utf8, at);
  return ok() ? text : std::string_view{};
}

ValueType Reader::value_type() {
  const std::size_t at = at_;
  const std::uint8_t b = byte();
  if (!is_value_type(b)) fail(ModuleError::value_type, at);
  return static_cast<ValueType>(b);
}

ValueType Reader::reference_type() {
  const std::size_t at = at_;
  const auto type = static_cast<ValueType>(byte());
  if (!is_reference(type)) fail(ModuleError::reference_type, at);
  return type;
}

GlobalType Reader::global_type() {
  GlobalType type;
  type.value = value_type();
  const std::uint8_t flag = byte();
  if (flag > 1) fail(ModuleError::mutability, at_ - 1);
  type.is_mutable = flag == 1;
  return type;
}

SizeRange Reader::size_range(std::uint32_t bound, ModuleError too_large) {
  SizeRange range;
  const std::size_t at = at_;
  const std::uint8_t flag = byte();
  // The flag is a LEB128 number of one bit; the tests tell a long encoding from a wrong flag.
  if (flag > 1) fail((flag & 0x80) != 0 ? ModuleError::integer_long : ModuleError::limits_flag, at);
  range.has_maximum = flag == 1;
  range.minimum = u32();
  range.maximum = range.has_maximum ? u32() : bound;
  if (range.minimum > bound || range.maximum > bound) fail(too_large, at);
  if (range.minimum > range.maximum) fail(ModuleError::size_range, at);
  return range;
}

TableType Reader::table_type() {
  TableType type;
  type.element = reference_type();
  type.size = size_range(UINT32_MAX, ModuleError::size_range);
  return type;
}

MemoryType Reader::memory_type() { return {size_range(memory_pages_max, ModuleError::memory_size)}; }

std::uint32_t Reader::count() {
  const std::size_t at = at_;
  const std::uint32_t n = u32();
  if (ok() && n > remaining()) fail(end_error_ == ModuleError::section_end ? ModuleError::length : end_error_, at);
  return ok() ? n : 0;
}

std::size_t Reader::enter(std::uint32_t size, ModuleError too_long) {
  const std::size_t outer = end_;
  if (size > remaining()) {
    fail(too_long);
  } else if (ok()) {
    end_ = at_ + size;
  }
  return outer;
}

bool is_utf8(std::string_view text) {
  for (std::size_t i = 0; i < text.size();) {
    const auto lead = static_cast<std::uint8_t>(text[i]);
    unsigned more = 0;
    std::uint32_t point = lead;
    std::uint32_t least = 0;
    if (lead >= 0xf0) {
      more = 3, point = lead & 0x0fU, least = 0x10000;  // 0xf8 and above give points that are too large
    } else if (lead >= 0xe0) {
      more = 2, point = lead & 0x0fU, least = 0x800;
    } else if (lead >= 0xc0) {
      more = 1, point = lead & 0x1fU, least = 0x80;
    } else if (lead >= 0x80) {
      return false;
    }
    if (text.size() - i <= more) return false;
    for (unsigned k = 1; k <= more; ++k) {
      const auto next = static_cast<std::uint8_t>(text[i + k]);
      if ((next & 0xc0) != 0x80) return false;
      point = point << 6 | (next & 0x3fU);
    }
    if (point < least || point > 0x10ffff || (point >= 0xd800 && point < 0xe000)) return false;
    i += more + 1;
  }
  return true;
}

}  // namespace rvm::wasm
