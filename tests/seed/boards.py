#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The example on every board: thirty attacks, each stopped, witnessed and followed by a restart, while the other agent misses no
deadline; the log on flash verifies like any other, survives a second boot, and shows every touch."""
import pathlib
import re
import subprocess
import sys

import seed_test
from seed_test import BOARDS, EXAMPLE, rvm_test

ATTACKS = len(re.findall(r"^    \{\"", (EXAMPLE.parent / "rogue.cpp").read_text(), re.M))
JOBS = 2000
CHECKER = pathlib.Path(__file__).resolve().parents[1] / "independent" / "check_heads.py"


class Boards(rvm_test.RvmTest):
    def run_board(self, board, flash):
        result = self.rvm("run", EXAMPLE, "--board", board, "--disk", flash, "--json", "--verbose", timeout=600)
        self.assertEqual(result.returncode, 0, str(result))
        outcome = result.json()
        self.assertTrue(outcome["ok"] and outcome["log"]["verified"] and outcome["log"]["closed"], str(result))
        return outcome, result

    def records(self, flash, kind):
        result = self.rvm("witness", "query", flash, "--kind", kind, "--json")
        self.assertEqual(result.returncode, 0, str(result))
        return len(result.stdout.splitlines())

    def test_attacks_on_every_board(self):
        self.assertGreaterEqual(ATTACKS, 15)
        for board in BOARDS:
            with self.subTest(board=board):
                flash = self.folder / f"{board}.img"
                outcome, result = self.run_board(board, flash)
                agents = {a["name"]: a for a in outcome["agents"]}
                self.assertEqual(agents["rogue"]["faults"], ATTACKS, str(result))
                self.assertNotIn("GOT THROUGH", result.stderr)
                self.assertIn("refusals as they must be", result.stderr)
                self.assertIn("secret kept", result.stderr)
                # The job after the last has no deadline of its own.
                self.assertGreaterEqual(agents["pulse"]["met"], JOBS - 1)
                self.assertEqual(agents["pulse"]["missed"], 0)
                self.assertGreaterEqual(self.records(flash, "RecoveryEnter"), ATTACKS)
                self.assertGreaterEqual(self.records(flash, "RecoveryExit"), ATTACKS)
                self.assertGreaterEqual(self.records(flash, "ProofRejected"), 9)
                self.assertEqual(self.records(flash, "BootAttestation"), 7)
                self.assertGreater(outcome["log"]["signed_heads"], 0)

    def test_log_goes_on_and_heads_verify_independently(self):
        flash = self.folder / "flash.img"
        first, _ = self.run_board(BOARDS[0], flash)
        second, _ = self.run_board(BOARDS[0], flash)
        self.assertGreater(second["log"]["records"], first["log"]["records"])
        self.assertEqual(self.rvm("witness", "verify", flash).returncode, 0)
        heads, public, raw = (self.folder / name for name in ("heads", "pub", "raw"))
        exported = self.rvm("witness", "export", flash, "--raw", raw, "--heads", heads, "--pubkey", public)
        self.assertEqual(exported.returncode, 0, str(exported))
        arguments = [sys.executable, CHECKER, "--pubkey", public, "--heads", heads]
        checked = subprocess.run([*map(str, arguments)], capture_output=True, text=True, check=False)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_every_touch_is_found(self):
        flash = self.folder / "flash.img"
        self.run_board(BOARDS[0], flash)
        good = flash.read_bytes()
        used = len(good.rstrip(b"\xff"))
        # Of the last entry, a signed head, a power cut may have left a part.
        for at in [*range(4096, used - 192, 997), used - 193]:
            if good[at] == 0xff and good[at - 1] == 0xff and good[at + 1] == 0xff:
                continue  # between a header and its entries
            changed = bytearray(good)
            changed[at] ^= 4
            flash.write_bytes(changed)
            self.assertEqual(self.rvm("witness", "verify", flash).returncode, 1, f"byte {at}")
        flash.write_bytes(good)
        self.assertEqual(self.rvm("witness", "verify", flash).returncode, 0)


if __name__ == "__main__":
    rvm_test.main()
