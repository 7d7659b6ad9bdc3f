// SPDX-License-Identifier: MIT OR Apache-2.0
//
// `rvm witness export`: the log in forms that other programs read.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "host/common/failure.hpp"
#include "host/witness/command.hpp"
#include "host/witness/heads.hpp"

namespace rvm::host {

enum class ExportForm : std::uint8_t {
  raw,         ///< the 64-byte records one after another
  json_lines,  ///< an object per line
  csv,         ///< RFC 4180, with a header
  trace,       ///< Chrome's trace event format, which Perfetto reads too: a process per partition, a thread per agent
};

using VisitRecords = std::function<Outcome<void>(const std::function<bool(const witness::Record&)>&)>;
using WriteText = std::function<void(std::string_view)>;

/// Writes what `visit` shows (it may be called more than once) in a form other than raw.
[[nodiscard]] Outcome<void> export_text(ExportForm form, const VisitRecords& visit, const WriteText& write);

/// Where the records are to be written.
struct RecordExport {
  std::filesystem::path output;
  ExportForm form = ExportForm::raw;
};

/// Writes records and signed heads. A log that does not verify is exported only by `force`.
[[nodiscard]] ExitCode witness_export_command(const LogSource& source, const std::optional<RecordExport>& wanted,
                                              const HeadExport& heads, bool force);

}  // namespace rvm::host
