#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Boots the port's self-test on every kind of machine that the appliance supports, and checks that the kernel's memory is
protected from the kernel.

Usage: run.py IMAGE
"""
import itertools
import pathlib
import subprocess
import sys
import tempfile
import unittest

CASES = 25  # in selftest.cpp
PROCESSORS = ("cortex-a53", "cortex-a72", "max")
SIZES = ((1, "64M"), (2, "1G"), (8, "4G"))
COUNTED = ("-icount", "shift=0,sleep=off")
# What break_kernel does -> exception class and fault status that must stop it.
PROTECTION = {
    "overflow": ("0x25", "0x7"),
    "store-text": ("0x25", "0xf"),
    "store-constant": ("0x25", "0xf"),
    "null": ("0x25", "0x6"),
    "run-data": ("0x21", "0xf"),
}


def boot(image, processor="cortex-a72", gic=3, cores=1, memory="1G", extra=(), virtualization=True):
    with tempfile.TemporaryDirectory() as folder:
        disk = pathlib.Path(folder, "disk")
        disk.write_bytes(bytes(1 << 20))
        key = pathlib.Path(folder, "key")
        key.write_bytes(bytes(range(32)))
        machine = f"virt,gic-version={gic}" + (",virtualization=on" if virtualization else "")
        command = ["qemu-system-aarch64", "-M", machine, "-cpu", processor, "-smp", str(cores), "-m", memory,
                   "-kernel", image, "-nic", "none", "-display", "none", "-serial", "stdio", "-monitor", "none",
                   "-no-reboot", "-fw_cfg", f"name=opt/rvm/device-key,file={key}",
                   "-global", "virtio-mmio.force-legacy=false", "-drive", f"if=none,id=log,file={disk},format=raw",
                   "-device", "virtio-blk-device,drive=log", *extra]
        run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False)
        return run.returncode, run.stdout + run.stderr


class SelfTest(unittest.TestCase):
    image = ""

    def test_every_machine(self):
        for processor, gic, (cores, memory), extra in itertools.product(PROCESSORS, (2, 3), SIZES, ((), COUNTED)):
            with self.subTest(processor=processor, gic=gic, cores=cores, memory=memory, counted=bool(extra)):
                status, text = boot(self.image, processor, gic, cores, memory, extra)
                self.assertIn(f"selftest: all {CASES} passed", text)
                self.assertIn(f"selftest: {cores} cores: ok", text)
                self.assertIn("selftest: block device: ok", text)
                self.assertIn(" key 1 ", text)
                self.assertNotIn("FAILED", text)
                self.assertEqual(status, 0)

    def test_kernel_memory_is_protected(self):
        for how, (exception_class, status) in PROTECTION.items():
            with self.subTest(how=how), tempfile.NamedTemporaryFile() as package:
                package.write(how.encode())
                package.flush()
                _, text = boot(self.image, extra=("-initrd", package.name))
                self.assertIn(f"selftest: the kernel faulted: class {exception_class} status {status}\n", text)

    def test_more_cores_than_supported(self):
        _, text = boot(self.image, cores=12)
        self.assertIn("the machine has 12 cores; 8 are used", text)
        self.assertIn("selftest: 8 cores: ok", text)


if __name__ == "__main__":
    SelfTest.image = sys.argv.pop(1)
    if not pathlib.Path(SelfTest.image).exists():
        sys.exit(f"{SelfTest.image} is missing: cmake --preset appliance && cmake --build --preset appliance")
    unittest.main()
