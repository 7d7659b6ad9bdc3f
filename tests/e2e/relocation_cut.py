#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""The power fails at random moments while a partition is split and merged and an agent migrates, over and over. What the log
says of the layout is one from before or after a move, never one from between.

Usage: relocation_cut.py [CUTS]
"""
import collections
import json
import os
import random
import signal
import sys
import time

import rvm_test
from relocation import CITIZENS, town

CUTS = 10
EARLIEST, LATEST = 0.5, 2.0  # seconds from the first move; until then the log of the start is on its way to the disk


class RelocationCut(rvm_test.RvmTest):
    def cut_once(self, manifest, disk, after):
        session = self.start("run", manifest, "--disk", disk, "--verbose")
        self.assertIsNotNone(session.wait_for(lambda line: '"t":"moved"' in line, 60), "nothing moved")
        time.sleep(after)
        machine = session.machine()
        if machine is not None:
            os.kill(machine, signal.SIGKILL)
        return session.finish(30)

    def has_moves(self, disk):
        found = self.rvm("witness", "query", disk, "--kind", "PartitionSplit", "--json")
        return any(line.startswith("{") for line in found.stdout.splitlines())

    def layout(self, disk, result):
        """How many citizens each partition has, from the records alone."""
        verify = self.rvm("witness", "verify", disk)
        self.assertEqual(verify.returncode, 0, f"{verify}\nafter\n{result}")
        replay = self.rvm("witness", "replay", disk, "--json")
        self.assertEqual(replay.returncode, 0, f"{replay}\nafter\n{result}")
        objects = [json.loads(line) for line in replay.stdout.splitlines() if '"of"' in line]
        partitions = {o["id"] for o in objects if o["of"] == "partition"}
        agents = [o for o in objects if o["of"] == "agent"]
        images = collections.Counter(o["image"] for o in agents)
        citizens = [o for o in agents if images[o["image"]] > 1]
        self.assertEqual(len({o["id"] for o in citizens}), CITIZENS, "nobody is lost, nobody is there twice")
        self.assertLessEqual({o["partition"] for o in citizens}, partitions, "everybody lives somewhere")
        self.assertLessEqual(len(partitions), 5, f"control, three of the manifest, and one that was split off: {partitions}")
        where = collections.Counter(o["partition"] for o in citizens)
        return where, sum(o["record_quota"] for o in objects if o["of"] == "partition")

    def test_before_or_after(self):
        manifest = self.manifest(town(1_000_000, pause=1000))
        chance = random.Random(11)
        layouts = collections.Counter()
        quotas = set()
        for cut in range(CUTS):
            with self.subTest(cut=cut):
                disk = self.folder / "log.img"
                disk.unlink(missing_ok=True)
                result = self.cut_once(manifest, disk, chance.uniform(EARLIEST, LATEST))
                if not self.has_moves(disk):
                    layouts["before the first move"] += 1
                    continue
                where, quota = self.layout(disk, result)
                layouts[len(where)] += 1
                quotas.add(quota)
        self.assertEqual(len(quotas), 1, f"what they may record together is always the same: {quotas}")
        self.assertGreater(layouts[2] + layouts[3], 0, f"some cuts fell between a split and its merge: {layouts}")
        print(f"{CUTS} cuts; partitions that the citizens were in: {dict(layouts)}")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1].isdigit():
        CUTS = int(sys.argv.pop(1))
    rvm_test.main()
