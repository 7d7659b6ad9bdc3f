// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "rvm/wasm_bundle.h"

namespace rvm::wasm::test {

/// Makes bundles, wrong ones too: whatever is added is written as it is.
class BundleBuilder {
 public:
  BundleBuilder& add(std::string_view path, std::string_view contents) {
    files_.push_back({std::string{path}, std::string{contents}, RVM_WASM_FILE});
    return *this;
  }
  BundleBuilder& add_folder(std::string_view path) {
    files_.push_back({std::string{path}, {}, RVM_WASM_DIRECTORY});
    return *this;
  }
  BundleBuilder& environment(std::string_view texts) {
    environment_ = texts;
    return *this;
  }
  BundleBuilder& module(std::span<const std::byte> bytes) {
    module_.assign(bytes.begin(), bytes.end());
    return *this;
  }
  BundleBuilder& fuel(std::uint64_t units) {
    fuel_ = units;
    return *this;
  }

  [[nodiscard]] std::vector<std::byte> bytes() const {
    std::vector<std::byte> out(sizeof(rvm_wasm_bundle));
    const auto append = [&](std::span<const std::byte> part) {
      out.resize((out.size() + 7) / 8 * 8);
      const rvm_wasm_range range{out.size(), part.size()};
      out.insert(out.end(), part.begin(), part.end());
      return range;
    };
    rvm_wasm_bundle header{};
    std::memcpy(header.magic, RVM_WASM_BUNDLE_MAGIC, sizeof header.magic);
    header.header_bytes = sizeof header;
    header.module = append(module_);
    header.environ = append(std::as_bytes(std::span{environment_}));
    std::vector<rvm_wasm_file> table;
    table.reserve(files_.size());
    for (const File& f : files_) {
      table.push_back(
          {append(std::as_bytes(std::span{f.path})), append(std::as_bytes(std::span{f.contents})), f.kind, 0});
    }
    header.files = append(std::as_bytes(std::span{table}));
    header.fuel = fuel_;
    header.total_bytes = out.size();
    std::memcpy(out.data(), &header, sizeof header);
    return out;
  }

 private:
  struct File {
    std::string path;
    std::string contents;
    std::uint32_t kind;
  };
  std::vector<File> files_;
  std::string environment_;
  std::vector<std::byte> module_;
  std::uint64_t fuel_ = 0;
};

}  // namespace rvm::wasm::test
