#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Partitions and agents made, stopped, resumed and ended at run time, in every way there is; what happens to those who
talk to them; and everything they owned comes back."""
import json

import rvm_test

MANIFEST = """
development = true
[[partition]]
name = "office"
witness_quota = 1000
[[partition]]
name = "spare"
[[agent]]
name = "supervisor"
partition = "office"
module = "test_supervisor"
priority = 6000
args = ["1", "{rounds}"]
[[agent]]
name = "worker"
partition = "spare"
module = "test_worker"
[[grant]]
agent = "supervisor"
type = "hypervisor"
rights = ["write", "prove"]
name = "hypervisor"
"""


UNFINISHED = 0x4000  # flags of a record: another part of the same action follows


class Lifecycle(rvm_test.RvmTest):
    def test_every_way_to_live_and_die(self):
        for options in (["--cpus", "1"], ["--cpus", "2"], ["--cpus", "2", "--memory", "64M"]):
            with self.subTest(options=options):
                disk = self.folder / "log.img"
                outcome = self.run_ok(self.manifest(MANIFEST.format(rounds=300)), *options, "--disk", disk)
                self.assertGreater(outcome["refused"], 0)
                # One worker faults by itself and one under a caller.
                self.assertGreaterEqual(outcome["faults"], 2)
                self.every_end_is_witnessed(disk)
                disk.unlink()

    def every_end_is_witnessed(self, disk):
        counts = {}
        for kind in ("PartitionCreate", "PartitionDestroy", "PartitionSuspend", "PartitionResume"):
            result = self.rvm("witness", "query", disk, "--kind", kind, "--json")
            self.assertEqual(result.returncode, 0, str(result))
            records = [json.loads(l) for l in result.stdout.splitlines() if l.startswith("{")]
            counts[kind] = sum(not r["flags"] & UNFINISHED for r in records)
        # Boot makes three partitions: control, office and spare.
        self.assertEqual(counts["PartitionCreate"], counts["PartitionDestroy"] + 3, counts)
        self.assertGreater(counts["PartitionDestroy"], 200, counts)
        self.assertGreaterEqual(counts["PartitionSuspend"], 1, counts)
        self.assertEqual(counts["PartitionSuspend"], counts["PartitionResume"], counts)


if __name__ == "__main__":
    rvm_test.main()
