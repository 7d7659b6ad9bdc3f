#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The coherence engine is absent, switched off, frozen, has too little time, or errs: the system serves as it did, no deadline is
missed, and the log says when it degraded and when it recovered. (That it is paused: boundaries.py.)

Usage: degraded.py [--core]    core: also with a kernel that was built without the engine, build/appliance-core/rvm.img
"""
import json
import subprocess
import sys

import rvm_test

CORE = False
CORE_TEXT_CEILING = 136 << 10  # of the kernel without layer 2
AGENTS = 24

MANIFEST = """
development = true
[machine]
cpus = 1
icount = true
{coherence}
[[partition]]
name = "home"
replicas = 4
[[agent]]
name = "gossip"
replicas = {agents}
partition = ["home-*"]
module = "test_gossip"
args = ["2", "2", "1"]
[[edge]]
from = "gossip-*"
to = "gossip-*"
pair = "ring"
name = "friend-0"
peer_name = "one"
{edges}
[[partition]]
name = "clock"
mode = "reflex"
[[agent]]
name = "clock"
partition = "clock"
module = "test_clock"
service = true
period = "137us"
deadline = "137us"
"""


def manifest(settings):
    second = (f'[[edge]]\nfrom = "gossip-{i}"\nto = "gossip-{(i + 4) % AGENTS}"\nname = "friend-1"\npeer_name = "other"' for i in range(AGENTS))
    return MANIFEST.format(coherence="" if settings is None else "[coherence]\n" + settings, agents=AGENTS, edges="\n".join(second))


class Degraded(rvm_test.RvmTest):
    def serve(self, settings, *options):
        disk = self.folder / "log.img"
        disk.unlink(missing_ok=True)
        outcome = self.run_ok(self.manifest(manifest(settings)), "--disk", disk, *options)
        self.assertGreater(outcome["messages"], 10_000)
        self.assertLess(outcome["latency_ns"]["clock"]["max"], 137_000, "no deadline is missed")
        return outcome, disk

    def flags(self, disk, kind):
        """Of each record of the kind."""
        result = self.rvm("witness", "query", disk, "--kind", kind, "--json")
        self.assertEqual(result.returncode, 0, str(result))
        return [json.loads(line)["flags"] for line in result.stdout.splitlines() if line.startswith("{")]

    def count(self, disk, kind):
        return len(self.flags(disk, kind))

    def test_well(self):
        outcome, disk = self.serve("")
        self.assertEqual(outcome["coherence"]["degraded_epochs"], 0)
        self.assertEqual(self.count(disk, "DegradedModeEntered"), 0)
        print(outcome["messages"], outcome["latency_ns"]["clock"], outcome["coherence"])

    def test_too_little_time(self):
        outcome, disk = self.serve('budget = "25ns"\nover_budget_limit = 8')
        print(outcome["messages"], outcome["latency_ns"]["clock"], outcome["coherence"])
        self.assertGreater(outcome["coherence"]["degraded_epochs"], 0)
        self.assertGreater(outcome["coherence"]["budget_exceeded"], 0)
        entered, left = self.count(disk, "DegradedModeEntered"), self.count(disk, "DegradedModeExited")
        self.assertGreater(entered, 0)
        self.assertIn(left, (entered - 1, entered), "each entry has its exit, but for the last")
        self.assertGreater(self.count(disk, "MinCutBudgetExceeded"), 0)

    def test_it_errs(self):
        """The kernel of this test has a solver whose first cuts are wrong."""
        outcome, disk = self.serve("", "--kernel", rvm_test.ROOT / "build" / "appliance" / "rvm_faulty.img")
        print(outcome["messages"], outcome["latency_ns"]["clock"], outcome["coherence"])
        reasons = [self.flags(disk, kind) for kind in ("DegradedModeEntered", "DegradedModeExited")]
        self.assertGreater(len(reasons[0]), 0)
        self.assertEqual(reasons[1], reasons[0], "and recovers")
        self.assertEqual(set(reasons[0]), {4}, "a check failed")
        self.assertGreater(outcome["coherence"]["degraded_epochs"], 0)

    def test_frozen(self):
        outcome, _ = self.serve("", "--static")
        self.assertEqual([outcome["coherence"][how] for how in ("splits", "merges", "migrations")], [0, 0, 0])

    def test_switched_off(self):
        self.assertNotIn("coherence", self.serve("enabled = false")[0])
        self.assertNotIn("coherence", self.serve(None)[0])

    def test_compiled_out(self):
        if not CORE:
            self.skipTest("only with --core")
        kernel = rvm_test.ROOT / "build" / "appliance-core" / "rvm.img"
        self.assertTrue(kernel.exists(), "build it: tools/build appliance-core rvm.img")
        outcome, _ = self.serve("", "--kernel", kernel)
        self.assertNotIn("coherence", outcome)
        sizes = subprocess.run(["llvm-size-19", "-A", kernel.with_suffix(".elf")], capture_output=True, text=True, check=True)
        text = next(int(line.split()[1]) for line in sizes.stdout.splitlines() if line.startswith(".text "))
        print(f"text of the core alone: {text} bytes")
        self.assertLessEqual(text, CORE_TEXT_CEILING)


if __name__ == "__main__":
    if "--core" in sys.argv:
        sys.argv.remove("--core")
        CORE = True
    rvm_test.main()
