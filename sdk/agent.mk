# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds a native agent outside the RVM tree. A project's Makefile sets the first two and includes this file:
#
#   AGENT   := hello
#   SOURCES := hello.cpp
#   include $(RVM)/sdk/agent.mk
#
# `make` then leaves $(AGENT).elf beside it. CXX, CC and EXTRA_FLAGS may be overridden.

RVM_SDK  := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
RVM_ROOT := $(abspath $(RVM_SDK)/..)
ifeq ($(origin CXX),default)
CXX := clang++-19
endif
ifeq ($(origin CC),default)
CC := clang-19
endif
BUILD ?= build

PICOLIBC := /usr/lib/picolibc/aarch64-linux-gnu/include
COMMON_FLAGS := --target=aarch64-none-elf -march=armv8-a -mno-outline-atomics -ffreestanding -fno-exceptions \
  -fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -fPIE -fvisibility=hidden \
  -mbranch-protection=none -O2 -Wall -Wextra -MMD -MP -I$(RVM_SDK)/include -I$(RVM_ROOT)/include
CXX_FLAGS := $(COMMON_FLAGS) -std=c++23 -fno-rtti -fno-threadsafe-statics -nostdinc++ \
  -isystem $(RVM_ROOT)/cmake/freestanding -isystem /usr/lib/llvm-19/include/c++/v1 -isystem $(PICOLIBC) $(EXTRA_FLAGS)
C_FLAGS := $(COMMON_FLAGS) -std=c11 -isystem $(PICOLIBC) $(EXTRA_FLAGS)
LINK_FLAGS := --target=aarch64-none-elf -fuse-ld=lld-19 -nostdlib -T $(RVM_SDK)/agent.ld -Wl,-pie \
  -Wl,--no-dynamic-linker -Wl,-z,text -Wl,-z,norelro -Wl,-z,noexecstack -Wl,-z,max-page-size=4096 -Wl,--gc-sections \
  -Wl,--undefined=_start -Wl,--hash-style=sysv -Wl,--fatal-warnings

RUNTIME := $(BUILD)/rvm_start.o $(BUILD)/rvm_memory.o $(BUILD)/rvm_sort.o
OBJECTS := $(addprefix $(BUILD)/,$(addsuffix .o,$(notdir $(SOURCES))))
vpath % $(sort $(dir $(SOURCES)))

$(AGENT).elf: $(OBJECTS) $(RUNTIME) $(RVM_SDK)/agent.ld
	$(CXX) $(LINK_FLAGS) -o $@ $(OBJECTS) $(RUNTIME)

$(BUILD)/%.cpp.o: %.cpp | $(BUILD)
	$(CXX) $(CXX_FLAGS) -c -o $@ $<
$(BUILD)/%.c.o: %.c | $(BUILD)
	$(CC) $(C_FLAGS) -c -o $@ $<
$(BUILD)/rvm_%.o: $(RVM_SDK)/runtime/%.cpp | $(BUILD)
	$(CXX) $(CXX_FLAGS) -fno-builtin -c -o $@ $<
# An agent that never touches a vector register is switched without them, so copying memory must not.
$(BUILD)/rvm_memory.o: CXX_FLAGS += -mgeneral-regs-only
$(BUILD):
	mkdir -p $@

.PHONY: all clean
all: $(AGENT).elf
clean:
	rm -rf $(BUILD) $(AGENT).elf

-include $(wildcard $(BUILD)/*.d)
