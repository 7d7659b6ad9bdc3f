#!/usr/bin/env python3
# SPDX-License-Identifier: MIT OR Apache-2.0
"""A second opinion on signed tree heads and proofs, written from the formats' descriptions alone (C2SP signed-note,
tlog-checkpoint and tlog-cosignature; RFC 6962; RFC 8032); it shares no code with the rvm program.

Usage: check_heads.py --pubkey FILE --heads FILE [--raw FILE] [--cosigner FILE]
       check_heads.py --pubkey FILE --proof FILE
Checks the signature of each head, that sizes grow, each root against the records (--raw), the cosignatures; or a proof
that `rvm witness prove --json` printed. Exit status: 0 all hold, 1 something does not.
"""
import argparse
import base64
import hashlib
import json
import pathlib
import sys

import ed25519
from log_volume import RECORD, Broken, frontier, leaf_hash, node_hash, root_of


class Verifier:
    """A verifier key line: name+hash+base64(type || key)."""

    def __init__(self, line):
        self.name, self.hash, encoded = line.strip().split("+", 2)
        data = base64.b64decode(encoded, validate=True)
        self.type, self.key = data[0], data[1:]
        self.id = hashlib.sha256(self.name.encode() + b"\n" + data).digest()[:4]
        if self.id.hex() != self.hash:
            raise Broken("the verifier key's hash is wrong")

    def check(self, note):
        text, _, lines = note.rpartition("\n\n")
        text += "\n"
        found = 0
        for line in lines.splitlines():
            dash, name, encoded = line.split(" ")
            data = base64.b64decode(encoded, validate=True)
            if dash != "\u2014":
                raise Broken("a signature line does not begin with a dash")
            if name != self.name or data[:4] != self.id:
                continue
            message, signature = text, data[4:]
            if self.type == 4:
                message = f"cosignature/v1\ntime {int.from_bytes(signature[:8], 'big')}\n{text}"
                signature = signature[8:]
            if not ed25519.verify(self.key, message.encode(), signature):
                raise Broken(f"the signature of {name} does not verify")
            found += 1
        if found != 1:
            raise Broken(f"{found} signatures by {self.name}")
        return text


def parse_head(text, verifier):
    origin, size, root, *extensions = text.splitlines()
    if origin != verifier.name or str(int(size)) != size or "" in extensions:
        raise Broken("not a tree head of this log")
    root = base64.b64decode(root, validate=True)
    if len(root) != 32:
        raise Broken("the root is not 32 bytes")
    return int(size), root


def check_heads(notes, verifier, raw, cosigner):
    leaves = [leaf_hash(raw[i:i + RECORD]) for i in range(0, len(raw), RECORD)] if raw is not None else None
    last = -1
    for note in notes:
        size, root = parse_head(verifier.check(note), verifier)
        if cosigner:
            cosigner.check(note)
        if size <= last:
            raise Broken(f"a head over {size} records follows one over {last}")
        last = size
        if leaves is not None and (size > len(leaves) or root_of(frontier(leaves[:size])) != root):
            raise Broken(f"the head over {size} records is not of this log")
    return last


def walk(first, end, index, proof):
    """Root over leaves [first, end) from the hash of leaf `index` at the front of `proof` and the siblings after it."""
    if end - first == 1:
        return proof.pop(0)
    middle = first + (1 << (end - first - 1).bit_length() - 1)
    if index < middle:
        left = walk(first, middle, index, proof)
        return node_hash(left, proof.pop(0))
    right = walk(middle, end, index, proof)
    return node_hash(proof.pop(0), right)


def consistent(old, first, end, proof, whole, old_root):
    """(old root, new root) over leaves [first, end) by section 2.1.2 of RFC 6962, read backwards."""
    if old == end:
        node = old_root if whole else proof.pop(0)
        return node, node
    middle = first + (1 << (end - first - 1).bit_length() - 1)
    if old <= middle:
        before, after = consistent(old, first, middle, proof, whole, old_root)
        return before, node_hash(after, proof.pop(0))
    before, after = consistent(old, middle, end, proof, False, old_root)
    left = proof.pop(0)
    return node_hash(left, before), node_hash(left, after)


def check_proof(proof, verifier):
    size, root = parse_head(verifier.check(proof["head"]), verifier)
    leaf = leaf_hash(bytes.fromhex(proof["record"]))
    path = [base64.b64decode(node) for node in proof["inclusion"]]
    if len(path) * 32 != proof["inclusion_bytes"] or int.from_bytes(bytes.fromhex(proof["record"])[:8], "little") != proof["sequence"]:
        raise Broken("the proof describes itself wrongly")
    path.insert(0, leaf)
    if walk(0, size, proof["sequence"], path) != root or path:
        raise Broken("the record is not in the signed tree")
    if "consistency" in proof:
        old = proof["consistency"]
        nodes, old_root = [base64.b64decode(node) for node in old["proof"]], base64.b64decode(old["root"])
        if consistent(old["from"], 0, size, nodes, True, old_root) != (old_root, root) or nodes:
            raise Broken("the signed tree did not grow from the earlier one")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name in ("--pubkey", "--heads", "--raw", "--cosigner", "--proof"):
        parser.add_argument(name, type=pathlib.Path)
    options = parser.parse_args()
    try:
        verifier = Verifier(options.pubkey.read_text())
        if options.proof:
            check_proof(json.loads(options.proof.read_text()), verifier)
            print("the proof holds")
            return 0
        heads = options.heads.read_text()
        # A note ends where an empty line follows a signature line.
        notes, current = [], []
        for line in heads.split("\n"):
            if line == "" and current and current[-1].startswith("\u2014"):
                notes.append("\n".join(current) + "\n")
                current = []
            else:
                current.append(line)
        if any(current):
            raise Broken("the last note is not complete")
        last = check_heads(notes, verifier, options.raw.read_bytes() if options.raw else None,
                           Verifier(options.cosigner.read_text()) if options.cosigner else None)
    except (Broken, ValueError, IndexError) as problem:
        print(f"broken: {problem}")
        return 1
    print(f"{len(notes)} heads hold, the last over {last} records")
    return 0


if __name__ == "__main__":
    sys.exit(main())
