#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Power is cut at random instructions of a board's run, over and over on the same flash: each time the log verifies, has every record
that was there before or was reported durable, unchanged, and the next boot finds exactly what the verifier found. Then the same at
random steps of the flash part alone, so that words, erasures and headers are interrupted too.

Environment: CUTS, how many at instructions (default 200), and FLASH_CUTS at steps of the flash (60); SEED of the random numbers.
"""
import os
import random

import seed_test
from seed_test import BOARDS, IMAGES, rvm_test

CUTS = int(os.environ.get("CUTS", "200"))
FLASH_CUTS = int(os.environ.get("FLASH_CUTS", "60"))
# A run from boot to power off takes 95 million instructions; of its calls to the emulator nearly all are for flash.
LONGEST = {"limit": 95_000_000, "calls": 13_000}
RECOVERY_ENTER, LOG_CLASS = 0x70, 4


def is_torn(record):
    """Whether it says that an interrupted write was cut off."""
    return record[16] == RECOVERY_ENTER and int.from_bytes(record[18:20], "little") == LOG_CLASS


class PowerCut(rvm_test.RvmTest):
    def setUp(self):
        super().setUp()
        self.key, self.flash = seed_test.device_key(self), seed_test.erased(self.folder / "flash.img")
        self.plugin = seed_test.plugin(self.folder)
        self.durable = 0  # as reported
        self.seen = {}    # records by their sequence numbers

    def boot(self, *options):
        """Boots; checks what the kernel found, and keeps what it reported."""
        text, _ = seed_test.boot(IMAGES / f"swarm-{BOARDS[0]}.elf", BOARDS[0], self.flash, self.key, *options)
        self.assertNotIn('"t":"refused"', text)
        self.assertNotIn('"t":"panic"', text)
        for boot in seed_test.reports(text, "boot"):
            self.assertEqual(boot["log_records"], len(self.seen))
        self.durable = max([self.durable, *(r["seq"] for r in seed_test.reports(text, "durable"))])
        return text

    def check(self):
        """The log is what it was, and maybe longer."""
        if b"RVMFLSH1" not in self.flash.read_bytes():
            self.assertEqual(self.durable, 0)
            return
        result = self.rvm("witness", "verify", self.flash, "--json")
        self.assertEqual(result.returncode, 0, str(result))
        count = result.json()["records"]
        self.assertGreaterEqual(count, self.durable)
        raw = self.export(self.flash)
        for at in range(0, len(raw), rvm_test.RECORD_BYTES):
            record = raw[at:at + rvm_test.RECORD_BYTES]
            number = int.from_bytes(record[:8], "little")
            self.assertEqual(self.seen.setdefault(number, record), record, f"record {number} was another")
        self.assertEqual(sorted(self.seen), list(range(count)))

    def test_cuts(self):
        numbers = random.Random(int(os.environ.get("SEED", "1")))
        for cut in range(CUTS + FLASH_CUTS):
            what = "limit" if cut < CUTS else "calls"
            # Many cuts soon, while the log is found, repaired and begun anew.
            at = int(LONGEST[what] * numbers.random() ** 2) + 1
            try:
                self.boot("-plugin", f"{self.plugin},{what}={at}")
                self.check()
            except AssertionError as error:
                raise AssertionError(f"cut {cut}, {what}={at}: {error}") from error
        text = self.boot()
        self.assertEqual(len(seed_test.reports(text, "stopped")), 1, text[-2000:])
        self.check()
        torn = sum(map(is_torn, self.seen.values()))
        print(f"{CUTS + FLASH_CUTS} cuts: {len(self.seen)} records, none lost or changed; {torn} interrupted writes cut off", flush=True)
        self.assertGreaterEqual(torn, FLASH_CUTS // 4)
        self.assertGreater(self.durable, 0)


if __name__ == "__main__":
    rvm_test.main()
