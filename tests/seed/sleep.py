#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A machine whose agents wait sleeps deeply, with everything they did on flash: a sleep from which it does not wake loses nothing, and
one from which it does goes on with the same log.

The emulator waits in WFI, but it has no deep sleep that differs from sleep; that it is asked for shows in what is written to SCR.
"""
import re

import seed_test
from seed_test import BOARDS, IMAGES, rvm_test

ROUNDS, PERIOD = 40, 100_000_000  # of the agent, in nanoseconds
FIRST, STEP = 3, 4  # sleeps in which the power is cut; in the first two the agent has done nothing yet


class Sleep(rvm_test.RvmTest):
    def setUp(self):
        super().setUp()
        self.key, self.flash = seed_test.device_key(self), seed_test.erased(self.folder / "flash.img")
        self.plugin = seed_test.plugin(self.folder)

    def boot(self, *options):
        return seed_test.boot(IMAGES / f"sleep-{BOARDS[0]}.elf", BOARDS[0], self.flash, self.key, *options)

    def verify(self):
        result = self.rvm("witness", "verify", self.flash, "--json")
        self.assertEqual(result.returncode, 0, str(result))
        return result.json()["records"]

    def refusals(self):
        return len(self.rvm("witness", "query", self.flash, "--kind", "ProofRejected", "--json").stdout.splitlines())

    def said(self, text):
        """How many refusals the agent has caused."""
        return max((int(n) for n in re.findall(r"^sleeper\| refused: (\d+)$", text, re.M)), default=0)

    def test_it_sleeps_deeply(self):
        trace = self.folder / "trace"
        text, errors = self.boot("-plugin", self.plugin, "-trace", "nvic_sysreg_write", "-D", trace)
        self.assertEqual(self.said(text), ROUNDS, text + errors)
        self.assertLess(int(re.search(r"^sleeper\| slept late by: (\d+)$", text, re.M)[1]), PERIOD // 10, text)
        instructions, sleeps = (int(re.search(rf"^{what}: (\d+)$", errors, re.M)[1]) for what in ("instructions", "sleeps"))
        # An instruction takes a nanosecond (-icount shift=0); the rest of the time it slept.
        self.assertLess(instructions, ROUNDS * PERIOD // 50, errors)
        self.assertGreaterEqual(sleeps, ROUNDS)
        deep = re.findall(r"sysreg write addr 0xd10 data 0x4 ", trace.read_text())
        self.assertEqual(len(deep), sleeps, "each sleep is a deep one")
        print(f"{instructions / 1e6:.1f} million instructions in {ROUNDS * PERIOD / 1e9:.1f} s, {sleeps} sleeps", flush=True)

    def test_nothing_is_lost_in_a_sleep(self):
        records = refused = 0
        for sleep in range(FIRST, ROUNDS, STEP):
            text, errors = self.boot("-plugin", f"{self.plugin},sleeps={sleep}")
            self.assertEqual([b["log_records"] for b in seed_test.reports(text, "boot")], [records], text + errors)
            self.assertGreater(self.said(text), 0, text)
            refused += self.said(text)
            records = self.verify()
            self.assertEqual(self.refusals(), refused, f"in sleep {sleep}")


if __name__ == "__main__":
    rvm_test.main()
