#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Real programs on this computer: seconds natively, in our interpreter, in wabt's, and in node (a compiler).

Usage: hosts.py WASI_RUN [--only PROGRAM,...]
The least of three runs each, less what the engine takes for a program that does nothing; loading the module is part of it. Every
engine must print the same. An engine that is not installed or cannot run the module is left out (Debian's wasm-interp has no WASI).
"""
import argparse
import math
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "programs"))
import build  # noqa: E402
import programs  # noqa: E402

NODE = """const {WASI} = require('wasi'), fs = require('fs');
const wasi = new WASI({version: 'preview1', args: process.argv.slice(1), preopens: {'/': '.'}});
wasi.start(new WebAssembly.Instance(new WebAssembly.Module(fs.readFileSync(process.argv[1])), wasi.getImportObject()));"""


def fastest(commands, folder, quiet):
    """Seconds of each engine, and what it printed."""
    seconds, printed = {}, {}
    for engine, command in commands.items():
        best = math.inf
        for _ in range(3):
            started = time.perf_counter()
            done = subprocess.run([str(c) for c in command], cwd=folder, capture_output=True, timeout=900, check=False)
            best = min(best, time.perf_counter() - started)
            if done.returncode != 0:
                if not quiet:
                    print(f"  {engine} cannot: {(done.stderr or done.stdout)[-100:]!r}", file=sys.stderr)
                break
        else:
            seconds[engine], printed[engine] = best, done.stdout
    return seconds, printed


def commands_for(native, wasi_run, module, files, arguments):
    commands = {"native": [native, *arguments], "ours": [wasi_run, *files, module, *arguments]}
    if shutil.which("wasm-interp"):
        commands["wabt"] = ["wasm-interp", "--wasi", "--dir", ".", module, *arguments]
    if shutil.which("node"):
        commands["node"] = ["node", "--no-warnings", "-e", NODE, "--", module, *arguments]
    return commands


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("wasi_run")
    parser.add_argument("--only", default="")
    options = parser.parse_args()
    wasi_run = os.path.abspath(options.wasi_run)
    runs = [r for r in programs.RUNS if not options.only or r.program in options.only.split(",")]
    engines = ["native", "ours", "wabt", "node"]
    print(f"{'':32}" + "".join(f"{e:>12}" for e in engines))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        (folder / "empty.c").write_text("int main(void) { return 0; }\n")
        subprocess.run(["clang-19", "-O2", "empty.c", "-o", "empty"], cwd=folder, check=True)
        subprocess.run(["clang-19", "--target=wasm32-wasi", "-O2", "empty.c", "-o", "program"], cwd=folder, check=True)
        start, _ = fastest(commands_for(folder / "empty", wasi_run, folder / "program", [], []), folder, False)
    for run in runs:
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            for file in run.files:
                (folder / file.name).write_bytes(file.read_bytes())
            files = [a for f in run.files for a in ("--file", f"{f.name}={f.name}")]
            module = folder / "program"  # the same name in every engine: some programs print it
            module.write_bytes(build.build("wasm", run.program).read_bytes())
            seconds, printed = fastest(commands_for(build.build("native", run.program), wasi_run, module, files, run.arguments), folder, True)
            if len(set(printed.values())) != 1:
                print(f"{run}: another output: { {e: len(p) for e, p in printed.items()} }")
                return 1
            shown = "".join(f"{max(seconds[e] - start[e], 0):>10.3f} s" if e in seconds and e in start else f"{'-':>12}" for e in engines)
            print(f"{run.program:32}{shown}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
