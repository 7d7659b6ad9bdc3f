#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Hostile agents: every attack is contained, every refusal is in the log under the right name, and the victim beside
them does its work as if they were not there."""
import json

import rvm_test

MANIFEST = rvm_test.EXAMPLES / "attacks" / "swarm.toml"


class Attacks(rvm_test.RvmTest):
    def test_every_attack_is_contained(self):
        disk = self.folder / "attacks.img"
        outcome = self.run_ok(MANIFEST, "--disk", disk)
        self.assertGreaterEqual(outcome["attacks"]["tried"], 30)
        self.assertEqual(outcome["attacks"]["tried"], outcome["attacks"]["contained"])
        self.assertGreater(outcome["refused"], 0)
        self.assertGreater(outcome["faults"], 0)
        self.refusals_are_witnessed(disk, outcome)

    def refusals_are_witnessed(self, disk, outcome):
        result = self.rvm("witness", "query", disk, "--kind", "ProofRejected", "--json")
        self.assertEqual(result.returncode, 0, str(result))
        records = [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]
        self.assertGreaterEqual(len(records), 10, str(result))
        actors = {r["actor_partition_id"] if "actor_partition_id" in r else r["actor"] for r in records}
        self.assertGreater(len(actors), 1, "refusals name their actors")
        self.assertNotIn(0, actors, "no refusal is blamed on the hypervisor")


if __name__ == "__main__":
    rvm_test.main()
