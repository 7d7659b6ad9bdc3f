#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A machine that runs is watched and steered through its control partition: rvm ps, inspect, graph, top, suspend, resume and
kill take effect and are in the log under the control partition; who has no key, another key or only what he recorded gets
nothing; garbage on the console harms nobody. The protocol is spoken here by an implementation of its own."""
import hashlib
import hmac
import json
import os
import pty
import select
import signal
import struct
import subprocess
import time
import xml.etree.ElementTree

import rvm_test
from control_test import (AGENT, AUTHENTICATION, CONTROL, HELLO, MALFORMED, READ, REFUSED, RESPONSE, RESUME, SEQUENCE, SUSPEND,
                          TERMINATE, VERSION, Console, ControlTest, stuff)

MANIFEST = """
development = true
[control]
enabled = true
[[partition]]
name = "left"
[[partition]]
name = "right"
[[partition]]
name = "spare"
[[agent]]
name = "ping"
partition = "left"
module = "ping"
args = ["1000000000"]
expect = "any"
[[agent]]
name = "idler"
partition = "left"
module = "pong"
service = true
[[agent]]
name = "tenant"
partition = "spare"
module = "pong"
service = true
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

class Control(ControlTest):
    def machine(self, *options, text=MANIFEST, name="m"):
        return super().machine(*options, text=text, name=name)

    def test_watched_and_steered(self):
        session, disk, folder = self.machine()
        self.assertEqual(folder.stat().st_mode & 0o777, 0o700)
        self.assertEqual((folder / "key").stat().st_mode & 0o777, 0o600)
        before = self.agents()
        self.assertEqual(set(before), {"ping", "pong", "idler", "tenant", "control"})
        self.assertEqual(before["control"]["partition"], CONTROL)
        self.shows(before)

        suspended = self.ok("suspend", "ping", "--json").json()
        self.assertEqual((suspended["status"], suspended["agent"]), ("ok", before["ping"]["id"]))
        held = self.agents()
        self.assertEqual(held["ping"]["state"], "suspended")
        time.sleep(0.2)
        self.assertEqual(self.agents()["ping"]["messages"], held["ping"]["messages"], "it does not run")
        self.assertEqual(self.rvm("suspend", "ping").returncode, 1, "it is suspended already")
        self.ok("resume", "ping")
        time.sleep(0.2)
        self.assertGreater(self.agents()["ping"]["messages"], held["ping"]["messages"], "it goes on")
        self.ok("suspend", "--partition", "right")
        partitions = {p["name"]: p for p in self.ok("ps", "--json").json()["partitions"]}
        self.assertEqual(partitions["right"]["state"], "suspended")
        self.ok("resume", "--partition", "right")
        decisions = self.ok("top", "--json").json()["decisions"]
        self.assertEqual([d["kind"] for d in decisions if d["actor"] == CONTROL],
                         ["TaskSuspend", "TaskResume", "PartitionSuspend", "PartitionResume"])
        itself = self.rvm("kill", "control")
        self.assertEqual(itself.returncode, 1, str(itself))
        self.assertIn("does not act upon itself", itself.stderr)
        self.ok("kill", "idler")
        self.assertNotIn(self.agents().get("idler", {}).get("state", "terminated"), ("running",))
        self.ok("kill", "--partition", "spare")
        self.assertNotIn("spare", {p["name"] for p in self.ok("ps", "--json").json()["partitions"]})
        self.ok("kill", "ping")  # the last that is no service
        result = session.finish(60)
        self.assertEqual(result.returncode, 0, str(result))
        self.assertFalse(folder.exists(), "nothing is left of it")
        self.everything_is_in_the_log(disk, before)

    def shows(self, agents):
        """Each way to look at it works and tells the same."""
        self.assertIn("ping", self.ok("ps").stdout)
        self.assertIn("left", self.ok("ps", "--partitions").stdout)
        self.assertEqual(self.ok("ps", "--machines").stdout.split(), ["m"])
        health = self.ok("ps", "--health", "--json").json()
        self.assertGreater(health["durable"], 0)
        inspected = self.ok("inspect", "ping", "--json").json()
        self.assertEqual(inspected["sends"][0]["to"], "pong")
        self.assertGreater(inspected["sends"][0]["messages"], 0)
        self.assertGreaterEqual(inspected["sends"][0]["bytes"], 64 * inspected["sends"][0]["messages"] - 64)
        self.assertIn("pages", self.ok("inspect").stdout)
        self.assertIn("members", self.ok("inspect", "--partition", "left").stdout)
        text = self.ok("graph").stdout
        self.assertRegex(text, r"ping =+\|=> pong")
        dot = self.ok("graph", "--dot").stdout
        self.assertIn(f'a{agents["ping"]["id"]} -> a{agents["pong"]["id"]}', dot)
        svg = self.folder / "graph.svg"
        self.ok("graph", "--svg", svg)
        drawing = xml.etree.ElementTree.parse(svg).getroot()
        self.assertEqual(len(drawing.findall(".//{http://www.w3.org/2000/svg}circle")), 5)
        once = self.ok("top", "--once").stdout
        self.assertLessEqual(len(once.splitlines()), 24)
        self.assertLessEqual(max(map(len, once.splitlines())), 80)
        self.assertRegex(once, r"(?m)^ping +left ")
        self.assertNotIn("\033", once)
        top = self.ok("top", "--json").json()
        self.assertGreater(top["status"]["messages"], 0)

    def everything_is_in_the_log(self, disk, agents):
        self.ok("witness", "verify", disk)
        for kind, target in (("TaskSuspend", agents["ping"]["id"]), ("TaskResume", agents["ping"]["id"]),
                             ("PartitionSuspend", agents["pong"]["partition"]),
                             ("PartitionResume", agents["pong"]["partition"]),
                             ("PartitionDestroy", agents["tenant"]["partition"])):
            done = [r for r in self.records(disk, kind) if r["flags"] & 0x8000 == 0]
            self.assertTrue(done, kind)
            self.assertEqual({(r["actor_partition_id"], r["target_object_id"]) for r in done}, {(CONTROL, target)}, kind)
        ended = {r["target_object_id"]: r["actor_partition_id"] for r in self.records(disk, "TaskTerminate") if r["flags"] == 2}
        for name in ("idler", "tenant", "ping"):
            self.assertEqual(ended[agents[name]["id"]], CONTROL, name)
        granted = [r for r in self.records(disk, "CapabilityGrant") if r["actor_partition_id"] == CONTROL]
        self.assertGreaterEqual({r["target_object_id"] for r in granted}, {agents["ping"]["id"]})
        self.assertEqual({r["proof_tier"] for r in granted}, {2}, "each was obtained by a proof")

    def test_who_has_no_right_to_it_gets_nothing(self):
        session, disk, folder = self.machine()
        agents = self.agents()
        ping = agents["ping"]["id"]
        with Console(folder, key=bytes(32)) as wrong:
            self.assertFalse(wrong.open(), "the machine's answer is under another key")
            self.assertEqual(wrong.ask(wrong.request_frame(TERMINATE, AGENT, ping)), (REFUSED, AUTHENTICATION))
        with Console(folder) as console:
            self.assertEqual(console.ask(console.request_frame(READ, 1)), (REFUSED, AUTHENTICATION), "no session")
            self.assertTrue(console.open())
            suspend = console.request_frame(SUSPEND, AGENT, ping)
            resume = console.request_frame(RESUME, AGENT, ping)
            self.assertEqual(console.ask(resume), (REFUSED, SEQUENCE), "out of order")
            self.assertEqual(console.ask(suspend), (RESPONSE, 0))
            self.assertEqual(console.ask(suspend), (REFUSED, SEQUENCE), "repeated")
            self.assertEqual(console.ask(resume), (RESPONSE, 0))
            changed = bytearray(console.request_frame(SUSPEND, AGENT, ping))
            changed[20] ^= 1
            self.assertEqual(console.ask(bytes(changed)), (REFUSED, AUTHENTICATION))
            self.assertTrue(console.open())
            self.assertEqual(console.ask(suspend), (REFUSED, AUTHENTICATION), "of an earlier session")
            self.assertEqual(console.ask(struct.pack("<BBHIQ", 2, HELLO, 0, 0, 0)), (REFUSED, VERSION))
            self.assertEqual(console.ask(b"not a frame"), (REFUSED, MALFORMED))
            self.assertEqual(console.ask(b"\1"), (REFUSED, MALFORMED))
        wrong_key = folder / "key"
        key = wrong_key.read_bytes()
        wrong_key.write_bytes(bytes(32))
        result = self.rvm("ps")
        self.assertEqual(result.returncode, 1, str(result))
        self.assertIn("does not have the key", result.stderr)
        wrong_key.write_bytes(key)
        self.assertEqual(self.agents()["ping"]["state"], "running")
        self.end(session, disk)
        self.assertEqual([r["actor_partition_id"] for r in self.records(disk, "TaskSuspend")], [CONTROL])

    def test_garbage_harms_nobody(self):
        session, disk, folder = self.machine()
        messages = self.agents()["ping"]["messages"]
        with Console(folder) as console:
            for size in (1, 100, 5000, 100_000):
                console.socket.sendall(os.urandom(size))
                console.socket.sendall(bytes(size))
                console.socket.sendall(b"\xff" * size)
            # What it answered is read, or it has nowhere to write.
            while select.select([console.socket], [], [], 0.3)[0]:
                if not console.socket.recv(65536):
                    break
        with Console(folder) as console:
            frame = stuff(struct.pack("<BBHIQ", 1, HELLO, 16, 0, 0) + os.urandom(16))
            console.socket.sendall(frame[:20])  # and goes away in the middle of it
        self.assertGreater(self.agents()["ping"]["messages"], messages, "everybody goes on")
        self.end(session, disk)

    def test_top_gives_the_terminal_back(self):
        session, disk, _ = self.machine()
        master, slave = pty.openpty()
        top = subprocess.Popen([rvm_test.PROGRAM, "top", "--interval", "100ms"], env={**self.env, "TERM": "xterm"},
                               stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        self.addCleanup(top.wait)
        self.addCleanup(top.kill)
        os.close(slave)
        seen = b""
        deadline = time.monotonic() + 30
        while seen.count(b"PARTITION") < 3 and time.monotonic() < deadline:
            if select.select([master], [], [], 1)[0]:
                seen += os.read(master, 65536)
        self.assertIn(b"\033[?1049h", seen)
        self.assertGreaterEqual(seen.count(b"PARTITION"), 3, "it is drawn anew")
        self.agents()  # others get their turn meanwhile
        top.send_signal(signal.SIGINT)
        while True:
            try:
                got = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not got:
                break
            seen += got
        self.assertEqual(top.wait(20), 0)
        self.assertTrue(seen.rstrip().endswith(b"\033[?25h\033[?1049l"), seen[-100:])
        os.close(master)
        self.end(session, disk)

    def test_no_machine_and_several(self):
        none = self.rvm("ps")
        self.assertEqual(none.returncode, 3, str(none))
        self.assertIn("--control", none.stderr)
        first, first_disk, _ = self.machine(name="first")
        second, second_disk, _ = self.machine(name="second")
        several = self.rvm("ps")
        self.assertEqual(several.returncode, 2, str(several))
        self.assertIn("first, second", several.stderr)
        self.assertIn("did you mean 'first'", self.rvm("ps", "--machine", "frist").stderr)
        self.assertEqual(self.ok("ps", "--machine", "second", "--json").json()["machine"], "second")
        taken = self.rvm("run", self.manifest(MANIFEST), "--name", "first")
        self.assertEqual(taken.returncode, 2, str(taken))
        self.end(first, first_disk)
        self.assertEqual(self.ok("ps", "--json").json()["machine"], "second")
        self.end(second, second_disk)

    def test_an_idle_control_agent_costs_nothing(self):
        """Two seconds of a machine in which nobody asks: the control agent runs for its start and no longer."""
        text = MANIFEST.replace("[control]\nenabled = true\n", "")
        costs = {}
        for options in ([], ["--control"]):
            result = self.ok("run", self.manifest(text), "--for", "2s", "--icount", "--cpus", "1", "--verbose", "--json", *options)
            outcome = result.json()
            costs[bool(options)] = {a["name"]: a for a in outcome["agents_detail"]}
        control = costs[True]["control"]
        self.assertLess(control["cpu_ns"], 200_000, "of 2 s")
        self.assertEqual((control["refused"], control["faults"]), (0, 0))
        self.assertGreater(costs[True]["ping"]["messages"], 0.995 * costs[False]["ping"]["messages"])


if __name__ == "__main__":
    rvm_test.main()
