#!/usr/bin/env python3
"""A random forest on fingerprints, for `process.run`: one JSON object a line in, one a line out.

The rows of the part `train` have a value to learn, and every row gets a prediction, so that the error of the part `test`
can be compared with that of the part from which the forest has learned. The one argument is the number of trees.

The forest needs nothing but Python's standard library, and gives the same predictions everywhere. A script that fits another
model, such as scikit-learn's, reads and answers in the same way.
"""

import json
import sys
from random import Random
from statistics import fmean

MIN_LEAF = 3
BITS_PER_SPLIT = 60


def grow(rows, bits, random):
    """Returns a tree: a number, or the bit to ask for and the trees of the rows without and with it."""
    values = [value for _, value in rows]
    mean = fmean(values)
    best = (sum((value - mean) ** 2 for value in values), None, None, None)
    for _ in range(BITS_PER_SPLIT):
        bit = bits[int(random.random() * len(bits))]
        parts = [], []
        for row in rows:
            parts[bit in row[0]].append(row)
        if min(map(len, parts)) < MIN_LEAF:
            continue
        means = [fmean(value for _, value in part) for part in parts]
        spread = sum((value - mean) ** 2 for part, mean in zip(parts, means) for _, value in part)
        if spread < best[0]:
            best = (spread, bit, *parts)
    _, bit, without, having = best
    return mean if bit is None else (bit, grow(without, bits, random), grow(having, bits, random))


def predicted(tree, bits):
    while isinstance(tree, tuple):
        tree = tree[1 + (tree[0] in bits)]
    return tree


def main() -> int:
    records = [json.loads(line) for line in sys.stdin]
    prints = [{int(bit) for bit in (record.get("ecfp4") or "").split()} for record in records]
    rows = [(bits, record["logp"]) for bits, record in zip(prints, records) if record["split"] == "train"]
    known = sorted({bit for bits, _ in rows for bit in bits})
    random = Random(7)
    forest = []
    for _ in range(int(sys.argv[1])):
        sample = [rows[int(random.random() * len(rows))] for _ in rows]
        forest.append(grow(sample, known, random))
    for record, bits in zip(records, prints):
        prediction = fmean(predicted(tree, bits) for tree in forest)
        print(json.dumps({"record": record["record"], "predicted": round(prediction, 6)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
