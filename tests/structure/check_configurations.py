#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Layers 2 and 3 are absent by default, and switching on a module that the tree lacks says so and names the cure."""
import os
import subprocess
import sys
import tempfile

ROOT = os.environ.get("RVM_ROOT") or os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
OPTIONAL = ("RVM_COHERENCE", "RVM_WASM", "RVM_GPU")


def configure(target, options):
    with tempfile.TemporaryDirectory() as build:
        return subprocess.run(["cmake", "--preset", target, "-B", build, *[f"-D{k}={v}" for k, v in options.items()]],
                              cwd=ROOT, capture_output=True, text=True, check=False)


def main():
    failures = []
    for target in ("host", "appliance", "seed"):
        run = configure(target, {name: "OFF" for name in OPTIONAL})
        if run.returncode != 0:
            failures.append(f"{target} without optional modules does not configure:\n{run.stderr}")
    # Both engines are for the appliance's agents: a microcontroller's firmware has none.
    for target, name in (("seed", "RVM_COHERENCE"), ("seed", "RVM_WASM"), ("appliance", "RVM_GPU")):
        run = configure(target, {name: "ON"})
        if run.returncode == 0 or f"{name}=ON" not in run.stderr or f"{name}=OFF" not in run.stderr:
            failures.append(f"{name}=ON: no clear refusal:\n{run.stderr}")
    print("\n".join(failures) if failures else "configurations: 3 targets without optional modules, 3 refusals")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
