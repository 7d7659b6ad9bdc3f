#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""More partitions alive at once than there are VMIDs, all making progress."""
import rvm_test

PAIRS = 160
CALLS = 50


def manifest(pairs, calls, vmid8=True):
    return f"""
development = true
[machine]
cpus = 2
force_vmid8 = {str(vmid8).lower()}
[[partition]]
name = "left"
replicas = {pairs}
[[partition]]
name = "right"
replicas = {pairs}
[[agent]]
name = "ping"
replicas = {pairs}
partition = ["left-{{i}}"]
module = "ping"
args = ["{calls}"]
[[agent]]
name = "pong"
replicas = {pairs}
partition = ["right-{{i}}"]
module = "pong"
service = true
[[edge]]
from = "ping-*"
to = "pong-*"
name = "pong"
peer_name = "ping"
"""


class Many(rvm_test.RvmTest):
    def test_example(self):
        """320 partitions in a ring, tokens going round."""
        for cpus in (1, 2):
            with self.subTest(cpus=cpus):
                outcome = self.run_ok(rvm_test.EXAMPLES / "many" / "swarm.toml", "--cpus", cpus)
                self.assertGreater(outcome["partitions"], 256)
                self.assertGreater(outcome["messages"], 320 * 10)

    def test_more_partitions_than_vmids(self):
        path = self.manifest(manifest(PAIRS, CALLS))
        disk = self.folder / "many.img"
        outcome = self.run_ok(path, "--disk", disk)
        self.assertGreaterEqual(outcome["partitions"], 2 * PAIRS)
        self.assertEqual(outcome["agents"], 2 * PAIRS)
        self.assertEqual(outcome["messages"], 2 * PAIRS * CALLS, "every pair did all its calls")
        self.assertEqual(outcome["faults"], 0)
        # All of them were alive at once and ran in turn, so VMIDs changed hands, and the log says so.
        query = self.rvm("witness", "query", disk, "--kind", "VmidReclaim", "--json")
        self.assertEqual(query.returncode, 0, str(query))
        self.assertTrue(query.stdout.strip(), "VmidReclaim is witnessed")

    def test_wide_vmids(self):
        """A processor with 16-bit VMIDs needs no reclaiming."""
        path = self.manifest(manifest(PAIRS, CALLS, vmid8=False))
        disk = self.folder / "wide.img"
        outcome = self.run_ok(path, "--cpu", "max", "--disk", disk)
        self.assertEqual(outcome["messages"], 2 * PAIRS * CALLS)
        query = self.rvm("witness", "query", disk, "--kind", "VmidReclaim", "--json")
        self.assertFalse(query.stdout.strip(), "nothing to reclaim")


if __name__ == "__main__":
    rvm_test.main()
