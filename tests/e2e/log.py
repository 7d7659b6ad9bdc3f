#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A log as its reader uses it: searched through the index, followed while it grows, counted, exported, replayed."""
import csv
import json
import time

import rvm_test

ATTACKS = rvm_test.EXAMPLES / "attacks" / "swarm.toml"
SWARM = rvm_test.EXAMPLES / "traffic" / "swarm.toml"
REGION_KINDS = range(0x20, 0x29)


class Log(rvm_test.RvmTest):
    def lines(self, *arguments):
        result = self.rvm("witness", *arguments, "--json")
        self.assertEqual(result.returncode, 0, str(result))
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_search_count_export(self):
        disk = self.folder / "log.img"
        self.run_ok(ATTACKS, "--disk", disk)
        records = self.lines("query", disk)
        self.assertEqual([r["sequence"] for r in records], list(range(len(records))))
        middle = records[len(records) // 2]["timestamp_ns"]
        region = next(r["target_object_id"] for r in records if r["kind"] == "RegionCreate")
        held = next(r["capability_hash"] for r in records if r["kind"] == "RegionMap")
        for conditions, matches in (
                (("--kind", "CapabilityGrant"), lambda r: r["kind"] == "CapabilityGrant"),
                (("--partition", 3), lambda r: r["actor_partition_id"] == 3),
                (("--object", 2), lambda r: r["target_object_id"] == 2),
                (("--region", region), lambda r: r["target_object_id"] == region and r["action_kind"] in REGION_KINDS),
                (("--capability", held), lambda r: r["capability_hash"] == held),
                (("--to", f"{middle}ns"), lambda r: r["timestamp_ns"] <= middle),
                (("--from-ns", middle, "--kind", "ProofRejected"),
                 lambda r: r["timestamp_ns"] >= middle and r["kind"] == "ProofRejected"),
                (("--from-seq", 100, "--to-seq", 140), lambda r: 100 <= r["sequence"] <= 140)):
            with self.subTest(conditions=conditions):
                expected = [r for r in records if matches(r)]
                self.assertTrue(expected)
                self.assertEqual(self.lines("query", disk, *conditions), expected)
        statistics = self.lines("stats", disk)[0]
        self.assertEqual(statistics["records"], len(records))
        self.assertEqual(sum(statistics["kinds"].values()), len(records))
        self.assertEqual(sum(statistics["partitions"].values()), len(records))
        self.assertLess(statistics["bytes_per_record"], 32, "packed to less than half")
        for form in ("jsonl", "csv", "trace"):
            out = self.folder / form
            result = self.rvm("witness", "export", disk, f"--{form}", out)
            self.assertEqual(result.returncode, 0, str(result))
        self.assertEqual([json.loads(line) for line in (self.folder / "jsonl").read_text().splitlines()], records)
        with (self.folder / "csv").open(newline="") as file:
            self.assertEqual([(r["sequence"], r["kind"], r["aux"]) for r in csv.DictReader(file)],
                             [(str(r["sequence"]), r["kind"], str(r["aux"])) for r in records])
        events = json.loads((self.folder / "trace").read_text())["traceEvents"]
        self.assertEqual(sum(e["ph"] == "i" for e in events), len(records))
        self.assertEqual(sum(e["ph"] == "B" for e in events), sum(e["ph"] == "E" for e in events))

    def test_search_of_a_changed_log_fails(self):
        disk = self.folder / "log.img"
        self.run_ok(SWARM, "--disk", disk, "--for", "200ms")
        image = bytearray(disk.read_bytes())
        image[8192 + 100] ^= 1  # an index
        disk.write_bytes(image)
        result = self.rvm("witness", "query", disk, "--kind", "TaskSpawn")
        self.assertEqual(result.returncode, 1, str(result))
        self.assertIn("record 0: segment digest does not match", result.stderr)

    def test_follow(self):
        disk = self.folder / "log.img"
        session = self.start("run", SWARM, "--disk", disk, "--for", "2s", "--verbose")
        self.assertIsNotNone(session.wait_for(lambda line: '"t":"durable"' in line, 60))
        follower = self.start("witness", "follow", disk, "--json")
        time.sleep(0.5)
        self.assertTrue(follower.lines["stdout"], "shows what is there while the machine runs")
        self.assertEqual(session.finish(60).returncode, 0)
        followed = follower.finish(30)
        self.assertEqual(followed.returncode, 0, str(followed))
        self.assertEqual([json.loads(line) for line in followed.stdout.splitlines()], self.lines("query", disk))

    def test_replay_names_what_differs(self):
        disk, dump = self.folder / "log.img", self.folder / "state.json"
        result = self.rvm("run", SWARM, "--disk", disk, "--for", "200ms", "--dump", dump, "--quiet")
        self.assertEqual(result.returncode, 0, str(result))
        objects = [json.loads(line) for line in dump.read_text().splitlines()]
        place = next(i for i, o in enumerate(objects) if o["of"] == "capability" and o["rights"] != 1)
        objects[place]["rights"] ^= 1
        dump.write_text("".join(json.dumps(o, separators=(",", ":")) + "\n" for o in objects))
        replay = self.rvm("witness", "replay", disk, "--compare", dump)
        self.assertEqual(replay.returncode, 1, str(replay))
        self.assertIn(f"capability {objects[place]['holder']}:{objects[place]['slot']}; rights is", replay.stdout)
        self.assertIn("1 of", replay.stderr)


if __name__ == "__main__":
    rvm_test.main()
