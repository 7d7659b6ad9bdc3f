#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Packs published test vectors into a table (table.hpp) and has it checked.

Usage: run.py VECTORS host PROGRAM     by the program crypto_vectors
       run.py VECTORS metal IMAGE      by a kernel image, on emulated machines
VECTORS holds wycheproof/*.json; the environment variable RVM_VECTORS names another folder. NIST's files come from the
Debian package python3-cryptography-vectors. Without them the exit status is 77.
"""
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile

NIST = pathlib.Path("/usr/lib/python3/dist-packages/cryptography_vectors/hashes/SHA2")
KINDS = ("sha256", "monte", "hmac", "hkdf", "ed25519")
PROCESSORS = ("cortex-a53", "cortex-a72", "max")
COUNTED = ("-icount", "shift=0,sleep=off")
CEILING = {"ed25519_key": 187_000, "ed25519_sign": 215_000, "ed25519_verify": 532_000}  # instructions, 5 % above measured


def entry(kind, valid, *fields):
    return struct.pack("<BBH", KINDS.index(kind), valid, len(fields)) + b"".join(
        struct.pack("<I", len(field)) + field for field in fields)


def nist():
    for name in ("SHA256ShortMsg.rsp", "SHA256LongMsg.rsp"):
        for bits, message, digest in re.findall(r"Len = (\d+)\s+Msg = (\w+)\s+MD = (\w+)", (NIST / name).read_text()):
            yield entry("sha256", True, bytes.fromhex(message)[:int(bits) // 8], bytes.fromhex(digest))
    text = (NIST / "SHA256Monte.rsp").read_text()
    yield entry("monte", True, bytes.fromhex(re.search(r"Seed = (\w+)", text)[1]),
                b"".join(bytes.fromhex(digest) for digest in re.findall(r"MD = (\w+)", text)))


def groups(folder, name):
    suite = json.loads((folder / "wycheproof" / name).read_text())
    return suite["testGroups"]


def wycheproof(folder):
    for group in groups(folder, "hmac_sha256_test.json"):
        for t in group["tests"]:
            yield entry("hmac", t["result"] == "valid", *(bytes.fromhex(t[f]) for f in ("key", "msg", "tag")))
    for group in groups(folder, "hkdf_sha256_test.json"):
        for t in group["tests"]:
            output = bytes.fromhex(t["okm"]) or bytes(t["size"])
            yield entry("hkdf", t["result"] == "valid", *(bytes.fromhex(t[f]) for f in ("ikm", "salt", "info")), output)
    for group in groups(folder, "eddsa_test.json"):
        seed, key = bytes.fromhex(group["key"]["sk"]), bytes.fromhex(group["key"]["pk"])
        for t in group["tests"]:
            yield entry("ed25519", t["result"] == "valid", seed, key, bytes.fromhex(t["msg"]), bytes.fromhex(t["sig"]))


def table(folder):
    """The packed bytes, and how many entries of each kind are in them."""
    entries = [*nist(), *wycheproof(folder)]
    counts = {kind: sum(e[0] == i for e in entries) for i, kind in enumerate(KINDS)}
    return b"RVMVECT1" + b"".join(entries), counts


def on_metal(image, processor, path, *extra):
    command = ["qemu-system-aarch64", "-M", "virt,virtualization=on,gic-version=3", "-cpu", processor, "-m", "256M",
               "-kernel", image, "-initrd", path, "-nic", "none", "-display", "none", "-serial", "stdio",
               "-monitor", "none", "-no-reboot", *extra]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240, check=False)
    return run.stdout + run.stderr


def main():
    folder, how, program = pathlib.Path(os.environ.get("RVM_VECTORS", sys.argv[1])), sys.argv[2], sys.argv[3]
    if not NIST.exists() or not (folder / "wycheproof").exists():
        print(f"NOT RUN: {NIST} (Debian package python3-cryptography-vectors) or {folder}/wycheproof (RVM_VECTORS) is missing")
        return 77
    packed, counts = table(folder)
    if 0 in counts.values():
        sys.exit(f"a kind has no vectors: {counts}")
    summary = " ".join(f"{kind} {count}" for kind, count in counts.items())
    wrong = 0

    def expect(where, text, line):
        nonlocal wrong
        good = line in text.splitlines()
        wrong += not good
        print(f"{where}: {line if good else f'FAILED, wanted {line!r}, got: {text}'}")

    with tempfile.NamedTemporaryFile() as file:
        file.write(packed)
        file.flush()
        if how == "host":
            text = subprocess.run([program, file.name], capture_output=True, text=True, check=True).stdout
            expect("host", text, f"vectors: portable: {summary} failed 0 first 0")
            if "sha_ni" in pathlib.Path("/proc/cpuinfo").read_text():
                expect("host", text, f"vectors: accelerated: {summary} failed 0 first 0")
        else:
            for processor in PROCESSORS:  # all have the SHA-256 instructions; the portable code runs on each as well
                text = on_metal(program, processor, file.name)
                for implementation in ("portable", "accelerated"):
                    expect(processor, text, f"vectors: {implementation}: {summary} failed 0 first 0")
            # Signatures are paid for with interrupts masked, so what they cost is a promise.
            text = on_metal(program, PROCESSORS[1], file.name, *COUNTED)
            for name, most in CEILING.items():
                cost = re.search(rf"^cost: {name} (\d+)$", text, re.M)
                good = cost is not None and int(cost[1]) <= most
                wrong += not good
                print(f"{name}: {cost[1] if cost else text} instructions{'' if good else f' FAILED, more than {most}'}")
    # The check must be able to fail: one bit of the first vector is changed.
    with tempfile.NamedTemporaryFile() as file:
        file.write(packed[:40] + bytes([packed[40] ^ 1]) + packed[41:])
        file.flush()
        text = on_metal(program, PROCESSORS[0], file.name) if how == "metal" else subprocess.run(
            [program, file.name], capture_output=True, text=True, check=True).stdout
        expect("damaged table", text, f"vectors: portable: {summary} failed 1 first 0")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
