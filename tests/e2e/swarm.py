#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Boundaries follow the traffic: teams that change get partitions of their own, a hostile agent is isolated, and no message
is lost, repeated or reordered meanwhile. With --static the same work is done where the manifest put everybody."""
import re

import rvm_test

MANIFEST = rvm_test.EXAMPLES / "swarm" / "swarm.toml"
ROGUE = "gold-b-3"
DELIVERED = re.compile(r"^conductor\| (\d+) messages were delivered, each exactly once and in order$", re.M)
PHASE = re.compile(r"^conductor\|    (\d+) messages, (\d+) % of their bytes from partition to partition: "
                   r"(\d+) % at first, (\d+) % in the last quarter$", re.M)
TOGETHER = re.compile(r"^conductor\|    teams in one partition: (\d) of 4; partitions: (\d+)(.*)$", re.M)


class Swarm(rvm_test.RvmTest):
    def run_swarm(self, *options):
        """The outcome, what the conductor said of the phases and of the teams, and all moves."""
        disk, dump = self.folder / "swarm.img", self.folder / "state.json"
        result = self.rvm("run", MANIFEST, "--cpus", 2, *options, "--disk", disk, "--dump", dump, "--verbose", "--json")
        self.assertEqual(result.returncode, 0, str(result))
        outcome = result.json()
        self.assertEqual(outcome["result"], "ok", str(result))
        self.assertTrue(outcome["witness"]["verified"])
        self.assertEqual(outcome["witness"]["records"], outcome["witness"]["durable"])
        self.assertLess(outcome["wall_ms"], 60_000)
        self.assertEqual(outcome["attacks"], {"tried": 1, "contained": 1})
        self.assertEqual(outcome["coherence"]["degraded_epochs"], 0)
        self.replay_equals(disk, dump)
        disk.unlink()
        delivered = DELIVERED.search(result.stderr)
        self.assertIsNotNone(delivered, str(result))
        phases = [dict(zip(("messages", "whole", "first", "last"), map(int, found))) for found in PHASE.findall(result.stderr)]
        self.assertEqual(len(phases), 5, str(result))
        self.assertEqual(int(delivered[1]), sum(phase["messages"] for phase in phases))
        together = [(int(teams), int(partitions), rest) for teams, partitions, rest in TOGETHER.findall(result.stderr)]
        moves = [rvm_test.json.loads(line[5:]) for line in result.stderr.splitlines() if line.startswith('rvm# {"t":"moved"')]
        return outcome, phases, together, moves

    def test_boundaries_follow_the_traffic(self):
        outcome, phases, together, moves = self.run_swarm()
        coherence = outcome["coherence"]
        for kind in ("splits", "merges", "migrations"):
            self.assertGreater(coherence[kind], 0, coherence)
        self.assertEqual(coherence["splits"] + coherence["merges"] + coherence["migrations"], len(moves))

        form, mix, turn, _, again = phases
        self.assertGreaterEqual(form["first"], 60, phases)
        for phase in (form, mix, turn, again):
            self.assertLessEqual(phase["last"], 25, phases)
        self.assertLessEqual(again["whole"], 20, "the layout stayed while all were silent")

        trust = [move for move in moves if move["reason"] == "trust"]
        self.assertEqual([(move["how"], move["agent"]) for move in trust], [("split", ROGUE)])
        self.assertIn("alone", together[-1][2])
        home = [agents for agents in coherence["layout"].values() if ROGUE in agents]
        self.assertEqual(home, [[ROGUE]])

        # The same work where everybody stays.
        outcome, still, together, moves = self.run_swarm("--static")
        self.assertEqual([outcome["coherence"][kind] for kind in ("splits", "merges", "migrations", "aborted")], [0] * 4)
        self.assertEqual(moves, [])
        self.assertEqual({(teams, partitions) for teams, partitions, _ in together}, {(0, 8)})
        self.assertEqual([phase["messages"] for phase in still], [phase["messages"] for phase in phases])
        self.assertLess(coherence["cross_bytes"], 0.4 * outcome["coherence"]["cross_bytes"])


if __name__ == "__main__":
    rvm_test.main()
