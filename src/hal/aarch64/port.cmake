# SPDX-License-Identifier: MIT OR Apache-2.0
# The AArch64 port and the kernel image.
set(port_dir ${CMAKE_CURRENT_SOURCE_DIR}/aarch64)
rvm_hot(aarch64/context.cpp)
# Assembly is apart, because the options of the core are for C++.
add_library(rvm_hal_entry OBJECT aarch64/boot.S aarch64/vectors.S)
target_include_directories(rvm_hal_entry PRIVATE aarch64/include)
add_library(rvm_hal_aarch64 STATIC $<TARGET_OBJECTS:rvm_hal_entry> aarch64/boot.cpp aarch64/console.cpp aarch64/context.cpp aarch64/control.cpp
  aarch64/devices.cpp aarch64/gic.cpp aarch64/port.cpp aarch64/power.cpp aarch64/runtime.cpp aarch64/translation.cpp
  aarch64/trap.cpp
  device/device_tree.cpp device/machine_description.cpp device/memory_map.cpp device/translation_tables.cpp)
target_include_directories(rvm_hal_aarch64 PUBLIC include aarch64/include PRIVATE device aarch64)
target_link_libraries(rvm_hal_aarch64 PUBLIC rvm_abi rvm_types PRIVATE rvm_core_options)
# The functions the compiler may assume (memcpy and the like) exist: runtime.cpp. So small copies become moves.
target_compile_options(rvm_hal_aarch64 PRIVATE -fhosted)
# What runs once, or only for a fault, is small rather than fast.
set_source_files_properties(aarch64/boot.cpp aarch64/console.cpp aarch64/control.cpp aarch64/devices.cpp aarch64/trap.cpp
  device/device_tree.cpp device/machine_description.cpp device/memory_map.cpp device/translation_tables.cpp
  PROPERTIES COMPILE_OPTIONS -Oz)
set_source_files_properties(aarch64/gic.cpp aarch64/port.cpp PROPERTIES COMPILE_OPTIONS -Os)
set_source_files_properties(aarch64/runtime.cpp PROPERTIES COMPILE_OPTIONS "-Os;-fno-builtin")

target_include_directories(rvm_hal INTERFACE ${port_dir}/include)
target_link_libraries(rvm_hal INTERFACE rvm_hal_aarch64)

set(RVM_KERNEL_LINKER_SCRIPT ${port_dir}/kernel.ld CACHE INTERNAL "layout of the kernel image")

# rvm_kernel_image(NAME SOURCES ... LINK ...): NAME.elf, and NAME.img that a boot loader starts (arm64 Image format).
# Something it links must define the functions of rvm/hal/entry.hpp.
function(rvm_kernel_image name)
  cmake_parse_arguments(K "" "" "SOURCES;LINK" ${ARGN})
  add_executable(${name}.elf ${K_SOURCES})
  # The port calls the kernel and the kernel the port: one group.
  target_link_libraries(${name}.elf PRIVATE -Wl,--start-group ${K_LINK} rvm_hal_aarch64 -Wl,--end-group rvm_core_options)
  target_link_options(${name}.elf PRIVATE -T ${RVM_KERNEL_LINKER_SCRIPT} -Wl,-pie -Wl,--no-dynamic-linker -Wl,-z,text
                      -Wl,-z,norelro -Wl,-z,max-page-size=4096 -Wl,--gc-sections -Wl,--icf=all -Wl,--fatal-warnings)
  set_target_properties(${name}.elf PROPERTIES LINK_DEPENDS ${RVM_KERNEL_LINKER_SCRIPT} LINKER_LANGUAGE CXX)
  set_target_properties(${name}.elf PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  set(image ${CMAKE_BINARY_DIR}/${name}.img)
  add_custom_command(OUTPUT ${image}
    COMMAND ${CMAKE_OBJCOPY} -O binary $<TARGET_FILE:${name}.elf> ${image}
    DEPENDS ${name}.elf VERBATIM)
  add_custom_target(${name}_image ALL DEPENDS ${image})
endfunction()

# What images share that are programs of their own.
add_library(rvm_hal_program STATIC aarch64/program.cpp)
target_include_directories(rvm_hal_program PRIVATE aarch64)
target_link_libraries(rvm_hal_program PUBLIC rvm_hal PRIVATE rvm_core_options)

# A kernel that tests the port alone; tests/ runs it on several machines.
rvm_kernel_image(hal_selftest SOURCES aarch64/selftest/selftest.cpp aarch64/selftest/kernel_faults.cpp aarch64/selftest/guest.S LINK rvm_hal)
target_include_directories(hal_selftest.elf PRIVATE aarch64)
