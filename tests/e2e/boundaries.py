#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Boundaries by hand, on a machine that runs: rvm split, merge and migrate change who is where, messages keep flowing, the log
says who asked for it and verifies, and what may not move is refused with its reason. Under a coherence engine its rules hold."""
import hashlib
import struct
import time
import xml.etree.ElementTree

import rvm_test
from control_test import CONTROL, MIGRATE, RESPONSE, SPLIT, Console, ControlTest

TRAFFIC = """
[[agent]]
name = "ping-1"
partition = "{first}"
module = "ping"
args = ["1000000000"]
expect = "any"
[[agent]]
name = "pong-1"
partition = "{second}"
module = "pong"
service = true
[[agent]]
name = "ping-2"
partition = "{third}"
module = "ping"
args = ["1000000000"]
expect = "any"
[[agent]]
name = "pong-2"
partition = "{fourth}"
module = "pong"
service = true
[[edge]]
from = "ping-*"
to = "pong-*"
name = "pong"
peer_name = "ping"
"""

HEAD = """
development = true
[control]
enabled = true
"""


def partitions(*names):
    return "".join(f'[[partition]]\nname = "{name}"\n' for name in names)


def idlers(*homes):
    return "".join(f'''[[agent]]
name = "idler-{home}"
partition = "{home}"
module = "pong"
service = true
''' for home in homes)


# Two pairs in one partition, which do not talk to each other; and a guest elsewhere.
TEAM = (HEAD + partitions("team", "annex") + TRAFFIC.format(first="team", second="team", third="team", fourth="team") +
        idlers("annex"))

# Every kind of partition or agent that stays where it is.
STUBBORN = TEAM + '''
[[device]]
name = "clock"
kind = "clock"
evidence_sha256 = "''' + hashlib.sha256(b"time is what a clock says").hexdigest() + '''"
[[partition]]
name = "frozen"
coherence = "static"
[[partition]]
name = "hard"
mode = "reflex"
[[partition]]
name = "drivers"
type = "infrastructure"
[[partition]]
name = "timekeepers"
[[partition]]
name = "governed"
[[agent]]
name = "lessee"
partition = "timekeepers"
module = "test_lessee"
args = ["time is what a clock says"]
service = true
[[grant]]
agent = "lessee"
type = "device"
object = "clock"
rights = ["read", "write", "prove"]
name = "clock"
[[grant]]
agent = "ping-1"
type = "partition"
object = "governed"
rights = ["read", "execute"]
name = "governed"
''' + idlers("frozen", "hard", "drivers", "timekeepers", "governed")


class Boundaries(ControlTest):
    def layout(self):
        """Agents by name -> name and id of their partition, but for the control agent."""
        seen = self.ok("ps", "--json").json()
        names = {p["id"]: p["name"] for p in seen["partitions"]}
        return {a["name"]: (names[a["partition"]], a["partition"]) for a in seen["agents"] if a["name"] != "control"}

    def messages(self):
        return {name: a["messages"] for name, a in self.agents().items() if name.startswith("ping")}

    def flows(self):
        """Each ping is answered."""
        before = self.messages()
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            now = self.messages()
            if all(now[name] > before[name] + 10 for name in before):
                return
            time.sleep(0.05)
        self.fail(f"messages do not flow: {before}, {now}")

    def ok(self, *arguments, **kwargs):
        """Where processors are scarce, an agent may not get to its core's exit in time: then nothing has changed, and one asks again."""
        for _ in range(20):
            result = self.rvm(*arguments, **kwargs)
            if "did not come to rest in time" not in result.stderr:
                break
        self.assertEqual(result.returncode, 0, str(result))
        return result

    def told(self, what):
        """By top, as the last decision of the control partition."""
        decisions = [d["text"] for d in self.ok("top", "--json").json()["decisions"] if d["actor"] == CONTROL]
        self.assertEqual(decisions[-1:], [f"{what}: somebody asked for it, by control"])

    def moved(self, disk, kind):
        return [r for r in self.records(disk, kind) if r["flags"] & 0x8000 == 0]

    def test_split_migrate_and_merge(self):
        dump = self.folder / "dump.json"
        session, disk, _ = self.machine("--dump", dump, "--cpus", "2", text=TEAM)
        before = self.layout()
        team, annex = before["ping-1"][1], before["idler-annex"][1]
        self.flows()
        saved = self.folder / "before.json"
        saved.write_text(self.ok("graph", "--json").stdout)

        split = self.ok("split", "team", "--json").json()
        new = split["new_partition"]
        self.assertEqual((split["status"], split["agents"], split["cut"], split["exact"]), ("ok", ["ping-2", "pong-2"], 0, True))
        self.told(f"2 agents split off from team ({team}) as team ({new})")
        self.assertEqual(self.layout(), {**before, "ping-2": ("team", new), "pong-2": ("team", new)})
        self.flows()
        self.assertNotIn("|=", self.ok("graph").stdout, "nobody was separated from whom he talks to")
        self.compares(saved, new)

        # Across the boundary, and back: the edge does not notice.
        moved = self.ok("migrate", "pong-1", "annex")
        self.assertEqual(moved.stdout.strip(), "pong-1 is now in annex")
        self.told("pong-1 moved from team to annex")
        self.assertEqual(self.layout()["pong-1"], ("annex", annex))
        self.assertRegex(self.ok("graph").stdout, r"ping-1 =+\|=> pong-1")
        self.flows()
        self.ok("migrate", "pong-1", team)
        self.assertEqual(self.layout()["pong-1"], ("team", team))
        self.flows()

        merged = self.ok("merge", team, new, "--json").json()
        self.assertEqual((merged["status"], merged["survivor"], merged["absorbed"]), ("ok", team, new))
        self.told(f"partition {new} merged into team (2 agents)")
        self.assertEqual(self.layout(), before)
        self.assertNotIn(new, [p["id"] for p in self.ok("ps", "--json").json()["partitions"]])
        self.flows()

        # The one who is suspected leaves with those it talks to.
        cut = self.ok("split", "team", "--isolate", "pong-1", "--json").json()
        self.assertEqual(sorted(cut["agents"]), ["ping-1", "pong-1"])
        self.flows()
        self.end(session, disk)

        self.replay_equals(disk, dump)
        pair = lambda high, low: high << 32 | low
        for kind, expected in (("PartitionSplit", [(team, pair(new, 0), 0b1100), (team, pair(cut["new_partition"], 0), 0b0011)]),
                               ("PartitionMerge", [(team, new, 2)])):
            done = self.moved(disk, kind)
            self.assertEqual([(r["target_object_id"], r["payload"], r["aux"]) for r in done], expected)
            self.assertEqual({(r["actor_partition_id"], r["proof_tier"], r["flags"]) for r in done}, {(CONTROL, 2, 0)})
        self.assertEqual([r["payload"] for r in self.moved(disk, "PartitionMigrate")], [pair(team, annex), pair(annex, team)])
        self.nothing_is_kept(disk)

    def compares(self, saved, new):
        """Before and after, in each form of drawing."""
        text = self.ok("graph", "--compare", saved).stdout
        self.assertRegex(text, rf"\* pong-2 \(\d+\), to team \({new}\)")
        self.assertEqual(text.count("*"), 4, text)
        self.assertIn("0 % of", text)
        dot = self.ok("graph", "--compare", saved, "--dot").stdout
        self.assertEqual(dot.count("style=dashed"), 2, dot)
        drawing = self.folder / "compared.svg"
        self.ok("graph", "--compare", saved, "--svg", drawing)
        svg = "{http://www.w3.org/2000/svg}"
        circles = xml.etree.ElementTree.parse(drawing).getroot().findall(f".//{svg}circle")
        self.assertEqual([c.get("class") for c in circles].count("a m"), 4)
        wrong = self.folder / "wrong.json"
        wrong.write_text(saved.read_text().replace('"machine":"m"', '"machine":"other"'))
        refused = self.rvm("graph", "--compare", wrong)
        self.assertEqual((refused.returncode, "of the machine 'other'" in refused.stderr), (2, True), str(refused))
        self.assertEqual(self.rvm("graph", "--compare", self.folder / "none.json").returncode, 3)

    def nothing_is_kept(self, disk):
        """What the control agent obtained for an act, it gave up."""
        granted = [r for r in self.records(disk, "CapabilityGrant") if r["actor_partition_id"] == CONTROL and r["flags"] & 0x8000 == 0]
        given_up = [r for r in self.records(disk, "CapabilityRevoke")
                    if r["payload"] >> 32 == granted[0]["payload"] >> 32 and r["flags"] & 0xf000 == 0]
        ended = [r for r in self.records(disk, "CapabilityRevoke") if r["flags"] & 0xf000 == 0x1000]
        self.assertEqual(len(granted), len(given_up) + sum(r["aux"] for r in ended), "one gone for each obtained")
        self.assertEqual([r for r in self.records(disk, "ProofRejected") if r["actor_partition_id"] == CONTROL], [])

    def test_what_may_not_move_is_refused(self):
        session, disk, folder = self.machine("--cpus", "2", text=STUBBORN)
        self.flows()
        before = self.layout()
        team = before["ping-1"][1]
        for command, code, reason in (
                (["split", "control"], 2, "it has 1 agent"),
                (["merge", "team", "control"], 1, "does not act upon itself"),
                (["migrate", "control", "team"], 1, "does not act upon itself"),
                (["migrate", "ping-1", "control"], 1, "does not act upon itself"),
                (["merge", "team", "frozen"], 1, "'frozen' is static"),
                (["migrate", "ping-1", "frozen"], 1, "'frozen' is static"),
                (["migrate", "idler-frozen", "team"], 1, "'frozen' is static"),
                (["merge", "hard", "team"], 1, "'hard' is in mode \"reflex\""),
                (["merge", "team", "drivers"], 1, "'drivers' is of type \"infrastructure\""),
                (["migrate", "lessee", "team"], 1, "an agent that would move has a device"),
                (["split", "timekeepers", "--isolate", "lessee"], 1, "an agent that would move has a device"),
                (["merge", "team", "timekeepers"], 1, "an agent that would move has a device"),
                (["merge", "team", "governed"], 1, "others hold power over a partition that would end"),
                (["migrate", "idler-annex", "team"], 1, "it is the last in 'annex'"),
                (["migrate", "ping-1", "team"], 1, "it is in 'team' already"),
                (["merge", "team", "team"], 1, "they are the same partition"),
                (["split", "annex"], 2, "it has 1 agent"),
                (["split", "nowhere"], 2, "there is no partition 'nowhere'"),
                (["split", "team", "--isolate", "nobody"], 2, "there is no agent 'nobody'"),
                (["split", "team", "--isolate", "idler-annex"], 2, "'idler-annex' is in 'annex', not in 'team'"),
                (["migrate", "nobody", "team"], 2, "there is no agent 'nobody'"),
                (["migrate", "ping-1", "teem"], 2, "did you mean 'team'")):
            with self.subTest(command=command):
                result = self.rvm(*command)
                self.assertEqual(result.returncode, code, str(result))
                self.assertIn(reason, result.stderr)
                self.assertIn("cure:", result.stderr)
        self.ok("suspend", "--partition", "annex")
        result = self.rvm("merge", "team", "annex", "--json")
        self.assertEqual(result.returncode, 1, str(result))
        self.assertIn("'annex' is suspended and 'team' is running", result.stderr)
        self.assertEqual(result.json()["status"], "the object is not in a state that permits this")
        self.by_hand(folder, team)
        self.assertEqual(self.layout(), before, "nothing has moved")
        self.flows()
        self.end(session, disk)
        for kind in ("PartitionSplit", "PartitionMerge", "PartitionMigrate"):
            self.assertEqual(self.moved(disk, kind), [], kind)

    def by_hand(self, folder, team):
        """Members of which the request does not speak are not touched; neither is what is not there."""
        members = [a["id"] for a in self.ok("ps", "--json").json()["agents"] if a["partition"] == team]
        digest = lambda ids: struct.unpack("<Q", hashlib.sha256(struct.pack(f"<{len(ids)}I", *ids)).digest()[:8])[0]
        with Console(folder) as console:
            self.assertTrue(console.open())
            ask = lambda operation, *arguments: console.ask(console.request_frame(operation, *arguments))
            self.assertEqual(ask(SPLIT, team, 0b1, digest(members[:-1])), (RESPONSE, 0x102))
            self.assertEqual(ask(SPLIT, team, 0b1, digest(members[::-1])), (RESPONSE, 0x102))
            self.assertEqual(ask(SPLIT, team, 0, digest(members)), (RESPONSE, 5), "nobody leaves")
            self.assertEqual(ask(SPLIT, team, 0b10000, digest(members)), (RESPONSE, 5), "who leaves is not there")
            self.assertEqual(ask(SPLIT, team, 0b1111, digest(members)), (RESPONSE, 8), "nobody is left")
            self.assertEqual(ask(SPLIT, 0, 0b1, digest([])), (RESPONSE, 13), "the hypervisor is no partition")
            self.assertEqual(ask(SPLIT, 4000, 0b1, digest([])), (RESPONSE, 13), "no such partition")
            self.assertEqual(ask(MIGRATE, 1 << 33, team), (RESPONSE, 5), "no id is that large")

    def test_the_rules_of_the_engine_hold(self):
        """The engine measures and moves nothing (--static); what it would not do is refused."""
        text = (HEAD + "[coherence]\nmerge_mutual = 7000\n" + partitions("callers", "one", "two") +
                TRAFFIC.format(first="callers", second="one", third="callers", fourth="two"))
        session, disk, _ = self.machine("--static", "--cpus", "2", text=text)
        self.flows()
        before = self.layout()
        for command, reason in ((["merge", "one", "two"], "the partitions do not talk to each other"),
                                (["merge", "callers", "one"], "the partitions talk too little with each other")):
            result = self.rvm(*command)
            self.assertEqual(result.returncode, 1, str(result))
            self.assertIn(reason, result.stderr)
        self.assertEqual(self.layout(), before)
        # Then the two have nobody else to talk to.
        self.ok("migrate", "ping-2", "two")
        self.flows()
        self.ok("merge", "callers", "one")
        self.assertEqual(self.layout()["pong-1"], before["ping-1"])
        self.flows()
        seen = {p["name"]: p for p in self.ok("ps", "--json").json()["partitions"]}
        self.assertIsNotNone(seen["callers"]["coherence_bp"], "an engine measures")
        # Along what it measured.
        split = self.ok("split", "callers", "--json").json()
        self.assertEqual(split["agents"], ["pong-1"])
        self.assertGreater(split["cut"], 0)
        self.flows()
        self.end(session, disk)
        self.assertEqual({r["actor_partition_id"] for kind in ("PartitionSplit", "PartitionMerge", "PartitionMigrate")
                          for r in self.moved(disk, kind)}, {CONTROL}, "the engine moved nothing")

    def test_the_engine_is_paused(self):
        """Nothing moves by itself meanwhile, and the service goes on; the log says who paused it, from when to when."""
        text = (HEAD + "[coherence]\n" + partitions("callers", "one", "annex") +
                TRAFFIC.format(first="callers", second="one", third="callers", fourth="callers") + idlers("annex"))
        dump = self.folder / "dump.json"
        session, disk, _ = self.machine("--dump", dump, "--cpus", "2", text=text)
        together = lambda: self.layout()["ping-1"] == self.layout()["pong-1"]
        self.comes(together, "the engine moves them together")
        self.ok("suspend", "--engine")
        decisions = lambda: [d["text"] for d in self.ok("top", "--json").json()["decisions"]]
        self.comes(lambda: "boundaries stay as they are: the coherence engine was paused" in decisions(), "top says so")
        again = self.rvm("suspend", "--engine")
        self.assertEqual((again.returncode, "the coherence engine" in again.stderr), (1, True), str(again))
        self.ok("migrate", "pong-1", "annex")
        for _ in range(10):
            self.flows()
            time.sleep(0.1)
            self.assertEqual(self.layout()["pong-1"][0], "annex", "nobody moves it")
        resumed = self.ok("resume", "--engine", "--json").json()
        self.assertEqual((resumed["status"], resumed["operation"]), ("ok", "resume"))
        self.comes(together, "the engine goes on")
        self.end(session, disk)
        self.replay_equals(disk, dump)
        for kind in ("PartitionSuspend", "PartitionResume"):
            self.assertEqual([(r["actor_partition_id"], r["target_object_id"]) for r in self.moved(disk, kind)], [(CONTROL, 0)], kind)
        for kind in ("DegradedModeEntered", "DegradedModeExited"):
            self.assertEqual([r["flags"] for r in self.records(disk, kind)], [2], kind)

    def comes(self, state, what):
        deadline = time.monotonic() + 30
        while not state():
            self.assertLess(time.monotonic(), deadline, what)
            time.sleep(0.1)


if __name__ == "__main__":
    rvm_test.main()
