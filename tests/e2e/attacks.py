#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Hostile agents: every attack is contained, every refusal is in the log under the right name, and the victim beside
them does its work as if they were not there."""
import json

import rvm_test

MANIFEST = rvm_test.EXAMPLES / "attacks" / "swarm.toml"


def actor(record):
    return record["actor_partition_id"] if "actor_partition_id" in record else record["actor"]


def target(record):
    return record["target_object_id"] if "target_object_id" in record else record["target"]


class Attacks(rvm_test.RvmTest):
    def test_every_attack_is_contained(self):
        disk = self.folder / "attacks.img"
        outcome = self.run_ok(MANIFEST, "--disk", disk)
        self.assertGreaterEqual(outcome["attacks"]["tried"], 30)
        self.assertEqual(outcome["attacks"]["tried"], outcome["attacks"]["contained"])
        self.assertGreater(outcome["refused"], 0)
        self.assertGreater(outcome["faults"], 0)
        self.refusals_are_witnessed(disk, outcome)
        self.forks_are_witnessed(disk)

    def test_forks_while_another_core_writes(self):
        for seed in range(3):
            with self.subTest(seed=seed):
                disk = self.folder / f"cores-{seed}.img"
                outcome = self.run_ok(MANIFEST.with_name("cores.toml"), "--disk", disk)
                self.assertEqual(outcome["attacks"], {"tried": 2, "contained": 2})
                self.assertEqual(outcome["faults"], 0)
                self.assertEqual(len(self.query(disk, "TaskFork")), 100)

    def query(self, disk, kind):
        result = self.rvm("witness", "query", disk, "--kind", kind, "--json")
        self.assertEqual(result.returncode, 0, str(result))
        return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]

    def forks_are_witnessed(self, disk):
        """By those who made them: forks, and what became of the fork that went for the victim."""
        forks = [r for r in self.query(disk, "TaskFork") if r["flags"] & 0x8000 == 0]
        self.assertGreaterEqual(len({actor(r) for r in forks}), 3, "the nest, the bomb's partition and the driver's")
        stopped = {(actor(r), target(r)) for r in self.query(disk, "FailureEscalated")}
        self.assertTrue(stopped & {(actor(r), target(r)) for r in forks}, "the fork that read the victim, under its own name")
        self.assertGreaterEqual(len(self.query(disk, "MemorySeal")), 2)

    def refusals_are_witnessed(self, disk, outcome):
        records = self.query(disk, "ProofRejected")
        self.assertGreaterEqual(len(records), 10)
        actors = {actor(r) for r in records}
        self.assertGreater(len(actors), 1, "refusals name their actors")
        self.assertNotIn(0, actors, "no refusal is blamed on the hypervisor")
        self.every_operation_was_refused(records)

    def every_operation_was_refused(self, records):
        """Each with the errors that the attacks on forks, sealed memory and leases must have met."""
        refused = {(r["flags"] & 0xff, r["flags"] >> 8) for r in records}
        for operation, errors in {
                0x1d: [2, 3, 4, 5, 8],              # AGENT_FORK: capability, type, right, argument, state
                0x25: [2, 3, 4],                    # CAP_OBTAIN: capability, type, right
                0x44: [2, 3],                       # SYSTEM_READ: capability, type
                0x2f: [3, 5, 6, 7, 8, 20],          # MEMORY_SEAL: type, argument, address, alignment, state, proof
                0x48: [4, 5, 6, 7, 8, 14, 20, 22],  # LEASE_GRANT: rights, argument, address, ..., proof, DMA
                0x49: [2, 3, 5, 21],                # LEASE_RENEW: capability, type, argument, no lease
                0x4a: [4, 21],                      # LEASE_RELEASE
                0x4c: [4, 21],                      # DEVICE_ACKNOWLEDGE
                0x4d: [3, 5, 7, 21],                # DEVICE_CONFIGURATION
                0x4e: [5, 6, 7, 10, 21],            # DEVICE_SUBMIT: ..., the budget, no lease
                0x4f: [3, 4, 5, 21],                # DEVICE_COMPLETE
        }.items():
            for error in errors:
                self.assertIn((operation, error), refused, f"operation {operation:#x}, error {error}")


if __name__ == "__main__":
    rvm_test.main()
