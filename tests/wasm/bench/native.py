#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Instructions of the small C programs on AArch64: compiled natively by clang -O2, and as WebAssembly in each tier.

Usage: native.py WASM_BENCH PLUGIN [--rounds N] [--at-least PERCENT]
  WASM_BENCH  wasm_bench_aarch64      PLUGIN  wasm_count_instructions.so
Counted by qemu-aarch64. A run of no rounds is taken off. Every run must give the same result. With --at-least, the geometric
mean of the compiled tier must be that high.
"""
import argparse
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = ["sort", "bodies", "fibonacci", "digest"]
TIERS = ["interpreted", "compiled", "guarded"]
FLAGS = ["-O2", "-fno-builtin", "-fno-math-errno", "-Wno-unknown-attributes", "-Wno-ignored-attributes"]
NATIVE = "#include <stdio.h>\n#include <stdlib.h>\nint run(int);\nint main(int c, char** v) { printf(\"%d\\n\", run(c > 1 ? atoi(v[1]) : 0)); }\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bench")
    parser.add_argument("plugin")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--at-least", type=float)
    options = parser.parse_args()

    def count(command, tier="interpreted"):
        environment = {k: v for k, v in os.environ.items() if k != "RVM_WASM_TIER"}
        if tier != "interpreted":
            environment["RVM_WASM_TIER"] = tier
        run = subprocess.run(["qemu-aarch64", "-plugin", options.plugin, *map(str, command)], capture_output=True,
                             text=True, check=True, env=environment)
        return int(re.search(r"instructions (\d+)", run.stderr)[1]), int(run.stdout.split()[0]) & 0xFFFFFFFF

    print(f"{'':12}{'native':>15}" + "".join(f"{t:>24}" for t in TIERS))
    ratios = {tier: [] for tier in TIERS}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "main.c").write_text(NATIVE)
        for program in PROGRAMS:
            source, native, module = HERE / f"{program}.c", folder / program, folder / f"{program}.wasm"
            subprocess.run(["clang-19", "--target=aarch64-linux-gnu", "-fuse-ld=lld", "-static", *FLAGS, "-o", native, source,
                            folder / "main.c"], check=True)
            subprocess.run(["clang-19", "--target=wasm32", *FLAGS, "-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=65536",
                            "-o", module, source], check=True)

            def cost(command, tier="interpreted"):
                empty, _ = count([*command, 0], tier)
                full, result = count([*command, options.rounds], tier)
                return full - empty, result
            base, expected = cost([native])
            line = f"{program:12}{base:>15,d}"
            for tier in TIERS:
                instructions, result = cost([options.bench, module], tier)
                if result != expected:
                    print(f"{program}, {tier}: {result} instead of {expected}")
                    return 1
                ratios[tier].append(base / instructions)
                line += f"{instructions:>16,d}{base / instructions:>8.1%}"
            print(line, flush=True)
    means = {tier: math.exp(sum(map(math.log, r)) / len(r)) for tier, r in ratios.items()}
    print(f"{'geometric mean':27}" + "".join(f"{means[t]:>24.1%}" for t in TIERS))
    if options.at_least is not None and means["compiled"] * 100 < options.at_least:
        print(f"the compiled tier has less than {options.at_least} % of native speed")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
