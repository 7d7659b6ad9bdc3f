#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Published vectors (NIST SHA-256; Wycheproof HMAC, HKDF, Ed25519) on the smallest board, and what the log's steps cost there."""
import pathlib
import re
import sys

import seed_test
from seed_test import BOARDS, IMAGES, ROOT, rvm_test

sys.path.insert(0, str(ROOT / "src" / "crypto" / "vectors"))
import run as packer  # noqa: E402

VECTORS = pathlib.Path(sys.argv.pop()) if len(sys.argv) > 1 else ROOT.parent / "shared" / "vectors"
# Instructions: what was measured, and 5 %. A record costs its agent the first; the worker seals it afterwards.
CEILING = {"witness_emit": 115, "witness_seal": 34_600, "ed25519_sign": 3_260_000, "ed25519_verify": 1_750_000}


class Vectors(rvm_test.RvmTest):
    def test_vectors(self):
        if not packer.NIST.exists() or not (VECTORS / "wycheproof").exists():
            self.skipTest(f"{packer.NIST} or {VECTORS}/wycheproof is missing")
        packed, counts = packer.table(VECTORS)
        table, key = self.folder / "table", self.folder / "key"
        key.write_bytes(bytes(32))
        image = IMAGES / f"vectors-{BOARDS[0]}.elf"
        table.write_bytes(packed)
        text, errors = seed_test.boot(image, BOARDS[0], table, key, timeout=3000)
        summary = " ".join(f"{kind} {count}" for kind, count in counts.items())
        self.assertIn(f"vectors: portable: {summary} failed 0 first 0\n", text + errors)
        for name, most in CEILING.items():
            self.assertLessEqual(int(re.search(rf"^cost: {name} (\d+)$", text, re.M)[1]), most, text)
        # The check must be able to fail: one bit of the first vector is changed.
        table.write_bytes(packed[:40] + bytes([packed[40] ^ 1]) + packed[41:2000])
        text, _ = seed_test.boot(image, BOARDS[0], table, key, timeout=300)
        self.assertRegex(text, r"failed [1-9]\d* first 0")


if __name__ == "__main__":
    rvm_test.main()
