// SPDX-License-Identifier: MIT OR Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "head_checker.hpp"
#include "record_checker.hpp"
#include "rvm/witness_verify/verify.hpp"

namespace rvm::witness {

VerifyReport verify(const LogFile& file, const VerifyOptions& options) {
  if (file.looks_like_flash()) return verify_flash(file, options);
  return file.looks_like_volume() ? verify_volume(file, options) : verify_raw(file, options);
}

VerifyReport verify_raw(const LogFile& file, const VerifyOptions& options) {
  VerifyReport report;
  report.authenticated = options.keys != nullptr;
  RecordChecker checker{options, report};
  HeadChecker heads{options, report, checker};
  heads.announce_known();
  std::uint64_t at = 0;
  const std::uint64_t whole = file.bytes() / record_bytes * record_bytes;
  std::vector<std::byte> chunk(static_cast<std::size_t>(std::min<std::uint64_t>(whole, 1 << 20)));
  while (at < whole) {
    const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(chunk.size(), whole - at));
    const std::size_t got = file.read(at, std::span{chunk}.first(wanted)) / record_bytes * record_bytes;
    if (got == 0) break;
    for (std::size_t i = 0; i < got; i += record_bytes) {
      Record record;
      std::memcpy(&record, chunk.data() + i, sizeof(record));
      checker.check(record, at + i);
      heads.pass(checker.tree());
    }
    at += got;
  }
  if (file.bytes() != at) {
    checker.record_problem(checker.expected(), at,
                           fmt::format("incomplete: the file ends after {} of its 64 bytes", file.bytes() - at));
  }
  const bool tail_checked = !options.allow_open && file.bytes() == at;
  checker.finish(at, tail_checked);
  heads.check_known();
  const bool closed = checker.closed();
  report.state = closed ? LogState::closed : LogState::open;
  report.durable = report.records;
  report.ok = report.problem_count == 0;
  if (options.keys == nullptr) {
    report.notes.emplace_back(
        "no key: the chain was checked, MACs were not; the last record's own contents are unprotected");
  }
  return report;
}

std::string to_hex(const crypto::Digest& digest) {
  std::string text;
  for (std::byte b : digest) text += fmt::format("{:02x}", std::to_integer<unsigned>(b));
  return text;
}

}  // namespace rvm::witness
