#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Signed tree heads: what a machine signs is verified by the program and by an independent checker, and forgeries by
neither; proofs and cosignatures likewise."""
import base64
import json
import pathlib
import random
import subprocess
import sys

import rvm_test

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "independent"))
import ed25519  # noqa: E402
import log_volume  # noqa: E402

CHECKER = pathlib.Path(__file__).resolve().parents[1] / "independent" / "check_heads.py"


class Heads(rvm_test.RvmTest):
    made = None

    def setUp(self):
        super().setUp()
        self.disk, self.heads, self.pubkey, self.raw = (self.folder / n for n in ("log.img", "heads", "pub", "raw"))
        if not Heads.made:
            # Two boots of agents that pause, so that there are heads within a boot and at each end.
            for _ in range(2):
                self.run_ok(rvm_test.EXAMPLES / "traffic", "--cpus", "2", "--disk", self.disk)
            Heads.made = (self.disk.read_bytes(), self.key_file().read_bytes())
        self.key_file().parent.mkdir(parents=True, exist_ok=True)
        self.disk.write_bytes(Heads.made[0])
        self.key_file().write_bytes(Heads.made[1])
        self.key_file().chmod(0o600)
        result = self.rvm("witness", "export", self.disk, "--heads", self.heads, "--pubkey", self.pubkey, "--raw", self.raw)
        self.assertEqual(result.returncode, 0, str(result))

    def independent(self, *arguments):
        return subprocess.run([sys.executable, CHECKER, "--pubkey", self.pubkey, *map(str, arguments)],
                              capture_output=True, text=True, timeout=120, check=False)

    def holds(self, *arguments):
        run = self.independent(*arguments)
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)

    def fails(self, *arguments):
        run = self.independent(*arguments)
        self.assertEqual(run.returncode, 1, run.stdout + run.stderr)

    def verify(self, *arguments, disk=None):
        return self.rvm("witness", "verify", disk or self.disk, *arguments, "--json")

    def test_heads_are_signed_stored_and_right(self):
        result = self.verify()
        self.assertEqual(result.returncode, 0, str(result))
        outcome = result.json()
        self.assertGreaterEqual(outcome["signed_heads"], 2, "one at each orderly end")
        notes = self.heads.read_text().split("\n\n\u2014")
        self.assertEqual(len(notes) - 1, outcome["signed_heads"])
        self.assertIn(f"\n{outcome['records']}\n", notes[-2], "the last head covers the whole log")
        self.assertEqual(self.heads.read_text().count("\nmeasurement "), 2, "the first head of each boot says what booted")
        self.holds("--heads", self.heads, "--raw", self.raw)
        # The key is HKDF(device key), the origin is the volume's, and an independent reader finds the same notes.
        key = self.key_file().read_bytes()
        data, stored, volume_id = log_volume.contents(self.disk.read_bytes(), key)
        seed = log_volume.hkdf(key, b"rvm attestation identity v1")
        name, _, encoded = self.pubkey.read_text().strip().split("+", 2)
        self.assertEqual(name, f"rvm.local/{volume_id.hex()}")
        self.assertEqual(base64.b64decode(encoded), b"\1" + ed25519.public_key(seed))
        self.assertEqual("\n".join(note for _, note in stored), self.heads.read_text())
        self.assertEqual(data, self.raw.read_bytes())

    def test_forged_heads_are_refused(self):
        chance = random.Random(5)
        good = self.heads.read_bytes()
        for _ in range(40):
            bad = bytearray(good)
            bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(7)
            self.heads.write_bytes(bad)
            self.fails("--heads", self.heads, "--raw", self.raw)
            result = self.verify("--heads", self.heads)
            self.assertNotEqual(result.returncode, 0, str(result))

    def test_a_head_shows_that_a_log_was_cut_back_or_replaced(self):
        fresh = self.folder / "fresh.img"
        self.run_ok(rvm_test.EXAMPLES / "traffic", "--cpus", "2", "--disk", fresh)
        result = self.verify("--heads", self.heads, disk=fresh)
        self.assertEqual(result.returncode, 1, str(result))
        self.assertIn("its origin is", result.stderr)
        raw = self.raw.read_bytes()
        boundary = next(i for i in range(len(raw) - 128, 0, -64) if raw[i + 16] == 0xB3 and raw[i + 18] & 1)
        cut = self.folder / "cut.raw"
        cut.write_bytes(raw[:boundary + 64])
        self.assertEqual(self.rvm("witness", "verify", "--raw", cut).returncode, 0, "an earlier orderly end")
        result = self.rvm("witness", "verify", "--raw", cut, "--heads", self.heads)
        self.assertEqual(result.returncode, 1, str(result))
        self.assertIn("the log was cut back or replaced", result.stderr)

    def test_proofs(self):
        records = len(self.raw.read_bytes()) // 64
        path = self.folder / "proof.json"
        for sequence, start in ((0, 1), (17, 100), (records - 1, records), (records // 2, records - 1)):
            result = self.rvm("witness", "prove", self.disk, "--seq", sequence, "--from", start, "--json")
            self.assertEqual(result.returncode, 0, str(result))
            proof = result.json()
            self.assertEqual(bytes.fromhex(proof["record"]), self.raw.read_bytes()[sequence * 64:sequence * 64 + 64])
            self.assertLessEqual(proof["inclusion_bytes"], 640)
            path.write_text(json.dumps(proof))
            self.holds("--proof", path)
            nodes = proof["inclusion"]
            forged = bytearray(base64.b64decode(nodes[0]))
            forged[3] ^= 1
            path.write_text(json.dumps({**proof, "inclusion": [base64.b64encode(forged).decode(), *nodes[1:]]}))
            self.fails("--proof", path)
            root = base64.b64encode(bytes(32)).decode()
            path.write_text(json.dumps({**proof, "consistency": {**proof["consistency"], "root": root}}))
            self.fails("--proof", path)
        for wrong in (("--seq", records), ("--seq", 0, "--from", records + 1), ("--seq", 0, "--from", 0)):
            self.assertEqual(self.rvm("witness", "prove", self.disk, *wrong).returncode, 2)

    def test_cosigning(self):
        key, public = self.folder / "cosigner.key", self.folder / "cosigner.pub"
        key.write_bytes(bytes(range(32)))
        key.chmod(0o600)
        before = self.heads.read_text()
        result = self.rvm("witness", "cosign", self.heads, "--key", key, "--name", "witness.example", "--log-key",
                          self.pubkey, "--pubkey", public)
        self.assertEqual(result.returncode, 0, str(result))
        encoded = public.read_text().strip().split("+", 2)[2]
        self.assertEqual(base64.b64decode(encoded), b"\4" + ed25519.public_key(bytes(range(32))))
        self.holds("--heads", self.heads, "--raw", self.raw, "--cosigner", public)
        self.assertEqual(self.verify("--heads", self.heads, "--cosigner", public).returncode, 0)
        # Without the cosignature, or with that of another head, it does not count.
        cosigned = self.heads.read_text()
        self.heads.write_text(before)
        self.fails("--heads", self.heads, "--cosigner", public)
        result = self.verify("--heads", self.heads, "--cosigner", public)
        self.assertEqual(result.returncode, 1, str(result))
        self.assertIn("no signature by the key of witness.example", result.stderr)
        lines = [line for line in cosigned.splitlines(True) if line.startswith("\u2014 witness.example")]
        self.heads.write_text(cosigned.replace(lines[0], "*").replace(lines[1], lines[0]).replace("*", lines[1]))
        self.fails("--heads", self.heads, "--cosigner", public)
        result = self.verify("--heads", self.heads, "--cosigner", public)
        self.assertEqual(result.returncode, 1, str(result))
        self.assertIn("the signature of witness.example does not verify", result.stderr)
        # A cosigner does not put its name under what the log did not sign.
        self.heads.write_text(before.replace("timestamp 1", "timestamp 2", 1))
        result = self.rvm("witness", "cosign", self.heads, "--key", key, "--log-key", self.pubkey)
        self.assertEqual(result.returncode, 1, str(result))


if __name__ == "__main__":
    rvm_test.main()
