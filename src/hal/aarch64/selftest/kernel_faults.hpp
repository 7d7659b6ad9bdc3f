// SPDX-License-Identifier: MIT OR Apache-2.0
#pragma once

#include <string_view>

/// Does to the kernel's own memory what must not work, by name; returns only if it worked or nothing has that name.
/// Names: overflow, store-text, store-constant, run-data, null.
void break_kernel(std::string_view how);
