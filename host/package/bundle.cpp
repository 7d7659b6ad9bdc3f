// SPDX-License-Identifier: MIT OR Apache-2.0
#include "host/package/bundle.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <system_error>

#include "rvm/wasm_bundle.h"

namespace rvm::host {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t module_limit = std::uint64_t{32} << 20;

/// The tree by path; a directory has no contents.
struct Entry {
  bool directory = false;
  Bytes contents;
};
using Tree = std::map<std::string, Entry>;

Outcome<void> add(Tree& tree, const std::string& path, Entry entry, const fs::path& source) {
  const bool directory = entry.directory;
  const auto [found, fresh] = tree.emplace(path, std::move(entry));
  if (!fresh && !(directory && found->second.directory)) {
    return failure(ExitCode::usage,
                   fmt::format("two of the agent's files are named {}; the second is {}", path, source.string()),
                   "rename one, or leave it out of `files`");
  }
  return {};
}

Outcome<void> add_file(Tree& tree, const std::string& path, const fs::path& source) {
  auto contents = read_file(source, "file of a WebAssembly agent", module_limit);
  if (!contents) {
    return std::unexpected(contents.error());
  }
  return add(tree, path, {.directory = false, .contents = std::move(*contents)}, source);
}

Outcome<void> add_folder(Tree& tree, const fs::path& folder) {
  std::error_code error;
  for (fs::recursive_directory_iterator i(folder, error), end; !error && i != end; i.increment(error)) {
    const std::string path = i->path().lexically_relative(folder).generic_string();
    const fs::file_status status = i->symlink_status(error);
    Outcome<void> added;
    if (fs::is_directory(status)) {
      added = add(tree, path, {.directory = true, .contents = {}}, i->path());
    } else if (fs::is_regular_file(status)) {
      added = add_file(tree, path, i->path());
    } else {
      added = failure(ExitCode::usage, fmt::format("{} is neither a file nor a folder", i->path().string()),
                      "put a copy of what it stands for in its place");
    }
    if (!added) {
      return added;
    }
  }
  if (error) {
    return failure(ExitCode::environment, fmt::format("cannot read {}: {}", folder.string(), error.message()),
                   "correct `files`");
  }
  return {};
}

Outcome<Tree> tree_of(const fs::path& folder, const std::vector<std::string>& files) {
  Tree tree;
  for (const std::string& file : files) {
    const fs::path source = folder / file;
    std::error_code error;
    const auto added =
        fs::is_directory(source, error) ? add_folder(tree, source) : add_file(tree, source.filename().string(), source);
    if (!added) {
      return std::unexpected(added.error());
    }
  }
  return tree;
}

class Writer {
 public:
  Writer() : out_(sizeof(rvm_wasm_bundle)) {}
  rvm_wasm_range append(std::span<const std::byte> bytes) {
    out_.resize((out_.size() + 7) / 8 * 8);
    const rvm_wasm_range range{out_.size(), bytes.size()};
    out_.insert(out_.end(), bytes.begin(), bytes.end());
    return range;
  }
  Bytes finish(rvm_wasm_bundle header) {
    std::memcpy(header.magic, RVM_WASM_BUNDLE_MAGIC, sizeof header.magic);
    header.header_bytes = sizeof header;
    header.total_bytes = out_.size();
    std::memcpy(out_.data(), &header, sizeof header);
    return std::move(out_);
  }

 private:
  Bytes out_;
};

Outcome<Bytes> read_module(const fs::path& module) {
  auto code = read_file(module, "WebAssembly module", module_limit);
  if (!code) {
    return code;
  }
  constexpr std::array magic{std::byte{0}, std::byte{'a'}, std::byte{'s'}, std::byte{'m'}};
  if (code->size() < 8 || !std::ranges::equal(std::span(*code).first(4), magic)) {
    return failure(ExitCode::usage, fmt::format("{} is not a WebAssembly module in the binary format", module.string()),
                   "compile it (clang --target=wasm32-wasi), or translate its text with wat2wasm");
  }
  return code;
}

}  // namespace

Outcome<Bytes> build_bundle(const fs::path& folder, const std::optional<fs::path>& module, const BundleEntry& entry) {
  const auto code = module ? read_module(*module) : Outcome<Bytes>(Bytes{});
  if (!code) {
    return std::unexpected(code.error());
  }
  const auto tree = tree_of(folder, entry.files);
  if (!tree) {
    return std::unexpected(tree.error());
  }
  Writer out;
  rvm_wasm_bundle header{};
  header.module = out.append(*code);
  std::string environment;
  for (const std::string& variable : entry.environment) {
    environment += variable + '\0';
  }
  header.environ = out.append(as_bytes(environment));
  std::vector<rvm_wasm_file> files;
  for (const auto& [path, file] : *tree) {
    rvm_wasm_file& f = files.emplace_back();
    f.path = out.append(as_bytes(path));
    f.contents = out.append(file.contents);
    f.kind = file.directory ? RVM_WASM_DIRECTORY : RVM_WASM_FILE;
  }
  header.files = out.append(std::as_bytes(std::span(files)));
  header.flags = (entry.compile ? 0U : RVM_WASM_INTERPRETED) | (entry.is_template ? RVM_WASM_TEMPLATE : 0U);
  header.seed = entry.seed;
  header.fuel = entry.fuel;
  header.memory_bytes = entry.memory;
  return out.finish(header);
}

}  // namespace rvm::host
