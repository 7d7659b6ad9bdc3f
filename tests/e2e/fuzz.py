#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A hypercall fuzzer inside a partition, with fixed seeds, beside two agents that must not notice.

Usage: fuzz.py [CALLS [SEED...]]
"""
import sys

import rvm_test

CALLS = 20_000
SEEDS = (1, 2, 3)
MANIFEST = """
development = true
[[partition]]
name = "hostile"
pages = 4096
witness_quota = 10000
[[partition]]
name = "left"
[[partition]]
name = "right"
[[agent]]
name = "fuzzer"
partition = "hostile"
module = "test_fuzzer"
args = ["{calls}", "{seed}"]
[[agent]]
name = "ping"
partition = "left"
module = "ping"
args = ["2000"]
[[agent]]
name = "pong"
partition = "right"
module = "pong"
service = true
[[agent]]
name = "reader"
partition = "right"
module = "pong"
service = true
[[edge]]
from = "ping"
to = "pong"
name = "pong"
peer_name = "ping"
[[edge]]
from = "fuzzer"
to = "reader"
name = "reader"
peer_name = "fuzzer"
[[grant]]
agent = "fuzzer"
type = "hypervisor"
rights = ["read", "write", "prove"]
name = "hypervisor"
[[grant]]
agent = "fuzzer"
type = "witness"
rights = ["read"]
name = "witness"
"""


class Fuzz(rvm_test.RvmTest):
    def test_random_hypercalls(self):
        for seed in SEEDS:
            with self.subTest(seed=seed):
                outcome = self.run_ok(self.manifest(MANIFEST.format(calls=CALLS, seed=seed)), "--cpus", "2", timeout=180)
                self.assertGreater(outcome["refused"], CALLS // 20)
                self.assertEqual(outcome["faults"], 0)
                self.assertGreaterEqual(outcome["messages"], 4000, "the agents beside it did all their calls")

    def test_same_seed_on_other_machines(self):
        for options in (["--cpus", "1", "--cpu", "max"], ["--cpus", "4", "--gic", "2", "--memory", "64M"]):
            with self.subTest(options=options):
                self.run_ok(self.manifest(MANIFEST.format(calls=CALLS // 4, seed=7)), *options, timeout=180)


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        CALLS = int(sys.argv.pop(1))
        if len(sys.argv) > 1:
            SEEDS = tuple(int(a) for a in sys.argv[1:])
            del sys.argv[1:]
    rvm_test.main()
