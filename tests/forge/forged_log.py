# SPDX-License-Identifier: MIT OR Apache-2.0
"""Writes witness logs, right ones and wrong ones, from the format's description alone (docs/log-volume.md); shares no code with
the rvm program nor, but for the signature itself, with the other checkers."""
import base64
import hashlib
import hmac
import pathlib
import struct
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "independent"))
import ed25519  # noqa: E402

SECTOR = 512
DATA_START = 8192
HEADER_BYTES = 336
BLOCK = 128
TREE_HEAD = 0xB3
FIELDS = {  # name: (format, position in a record)
    "sequence": ("<Q", 0), "timestamp_ns": ("<Q", 8), "action_kind": ("<B", 16), "proof_tier": ("<B", 17), "flags": ("<H", 18),
    "actor_partition_id": ("<I", 20), "target_object_id": ("<I", 24), "capability_hash": ("<I", 28), "payload": ("<Q", 32),
    "prev_hash": ("<Q", 40), "record_hash": ("<Q", 48), "aux": ("<Q", 56)}
# What a segment keeps of a record, in the order of its columns; sequence and prev_hash follow from the place.
COLUMNS = ("timestamp_ns", "action_kind", "proof_tier", "flags", "actor_partition_id", "target_object_id", "capability_hash",
           "payload", "aux")


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def get(record, field):
    form, at = FIELDS[field]
    return struct.unpack_from(form, record, at)[0]


def put(record, field, value):
    form, at = FIELDS[field]
    out = bytearray(record)
    struct.pack_into(form, out, at, value)
    return bytes(out)


def leaf(record):
    return sha(b"\0", record)


class Device:
    """Who has a device key can do all of this."""

    def __init__(self, key):
        self.key = key
        extracted = hmac.new(bytes(32), key, hashlib.sha256).digest()
        self.volume_key = hmac.new(extracted, b"rvm log volume v1\x01", hashlib.sha256).digest()
        self.key_id = self.mac(b"rvm key id")[:8]
        self.seed = hmac.new(extracted, b"rvm attestation identity v1\x01", hashlib.sha256).digest()

    def mac(self, message):
        return hmac.new(self.key, message, hashlib.sha256).digest()

    def authenticate(self, record):
        return record[:48] + self.mac(record[:48] + record[56:])[:8] + record[56:]


def chain(records, device=None, renumber=False, start=0):
    """Links each record to the one before it. With a device the MACs are made anew; without, they stay as they are, which is all
    that somebody without the key can do."""
    previous = leaf(records[start - 1]) if start else bytes(32)
    out = list(records[:start])
    for place, record in enumerate(records[start:], start):
        if renumber:
            record = put(record, "sequence", place)
        record = record[:40] + previous[:8] + record[48:]
        if device:
            record = device.authenticate(record)
        out.append(record)
        previous = leaf(record)
    return out


class Tree:
    def __init__(self, leaves=()):
        self.nodes, self.size = {}, 0
        for one in leaves:
            self.append(one)

    def append(self, node):
        level = 0
        while level in self.nodes:
            node = sha(b"\1", self.nodes.pop(level), node)
            level += 1
        self.nodes[level] = node
        self.size += 1

    def root(self):
        root = None
        for level in sorted(self.nodes):
            root = self.nodes[level] if root is None else sha(b"\1", self.nodes[level], root)
        return sha() if root is None else root


def tree_head(records, device):
    """The closing record after these."""
    tree = Tree(leaf(r) for r in records)
    record = struct.pack("<QQBBHIIIQQQ", len(records), 10**9, TREE_HEAD, 3, 1, 0, 0, 0, tree.size, 0, 0) + tree.root()[:8]
    return chain(records + [record], device, start=len(records))[-1]


def boot(records, device, count, seed=1):
    """What one boot adds: `count` ordinary records and a closing tree head."""
    added = []
    for i in range(count):
        n = len(records) + i
        added.append(struct.pack("<QQBBHIIIQQQQ", n, 1000 * (i + 1), (0x32, 0x27, 0x10, 0x53)[(n * seed) % 4], 1, n % 7, 1 + n % 5,
                                 1 + n * seed % 9, n * 77, n * n * seed, 0, 0, n ^ 0xFFFF))
    records = chain(records + added, device, start=len(records))
    return records + [tree_head(records, device)]


def base64_text(data):
    return base64.b64encode(data).decode()


def key_id(name, kind, seed):
    return sha(name.encode(), b"\n", bytes([kind]), ed25519.public_key(seed))[:4]


def head(device, records, size=None, root=None, origin="rvm.local/" + bytes(range(16)).hex(), boot_lines=""):
    """A signed tree head over the first `size` of the records, as a note."""
    size = len(records) if size is None else size
    root = root or Tree(leaf(r) for r in records[:size]).root()
    text = f"{origin}\n{size}\n{base64_text(root)}\ntimestamp {10**18 + size}\n{boot_lines}"
    signature = key_id(origin, 1, device.seed) + ed25519.sign(device.seed, text.encode())
    return f"{text}\n\u2014 {origin} {base64_text(signature)}\n".encode()


def cosignature(note, name, seed, time):
    """One more signature line for a note."""
    text = note.decode().partition("\n\n")[0] + "\n"
    signed = ed25519.sign(seed, f"cosignature/v1\ntime {time}\n{text}".encode())
    return f"\u2014 {name} {base64_text(key_id(name, 4, seed) + struct.pack('>Q', time) + signed)}\n".encode()


def cosigner_key(name, seed):
    return f"{name}+{key_id(name, 4, seed).hex()}+{base64_text(bytes([4]) + ed25519.public_key(seed))}\n"


def bloom(keys, hashes, size):
    bits = 0
    for key in keys:
        folded = (key ^ key >> 32) * 0x9E3779B97F4A7C15 % 2**64
        for i in range(hashes):
            bits |= 1 << (folded >> 54 - 10 * i) % size
    return bits.to_bytes(size // 8, "little")


def index(records):
    times = [get(r, "timestamp_ns") for r in records]
    kinds = 0
    for r in records:
        kinds |= 1 << get(r, "action_kind")
    return (struct.pack("<QQ", min(times, default=2**64 - 1), max(times, default=0)) + kinds.to_bytes(32, "little") +
            bloom([get(r, "actor_partition_id") for r in records], 2, 256) +
            bloom([get(r, "action_kind") >> 4 << 32 | get(r, "target_object_id") for r in records], 3, 1024))


def pack(records):
    """Blocks of at most 128, not compressed."""
    out = b""
    for at in range(0, len(records), BLOCK):
        block, rows, before = records[at:at + BLOCK], [], 0
        for r in block:
            difference = (get(r, "timestamp_ns") - before) % 2**64
            before = get(r, "timestamp_ns")
            zigzag = (difference << 1 ^ (2**64 - 1 if difference >> 63 else 0)) % 2**64
            rows.append(struct.pack("<Q", zigzag) + b"".join(struct.pack(FIELDS[f][0], get(r, f)) for f in COLUMNS[1:]))
        columns = b"".join(bytes(row[c] for row in rows) for c in range(len(rows[0])))
        out += struct.pack("<H", len(columns) | 0x8000) + columns + b"".join(r[48:56] for r in block)
    return out


class Volume:
    """A volume image. A segment is a list of records, or the bytes of a note. `change`, if given, is called with each segment's parts (a dictionary) before its digests are made."""

    def __init__(self, device, segments, volume_id=bytes(range(16)), capacity=1 << 20, closed=True, version=2, generation=8,
                 change=None, vouch=None):
        self.device, self.volume_id, self.capacity, self.version = device, volume_id, capacity, version
        image, at, records = bytearray(capacity), DATA_START, []
        digest, previous = sha(b"rvm log volume", volume_id), bytes(32)
        self.starts = []
        for number, segment in enumerate(segments):
            held, note = ([], segment) if isinstance(segment, bytes) else (segment, b"")
            parts = {"number": number, "magic": b"RVMS", "count": len(held), "first": len(records), "flags": 1 if note else 0,
                     "owner": volume_id[:8], "index": index(held), "previous": previous, "payload": note or pack(held),
                     "padding": b"", "previous_digest": digest}
            if change:
                change(parts)
            header = (struct.pack("<4sIQII8s", parts["magic"], parts["count"], parts["first"], len(parts["payload"]), parts["flags"],
                                  parts["owner"]) + parts["index"] + parts["previous"] + sha(parts["payload"]))
            digest = sha(header, parts["previous_digest"])
            bytes_ = header + digest + parts["payload"]
            assert len(header) + 32 == HEADER_BYTES
            image[at:at + len(bytes_) + len(parts["padding"])] = bytes_ + parts["padding"]
            self.starts.append(at)
            at = -(-(at + len(bytes_)) // SECTOR) * SECTOR
            records += held
            previous = leaf(records[-1])
        self.end, self.records, self.segments, self.digest, self.image = at, records, len(segments), digest, image
        # What the superblocks say: by default what is there; a forger may leave those of the log that was.
        told = vouch or self
        self.superblocks = vouch.superblocks if vouch else [
            told.superblock(generation - 1, 1), told.superblock(generation, 2 if closed else 1)]
        for block in self.superblocks:
            slot = int.from_bytes(block[8:16], "little") % 2
            image[4096 * slot:4096 * slot + 4096] = block

    def superblock(self, generation, state, root=None, records=None):
        tree = Tree(leaf(r) for r in self.records)
        count = len(self.records) if records is None else records
        first = struct.pack("<8sQII16s8sQQQQ", b"RVMLOG1\n", generation, self.version, state, self.volume_id, self.device.key_id,
                            self.capacity, count, self.end, self.segments)
        first += (leaf(self.records[-1]) if self.records else bytes(32)) + self.digest + (root or tree.root())
        block = self.seal(0, first)
        for i in range(7):
            sector = bytes(SECTOR)
            if i < -(-tree.size.bit_length() // 13):
                nodes = b"".join(tree.nodes.get(13 * i + n, bytes(32)) for n in range(13))
                sector = self.seal(1 + i, struct.pack("<8sQ", b"RVMTREE\n", generation) + nodes)
            block += sector
        return block

    def seal(self, number, content):
        content = content.ljust(448, b"\0")
        content += sha(content)
        return content + hmac.new(self.device.volume_key, struct.pack("<Q", number) + content, hashlib.sha256).digest()
