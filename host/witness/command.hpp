// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "host/common/failure.hpp"
#include "host/witness/log.hpp"
#include "rvm/witness_verify/query.hpp"

namespace rvm::host {

/// Which log, and the key it was made with.
struct LogSource {
  std::filesystem::path file;
  bool raw = false;         ///< bare records instead of a volume
  bool allow_open = false;  ///< of bare records
  std::optional<std::filesystem::path> key;
  std::optional<std::string> known_tree;             ///< "SIZE:ROOT"
  std::optional<std::filesystem::path> known_heads;  ///< notes that the log must contain
  std::optional<std::filesystem::path> cosigner;     ///< verifier key that must have signed each of them
  std::optional<std::filesystem::path> head_key;     ///< verifier key of the heads, instead of the device key's
};

struct LogQuery {
  witness::RecordFilter filter;
  std::optional<std::string> kind;  ///< by name
  std::uint64_t limit = UINT64_MAX;
};

/// "SIZE:ROOT", ROOT in 64 hexadecimal digits.
[[nodiscard]] std::optional<KnownTree> parse_known_tree(std::string_view text);
[[nodiscard]] std::string record_json(const witness::Record& record);
[[nodiscard]] std::string record_text(const witness::Record& record);

/// Reads keys and demands, and checks the whole log.
[[nodiscard]] Outcome<LogCheck> check_log(const LogSource& source);
[[nodiscard]] Failure not_verified(const LogSource& source, const LogCheck& log);

[[nodiscard]] ExitCode witness_verify_command(const LogSource& source, bool json);

}  // namespace rvm::host
