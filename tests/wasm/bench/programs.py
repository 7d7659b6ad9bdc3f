#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Instructions of real programs on AArch64: compiled natively by clang -O2, and as WebAssembly in each tier.

Usage: programs.py WASI_RUN PLUGIN [--only PROGRAM,...] [--tiers TIER,...] [--at-least TIER=PERCENT]...
  WASI_RUN  wasi_run_aarch64      PLUGIN  wasm_count_instructions.so
The programs are those of tests/programs, from Debian's sources. Counted by qemu-aarch64, as in native.py. What is counted is the
whole program, less what the start of an empty one takes natively, and less loading and compiling the module. The output must be
the same. With --at-least, the geometric mean of a tier must be that high.
"""
import argparse
import math
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "programs"))
import build  # noqa: E402
import table  # noqa: E402

TIERS = ["interpreted", "compiled", "guarded"]
JS, LUA = table.SCRIPTS / "work.js", table.SCRIPTS / "work.lua"
RUNS = [
    table.Run("lua", ("work.lua", "2"), (LUA,)),
    table.Run("sqlite", ("--memdb", "--size", "2", "--verify")),
    table.Run("bzip2", ("sample2.ref",), (table.BZIP2 / "sample2.ref",)),
    table.Run("zstd", ("sample2.ref",), (table.BZIP2 / "sample2.ref",)),
    table.Run("quickjs", ("work.js",), (JS,)),
    table.Run("sodium-sign"),
    table.Run("sodium-aead_chacha20poly1305"),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wasi_run")
    parser.add_argument("plugin")
    parser.add_argument("--only", default="")
    parser.add_argument("--tiers", default=",".join(TIERS))
    parser.add_argument("--at-least", action="append", default=[])
    options = parser.parse_args()
    tiers = options.tiers.split(",")
    runs = [r for r in RUNS if not options.only or r.program in options.only.split(",")]

    def count(command, folder, tier="interpreted"):
        environment = {k: v for k, v in os.environ.items() if k != "RVM_WASM_TIER"}
        if tier != "interpreted":
            environment["RVM_WASM_TIER"] = tier
        run = subprocess.run(["qemu-aarch64", "-plugin", os.path.abspath(options.plugin), *map(str, command)], capture_output=True, text=True,
                             cwd=folder, env=environment, check=False)
        if run.returncode != 0:
            raise SystemExit(f"{command}: {run.returncode}\n{run.stdout[-500:]}{run.stderr[-500:]}")
        return int(re.search(r"instructions (\d+)", run.stderr)[1]), run.stdout

    print(f"{'':32}{'native':>15}" + "".join(f"{t:>24}" for t in tiers), flush=True)
    ratios = {tier: [] for tier in tiers}
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "empty.c").write_text("int main(void) { return 0; }\n")
        subprocess.run(["clang-19", "--target=aarch64-linux-gnu", "-fuse-ld=lld", "-static", "-O2", "empty.c", "-o", "empty"],
                       cwd=folder, check=True)
        start, _ = count([folder / "empty"], folder)
        for run in runs:
            for file in run.files:
                (folder / file.name).write_bytes(file.read_bytes())
            files = [a for f in run.files for a in ("--file", f"{f.name}={f.name}")]
            native, expected = count([build.build("aarch64", run.program), *run.arguments], folder)
            native -= start
            line = f"{run.program:32}{native:>15,d}"
            module = build.build("wasm", run.program)
            for tier in tiers:
                prepared, _ = count([os.path.abspath(options.wasi_run), "--prepare", *files, module], folder, tier)
                full, output = count([os.path.abspath(options.wasi_run), *files, module, *run.arguments], folder, tier)
                if output != expected:
                    print(f"{run}, {tier}: another output")
                    return 1
                ratios[tier].append(native / (full - prepared))
                line += f"{full - prepared:>16,d}{ratios[tier][-1]:>8.1%}"
            print(line, flush=True)
    means = {tier: math.exp(sum(map(math.log, r)) / len(r)) for tier, r in ratios.items()}
    print(f"{'geometric mean':47}" + "".join(f"{means[t]:>24.1%}" for t in tiers))
    for wanted in options.at_least:
        tier, percent = wanted.split("=")
        if means[tier] * 100 < float(percent):
            print(f"{tier}: less than {percent} % of native speed")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
