// SPDX-License-Identifier: MIT OR Apache-2.0
//
// libFuzzer entry: clang++ -fsanitize=fuzzer,address,undefined over this file, device_tree.cpp and machine_description.cpp.
#include "device_tree.hpp"
#include "machine_description.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace rvm::hal;
  const auto tree = DeviceTree::open({reinterpret_cast<const std::byte*>(data), size});
  if (!tree) return 0;
  static_cast<void>(describe_machine(*tree));
  for (const auto& node : *tree) {
    static_cast<void>(node.reg(3));
    static_cast<void>(node.property("x"));
  }
  for (std::size_t i = 0; i < tree->reservations(); ++i) static_cast<void>(tree->reservation(i));
  return 0;
}
