#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""Rewrites a module that uses the exceptions of setjmp and longjmp into WebAssembly 2.0.

Usage: lower_exceptions.py IN.wasm OUT.wasm

With `-mllvm -wasm-enable-sjlj` clang makes try blocks of setjmp and throws of longjmp (the "legacy" instructions of the exception
handling proposal, which clang 19 emits). The engine has WebAssembly 2.0, so what is thrown is a global here: a throw sets it and
leaves the function, and after every call of a function that may throw the caller looks at it and goes to its own handler or leaves
as well. A function that cannot throw keeps its code as it is. Refused, with a message: anything that C does not need (more than
one tag, several handlers of one block, tail calls out of what may throw).
"""
import sys

TYPE, IMPORT, FUNCTION, GLOBAL, ELEMENT, CODE, TAG = 1, 2, 3, 6, 9, 10, 13
I32, VOID_BLOCK = 0x7F, b"\x40"
DEFAULTS = {0x7F: b"\x41\0", 0x7E: b"\x42\0", 0x7D: b"\x43" + bytes(4), 0x7C: b"\x44" + bytes(8), 0x7B: b"\xfd\x0c" + bytes(16),
            0x70: b"\xd0\x70", 0x6F: b"\xd0\x6f"}
TRY, CATCH, THROW, RETHROW, DELEGATE, CATCH_ALL = 0x06, 0x07, 0x08, 0x09, 0x18, 0x19


class Refused(Exception):
    pass


def leb(value):
    out = bytearray()
    while True:
        byte = value & 0x7F
        value >>= 7
        if not value:
            return bytes(out) + bytes([byte])
        out.append(byte | 0x80)


class Reader:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def byte(self):
        self.at += 1
        return self.data[self.at - 1]

    def u(self):
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def take(self, n):
        self.at += n
        return self.data[self.at - n:self.at]

    def name(self):
        return self.take(self.u())

    def limits(self):
        flags = self.byte()
        self.u()
        if flags & 1:
            self.u()


def instructions(r, end):
    """(opcode, first immediate, its bytes) of each instruction up to `end` (WebAssembly 2.0, section 5.4)."""
    while r.at < end:
        start = r.at
        op = r.byte()
        value = None
        if op in (0x02, 0x03, 0x04, TRY):
            if r.data[r.at] in (0x40, 0x7F, 0x7E, 0x7D, 0x7C, 0x7B, 0x70, 0x6F):
                r.byte()
            else:
                r.u()
        elif op in (CATCH, THROW, RETHROW, DELEGATE, 0x0C, 0x0D, 0x10, 0x12, 0xD0, 0xD2) or 0x20 <= op <= 0x26 or op in (0x3F, 0x40):
            value = r.u()
        elif op == 0x0E:
            value = [r.u() for _ in range(r.u() + 1)]
        elif op in (0x11, 0x13) or 0x28 <= op <= 0x3E:
            value = r.u()
            r.u()
        elif op == 0x1C:
            r.take(r.u())
        elif op in (0x41, 0x42):
            r.u()
        elif op in (0x43, 0x44):
            r.take(4 if op == 0x43 else 8)
        elif op == 0xFC:
            sub = r.u()
            for _ in range({8: 2, 9: 1, 10: 2, 11: 1, 12: 2, 13: 1, 14: 2, 15: 1, 16: 1, 17: 1}.get(sub, 0)):
                r.u()
        elif op == 0xFD:
            sub = r.u()
            if sub < 12 or 84 <= sub <= 93:
                r.u(), r.u()
            if sub in (12, 13):
                r.take(16)
            if 21 <= sub <= 34 or 84 <= sub <= 91:
                r.byte()
        yield op, value, r.data[start:r.at]


class Module:
    def __init__(self, data):
        if data[:8] != b"\0asm\1\0\0\0":
            raise Refused("not a WebAssembly module")
        self.sections = []
        r = Reader(data, 8)
        while r.at < len(data):
            kind = r.byte()
            self.sections.append([kind, r.name()])
        self.types = self.vector(TYPE, self.function_type)
        self.tags = self.vector(TAG, lambda r: (r.byte(), r.u())[1])
        self.functions, self.imported_globals, self.imported_functions = [], 0, 0
        self.vector(IMPORT, self.take_import)
        self.functions += self.vector(FUNCTION, Reader.u)
        self.globals = self.imported_globals + self.count(GLOBAL)
        self.bodies = self.vector(CODE, Reader.name)
        self.in_tables = self.table_functions()
        if len(self.tags) > 1:
            raise Refused("more than one tag: only setjmp and longjmp are lowered")

    def section(self, kind):
        return next((s for s in self.sections if s[0] == kind), None)

    def vector(self, kind, item):
        found = self.section(kind)
        if found is None:
            return []
        r = Reader(found[1])
        return [item(r) for _ in range(r.u())]

    def count(self, kind):
        found = self.section(kind)
        return 0 if found is None else Reader(found[1]).u()

    @staticmethod
    def function_type(r):
        if r.byte() != 0x60:
            raise Refused("a type that is no function's")
        return r.name(), r.name()

    def take_import(self, r):
        r.name(), r.name()
        kind = r.byte()
        if kind == 0:
            self.functions.append(r.u())
            self.imported_functions += 1
        elif kind == 1:
            r.byte(), r.limits()
        elif kind == 2:
            r.limits()
        elif kind == 3:
            r.take(2)
            self.imported_globals += 1
        else:
            raise Refused("the tag is imported: link the file that defines it")

    def table_functions(self):
        """The functions in segments of a table, as a linker writes them: from an offset, by their indices."""
        found = self.section(ELEMENT)
        functions = set()
        if found is None:
            return functions
        r = Reader(found[1])
        for _ in range(r.u()):
            if r.u() != 0:
                raise Refused("a segment of a table that no C linker writes")
            while r.data[r.at] != 0x0B:
                next(instructions(r, len(r.data)))
            r.byte()
            functions.update(r.u() for _ in range(r.u()))
        return functions


def code_of(body):
    """(declarations of locals, instructions without the last end) of a function."""
    r = Reader(body)
    for _ in range(r.u()):
        r.u(), r.byte()
    return body[:r.at], list(instructions(r, len(body)))[:-1]


def ends_of_tries(code):
    """For each try block's place in the code, how it ends: (CATCH, 0), or (DELEGATE, how many labels further out)."""
    found, open_blocks = {}, []
    for place, (op, value, _) in enumerate(code):
        if op in (0x02, 0x03, 0x04, TRY):
            open_blocks.append(place)
        elif op in (CATCH, CATCH_ALL):
            if found.get(open_blocks[-1]) is not None:
                raise Refused("a block with several handlers")
            found[open_blocks[-1]] = CATCH, 0
        elif op == DELEGATE:
            found[open_blocks.pop()] = DELEGATE, value
        elif op == 0x0B:
            open_blocks.pop()
    return found


class Frame:
    """A block of the source, and how many blocks it has become."""

    def __init__(self, ends=None, levels=1):
        self.catches = ends is not None and ends[0] == CATCH
        self.delegates = ends[1] if ends is not None and ends[0] == DELEGATE else None
        self.levels = 2 if self.catches else levels

    def enter_handler(self):
        self.catches, self.levels = False, 1


def handler(frames):
    """The index of the frame whose handler gets what is thrown here; 0, the function's: none."""
    at = len(frames) - 1
    while at > 0 and not frames[at].catches:
        at -= 1 if frames[at].delegates is None else 1 + frames[at].delegates
    return at


def who_throws(module, codes):
    """Functions out of which something may be thrown. Whoever is in a table may be called by whoever calls its type."""
    direct, callees, indirect = set(), {}, {}
    for index, (_, code) in codes.items():
        callees[index], indirect[index] = set(), set()
        ends = ends_of_tries(code)
        frames = [Frame()]
        for place, (op, value, _) in enumerate(code):
            if op in (0x02, 0x03, 0x04, TRY):
                frames.append(Frame(ends.get(place)))
            elif op in (CATCH, CATCH_ALL):
                frames[-1].enter_handler()
            elif op in (0x0B, DELEGATE):
                frames.pop()
            elif op in (THROW, RETHROW) and not handler(frames):
                direct.add(index)
            elif op in (0x10, 0x12) and not handler(frames):
                callees[index].add(value)
            elif op in (0x11, 0x13) and not handler(frames):
                indirect[index].add(value)
    throwing = set(direct)
    while True:
        types = {module.functions[f] for f in throwing & module.in_tables}
        more = {i for i in codes if i not in throwing and (callees[i] & throwing or indirect[i] & types)}
        if not more:
            return throwing, types
        throwing |= more


class Lowering:
    """One function rewritten. Every try block becomes two blocks: the outer one ends where it ended, at the end of the inner one its
    handler begins. A function that throws has an inner block as well, whose end is the way out."""

    def __init__(self, module, throwing, types):
        self.module, self.throwing, self.types = module, throwing, types
        self.thrown, self.payload = leb(module.globals), leb(module.globals + 1)

    def label(self, depth):
        """Where a branch of the source leads now."""
        outwards = self.frames[::-1]
        return sum(f.levels for f in outwards[:depth]) + outwards[depth].levels - 1

    def way_out(self):
        """The label of the inner block of whoever handles what is thrown here, or of the function."""
        return leb(sum(f.levels for f in self.frames[handler(self.frames) + 1:]))

    def lower(self, index, declarations, code):
        throws = index in self.throwing
        ends = ends_of_tries(code)
        self.frames = [Frame(levels=2 if throws else 1)]
        out = bytearray(declarations)
        if throws:
            out += b"\x02\x40"
        for place, (op, value, text) in enumerate(code):
            if op in (0x02, 0x03, 0x04, TRY):
                self.frames.append(Frame(ends.get(place)))
                out += (b"\x02" if op == TRY else text[:1]) + text[1:]
                if self.frames[-1].catches:
                    out += b"\x02\x40"
            elif op in (CATCH, CATCH_ALL):
                self.frames[-1].enter_handler()
                out += b"\x0c\x01\x0b\x41\0\x24" + self.thrown
                if op == CATCH:
                    parameters = self.module.types[self.module.tags[value]][0]
                    if parameters != bytes([I32]):
                        raise Refused("a tag of another type than longjmp's")
                    out += b"\x23" + self.payload
            elif op == THROW:
                out += b"\x24" + self.payload + b"\x41\x01\x24" + self.thrown + b"\x0c" + self.way_out()
            elif op == RETHROW:
                out += b"\x41\x01\x24" + self.thrown + b"\x0c" + self.way_out()
            elif op in (0x0C, 0x0D):
                out += bytes([op]) + leb(self.label(value))
            elif op == 0x0E:
                out += b"\x0e" + leb(len(value) - 1) + b"".join(leb(self.label(v)) for v in value)
            elif op in (0x0B, DELEGATE):
                self.frames.pop()
                out += b"\x0b"
            else:
                out += text
                may_throw = (op in (0x10, 0x12) and value in self.throwing) or (op in (0x11, 0x13) and value in self.types)
                if may_throw and op in (0x12, 0x13):
                    raise Refused("a tail call out of what may throw")
                if may_throw:
                    out += b"\x23" + self.thrown + b"\x0d" + self.way_out()
        if throws:
            results = self.module.types[self.module.functions[index]][1]
            out += b"\x0f\x0b" + b"".join(DEFAULTS[t] for t in results)
        return bytes(out) + b"\x0b"


def lower(data):
    module = Module(data)
    first = module.imported_functions
    codes = {first + i: code_of(body) for i, body in enumerate(module.bodies)}
    throwing, types = who_throws(module, codes)
    lowering = Lowering(module, throwing, types)
    bodies = [lowering.lower(i, *codes[i]) for i in sorted(codes)]
    module.section(CODE)[1] = leb(len(bodies)) + b"".join(leb(len(b)) + b for b in bodies)
    found = module.section(GLOBAL)
    if found is None:
        raise Refused("no global: not a C program")
    count = Reader(found[1])
    globals_before = count.u()
    zero = bytes([I32, 1, 0x41, 0, 0x0B])  # (mut i32) (i32.const 0)
    found[1] = leb(globals_before + 2) + found[1][count.at:] + zero + zero
    out = bytearray(data[:8])
    for kind, content in module.sections:
        if kind != TAG:
            out += bytes([kind]) + leb(len(content)) + content
    return bytes(out), len(throwing), len(codes)


def main():
    if len(sys.argv) != 3:
        print(__doc__)
        return 2
    with open(sys.argv[1], "rb") as source:
        data = source.read()
    try:
        out, throwing, functions = lower(data)
    except Refused as why:
        print(f"lower_exceptions: {sys.argv[1]}: {why}", file=sys.stderr)
        return 1
    with open(sys.argv[2], "wb") as target:
        target.write(out)
    print(f"lower_exceptions: {throwing} of {functions} functions may throw")
    return 0


if __name__ == "__main__":
    sys.exit(main())
