#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Small C programs compiled natively and to WebAssembly: seconds in our interpreter, wabt's, and node (a compiler).

Usage: compare.py WASM_BENCH [--rounds N] [--instructions]
  --instructions  count instructions of ours and the native program with valgrind instead of measuring time
The time of an empty run (rounds 0) is taken off. Every engine must give the same result.
"""
import argparse
import math
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
PROGRAMS = ["sort", "bodies", "fibonacci", "digest"]
FLAGS = ["-O2", "-fno-builtin", "-fno-math-errno", "-Wno-unknown-attributes", "-Wno-ignored-attributes"]
NATIVE = "#include <stdio.h>\n#include <stdlib.h>\nint run(int);\nint main(int c, char** v) { printf(\"%d\\n\", run(c > 1 ? atoi(v[1]) : 0)); }\n"
NODE = "const fs=require('fs');const i=new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(process.argv[1])));console.log(i.exports.run(+process.argv[2]))"


def wabt_module(module, rounds, folder):
    """wasm-interp calls only functions without parameters: one more module that calls `run` would need linking, so the text is
    given an export that does."""
    text = subprocess.run(["wasm2wat", module], capture_output=True, text=True, check=True).stdout
    index = re.search(r'\(export "run" \(func (\S+?)\)\)', text)[1]
    end = text.rstrip().rfind(")")
    text = f'{text[:end]}(func (export "go") (result i32) (call {index} (i32.const {rounds}))))'
    text = re.sub(r'\(export "run" \(func \S+?\)\)', "", text)
    source, out = folder / f"{rounds}.wat", folder / f"{rounds}.wasm"
    source.write_text(text)
    subprocess.run(["wat2wasm", source, "-o", out], check=True)
    return out


def once(command):
    best, result = math.inf, None
    for _ in range(3):
        started = time.perf_counter()
        run = subprocess.run(command, capture_output=True, text=True, check=True)
        best = min(best, time.perf_counter() - started)
        result = run.stdout.split("=>")[-1].split()[0].replace("i32:", "")
    return best, int(result) & 0xFFFFFFFF


def instructions(command):
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", *command],
                         capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", run.stderr)[1]), int(run.stdout.split()[0]) & 0xFFFFFFFF


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--instructions", action="store_true")
    options = parser.parse_args()
    engines = ["native", "ours"]
    if not options.instructions:
        engines += [e for e, tool in (("wabt", "wasm-interp"), ("node", "node")) if shutil.which(tool)]
    print(f"{'':12}" + "".join(f"{e:>16}" for e in engines) + f"{'native / ours':>16}")
    ratios = []
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if options.instructions:
            # Debian 12's valgrind does not read clang 19's debugging information.
            subprocess.run(["strip", "-o", folder / "ours", options.program], check=True)
            options.program = folder / "ours"
        (folder / "main.c").write_text(NATIVE)
        (folder / "node.js").write_text(NODE)
        for program in PROGRAMS:
            source, native, module = HERE / f"{program}.c", folder / program, folder / f"{program}.wasm"
            subprocess.run(["clang-19", *FLAGS, "-o", native, source, folder / "main.c"], check=True)
            subprocess.run(["clang-19", "--target=wasm32", *FLAGS, "-nostdlib", "-Wl,--no-entry", "-Wl,-z,stack-size=65536",
                            "-o", module, source], check=True)

            def command(engine, rounds):
                return {"native": [native, str(rounds)], "ours": [options.program, module, str(rounds)],
                        "node": ["node", "-e", NODE, module, str(rounds)],
                        "wabt": ["wasm-interp", "--run-all-exports", wabt_module(module, rounds, folder)]
                        if engine == "wabt" else []}[engine]
            measure = instructions if options.instructions else once
            cost, results = {}, set()
            for engine in engines:
                # Started with no round, fibonacci does its smallest; the others set up only.
                empty, _ = measure(command(engine, 0))
                full, result = measure(command(engine, options.rounds))
                cost[engine] = full - empty
                results.add(result)
            if len(results) != 1:
                print(f"{program}: the engines disagree: {results}")
                return 1
            ratio = cost["native"] / cost["ours"]
            ratios.append(ratio)
            form = "{:>16,d}" if options.instructions else "{:>14.3f} s"
            print(f"{program:12}" + "".join(form.format(cost[e]) for e in engines) + f"{ratio:>15.1%}")
    mean = math.exp(sum(map(math.log, ratios)) / len(ratios))
    print(f"{'geometric mean':{12 + 16 * len(engines)}}{mean:>15.1%}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
