#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Programs that run their own stage 1: everything at one address, whatever the slot; wild accesses end one agent."""
import re

import rvm_test

ENDS = {  # what the agent does: what the kernel says of it
    "null": "data abort, address 0x8,",
    "wild": "data abort, writing 0x800[0-9a-f]*,",
    "high": "data abort, writing 0xffffffffffff0000,",
    "outside": "data abort, writing 0x[0-9a-f]+,",  # stage 2's: a guest-physical address
    "jump": "instruction abort, address 0x40,",
    "supervisor": "forbidden instruction or register, address 0x4000[0-9a-f]+,",
    "undefined": "forbidden instruction or register, address 0x4000[0-9a-f]+,",
    "constant": "data abort, writing 0x[0-9a-f]+,",
    "data": "instruction abort, address 0x[0-9a-f]+,",
    "stack": "data abort, writing 0x[0-9a-f]+,",
    "no stack": "data abort, address 0x40,",
}


class Window(rvm_test.RvmTest):
    def agents(self, *what):
        text = 'development = true\n[[partition]]\nname = "home"\n'
        for i, name in enumerate(what):
            text += (f'[[agent]]\nname = "a{i}"\npartition = "home"\nmodule = "test_window"\nargs = ["{name}"]\n'
                     'heap = "4M"\nexpect = "any"\n')
        return self.manifest(text)

    def test_places(self):
        for cpu in ("cortex-a53", "cortex-a72"):  # slots of less than 1 GiB, and of more
            with self.subTest(cpu):
                result = self.rvm("run", self.agents("places", "places"), "--cpu", cpu)
                self.assertEqual(result.returncode, 0, str(result))
                data = re.findall(r"\| (data .*)", result.stdout)
                self.assertEqual(len(data), 2)
                self.assertEqual(data[0], data[1])  # the same to the program
                slots = re.findall(r"\| slot (0x[0-9a-f]+) data (0x[0-9a-f]+)", result.stdout)
                self.assertNotEqual(slots[0], slots[1])  # and not to the machine
                offsets = {int(d, 16) - int(s, 16) for s, d in slots}
                self.assertEqual(len(offsets), 1)
                self.assertEqual(int(re.match(r"data (0x[0-9a-f]+)", data[0])[1], 16), 2**34 + offsets.pop())

    def test_views(self):
        for cpu in ("cortex-a53", "cortex-a72"):
            with self.subTest(cpu):
                result = self.rvm("run", self.agents("views"), "--cpu", cpu)
                self.assertIn("a0| views are right", result.stdout, str(result))

    def test_wild_accesses_end_the_agent(self):
        for cpu in ("cortex-a53", "cortex-a72"):
            with self.subTest(cpu):
                result = self.rvm("run", self.agents(*ENDS, "views"), "--cpu", cpu, "--verbose")
                self.assertNotIn("FAILED", result.stdout, str(result))
                self.assertIn("views are right", result.stdout)
                for i, (what, end) in enumerate(ENDS.items()):
                    self.assertRegex(result.stdout, rf"agent a{i} stopped: {end}", f"{what}\n{result}")


if __name__ == "__main__":
    rvm_test.main()
