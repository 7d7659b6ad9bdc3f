#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The official WebAssembly test suite, on this computer and in a partition of the emulated machine.

Usage: conformance.py [--only host|partition] SPEC_TEST [FILE.wast...]
  SPEC_TEST   the program wasm_spec_test
  FILE.wast   scripts (default: all of the folder that RVM_WASM_TESTSUITE names)
The rvm program is RVM_PROGRAM, or build/host/rvm. Exit status 77: there is no suite.
"""
import argparse
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(os.environ.get("RVM_ROOT") or pathlib.Path(__file__).resolve().parents[2])
PROGRAM = os.environ.get("RVM_PROGRAM") or str(ROOT / "build" / "host" / "rvm")
MANIFEST = """development = true
[machine]
memory = "512M"
[[partition]]
name = "suite"
witness_quota = 100000
[[agent]]
name = "suite"
partition = "suite"
module = "wasm_conformance"
files = ["scripts"]
heap = "104M"
args = ["{tier}"]
"""


def partition(spec_test, scripts, tier):
    """The lines that the agent printed, or None when there is no suite."""
    with tempfile.TemporaryDirectory(prefix="rvm-conformance-") as folder:
        packed = pathlib.Path(folder) / "scripts"
        packed.mkdir()
        packing = subprocess.run([spec_test, "--pack", packed, *scripts], check=False)
        if packing.returncode == 77:
            return None
        packing.check_returncode()
        manifest = pathlib.Path(folder) / "swarm.toml"
        manifest.write_text(MANIFEST.replace("{tier}", tier))
        run = subprocess.run([PROGRAM, "run", manifest, "--timeout", "900s"], capture_output=True, text=True, check=False,
                             env={**os.environ, "RVM_ROOT": str(ROOT), "XDG_STATE_HOME": folder})
        said = [line.removeprefix("suite| ") for line in run.stdout.splitlines() if line.startswith("suite| ")]
        if run.returncode != 0:
            said.append(run.stdout[-1000:] + run.stderr)
        return said


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=("host", "partition"))
    parser.add_argument("spec_test")
    parser.add_argument("scripts", nargs="*")
    options = parser.parse_args()
    ok = True
    if options.only != "partition":
        run = subprocess.run([options.spec_test, *options.scripts], capture_output=True, text=True, check=False)
        print("host, interpreted:", "\n".join(l for l in run.stdout.splitlines() if "failed 0, skipped 0" not in l or
                                               "files:" in l or run.returncode == 77))
        if run.returncode == 77:
            return 77
        ok = run.returncode == 0
    if options.only != "host":
        for tier in ("interpreted", "compiled"):
            said = partition(options.spec_test, options.scripts, tier)
            if said is None:
                return 77
            print(f"partition, {tier}:", "\n".join(said))
            passed = any(re.fullmatch(r"\d+ files: passed [1-9]\d*, failed 0, skipped 0", line) for line in said)
            compiled = tier == "interpreted" or any(re.fullmatch(r"[1-9]\d* functions were compiled", l) for l in said)
            ok = passed and compiled and not any("not compiled" in line for line in said) and ok
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
