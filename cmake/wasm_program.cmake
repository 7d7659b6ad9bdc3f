# SPDX-License-Identifier: MIT OR Apache-2.0
# C programs for WebAssembly agents, by the same clang and Debian's wasi-libc.
#
# rvm_wasm_program(NAME sources... [OPTIONS ...]): builds ${CMAKE_BINARY_DIR}/wasm/NAME.wasm
function(rvm_wasm_program name)
  cmake_parse_arguments(P "" "" "OPTIONS;DEPENDS" ${ARGN})
  set(sources)
  foreach(source ${P_UNPARSED_ARGUMENTS})
    cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR})
    list(APPEND sources ${source})
  endforeach()
  set(output ${CMAKE_BINARY_DIR}/wasm/${name}.wasm)
  add_custom_command(OUTPUT ${output}
    COMMAND ${CMAKE_COMMAND} -E make_directory ${CMAKE_BINARY_DIR}/wasm
    COMMAND ${CMAKE_C_COMPILER} --target=wasm32-wasi -O2 -Wl,--strip-debug -I${CMAKE_SOURCE_DIR}/sdk/wasm ${P_OPTIONS} -o ${output} ${sources}
    DEPENDS ${sources} ${P_DEPENDS} ${CMAKE_SOURCE_DIR}/sdk/wasm/rvm/wasm.h VERBATIM)
  add_custom_target(wasm_${name} ALL DEPENDS ${output})
endfunction()
