#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The power fails at fifty random moments of a busy swarm. Every next boot continues from a verified prefix, and nothing
that was reported durable is missing.

Usage: powercut.py [CUTS [SEED]]
"""
import json
import os
import random
import signal
import sys
import time

import rvm_test

MANIFEST = rvm_test.EXAMPLES / "traffic" / "swarm.toml"
CUTS = 50
SEED = 5
SPAN = 4.0  # seconds from the start of the program within which the power fails: reset, boot, and the swarm at work


def machine_lines(result):
    for line in (result.stdout + "\n" + result.stderr).splitlines():
        _, marker, text = line.partition("rvm# ")
        if marker:
            try:
                yield json.loads(text)
            except json.JSONDecodeError:
                pass  # the line that the power cut tore


class PowerCut(rvm_test.RvmTest):
    def setUp(self):
        super().setUp()
        self.disk = self.folder / "log.img"
        self.random = random.Random(SEED)

    def cut_once(self, span):
        """One boot that ends by SIGKILL within `span` seconds; returns the records it reported durable, and how many it
        started with."""
        session = self.start("run", MANIFEST, "--disk", self.disk, "--cpus", "2", "--verbose")
        machine = None
        while machine is None and session.process.poll() is None:
            machine = session.machine()
            time.sleep(0.002)
        time.sleep(self.random.uniform(0, span))
        try:
            os.kill(machine, signal.SIGKILL)
        except (TypeError, ProcessLookupError):
            pass  # the run was over first
        result = session.finish(30)
        continued = durable = 0
        for line in machine_lines(result):
            if line["t"] == "boot":
                continued = line["log_records"]
            elif line["t"] == "durable":
                self.assertGreaterEqual(line["seq"], durable, "durable only grows")
                durable = line["seq"]
        return result, continued, durable

    def test_nothing_durable_is_lost(self):
        self.run_ok(MANIFEST, "--disk", self.disk, "--cpus", "2", "--for", "300ms")
        records = self.export(self.disk)
        cut_with_durable = 0
        for cut in range(CUTS):
            with self.subTest(cut=cut):
                result, continued, durable = self.cut_once(SPAN)
                if continued:
                    self.assertGreaterEqual(continued * rvm_test.RECORD_BYTES, len(records), "continues what was there")
                cut_with_durable += durable > continued
                verify = self.rvm("witness", "verify", self.disk)
                self.assertEqual(verify.returncode, 0, f"{verify}\nafter\n{result}")
                now = self.export(self.disk)
                self.assertGreaterEqual(len(now) // rvm_test.RECORD_BYTES, durable, f"lost durable records\n{result}")
                self.assertTrue(now.startswith(records), "the earlier records changed")
                records = now
        self.assertGreater(cut_with_durable, CUTS // 4, "the cuts hit a busy log")
        outcome = self.run_ok(MANIFEST, "--disk", self.disk, "--cpus", "2", "--for", "300ms")
        last = self.export(self.disk)
        self.assertTrue(last.startswith(records))
        self.assertEqual(outcome["witness"]["tree_size"] * rvm_test.RECORD_BYTES, len(last))


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        CUTS = int(sys.argv.pop(1))
        if len(sys.argv) > 1 and sys.argv[1].isdigit():
            SEED = int(sys.argv.pop(1))
    rvm_test.main()
