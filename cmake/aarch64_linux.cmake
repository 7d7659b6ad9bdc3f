# SPDX-License-Identifier: MIT OR Apache-2.0
# Programs for AArch64 Linux, run by qemu-aarch64: tests of code that only an AArch64 processor can run, beside the host's.

set(RVM_AARCH64_LINUX_FLAGS --target=aarch64-linux-gnu -std=c++23 -O2 -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
  -Wno-c99-designator -ffp-contract=off -fno-math-errno -fno-rtti "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")

# rvm_aarch64_objects(VARIABLE INCLUDE dir... SOURCES file...): object files, each rebuilt when what it includes changes.
function(rvm_aarch64_objects variable)
  cmake_parse_arguments(O "" "" "INCLUDE;SOURCES" ${ARGN})
  list(TRANSFORM O_INCLUDE PREPEND -I)
  set(objects)
  foreach(source ${O_SOURCES})
    get_filename_component(path ${source} ABSOLUTE)
    file(RELATIVE_PATH name ${CMAKE_SOURCE_DIR} ${path})
    string(REPLACE "/" "_" name ${name})
    set(object ${CMAKE_CURRENT_BINARY_DIR}/aarch64-linux/${name}.o)
    add_custom_command(OUTPUT ${object}
      COMMAND ${CMAKE_CXX_COMPILER} ${RVM_AARCH64_LINUX_FLAGS} ${O_INCLUDE} -MD -MF ${object}.d -c ${path} -o ${object}
      DEPENDS ${path} DEPFILE ${object}.d VERBATIM)
    list(APPEND objects ${object})
  endforeach()
  set(${variable} ${objects} PARENT_SCOPE)
endfunction()

# rvm_aarch64_program(NAME OBJECTS ...): linked statically; sets NAME_PATH.
function(rvm_aarch64_program name)
  cmake_parse_arguments(P "" "" "OBJECTS" ${ARGN})
  set(path ${CMAKE_CURRENT_BINARY_DIR}/aarch64-linux/${name})
  add_custom_command(OUTPUT ${path}
    COMMAND ${CMAKE_CXX_COMPILER} --target=aarch64-linux-gnu -fuse-ld=lld -static ${P_OBJECTS} -o ${path}
    DEPENDS ${P_OBJECTS} VERBATIM)
  add_custom_target(${name} ALL DEPENDS ${path})
  set(${name}_PATH ${path} PARENT_SCOPE)
endfunction()
