#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Devices on lease: agents drive a disk, a console and a clock; the log says who had what and until when; files behind the
devices hold what was written; and a lease that is over is over."""
import json

import rvm_test

EXAMPLE = rvm_test.EXAMPLES / "devices" / "swarm.toml"
DISK_BYTES = 1 << 20
SECTOR = bytes((7 * i + 1) & 0xff for i in range(512))
PRINTED = b"printed by an agent that leased the console\n"

# Ids follow the manifest's order.
CLOCK, DISK, PRINTER = 1, 2, 3
BLOCK_AGENT, PRINTER_AGENT, STRANGER, CLOCK_AGENT = 1, 2, 3, 4
DRIVERS, TIMEKEEPERS = 2, 3

# rvm/abi.h
LEASE_GRANT, LEASE_RELEASE, DEVICE_ACKNOWLEDGE, DEVICE_SUBMIT = 0x48, 0x4a, 0x4c, 0x4e
BAD_ARGUMENT, BAD_ADDRESS, UNALIGNED, RESOURCE_LIMIT, PROOF, NO_LEASE, DMA_REFUSED = 5, 6, 7, 10, 20, 21, 22

OVERSTAY = """
development = true
[[device]]
name = "clock"
kind = "clock"
evidence_sha256 = "600d8a47f5ef8ae9b4f1361f35ee594472367700dfe0ff2023a571d023b9afc6"
[[partition]]
name = "timekeepers"
[[agent]]
name = "clock"
partition = "timekeepers"
module = "device_clock"
args = ["word:time is what a clock says", "overstay"]
expect = "fault"
[[agent]]
name = "heir"
partition = "heirs"
module = "device_clock"
args = ["word:time is what a clock says", "heir"]
[[partition]]
name = "heirs"
[[grant]]
agent = "*"
type = "device"
object = "clock"
rights = ["read", "write", "prove"]
name = "clock"
"""


def errors(records):
    """(operation, error) of refusals."""
    return [(r["flags"] & 0xff, r["flags"] >> 8) for r in records]


class Devices(rvm_test.RvmTest):
    def example(self):
        """The example, with its files in this test's folder."""
        text = EXAMPLE.read_text()
        self.assertEqual(text.count('"../../build/'), 2)
        return self.manifest(text.replace("../../build/", ""))

    def records(self, disk, kind):
        result = self.rvm("witness", "query", disk, "--kind", kind, "--json")
        self.assertEqual(result.returncode, 0, str(result))
        return [json.loads(line) for line in result.stdout.splitlines() if line.startswith("{")]

    def run_example(self, *options):
        disk = self.folder / "log.img"
        result = self.rvm("run", self.example(), *options, "--disk", disk, "--dump", self.folder / "dump.json", "--json")
        self.assertEqual(result.returncode, 0, str(result))
        self.assertTrue(result.json()["witness"]["verified"], str(result))
        self.assertEqual(result.json()["faults"], 0, str(result))
        self.replay_equals(disk, self.folder / "dump.json")
        return result, disk

    def test_agents_drive_devices(self):
        for options in ([], ["--cpus", "1"], ["--cpus", "2", "--gic", "2"], ["--icount"], ["--icount", "--gic", "2"],
                        ["--cpus", "4", "--cpu", "max"]):
            with self.subTest(options=options):
                result, disk = self.run_example(*options)
                for line in ("block| a sector of 2048 written and read back", "clock| a second later the clock rang",
                             "stranger| refused, as it should be"):
                    self.assertIn(line, result.stderr, str(result))
                self.files_hold_what_was_written()
                self.leases_are_witnessed(disk)
                self.refusals_are_witnessed(disk)
                disk.unlink()
                (self.folder / "disk.img").unlink()

    def files_hold_what_was_written(self):
        image = (self.folder / "disk.img").read_bytes()
        self.assertEqual(len(image), DISK_BYTES)
        self.assertEqual(image[1024:1536], SECTOR, "sector 2 is what the agent wrote")
        self.assertEqual(image.count(0), DISK_BYTES - 512 + SECTOR.count(0), "no other sector was touched")
        self.assertEqual((self.folder / "printer.txt").read_bytes(), PRINTED)

    def leases_are_witnessed(self, disk):
        grants = self.records(disk, "DeviceLeaseGrant")
        self.assertEqual({(r["target_object_id"], r["payload"] >> 32, r["actor_partition_id"]) for r in grants},
                         {(CLOCK, CLOCK_AGENT, TIMEKEEPERS), (DISK, BLOCK_AGENT, DRIVERS),
                          (PRINTER, PRINTER_AGENT, DRIVERS)})
        self.assertEqual({r["target_object_id"]: r["proof_tier"] for r in grants}, {CLOCK: 3, DISK: 2, PRINTER: 2},
                         "who is not trusted shows evidence")
        # Only the clock's registers are mapped; a device that reaches memory never is.
        self.assertEqual({r["target_object_id"] for r in grants if r["payload"] & 0xffffffff}, {CLOCK})
        expiry = {r["target_object_id"]: r["aux"] for r in grants}
        renewed = self.records(disk, "DeviceLeaseRenew")
        self.assertEqual([(r["target_object_id"], r["payload"]) for r in renewed], [(CLOCK, CLOCK_AGENT)])
        expiry[CLOCK] = renewed[0]["aux"]
        revoked = {r["target_object_id"]: r for r in self.records(disk, "DeviceLeaseRevoke")}
        self.assertEqual(revoked.keys(), expiry.keys(), "each was given back")
        for device, record in revoked.items():
            self.assertEqual(record["aux"], expiry[device], record)
            self.assertLess(record["timestamp_ns"], expiry[device], record)
        self.assertEqual(self.records(disk, "DeviceLeaseExpire"), [])

    def refusals_are_witnessed(self, disk):
        of = {}
        for r in self.records(disk, "ProofRejected"):
            of.setdefault(r["target_object_id"], []).append(r)
        self.assertEqual(errors(of[STRANGER]), [(LEASE_GRANT, DMA_REFUSED), (DEVICE_SUBMIT, NO_LEASE),
                                                (LEASE_RELEASE, NO_LEASE)])
        self.assertEqual(errors(of[CLOCK_AGENT]), [(LEASE_GRANT, PROOF)] * 2 + [(DEVICE_ACKNOWLEDGE, NO_LEASE)])
        self.assertEqual({operation for operation, _ in errors(of[BLOCK_AGENT])}, {DEVICE_SUBMIT})
        self.assertEqual([error for _, error in errors(of[BLOCK_AGENT])],
                         [BAD_ADDRESS, BAD_ADDRESS, BAD_ADDRESS, UNALIGNED, BAD_ADDRESS, BAD_ARGUMENT, BAD_ARGUMENT,
                          RESOURCE_LIMIT])

    def test_a_disk_keeps_its_content_and_a_console_does_not(self):
        (self.folder / "disk.img").write_bytes(b"\x55" * DISK_BYTES)
        (self.folder / "printer.txt").write_bytes(b"x" * 1000)
        self.run_example("--icount")
        image = (self.folder / "disk.img").read_bytes()
        self.assertEqual(image, b"\x55" * 1024 + SECTOR + b"\x55" * (DISK_BYTES - 1536))
        self.assertEqual((self.folder / "printer.txt").read_bytes(), PRINTED)

    def test_a_lease_that_is_over_is_over(self):
        for options in (["--icount", "--cpus", "1"], ["--icount", "--cpus", "2", "--gic", "2"]):
            with self.subTest(options=options):
                disk = self.folder / "overstay.img"
                self.manifest(OVERSTAY)
                result = self.rvm("run", self.folder / "swarm.toml", *options, "--disk", disk, "--json",
                                  "--dump", self.folder / "dump.json")
                self.assertEqual(result.returncode, 0, str(result))
                self.assertEqual(result.json()["faults"], 1, str(result))
                self.assertIn("clock| its time is over", result.stderr)
                self.assertNotIn("ESCAPED", result.stderr)
                self.assertIn("heir| the clock is free", result.stderr)
                self.replay_equals(disk, self.folder / "dump.json")
                self.the_end_stands_before_the_fault(disk)
                disk.unlink()

    def the_end_stands_before_the_fault(self, disk):
        grant = next(r for r in self.records(disk, "DeviceLeaseGrant") if r["payload"] >> 32 == 1)
        (expired,) = [r for r in self.records(disk, "DeviceLeaseExpire") if r["payload"] == 1]
        self.assertEqual((expired["actor_partition_id"], expired["target_object_id"], expired["payload"]), (0, CLOCK, 1))
        self.assertEqual(expired["aux"], grant["aux"], "it ended when the grant said")
        self.assertGreaterEqual(expired["timestamp_ns"], grant["aux"])
        self.assertLess(expired["timestamp_ns"], grant["aux"] + 2_000_000, "within the epoch after that")
        (fault,) = [r for r in self.records(disk, "FailureEscalated") if r["target_object_id"] == 1]
        self.assertEqual(fault["payload"] >> 12, grant["payload"] & 0xffffffff, "at the clock's registers")
        self.assertLess(expired["sequence"], fault["sequence"])
        self.assertIn((0x49, NO_LEASE), errors(self.records(disk, "ProofRejected")), "renewing came too late")
        # Who comes next gets it, and only then.
        (heir,) = [r for r in self.records(disk, "DeviceLeaseGrant") if r["payload"] >> 32 == 2]
        self.assertGreater(heir["sequence"], expired["sequence"])


if __name__ == "__main__":
    rvm_test.main()
