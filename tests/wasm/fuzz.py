#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Differential fuzzing of the engine: generated modules interpreted on this computer, compiled for AArch64 (emulated), and in wabt's
interpreter, which makes NaNs canonical as we do. Results, memory, globals and tables must agree to the bit; ours in fuel, too.

Usage: fuzz.py WASM_GENERATED WASM_GENERATED_AARCH64 [--first SEED] [--count N | --minutes M]
  --tiers interpreted,compiled,mixed   on AArch64; by default compiled
  --interrupted                        of ours, all but the first are interrupted by another thread, again and again
  --minutes M                          for so long, processor time
A module that differs is kept; run it again with --first SEED --count 1. Exit status 77: a tool is missing.
"""
import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

BATCH = 100


def normal(line):
    return re.sub(r"(error: [a-z ]+?)(:.*| \d+)?$", r"\1", line.strip().replace(",", ""))


def ours(command, first, count, folder, mode, tier):
    environment = {k: v for k, v in os.environ.items() if k != "RVM_WASM_TIER"}
    if tier != "interpreted":
        environment["RVM_WASM_TIER"] = tier
    run = subprocess.run([*command, str(first), str(count), str(folder), mode], capture_output=True, text=True, check=False,
                         env=environment)
    if run.returncode != 0:
        sys.exit(f"seeds from {first}: {command} in tier {tier} failed ({run.returncode}):\n{run.stdout[-1000:]}{run.stderr[-1000:]}")
    interruptions = sum(int(line.split()[0]) for line in run.stderr.splitlines() if line.endswith("interruptions"))
    return run.stdout.splitlines(), interruptions


def wabt(folder, lines):
    """The results of the same calls."""
    commands, seed = [], None
    for number, line in enumerate(lines):
        if line.split(" ")[0] != seed:
            seed = line.split(" ")[0]
            commands.append({"type": "module", "line": 0, "filename": f"{seed}.wasm"})
        call = {"type": "invoke", "field": line.split(" ")[1].removesuffix("()"), "args": []}
        commands.append({"type": "action", "line": number, "action": call, "expected": []})
    script = folder / "all.json"
    script.write_text(json.dumps({"source_filename": "all", "commands": commands}))
    run = subprocess.run(["spectest-interp", script], capture_output=True, text=True, check=False)
    return [normal(line) for line in run.stdout.splitlines() if re.match(r"[fs]\d*\(\) =>", line)]


def processor_time():
    return sum(resource.getrusage(who).ru_utime + resource.getrusage(who).ru_stime
               for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("host")
    parser.add_argument("aarch64")
    parser.add_argument("--first", type=int, default=1)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=0)
    parser.add_argument("--tiers", default="compiled")
    parser.add_argument("--interrupted", action="store_true")
    parser.add_argument("--no-wabt", action="store_true")
    options = parser.parse_args()
    missing = [t for t in ("spectest-interp", "qemu-aarch64") if shutil.which(t) is None]
    if missing:
        print(f"missing: {missing}")
        return 77
    calls = traps = fuel = modules = different = interruptions = 0
    seed = options.first
    mode = "interrupted" if options.interrupted else "exact"
    while modules < options.count or processor_time() < options.minutes * 60:
        count = min(BATCH, options.count - modules) if options.count else BATCH
        with tempfile.TemporaryDirectory(prefix="rvm-fuzz-") as name:
            folder = pathlib.Path(name)
            reference, _ = ours([options.host], seed, count, folder, "exact", "interpreted")
            results = [line for line in reference if line.split(" ")[1] != "#"]
            others = {}
            for tier in options.tiers.split(","):
                others[tier], n = ours(["qemu-aarch64", options.aarch64], seed, count, "-", mode, tier)
                interruptions += n
            if options.interrupted:
                others["interrupted"], n = ours([options.host], seed, count, "-", mode, "interpreted")
                interruptions += n
            wrong = set()
            for tier, lines in others.items():
                for mine, theirs in zip(reference, lines, strict=False):
                    if mine != theirs and mine.split(" ")[0] not in wrong:
                        print(f"{tier} differs: {theirs}\n  expected {mine}")
                        wrong.add(mine.split(" ")[0])
                if len(lines) != len(reference):
                    wrong.add(results[-1].split(" ")[0])
                    print(f"{tier} gave {len(lines)} lines of {len(reference)}")
            expected = [normal(line.split(" ", 1)[1]) for line in results]
            theirs = expected if options.no_wabt else wabt(folder, results)
            if len(theirs) != len(expected):
                print(f"seeds from {seed}: wabt made {len(theirs)} calls of {len(expected)}")
                wrong.add(str(seed))
            for line, mine, other in zip(results, expected, theirs, strict=False):
                if mine != other and line.split(" ")[0] not in wrong:
                    print(f"wabt differs: {line.split(' ')[0]} {other}\n  ours {mine}")
                    wrong.add(line.split(" ")[0])
            for bad in wrong:
                shutil.copy(folder / f"{bad}.wasm", pathlib.Path(tempfile.gettempdir()) / f"rvm-fuzz-{bad}.wasm")
            different += len(wrong)
            modules += count
            seed += count
            calls += len(results)
            traps += sum("error" in line for line in results)
            fuel += sum(int(line.split()[2]) for line in reference if line.split(" ")[1] == "#")
            if options.minutes and (modules // BATCH) % 100 == 0:
                print(f"{modules} modules, {different} different, {processor_time():.0f} s", flush=True)
    runs = 1 + len(options.tiers.split(",")) + options.interrupted + (not options.no_wabt)
    print(f"{modules} modules in {runs} ways: {calls} calls, {traps} of them trap, {fuel} units of fuel (instructions) each way, "
          f"{interruptions} interruptions; {processor_time():.0f} s of processor time; {different} different")
    return 1 if different or not calls or (options.interrupted and not interruptions) else 0


if __name__ == "__main__":
    sys.exit(main())
