# SPDX-License-Identifier: MIT OR Apache-2.0
"""Tier P3: agents of a partition that is not trusted lease a device for an approval or a record, and for nothing less."""
import hashlib
import json
import unittest

import rvm_test

MANIFEST = """
development = true
[witness]
dump = true
[[device]]
name = "clock"
kind = "clock"
{evidence}
[[partition]]
name = "timekeepers"
[[agent]]
name = "clock"
partition = "{partition}"
module = "{module}"
args = ["{argument}"]
expect = "any"
[[partition]]
name = "others"
[[grant]]
agent = "clock"
type = "device"
object = "clock"
rights = ["read", "write", "prove"]
name = "clock"
"""


class Evidence(rvm_test.RvmTest):
    def key(self, name):
        path = self.folder / name
        path.write_bytes(hashlib.sha256(name.encode()).digest())
        path.chmod(0o600)
        return path

    def written(self, evidence, argument="x", partition="timekeepers", module="device_clock"):
        return self.manifest(MANIFEST.format(evidence=evidence, argument=argument, partition=partition, module=module))

    def leased(self, disk=None, **manifest):
        """Whether the clock's agent gets its lease with this argument."""
        disk = disk or self.folder / "log.img"
        dump = self.folder / "dump.json"
        result = self.rvm("run", self.written(**manifest), "--disk", disk, "--dump", dump, "--json")
        self.assertEqual(result.returncode, 0, str(result))
        self.assertTrue(result.json()["witness"]["verified"], str(result))
        self.replay_equals(disk, dump)
        rang = "clock| a second later the clock rang" in result.stderr
        self.assertNotEqual(rang, "clock| FAILED: no lease: PROOF" in result.stderr, str(result))
        return rang

    def approve(self, *options, approver="approver.key"):
        result = self.rvm("approve", "--approver", self.key(approver), *options)
        self.assertEqual(result.returncode, 0, str(result))
        return result.stdout.strip()

    def test_an_approval(self):
        wanted = f'evidence_key = "{self.approve("--show-key")}"'
        reference = self.folder / "reference.json"
        built = self.rvm("build", self.written(wanted))
        self.assertEqual(built.returncode, 0, str(built))
        reference.write_text(built.stdout)
        act = ["--partition", "timekeepers", "--device", "clock", "--reference", reference]
        good = self.approve(*act)
        self.assertTrue(self.leased(evidence=wanted, argument=good))
        self.assertFalse(self.leased(evidence=wanted, argument=good, partition="others"), "for another partition")
        self.assertFalse(self.leased(evidence=wanted, argument=self.approve(*act, approver="stranger.key")))
        self.assertFalse(self.leased(evidence=wanted, argument=self.approve(*act[:2], "--device", "clok", *act[4:])))
        other_machine = self.approve(*act, "--key", self.key("other-device.key"))
        self.assertFalse(self.leased(evidence=wanted, argument=other_machine), "for another machine")
        programs = json.loads(built.stdout)
        for phase in ("HalInit", "Handoff"):
            other = json.loads(built.stdout)
            digest = other["phases"][phase]["sha256"]
            other["phases"][phase]["sha256"] = ("0" if digest[0] != "0" else "1") + digest[1:]
            reference.write_text(json.dumps(other))
            self.assertFalse(self.leased(evidence=wanted, argument=self.approve(*act)), f"for another {phase}")
        reference.write_text(json.dumps(programs))
        # A minute of grace for clocks that differ lies before "now", not after the end.
        self.assertFalse(self.leased(evidence=wanted, argument=self.approve(*act, "--for", "1ns")), "it is over")

    def test_a_record(self):
        """What was recorded in an earlier run is shown in a later one, under the head that the machine signed."""
        disk = self.folder / "log.img"
        self.assertFalse(self.leased(disk, evidence=f'evidence_sha256 = "{"0" * 64}"', argument="word:a word of sixteen"))
        query = self.rvm("witness", "query", disk, "--kind", "TaskSpawn", "--json")
        record = [json.loads(line) for line in query.stdout.splitlines() if line.startswith("{")][0]
        actor, target = record["actor_partition_id"], record["target_object_id"]

        def shown(sequence, disk=disk):
            proof = self.rvm("witness", "prove", disk, "--seq", str(sequence), "--json")
            self.assertEqual(proof.returncode, 0, str(proof))
            return proof.json()["evidence"]

        wanted = f'evidence_record = "TaskSpawn:{actor}:{target}"'
        good = shown(record["sequence"])
        self.assertFalse(self.leased(disk, evidence=f'evidence_record = "TaskSpawn:{actor}:{target + 1}"', argument=good))
        self.assertFalse(self.leased(disk, evidence=wanted, argument=shown(record["sequence"] + 1)), "another record")
        elsewhere = self.folder / "other.img"
        self.assertFalse(self.leased(elsewhere, evidence=wanted, argument=good), "another log of this machine")
        self.assertTrue(self.leased(disk, evidence=wanted, argument=good))
        self.assertTrue(self.leased(disk, evidence=wanted, argument=shown(record["sequence"])), "under a newer head")

    def test_no_evidence_is_never_enough(self):
        result = self.rvm("run", self.written(""))
        self.assertEqual(result.returncode, 2, str(result))
        self.assertIn("evidence_sha256", result.stderr)

    def test_wrong_use(self):
        for options in (["--approver", "missing"], ["--approver", self.key("k"), "--partition", "p", "--device", "a b",
                                                    "--reference", "missing"],
                        ["--approver", self.key("k"), "--partition", "p", "--device", "d", "--reference", "missing"]):
            result = self.rvm("approve", *options)
            self.assertIn(result.returncode, (2, 3), str(result))
            self.assertIn("cure:", result.stderr, str(result))


if __name__ == "__main__":
    unittest.main()
