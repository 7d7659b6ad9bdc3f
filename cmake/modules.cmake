# SPDX-License-Identifier: MIT OR Apache-2.0
# How a module is declared. A module sees only the public headers of what it links to, so an include that goes against
# the layers does not build.

add_compile_options(-Wall -Wextra -Wpedantic -Wshadow -Wconversion -Werror
                    $<$<COMPILE_LANGUAGE:CXX>:-Wno-c99-designator>
                    "-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")

if(RVM_SANITIZE)
  # fuzzer-no-link: coverage counters, so that fuzz targets are guided; other programs ignore them.
  add_compile_options(-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

# The ABI headers, for everyone.
add_library(rvm_abi INTERFACE)
target_include_directories(rvm_abi INTERFACE ${CMAKE_SOURCE_DIR}/include)

# Code that runs in the kernel: no floating point, no exceptions, no run-time type information.
add_library(rvm_core_options INTERFACE)
target_compile_options(rvm_core_options INTERFACE -fno-exceptions -fno-rtti)
if(RVM_TARGET STREQUAL "appliance")
  # -fhosted: the memory functions exist (hal/aarch64/runtime.cpp) and mean what they say, so small copies need no call.
  target_compile_options(rvm_core_options INTERFACE -fhosted -mgeneral-regs-only -fPIE -mstrict-align -fvisibility=hidden -mcmodel=tiny -flto -Oz -falign-functions=4 -mbranch-protection=none)
endif()

if(RVM_TARGET STREQUAL "seed")
  # -fhosted: the memory functions exist (hal/cortex_m/runtime.cpp) and mean what they say.
  target_compile_options(rvm_core_options INTERFACE -fhosted -fvisibility=hidden -flto -Oz -fomit-frame-pointer -mno-unaligned-access)
endif()

# Partition code: agents' memory is normal memory, where unaligned access is allowed, and all registers are theirs.
add_library(rvm_agent_options INTERFACE)
target_compile_options(rvm_agent_options INTERFACE -fno-exceptions -fno-rtti)
if(RVM_TARGET STREQUAL "appliance")
  target_compile_options(rvm_agent_options INTERFACE -fhosted -fPIE -fvisibility=hidden -mbranch-protection=none -O2)
endif()

# rvm_module(NAME [PARTITION_CODE] [SOURCES ...] [DEPENDS ...] [TESTS ...])
#   src/NAME/include is its public face. DEPENDS are module names. Without SOURCES it is header-only.
#   PARTITION_CODE: it runs in agents, not in the kernel.
#   TESTS are doctest sources beside the code, built and registered on the host only.
function(rvm_module name)
  cmake_parse_arguments(M "PARTITION_CODE" "" "SOURCES;DEPENDS;TESTS" ${ARGN})
  list(TRANSFORM M_DEPENDS PREPEND rvm_)
  if(M_SOURCES)
    add_library(rvm_${name} STATIC ${M_SOURCES})
    target_include_directories(rvm_${name} PUBLIC include)
    target_link_libraries(rvm_${name} PUBLIC rvm_abi ${M_DEPENDS}
      PRIVATE $<IF:$<BOOL:${M_PARTITION_CODE}>,rvm_agent_options,rvm_core_options>)
  else()
    add_library(rvm_${name} INTERFACE)
    target_include_directories(rvm_${name} INTERFACE include)
    target_link_libraries(rvm_${name} INTERFACE rvm_abi ${M_DEPENDS})
  endif()
  if(M_TESTS AND RVM_TARGET STREQUAL "host")
    rvm_unit_test(${name} SOURCES ${M_TESTS} LINK rvm_${name})
  endif()
endfunction()

# The kernel is compiled for size (its ceiling: tests/e2e/bench.py). rvm_hot(SOURCE ...) is for what the latency figures pass through.
function(rvm_hot)
  if(RVM_TARGET STREQUAL "appliance")
    set_source_files_properties(${ARGN} PROPERTIES COMPILE_OPTIONS -O2)
  endif()
endfunction()

# rvm_unit_test(NAME SOURCES ... LINK ...): one doctest executable, registered as unit.NAME.
function(rvm_unit_test name)
  cmake_parse_arguments(T "" "" "SOURCES;LINK" ${ARGN})
  if(NOT TARGET rvm_doctest)
    add_library(rvm_doctest STATIC ${CMAKE_SOURCE_DIR}/tests/doctest_main.cpp)
    target_compile_options(rvm_doctest PRIVATE -fno-sanitize=all -O0)
  endif()
  add_executable(${name}_test ${T_SOURCES})
  target_link_libraries(${name}_test PRIVATE ${T_LINK} rvm_doctest)
  add_test(NAME unit.${name} COMMAND ${name}_test)
  set_tests_properties(unit.${name} PROPERTIES TIMEOUT 300 LABELS unit)
endfunction()

# rvm_fuzz_test(NAME SOURCES ... LINK ... [RUNS n] [SEEDS file...]): a libFuzzer target in the sanitised host tree, registered
# as fuzz.NAME with a fixed seed and a bounded number of inputs, which begin with SEEDS. `NAME_fuzz CORPUS_FOLDER` goes on for
# as long as one likes.
function(rvm_fuzz_test name)
  cmake_parse_arguments(T "" "RUNS" "SOURCES;LINK;SEEDS" ${ARGN})
  if(NOT RVM_TARGET STREQUAL "host" OR NOT RVM_SANITIZE)
    return()
  endif()
  if(NOT T_RUNS)
    set(T_RUNS 100000)
  endif()
  list(JOIN T_SEEDS "," seeds)
  if(seeds)
    set(seeds -seed_inputs=${seeds})
  endif()
  add_executable(${name}_fuzz ${T_SOURCES})
  target_link_libraries(${name}_fuzz PRIVATE ${T_LINK})
  target_link_options(${name}_fuzz PRIVATE -fsanitize=fuzzer)
  add_test(NAME fuzz.${name} COMMAND ${name}_fuzz -seed=1 -runs=${T_RUNS} -max_total_time=30 -max_len=16384 -verbosity=0 ${seeds})
  set_tests_properties(fuzz.${name} PROPERTIES TIMEOUT 120 LABELS fuzz)
endfunction()
