#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Agents that never yield: the timer takes the core back, deadlines hold, equal agents share equally."""
import rvm_test

MANIFEST = rvm_test.EXAMPLES / "spinner" / "swarm.toml"


class Spinner(rvm_test.RvmTest):
    def machine_lines(self, result):
        """The kernel's own lines, as objects, from the verbose output."""
        lines = (result.stdout + "\n" + result.stderr).splitlines()
        return [rvm_test.json.loads(l.split("rvm# ", 1)[1]) for l in lines if "rvm# {" in l]

    def test_deadlines_hold_and_spinners_share(self):
        for cpus in (1, 2):
            with self.subTest(cpus=cpus):
                disk, dump = self.folder / f"spinner-{cpus}.img", self.folder / "state.json"
                result = self.rvm("run", MANIFEST, "--cpus", cpus, "--verbose", "--json", "--disk", disk, "--dump", dump)
                self.assertEqual(result.returncode, 0, str(result))
                outcome = result.json()
                self.assertEqual(outcome["result"], "ok", str(result))
                self.replay_equals(disk, dump)
                agents = [l for l in self.machine_lines(result) if l.get("t") == "agent"]
                self.assertTrue(agents, str(result))
                bound = [a for a in agents if a["deadlines_met"] or a["deadlines_missed"]]
                self.assertTrue(bound, "no agent has a deadline")
                for agent in bound:
                    self.assertEqual(agent["deadlines_missed"], 0, agent)
                    self.assertGreater(agent["deadlines_met"], 100, agent)
                spinners = [a["cpu_ns"] for a in agents if "spin" in a["name"]]
                self.assertGreaterEqual(len(spinners), 2, agents)
                # Fair on one core: within 10 % of each other. On several, each core has its own queue.
                if cpus == 1:
                    self.assertLess(max(spinners) - min(spinners), 0.1 * max(spinners), spinners)
                self.assertGreater(min(spinners), 0, "every spinner ran")


if __name__ == "__main__":
    rvm_test.main()
