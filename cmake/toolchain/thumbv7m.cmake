# SPDX-License-Identifier: MIT OR Apache-2.0
include(${CMAKE_CURRENT_LIST_DIR}/common.cmake)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR thumbv7m)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)
set(freestanding_dir ${CMAKE_CURRENT_LIST_DIR}/../freestanding)
# One image of the core for Armv7-M and Armv8-M: the latter runs it as it is. What differs (protection, console, clock) is the port's.
set(common "--target=thumbv7m-none-eabi -mcpu=cortex-m3 -ffreestanding -fno-exceptions -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections")
set(CMAKE_C_FLAGS_INIT "${common} -isystem /usr/lib/picolibc/arm-none-eabi/include")
set(CMAKE_CXX_FLAGS_INIT "${common} -fno-rtti -fno-threadsafe-statics -nostdinc++ -isystem ${freestanding_dir} -isystem /usr/lib/llvm-19/include/c++/v1 -isystem /usr/lib/picolibc/arm-none-eabi/include")
set(CMAKE_ASM_FLAGS_INIT "--target=thumbv7m-none-eabi -mcpu=cortex-m3")
set(CMAKE_EXE_LINKER_FLAGS_INIT "--target=thumbv7m-none-eabi -fuse-ld=lld-19 -nostdlib")
