#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes a WebAssembly module of a mebibyte: an actor with functions of loops and arithmetic, none of which its turns call.

Usage: make_large.py OUTPUT
"""
import sys


def leb(n):
    out = bytearray()
    while True:
        out.append(n & 0x7F | (0x80 if n > 0x7F else 0))
        n >>= 7
        if n == 0:
            return bytes(out)


def section(number, body):
    return bytes([number]) + leb(len(body)) + body


def vector(items):
    return leb(len(items)) + b"".join(items)


def function(seed):
    """(i32, i32) -> i32: a loop over its second argument, with a load and a store in each round."""
    body = bytearray(b"\x01\x01\x7f")  # one local
    body += b"\x03\x40"  # loop
    for i in range(60):
        constant = (seed * 2654435761 + i * 40503) % 60000
        body += b"\x20\x00\x41" + leb(constant & 0x3F) + b"\x6c\x20\x01\x6a\x21\x00"  # a = a * c + b
        body += b"\x20\x00\x41\x0f\x71\x28\x02" + leb(constant & ~3) + b"\x20\x02\x73\x21\x02"  # l ^= memory[a & 15 + c]
    body += b"\x20\x01\x41\x01\x6b\x22\x01\x0d\x00\x0b"  # until --b == 0
    body += b"\x20\x00\x20\x02\x6a\x0b"
    return leb(len(body)) + bytes(body)


def main():
    count = 700
    types = vector([b"\x60\x02\x7f\x7f\x01\x7f", b"\x60\x03\x7f\x7f\x7f\x00"])
    functions = vector([b"\x00"] * count + [b"\x01"])
    name = b"rvm_on_message"
    exports = vector([leb(len(name)) + name + b"\x00" + leb(count), leb(6) + b"memory\x02\x00"])
    bodies = vector([function(i) for i in range(count)] + [b"\x02\x00\x0b"])
    module = (b"\0asm\1\0\0\0" + section(1, types) + section(3, functions) + section(5, b"\x01\x01\x01\x04") +
              section(7, exports) + section(10, bodies))
    with open(sys.argv[1], "wb") as out:
        out.write(module)


if __name__ == "__main__":
    main()
