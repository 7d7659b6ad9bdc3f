#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Priority is urgency plus pressure: an agent whose partition talks to others goes before one of the same urgency that talks to
nobody."""
import rvm_test

MANIFEST = """
development = true
[machine]
cpus = 1
icount = true
[coherence]
enabled = {enabled}
[[partition]]
name = "near"
[[partition]]
name = "far"
[[partition]]
name = "alone"
[[agent]]
name = "sender"
partition = "near"
module = "test_pulse"
args = ["send", "600"]
period = "1700us"
deadline = "1700us"
[[agent]]
name = "peer"
partition = "far"
module = "test_pulse"
args = ["receive"]
service = true
[[agent]]
name = "spinner"
partition = "alone"
module = "test_pulse"
args = ["spin"]
service = true
[[edge]]
from = "sender"
to = "peer"
name = "peer"
"""


class Pressure(rvm_test.RvmTest):
    def latency(self, enabled):
        # Static: the engine measures, and moves nothing. Nothing but the schedule differs.
        outcome = self.run_ok(self.manifest(MANIFEST.format(enabled=str(enabled).lower())), "--static")
        if enabled:
            moves = [outcome["coherence"][how] for how in ("splits", "merges", "migrations")]
            self.assertEqual(moves, [0, 0, 0])
        return outcome["latency_ns"]["sender"]["p50"]

    def test_pressure_decides(self):
        waiting, pressed = self.latency(False), self.latency(True)
        print(f"from its time to its turn, median: {waiting} ns among equals, {pressed} ns under pressure")
        self.assertGreater(waiting, 200_000, "its equal had the core")
        self.assertLess(pressed, 50_000)


if __name__ == "__main__":
    rvm_test.main()
