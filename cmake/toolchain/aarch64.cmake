# SPDX-License-Identifier: MIT OR Apache-2.0
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(freestanding_dir ${CMAKE_CURRENT_LIST_DIR}/../freestanding)
# Debian's libc++ headers over picolibc's; our own configuration comes first.
set(common "--target=aarch64-none-elf -march=armv8-a -mno-outline-atomics -ffreestanding -fno-exceptions -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections")
set(CMAKE_C_FLAGS_INIT "${common} -isystem /usr/lib/picolibc/aarch64-linux-gnu/include")
set(CMAKE_CXX_FLAGS_INIT "${common} -fno-rtti -fno-threadsafe-statics -nostdinc++ -isystem ${freestanding_dir} -isystem /usr/lib/llvm-19/include/c++/v1 -isystem /usr/lib/picolibc/aarch64-linux-gnu/include")
set(CMAKE_ASM_FLAGS_INIT "--target=aarch64-none-elf -march=armv8-a")
set(CMAKE_EXE_LINKER_FLAGS_INIT "--target=aarch64-none-elf -fuse-ld=lld-19 -nostdlib")
