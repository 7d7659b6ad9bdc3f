#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""What the kernel's operations cost on the smallest board, in instructions, against their ceilings. --print: only say it."""
import re
import sys
import tempfile
import pathlib

import seed_test
from seed_test import BOARDS, IMAGES, rvm_test

# The goals. "wake" is from a due timer, that interrupts an agent which
# computes, to what the agent that waited for it reads of the clock; its own hypercall for the time is in the figure.
CEILING = {"null": 120, "switch": 250, "call_reply": 500, "wake": 400}


def measure():
    with tempfile.TemporaryDirectory() as folder:
        flash, key = seed_test.erased(pathlib.Path(folder) / "flash"), pathlib.Path(folder) / "key"
        key.write_bytes(bytes(range(32)))
        text, _ = seed_test.boot(IMAGES / f"bench-{BOARDS[0]}.elf", BOARDS[0], flash, key)
    return {name: int(cost) for name, cost in re.findall(r"^meter\| (\w+): (\d+)", text, re.M)}


class Bench(rvm_test.RvmTest):
    def test_ceilings(self):
        costs = measure()
        for name, most in CEILING.items():
            with self.subTest(operation=name):
                self.assertLessEqual(costs[name], most, costs)

    def test_the_benchmark_has_them(self):
        result = self.rvm("bench", "--seed", "--json", timeout=300)
        self.assertEqual(result.returncode, 0, str(result))
        self.assertEqual(result.json()["seed"], measure())


if __name__ == "__main__":
    if "--print" in sys.argv:
        print("\n".join(f"{name:<12} {cost:>6} instructions{f' (ceiling {CEILING[name]})' if name in CEILING else ''}"
                        for name, cost in measure().items()))
    else:
        rvm_test.main()
