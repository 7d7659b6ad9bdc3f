// SPDX-License-Identifier: MIT OR Apache-2.0
#include "bundle.hpp"

#include <cstring>

namespace rvm::wasm {

namespace {

/// Components separated by single '/', none of them empty, "." or "..".
bool good_path(std::string_view path) {
  if (path.empty() || path.size() > 1024 || path.contains('\0')) return false;
  while (true) {
    const std::size_t end = path.find('/');
    const std::string_view component = path.substr(0, end);
    if (component.empty() || component == "." || component == "..") return false;
    if (end == std::string_view::npos) return true;
    path.remove_prefix(end + 1);
  }
}

}  // namespace

std::expected<Bundle, BundleError> Bundle::parse(std::span<const std::byte> bytes) {
  if (bytes.size() < sizeof(rvm_wasm_bundle)) return std::unexpected{BundleError{"it is shorter than its header"}};
  rvm_wasm_bundle header;
  std::memcpy(&header, bytes.data(), sizeof header);
  if (std::memcmp(header.magic, RVM_WASM_BUNDLE_MAGIC, sizeof header.magic) != 0 ||
      header.header_bytes != sizeof header) {
    return std::unexpected{BundleError{"there is none, or of another version"}};
  }
  if (header.total_bytes < sizeof header || header.total_bytes > bytes.size())
    return std::unexpected{BundleError{"it is cut short"}};
  const Bundle bundle{bytes.first(static_cast<std::size_t>(header.total_bytes))};
  if (const BundleError wrong = bundle.check(); !wrong.empty()) return std::unexpected{wrong};
  return bundle;
}

BundleError Bundle::check() const {
  const rvm_wasm_bundle& h = header();
  if (!fits(h.module) || !fits(h.environ) || !fits(h.files)) return "a part lies outside of it";
  if (h.environ.bytes != 0 && !environment().ends_with('\0')) return "its environment is not ended";
  if (h.files.offset % alignof(rvm_wasm_file) != 0 || h.files.bytes % sizeof(rvm_wasm_file) != 0)
    return "its table of files is not aligned";
  std::string_view before;
  for (const rvm_wasm_file& file : files()) {
    if (!fits(file.path) || !fits(file.contents)) return "a file lies outside of it";
    const std::string_view path = text(file.path);
    if (!good_path(path) || path <= before) return "a path is not in order";
    if (file.kind > RVM_WASM_DIRECTORY || (file.kind == RVM_WASM_DIRECTORY && file.contents.bytes != 0))
      return "an entry is neither file nor directory";
    before = path;
  }
  for (std::uint32_t i = 0; i < file_count(); ++i) {
    const std::size_t cut = path(i).rfind('/');
    if (cut == std::string_view::npos) continue;
    const auto parent = find(path(i).substr(0, cut));
    if (!parent || !is_directory(*parent)) return "a file lies in no directory";
  }
  return {};
}

std::optional<std::uint32_t> Bundle::find(std::string_view wanted) const {
  if (wanted.empty()) return root;
  std::uint32_t low = 0;
  for (std::uint32_t high = file_count(); low < high;) {
    const std::uint32_t middle = low + (high - low) / 2;
    if (path(middle) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == file_count() || path(low) != wanted) return std::nullopt;
  return low;
}

}  // namespace rvm::wasm
