// SPDX-License-Identifier: MIT OR Apache-2.0
#include "text.hpp"

#include "lock.hpp"
#include "rvm/hal/port.hpp"

namespace rvm::kernel {
namespace {
constinit SpinLock console_lock;
}

void Line::put(char c) {
  if (length_ < buffer_.size() - 1) buffer_[length_++] = c;
}

Line& Line::text(std::string_view s) {
  for (const char c : s) put(c);
  return *this;
}

Line& Line::name(std::span<const char> padded) {
  for (std::size_t i = 0; i < padded.size() && padded[i] != '\0'; ++i) put(padded[i]);
  return *this;
}

Line& Line::number(std::uint64_t value) {
  std::array<char, 20> digits{};
  std::size_t i = digits.size();
  do {
    digits[--i] = static_cast<char>('0' + value % 10);
    value /= 10;
  } while (value != 0);
  for (; i < digits.size(); ++i) put(digits[i]);
  return *this;
}

Line& Line::hex(std::uint64_t value, int digits) {
  for (int shift = 60; shift >= 0; shift -= 4) {
    if (shift / 4 < digits || value >> shift != 0) put("0123456789abcdef"[value >> shift & 15]);
  }
  return *this;
}

Line& Line::hex(std::span<const std::byte> bytes) {
  for (const std::byte b : bytes) hex(std::to_integer<std::uint64_t>(b), 2);
  return *this;
}

Line& Line::key(std::string_view key) {
  if (length_ > 0 && buffer_[length_ - 1] != '{') put(',');
  return text("\"").text(key).text("\":");
}

Line& Line::escaped(char c) {
  const auto byte = static_cast<unsigned char>(c);
  if (byte >= 0x20 && byte < 0x7f) {
    put(c);
  } else if (c == '\t') {
    put(' ');
  } else {
    text("\\x").hex(byte, 2);
  }
  return *this;
}

void Line::print() {
  buffer_[length_] = '\n';
  const hal::Port::InterruptMask masked;
  console_lock.lock();
  hal::Port::console_write({buffer_.data(), length_ + 1});
  console_lock.unlock();
  length_ = 0;
}

void print_note(std::string_view type, std::string_view note) {
  const hal::Port::InterruptMask masked;
  console_lock.lock();
  for (const std::string_view part : {std::string_view{"rvm# {\"t\":\""}, type, std::string_view{"\",\"note\":\""}})
    hal::Port::console_write(part);
  for (const char& c : note) hal::Port::console_write(c == '\n' ? std::string_view{"\\n"} : std::string_view{&c, 1});
  hal::Port::console_write(std::string_view{"\"}\n"});
  console_lock.unlock();
}

}  // namespace rvm::kernel
