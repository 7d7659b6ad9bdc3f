#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The simulation of the whole core: at least 10 million steps over at least 1 000 seeds, and what they exercised.

long_run.py [SEEDS [FIRST_SEED]]
"""
import json
import os
import subprocess
import sys

PROGRAM = os.environ["RVM_PROGRAM"]
STEPS = 10_000


def simulate(*arguments):
    run = subprocess.run([PROGRAM, "simulate", "--json", *map(str, arguments)], capture_output=True, text=True, check=False)
    if run.returncode not in (0, 1):
        sys.exit(f"rvm simulate ended with {run.returncode}: {run.stderr}")
    return json.loads(run.stdout)


def check(holds, what):
    if not holds:
        sys.exit(f"FAILED: {what}")


def main():
    seeds = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    first = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    result = simulate("--seed", first, "--seeds", seeds, "--steps", STEPS)
    check(result["ok"], json.dumps(result))
    check(result["steps"] >= STEPS * seeds, f"only {result['steps']} steps")
    coverage = result["coverage"]
    # A simulation in which something never happens tests nothing of it.
    expected = {"boots": 3, "power_cuts": 2, "torn_tails": 1, "disk_errors": 0.5, "faults": 1, "full_scans": 50,
                "forks": 5, "supplied": 20, "relocations": 50}
    for name, per_seed in expected.items():
        check(coverage[name] >= per_seed * seeds, f"{name}: only {coverage[name]} in {seeds} seeds")
    check(coverage["shutdowns"] >= seeds // 10, f"only {coverage['shutdowns']} orderly shutdowns")
    check(coverage["vmid_reclaims"] >= seeds // 50, f"only {coverage['vmid_reclaims']} VMID generations")
    never_refused = {"NULL", "TIME", "YIELD", "SLEEP_UNTIL", "SELF", "REPLY_WAIT"}
    for name, calls in coverage["hypercalls"].items():
        check(calls["succeeded"] >= seeds or name == "EXIT", f"{name} succeeded only {calls['succeeded']} times")
        check(calls["refused"] >= seeds or name in never_refused or name == "EXIT",
              f"{name} was refused only {calls['refused']} times")
    again = [simulate("--seed", first, "--steps", STEPS, "--jobs", jobs)["digest"] for jobs in (1, 2)]
    check(again[0] == again[1], "one seed gave two results")
    print(f"{result['steps']} steps over {result['seeds']} seeds in {result['seconds']:.0f} s; "
          f"{coverage['records']} records, {coverage['boots']} boots, {coverage['power_cuts']} power cuts, "
          f"{coverage['torn_tails']} torn tails, {coverage['vmid_reclaims']} VMID generations")


if __name__ == "__main__":
    main()
