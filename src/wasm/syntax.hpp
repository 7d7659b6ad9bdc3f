// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include "code.hpp"
#include "reader.hpp"

namespace rvm::wasm {

/// Whether there is an instruction with this code.
[[nodiscard]] bool is_instruction(Code code);

/// Reads an instruction's code: a byte, or a prefix and a number.
[[nodiscard]] Code read_code(Reader& reader);

/// Reads a function body (locals and instructions) as the binary format only, without validating it.
///
/// A module that is malformed is malformed even where something before is invalid. Validation stops at the first error of
/// either kind, so the body it stopped in is read once more by this.
void read_body(Reader& reader);

}  // namespace rvm::wasm
