// SPDX-License-Identifier: MIT OR Apache-2.0
#include "pack.hpp"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "stream.hpp"

namespace rvm::wasm::conformance {

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

std::vector<std::byte> read_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  const auto* first = reinterpret_cast<const std::byte*>(text.data());
  return {first, first + text.size()};
}

unsigned bits_of(const std::string& type) {
  if (type == "i8") return 8;
  if (type == "i16") return 16;
  return type == "i32" || type == "f32" ? 32 : 64;
}
std::uint64_t number_of(const std::string& text) {
  return text[0] == '-' ? static_cast<std::uint64_t>(std::stoll(text)) : std::stoull(text);
}
std::uint64_t masked(const std::string& text, unsigned bits) {
  return number_of(text) & (bits == 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << bits) - 1);
}
bool is_reference(const std::string& type) { return type == "externref" || type == "funcref"; }
std::uint64_t reference_of(const std::string& text) { return text == "null" ? 0 : number_of(text) + 1; }

class Packer {
 public:
  explicit Packer(fs::path scratch) : scratch_(std::move(scratch)) {}

  /// False: an unknown command.
  bool add(const Json& command) {
    const std::string type = command.at("type");
    line_ = command.at("line");
    if (type == "module") {
      begin(Command::module);
      text(command.value("name", ""));
      many_ = many_ || command.contains("name");
      bytes(read_file(scratch_ / command.at("filename")));
    } else if (type == "register") {
      many_ = true;
      begin(Command::register_as);
      text(command.value("name", ""));
      text(command.at("as"));
    } else if (type == "action") {
      begin(Command::action);
      action(command.at("action"));
    } else if (type == "assert_return") {
      begin(Command::assert_return);
      action(command.at("action"));
      put(static_cast<std::uint32_t>(command.at("expected").size()));
      for (const Json& value : command.at("expected")) expected(value);
    } else if (type == "assert_trap" || type == "assert_exhaustion") {
      begin(Command::assert_trap);
      action(command.at("action"));
      text(command.at("text"));
    } else if (type == "assert_invalid") {
      refused(command, Command::assert_invalid);
    } else if (type == "assert_malformed") {
      refused(command, Command::assert_malformed);
    } else if (type == "assert_unlinkable" || type == "assert_uninstantiable") {
      begin(Command::assert_unlinkable);
      many_ = true;
      text(command.at("text"));
      bytes(read_file(scratch_ / command.at("filename")));
    } else {
      return false;
    }
    return true;
  }
  [[nodiscard]] std::vector<std::byte> finish() {
    const std::uint32_t pages = many_ ? 32 : 1024;
    std::memcpy(out_.data(), &pages, sizeof pages);
    return std::move(out_);
  }

 private:
  template <typename T>
  void put(T value) {
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    out_.insert(out_.end(), first, first + sizeof value);
  }
  void begin(Command command) {
    put(command);
    put(line_);
  }
  void bytes(const std::vector<std::byte>& contents) {
    put(static_cast<std::uint32_t>(contents.size()));
    out_.insert(out_.end(), contents.begin(), contents.end());
  }
  void text(const std::string& contents) {
    put(static_cast<std::uint32_t>(contents.size()));
    for (const char c : contents) put(c);
  }

  void action(const Json& a) {
    put(static_cast<std::uint8_t>(a.at("type") == "get"));
    text(a.value("module", ""));
    text(a.at("field"));
    std::vector<std::uint64_t> slots;
    if (a.contains("args")) {
      for (const Json& argument : a.at("args")) append_slots(argument, slots);
    }
    put(static_cast<std::uint32_t>(slots.size()));
    for (const std::uint64_t slot : slots) put(slot);
  }
  static void append_slots(const Json& value, std::vector<std::uint64_t>& slots) {
    const std::string type = value.at("type");
    if (type == "v128") {
      const unsigned bits = bits_of(value.at("lane_type"));
      std::uint64_t both[2]{};
      unsigned at = 0;
      for (const std::string text : value.at("value")) {
        both[at / 64] |= masked(text, bits) << at % 64;
        at += bits;
      }
      slots.insert(slots.end(), both, both + 2);
      return;
    }
    const std::string text = value.at("value");
    slots.push_back(is_reference(type) ? reference_of(text) : masked(text, bits_of(type)));
  }

  void expected(const Json& value) {
    const std::string type = value.at("type");
    if (type == "v128") {
      const std::string lane = value.at("lane_type");
      put(std::uint8_t{2});
      put(static_cast<std::uint8_t>(bits_of(lane)));
      for (const std::string text : value.at("value")) expected_lane(lane, text);
      return;
    }
    put(std::uint8_t{1});
    put(static_cast<std::uint8_t>(is_reference(type) ? 64 : bits_of(type)));
    if (!value.contains("value")) {
      put(Match::any_reference);
      put(std::uint64_t{0});
    } else if (is_reference(type)) {
      put(Match::bits);
      put(reference_of(value.at("value")));
    } else {
      expected_lane(type, value.at("value"));
    }
  }
  void expected_lane(const std::string& type, const std::string& text) {
    const bool canonical = text == "nan:canonical";
    const bool arithmetic = text == "nan:arithmetic";
    put(canonical ? Match::canonical_nan : arithmetic ? Match::arithmetic_nan : Match::bits);
    put(canonical || arithmetic ? std::uint64_t{0} : masked(text, bits_of(type)));
  }

  void refused(const Json& command, Command kind) {
    fs::path file = scratch_ / command.at("filename");
    if (command.at("module_type") == "text") {
      const fs::path module = scratch_ / "text.wasm";
      const std::string tool = "wat2wasm '" + file.string() + "' -o '" + module.string() + "' 2>/dev/null";
      if (std::system(tool.c_str()) != 0) return begin(Command::text_refused);
      file = module;
    }
    begin(kind);
    text(command.at("text"));
    bytes(read_file(file));
  }

  fs::path scratch_;
  std::vector<std::byte> out_ = std::vector<std::byte>(sizeof(std::uint32_t));
  std::uint32_t line_ = 0;
  bool many_ = false;  ///< instances stay beside each other: they have names, or were made in vain
};

}  // namespace

std::optional<std::vector<std::byte>> pack(const fs::path& script, const fs::path& scratch) {
  const fs::path json = scratch / (script.stem().string() + ".json");
  const std::string command = "wast2json '" + script.string() + "' -o '" + json.string() + "'";
  if (std::system(command.c_str()) != 0) {
    std::printf("%s: wast2json failed\n", script.c_str());
    return std::nullopt;
  }
  Packer packer{scratch};
  std::ifstream in{json};
  for (const Json& c : Json::parse(in).at("commands")) {
    if (!packer.add(c)) {
      std::printf("%s: unknown command %s\n", script.c_str(), c.dump().c_str());
      return std::nullopt;
    }
  }
  return packer.finish();
}

}  // namespace rvm::wasm::conformance
