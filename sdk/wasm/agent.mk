# SPDX-License-Identifier: MIT OR Apache-2.0
# Builds WebAssembly agents outside the RVM tree. A project's Makefile names its programs, one source each, and includes this file:
#
#   ACTORS   := hello.c     what exports rvm_on_message
#   COMMANDS := driver.c    what has a main
#   include $(RVM)/sdk/wasm/agent.mk
#
# `make` then leaves hello.wasm and driver.wasm. The suffix decides: .c, .cpp, .rs, .ts (AssemblyScript). CC, CXX, RUSTC and
# EXTRA_FLAGS may be overridden.

RVM_WASM := $(patsubst %/,%,$(dir $(abspath $(lastword $(MAKEFILE_LIST)))))
ifeq ($(origin CC),default)
CC := clang-19
endif
ifeq ($(origin CXX),default)
CXX := clang++-19
endif
RUSTC ?= rustc
BUILD ?= build

ACTOR_MODULES   := $(addsuffix .wasm,$(basename $(ACTORS)))
COMMAND_MODULES := $(addsuffix .wasm,$(basename $(COMMANDS)))
.PHONY: all clean
all: $(ACTOR_MODULES) $(COMMAND_MODULES)
clean:
	rm -rf $(BUILD) $(ACTOR_MODULES) $(COMMAND_MODULES)
$(BUILD):
	mkdir -p $@

# C and C++: Debian's wasi-libc and libc++-19-dev-wasm32.
CLANG_FLAGS := --target=wasm32-wasi -O2 -Wall -Wextra -Wl,--strip-debug -I$(RVM_WASM)
$(ACTOR_MODULES): CLANG_FLAGS += -mexec-model=reactor
%.wasm: %.c $(RVM_WASM)/rvm/wasm.h
	$(CC) $(CLANG_FLAGS) -std=c11 $(EXTRA_FLAGS) -o $@ $<
%.wasm: %.cpp $(RVM_WASM)/rvm/wasm.h
	$(CXX) $(CLANG_FLAGS) -std=c++23 -fno-exceptions $(EXTRA_FLAGS) -o $@ $<

# Rust. The target has had two names. An actor is a library that begins as WASI's reactors do: without their start file the linker
# would run constructors and destructors around every turn.
ifneq ($(filter %.rs,$(ACTORS) $(COMMANDS)),)
RUST_SYSROOT := $(shell $(RUSTC) --print sysroot)
RUST_TARGET  := $(notdir $(firstword $(wildcard $(addprefix $(RUST_SYSROOT)/lib/rustlib/,wasm32-wasip1 wasm32-wasi))))
ifeq ($(RUST_TARGET),)
$(error '$(RUSTC)' has no standard library for WebAssembly. With rustup: rustup target add wasm32-wasip1. Debian: \
  apt-get install rustc libstd-rust-dev-wasm32 lld-14, and RUSTC=/usr/bin/rustc if there are several)
endif
RUST_FLAGS   := --edition 2021 --target $(RUST_TARGET) -O -C panic=abort -C strip=debuginfo
# Debian's rustc comes without a linker; newer ones than its own reject its libraries.
ifeq ($(wildcard $(RUST_SYSROOT)/lib/rustlib/*/bin/rust-lld),)
RUST_FLAGS   += -C linker=wasm-ld-14
endif
$(ACTOR_MODULES): RUST_FLAGS += --crate-type cdylib \
  -C link-arg=$(RUST_SYSROOT)/lib/rustlib/$(RUST_TARGET)/lib/self-contained/crt1-reactor.o
$(BUILD)/librvm.rlib: $(RVM_WASM)/rvm.rs | $(BUILD)
	$(RUSTC) --edition 2021 --target $(RUST_TARGET) -O -C panic=abort --crate-type rlib --crate-name rvm -o $@ $<
%.wasm: %.rs $(BUILD)/librvm.rlib
	$(RUSTC) $(RUST_FLAGS) --crate-name agent --extern rvm=$(BUILD)/librvm.rlib $(EXTRA_FLAGS) -o $@ $<
endif

# AssemblyScript, by the compiler that package.json names. What starts a module is a function, as WASI has it.
ASC := node_modules/.bin/asc
$(ASC): package.json
	npm install --no-fund --no-audit
	touch $@
ASC_FLAGS := -O --lib $(RVM_WASM) --use abort=~lib/rvm/abort
$(ACTOR_MODULES): ASC_FLAGS += --exportStart _initialize
$(COMMAND_MODULES): ASC_FLAGS += --exportStart _start
%.wasm: %.ts $(RVM_WASM)/rvm.ts $(ASC)
	$(ASC) $< $(ASC_FLAGS) $(EXTRA_FLAGS) -o $@
