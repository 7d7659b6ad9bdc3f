# SPDX-License-Identifier: MIT OR Apache-2.0
# LZ4 from its sources: the same file for the kernel, the host and the microcontroller.
rvm_debian_source(lz4
  POOL main/l/lz4
  ARCHIVE lz4_1.9.4.orig.tar.gz
  SHA256 0b0e3aa07c8c063ddf40b082bdf7e37a1562bda40a0ff5272957f3e987e0e54b
  FOLDER lz4-1.9.4)
add_library(rvm_lz4 STATIC ${lz4_SOURCE}/lib/lz4.c)
target_include_directories(rvm_lz4 SYSTEM PUBLIC ${lz4_SOURCE}/lib)
# A table of 4 KiB: blocks are 5 KiB, and it is cleared for each.
target_compile_definitions(rvm_lz4 PUBLIC LZ4_MEMORY_USAGE=12
  PRIVATE LZ4_FREESTANDING=1 LZ4_memcpy=__builtin_memcpy LZ4_memmove=__builtin_memmove LZ4_memset=__builtin_memset)
# Another's code: our warnings do not apply, nor does -flto, so that kernel.ld can tell its sections by the archive's name.
target_compile_options(rvm_lz4 PRIVATE -w -fvisibility=hidden -ffunction-sections -fdata-sections)
if(RVM_TARGET STREQUAL "appliance")
  target_compile_options(rvm_lz4 PRIVATE -O2 -fhosted -mgeneral-regs-only -fPIE -mcmodel=tiny -mbranch-protection=none)
endif()
