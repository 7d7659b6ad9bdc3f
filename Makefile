# SPDX-License-Identifier: MIT OR Apache-2.0
# The front door. Everything is built by CMake presets into build/; this file only names the ways in.

.DEFAULT_GOAL := help
.PHONY: help bootstrap build run test seed conformance check format bench clean
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash

STEP := tools/step
BUILD := tools/build
# Tests that share the machine's cores; those that measure time run alone whatever this says.
JOBS ?= $(shell nproc)
# DEEP=1 adds what takes minutes by itself: every mutant, the exhaustive models.
DEEP ?=

help:  ## show this list
	@printf 'RVM: a bare-metal microhypervisor for AI agents\n\n'
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 18
	@printf '\n  ./rvm --help      everything else\n'

bootstrap:  ## install the Debian packages that are missing
	@tools/bootstrap.sh

build: bootstrap  ## build the rvm program and the appliance
	@$(STEP) build-host $(BUILD) host rvm
	@$(STEP) build-appliance $(BUILD) appliance

run: build  ## boot 32 agents on 2 cores, see their boundaries follow the traffic, verify their log
	@RVM_NO_BUILD=1 ./rvm run examples/swarm/swarm.toml --cpus 2

# Unit tests run under ASan and UBSan; the end-to-end tests use the program and the appliance as users get them.
# CTest reads both trees through one file, so one summary covers everything.
test: build  ## build everything and run all tests (DEEP=1: mutants and models as well)
	@$(STEP) build-tests $(BUILD) host-sanitize
	@$(STEP) build-bench $(BUILD) host core_bench log_bench cut_peers_test cut_bench wasm_spec_test wasm_actor_run wasm_generated wasm_generated_aarch64 wasm_tiers_aarch64 wasm_scripts_aarch64 wasm_bench_aarch64 wasi_run_aarch64 wasm_count_instructions
	@$(STEP) build-seed $(BUILD) seed
	@$(if $(DEEP),$(STEP) build-core $(BUILD) appliance-core rvm.img)
	@mkdir -p build/test
	@printf 'subdirs("%s")\n' $(CURDIR)/build/host-sanitize $(CURDIR)/build/host/tests $(CURDIR)/build/host/src/wasm/aarch64 >build/test/CTestTestfile.cmake
	@ctest --test-dir build/test -j $(JOBS) --output-on-failure --no-tests=error $(if $(DEEP),,-LE deep) $(CTEST_ARGS)

seed: bootstrap  ## build the images for microcontroller boards, and say what they take (MANIFEST=FILE [BOARD=NAME]: yours)
ifdef MANIFEST
	@tools/seed_build "$(MANIFEST)" $(BOARD)
else
	@$(STEP) build-seed $(BUILD) seed
	@for image in build/seed/swarm-*.elf; do tools/seed_size.py $$image || exit 1; done
	@tools/seed_size.py build/seed/swarm-lm3s6965evb.elf --lines | grep 'lines that only'
endif

conformance: build  ## every assertion of the official WebAssembly test suite, on this computer and in a partition
	@$(STEP) build-conformance $(BUILD) host wasm_spec_test
	@python3 tests/wasm/conformance.py build/host/src/wasm/conformance/wasm_spec_test

check: build  ## formatting, lint and layer rules
	@tools/format.sh --check
	@$(STEP) lint tools/tidy.py
	@python3 tests/structure/check_layers.py
	@echo 'check: clean'

format:  ## rewrite every source file by .clang-format
	@tools/format.sh

bench: build  ## measure, and compare with tests/baseline/bench.json
	@$(STEP) build-seed $(BUILD) seed
	@RVM_NO_BUILD=1 ./rvm bench --seed

clean:  ## remove build/
	@rm -rf build
