#!/usr/bin/env python3
"""Writes the fragment scores of RDKit's SA score (Contrib/SA_Score/fpscores.pkl.gz) in the form that `chem` embeds.

    venv/bin/python tests/reference/sa_fragments.py .../Contrib/SA_Score/fpscores.pkl.gz \\
        > chem-runtime/data/sa_fragments.bin.gz

The form, compressed with gzip, all numbers little-endian: the number of different scores (4 bytes); these scores in units of
0.0001, the most frequent first (2 bytes each); the number of fragments (4 bytes); for each fragment, in ascending order, its
difference to the one before (LEB128); for each fragment, the index of its score (LEB128).
"""

import gzip
import pickle
import struct
import sys
from collections import Counter


def leb128(number: int) -> bytes:
    out = bytearray()
    while number >= 128:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def main() -> int:
    with gzip.open(sys.argv[1]) as file:
        rows = pickle.load(file)
    score_of = {fragment: row[0] for row in rows for fragment in row[1:]}
    scores = [score for score, _ in sorted(Counter(score_of.values()).items(), key=lambda it: (-it[1], it[0]))]
    index = {score: number for number, score in enumerate(scores)}
    units = [round(score * 10_000) for score in scores]
    assert all(unit / 10_000 == score for unit, score in zip(units, scores))
    fragments = sorted(score_of)
    gaps = b"".join(leb128(one - before) for before, one in zip([0, *fragments], fragments))
    indices = b"".join(leb128(index[score_of[fragment]]) for fragment in fragments)
    head = struct.pack("<I", len(scores)) + struct.pack(f"<{len(units)}h", *units) + struct.pack("<I", len(fragments))
    sys.stdout.buffer.write(gzip.compress(head + gaps + indices, 9, mtime=0))
    return 0


if __name__ == "__main__":
    sys.exit(main())
