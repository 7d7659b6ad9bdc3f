#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Power is cut at random instructions of a board's run, over and over on the same flash: each time the log is a verified prefix with
every record that was reported durable, and the next boot goes on from there.

Environment: CUTS, how many (default 200); SEED of the random numbers.
"""
import os
import random
import re
import subprocess

import seed_test
from seed_test import BOARDS, IMAGES, ROOT, rvm_test

CUTS = int(os.environ.get("CUTS", "200"))
LONGEST = 60_000_000  # instructions: boot, all attacks, several segments and signatures


class PowerCut(rvm_test.RvmTest):
    def verified_records(self, flash):
        result = self.rvm("witness", "verify", flash, "--json")
        self.assertEqual(result.returncode, 0, str(result))
        return result.json()["records"]

    def test_cuts(self):
        plugin = self.folder / "cut.so"
        subprocess.run(["clang-19", "-shared", "-fPIC", "-O2", "-o", plugin, ROOT / "tests/seed/cut/cut.c"], check=True)
        flash, key = seed_test.erased(self.folder / "flash.img"), self.folder / "key"
        self.assertEqual(self.rvm("key", "show").returncode, 0)  # makes one
        key.write_bytes(bytes.fromhex(re.search(r"[0-9a-f]{64}", self.key_file().read_text())[0]))
        image = IMAGES / f"swarm-{BOARDS[0]}.elf"
        numbers = random.Random(int(os.environ.get("SEED", "1")))
        durable, torn = 0, 0
        for cut in range(CUTS):
            # Many cuts soon, while the log is found, repaired and begun anew.
            limit = int(LONGEST * numbers.random() ** 2) + 1
            text, _ = seed_test.boot(image, BOARDS[0], flash, key, "-plugin", f"file={plugin},limit={limit}")
            for boot in seed_test.reports(text, "boot"):
                self.assertGreaterEqual(boot["log_records"], durable, f"cut {cut} at {limit}")
            durable = max([durable, *(r["seq"] for r in seed_test.reports(text, "durable"))])
            self.assertNotIn('"t":"refused"', text)
            self.assertNotIn('"t":"panic"', text)
            if flash.read_bytes().count(0xff) == seed_test.FLASH_BYTES:
                continue  # cut before anything was written
            self.assertGreaterEqual(self.verified_records(flash), durable, f"cut {cut} at {limit}")
        text, _ = seed_test.boot(image, BOARDS[0], flash, key)
        self.assertEqual(len(seed_test.reports(text, "stopped")), 1, text[-2000:])
        self.assertGreater(self.verified_records(flash), durable)
        self.assertGreater(durable, 0)


if __name__ == "__main__":
    rvm_test.main()
