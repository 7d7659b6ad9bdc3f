#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Measured boot: what a machine says it booted is what was built, and any difference is found and named."""
import base64
import hashlib
import json
import random

import rvm_test

MANIFEST = """
development = true
[machine]
disk_size = "1M"
epoch_us = {epoch}
[[partition]]
name = "left"
[[partition]]
name = "right"
[[agent]]
name = "ping"
partition = "left"
module = "{module}"
priority = {priority}
args = ["100"]
[[agent]]
name = "pong"
partition = "right"
module = "pong"
service = true
[[edge]]
from = "ping"
to = "pong"
name = "pong"
peer_name = "ping"
"""
NONCE = "00112233445566778899aabbccddeeff"
KERNEL = rvm_test.ROOT / "build" / "appliance" / "rvm.img"
PHASES = ("HalInit", "MemoryInit", "CapabilityInit", "WitnessInit", "SchedulerInit", "RootPartition", "Handoff")


class Attest(rvm_test.RvmTest):
    def setUp(self):
        super().setUp()
        self.path = self.swarm("swarm.toml")
        self.reference = self.folder / "reference.json"
        result = self.rvm("build", self.path)
        self.assertEqual(result.returncode, 0, str(result))
        self.reference.write_text(result.stdout)
        self.expected = json.loads(result.stdout)

    def swarm(self, name, module="ping", epoch=1000, priority=100):
        return self.manifest(MANIFEST.format(module=module, epoch=epoch, priority=priority), name)

    def attest(self, target, *arguments, nonce=NONCE):
        result = self.rvm("attest", target, "--nonce", nonce, "--reference", self.reference, "--json", *arguments)
        outcome = result.json()
        self.assertEqual(outcome["attested"], result.returncode == 0, str(result))
        return outcome

    def differs(self, outcome, *beginnings):
        self.assertFalse(outcome["attested"])
        self.assertEqual([p.split(":")[0] for p in outcome["problems"]], list(beginnings), outcome)

    def test_the_reference_is_what_anyone_computes(self):
        digests = [self.expected["phases"][name]["sha256"] for name in PHASES]
        self.assertEqual(digests[0], hashlib.sha256(KERNEL.read_bytes()).hexdigest())
        self.assertEqual(digests[1:4], [hashlib.sha256(b"").hexdigest()] * 3)
        value = bytes(32)
        for number, digest in enumerate(digests, 1):
            value = hashlib.sha256(value + bytes([number]) + bytes.fromhex(digest)).digest()
        self.assertEqual(self.expected["measurement"], value.hex())
        self.assertEqual(self.expected, json.loads(self.rvm("build", self.path).stdout), "the same at any time")

    def test_the_machine_agrees_and_its_log_says_so(self):
        disk, heads, pubkey = self.folder / "log.img", self.folder / "heads", self.folder / "pub"
        self.assertTrue(self.attest(self.path, "--disk", disk)["attested"])
        again = self.attest(self.path, "--disk", disk)
        self.assertGreater(again["head_size"], 0, "the second quote tells of the log before it")
        self.rvm("witness", "export", disk, "--heads", heads, "--pubkey", pubkey)
        measurement = bytes.fromhex(self.expected["measurement"])
        self.assertEqual(heads.read_text().count(f"\nmeasurement {base64.b64encode(measurement).decode()}\n"), 2)
        key = base64.b64decode(pubkey.read_text().split("+", 2)[2])[1:]
        self.assertIn(f"\nattestation-key {base64.b64encode(key).decode()}\n", heads.read_text())
        lines = self.rvm("witness", "query", disk, "--kind", "BootComplete", "--json").stdout.splitlines()
        self.assertEqual(len(lines), 2)
        for line in lines:
            record = json.loads(line)
            self.assertEqual(record["payload"], int.from_bytes(measurement[:8], "little"))
            self.assertEqual(record["aux"], int.from_bytes(key[:8], "little"))
        attestations = self.rvm("witness", "query", disk, "--kind", "BootAttestation", "--json").stdout.splitlines()
        self.assertEqual([json.loads(line)["flags"] & 0xff for line in attestations], [*range(1, 8)] * 2)
        self.assertEqual(json.loads(attestations[6])["payload"], int.from_bytes(measurement[:8], "little"))
        # The key that the log exports verifies quotes as well.
        self.assertTrue(self.attest(self.path, "--disk", disk, "--pubkey", pubkey)["attested"])

    def test_a_changed_kernel_byte(self):
        image = KERNEL.read_bytes()
        # A word of a message, a reserved word of the header, the padding of the initialised data.
        for place in (image.index(b" free at start"), 24 + 8 + 4, len(image) - 1):
            changed = bytearray(image)
            changed[place] ^= 0x20
            kernel = self.folder / "changed.img"
            kernel.write_bytes(changed)
            with self.subTest(place=place):
                self.differs(self.attest(self.path, "--kernel", kernel), "phase HalInit")

    def test_a_changed_manifest_or_program(self):
        self.differs(self.attest(self.swarm("priority.toml", priority=101)), "phase RootPartition")
        self.differs(self.attest(self.swarm("epoch.toml", epoch=2000)), "phase SchedulerInit")
        program = bytearray((rvm_test.ROOT / "build" / "appliance" / "agents" / "ping.elf").read_bytes())
        at = program.index(b" calls to ")
        program[at + 1] ^= 0x20
        (self.folder / "changed").mkdir()
        (self.folder / "changed" / "ping.elf").write_bytes(program)
        self.differs(self.attest(self.swarm("program.toml", module="changed/ping.elf")), "phase Handoff")

    def test_a_replayed_forged_or_foreign_quote(self):
        quote = self.folder / "quote"
        self.assertTrue(self.attest(self.path, "--save", quote)["attested"])
        self.assertTrue(self.attest(quote)["attested"])
        self.differs(self.attest(quote, nonce=NONCE[::-1]), "nonce")
        good = quote.read_text()
        quote.write_text(good.replace(NONCE, NONCE[::-1]))
        self.differs(self.attest(quote, nonce=NONCE[::-1]), "signature")
        chance = random.Random(3)
        for _ in range(30):
            bad = bytearray(good.encode())
            bad[chance.randrange(20, len(bad))] ^= 1 << chance.randrange(7)
            quote.write_bytes(bad)
            self.assertFalse(self.attest(quote)["attested"])
        other = self.folder / "other.key"
        other.write_bytes(bytes(range(32)))
        other.chmod(0o600)
        quote.write_text(good)
        self.differs(self.attest(quote, "--key", other), "signature")
        # A tree head is signed by the same key and still is no quote.
        disk, heads = self.folder / "log.img", self.folder / "heads"
        self.attest(self.path, "--disk", disk)
        self.rvm("witness", "export", disk, "--heads", heads)
        self.differs(self.attest(heads), "format")

    def test_a_machine_without_a_trusted_execution_environment(self):
        result = self.rvm("attest", self.path, "--nonce", NONCE, "--reference", self.reference, "--tee", "00" * 32)
        self.assertEqual(result.returncode, 1, str(result))
        self.assertIn("the machine has no trusted execution environment", result.stderr)
        self.assertIn("cure: take a machine that has one, or leave out --tee", result.stderr)
        self.differs(self.attest(self.path, "--tee", "00" * 32), "tee")
        # A line of it that the program cannot verify is no better.
        quote, disk, pubkey = self.folder / "quote", self.folder / "log.img", self.folder / "pub"
        self.assertTrue(self.attest(self.path, "--disk", disk, "--save", quote)["attested"])
        self.rvm("witness", "export", disk, "--pubkey", pubkey)
        text = quote.read_text()
        origin = text.split("/quote")[0]
        key = base64.b64decode(pubkey.read_text().split("+", 2)[2])[1:]
        key_id = hashlib.sha256(origin.encode() + b"\n\xffrvm.local/tee-quote/v1" + key).digest()[:4]
        line = base64.b64encode(key_id + b"\x03" + bytes(1184)).decode()
        quote.write_text(text + f"\u2014 {origin} {line}\n")
        self.assertTrue(self.attest(quote)["attested"])
        outcome = self.attest(quote, "--tee", "00" * 48)
        self.assertEqual(outcome["problems"], ["tee: the quote of AMD SEV-SNP: this program cannot verify it"])

    def test_mistakes(self):
        for arguments in (("--nonce", "00"), ("--nonce", "xy" * 8), ("--nonce", "00" * 65)):
            result = self.rvm("attest", self.path, "--reference", self.reference, *arguments)
            self.assertEqual(result.returncode, 2, str(result))
        for measurement in ("", "0", "xy", "00" * 65):
            result = self.rvm("attest", self.path, "--reference", self.reference, "--tee", measurement)
            self.assertEqual(result.returncode, 2, str(result))
        broken = self.folder / "broken.json"
        broken.write_text("{}")
        self.assertEqual(self.rvm("attest", self.path, "--reference", broken).returncode, 2)


if __name__ == "__main__":
    rvm_test.main()
