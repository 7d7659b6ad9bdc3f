# SPDX-License-Identifier: MIT OR Apache-2.0
target_include_directories(rvm_hal INTERFACE ${CMAKE_CURRENT_SOURCE_DIR}/aarch64/include)
