# SPDX-License-Identifier: MIT OR Apache-2.0
# The Cortex-M port, once for each board, and the image of a manifest.
set(RVM_SEED_PORT ${CMAKE_CURRENT_SOURCE_DIR}/cortex_m CACHE INTERNAL "where the port is")
set(RVM_SEED_BOARDS lm3s6965evb mps2-an505 mps3-an547 CACHE INTERNAL "boards there is a description of")
target_include_directories(rvm_hal INTERFACE cortex_m/include)

foreach(board ${RVM_SEED_BOARDS})
  add_library(rvm_hal_entry_${board} OBJECT cortex_m/vectors.S)
  add_library(rvm_hal_${board} STATIC cortex_m/clock.cpp cortex_m/fault.cpp cortex_m/flash.cpp cortex_m/port.cpp cortex_m/runtime.cpp
    cortex_m/semihosting.cpp cortex_m/startup.cpp cortex_m/uart.cpp)
  target_include_directories(rvm_hal_${board} PUBLIC include cortex_m/include PRIVATE cortex_m cortex_m/boards/${board})
  target_link_libraries(rvm_hal_${board} PUBLIC rvm_abi rvm_types PRIVATE rvm_core_options)
endforeach()
set_source_files_properties(cortex_m/clock.cpp cortex_m/port.cpp PROPERTIES COMPILE_OPTIONS -Os)
set_source_files_properties(cortex_m/runtime.cpp PROPERTIES COMPILE_OPTIONS "-fno-builtin;-fno-lto")

# rvm_seed_image(NAME BOARD board [MANIFEST swarm.toml] [SOURCES file...] [LINK library...]): build/seed/NAME-BOARD.elf, which holds the
# kernel and, of a manifest, its agents.
function(rvm_seed_image name)
  cmake_parse_arguments(I "" "BOARD;MANIFEST" "SOURCES;LINK" ${ARGN})
  set(image ${name}-${I_BOARD})
  set(made ${CMAKE_BINARY_DIR}/images/${image})
  file(MAKE_DIRECTORY ${made})
  set(port ${RVM_SEED_PORT})
  if(I_MANIFEST)
    get_filename_component(folder ${I_MANIFEST} DIRECTORY)
    file(WRITE ${made}/manifest.path ${I_MANIFEST})  # whose image this is: rvm run
    file(GLOB programs CONFIGURE_DEPENDS ${folder}/*.cpp)
    add_custom_command(OUTPUT ${made}/manifest.cpp ${made}/agents.S
      COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/seed_image.py ${I_MANIFEST} ${I_BOARD} ${made} --compiler ${CMAKE_CXX_COMPILER} --objcopy ${CMAKE_OBJCOPY}
      DEPENDS ${I_MANIFEST} ${programs} ${CMAKE_SOURCE_DIR}/tools/seed_image.py ${CMAKE_SOURCE_DIR}/sdk/seed/start.cpp
              ${CMAKE_SOURCE_DIR}/sdk/seed/agent.ld ${CMAKE_SOURCE_DIR}/sdk/seed/rvm/seed_agent.hpp ${CMAKE_SOURCE_DIR}/include/rvm/seed.h VERBATIM)
    set_source_files_properties(${made}/agents.S PROPERTIES OBJECT_DEPENDS ${made}/manifest.cpp)
    list(APPEND I_SOURCES ${made}/manifest.cpp ${made}/agents.S)
  endif()
  add_executable(${image}.elf $<TARGET_OBJECTS:rvm_hal_entry_${I_BOARD}> ${I_SOURCES})
  # The port calls the kernel and the kernel the port: one group.
  target_link_libraries(${image}.elf PRIVATE -Wl,--start-group ${I_LINK} rvm_hal_${I_BOARD} -Wl,--end-group rvm_core_options)
  # inline-threshold: a call is smaller than what LLVM takes for small enough; what has to be fast asks for it (always_inline).
  target_link_options(${image}.elf PRIVATE -L ${port}/boards/${I_BOARD} -T ${port}/kernel.ld -Wl,--gc-sections -Wl,--icf=all
    -Wl,-mllvm,-inline-threshold=0 -Wl,--fatal-warnings -Wl,-Map=${made}/${image}.map)
  if(NOT I_MANIFEST)
    target_link_options(${image}.elf PRIVATE -Wl,--defsym=rvm_whole_ram=1)
  endif()
  set_target_properties(${image}.elf PROPERTIES LINK_DEPENDS "${port}/kernel.ld;${port}/boards/${I_BOARD}/memory.ld" LINKER_LANGUAGE CXX
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR})
  if(I_MANIFEST)
    # Over budget, and the image is not built.
    add_custom_command(TARGET ${image}.elf POST_BUILD COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/seed_size.py $<TARGET_FILE:${image}.elf> VERBATIM)
  endif()
endfunction()
