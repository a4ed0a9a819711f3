"""The root of a log, computed from an SQLite store or from `chem log --format json` without any code of this project.

    log_root.py STORE.db             prints the number of events, the root in Base64, and the head of each run
    log_root.py --json FILE...       the same from the lines of `chem log --follow --format json` or `chem log ID --format json`
"""
import base64
import hashlib
import json
import sqlite3
import sys


def parts(*parts):
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def canonical(value):
    """The payload as canonical JSON. Numbers are whole here; docs of `fingerprint` state the rules for the others."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def from_store(path):
    query = "SELECT flow_id, position, ts, event_type, payload FROM event_log ORDER BY seq"
    for flow_id, position, ts, event_type, payload in sqlite3.connect(f"file:{path}?mode=ro", uri=True).execute(query):
        yield flow_id, position, ts, event_type, payload.encode()


def from_json(paths):
    for path in paths:
        for line in open(path, encoding="utf-8"):
            event = json.loads(line)
            # Trailing zeros of the time are not printed there, and are hashed.
            whole, _, fraction = event["ts"].rstrip("Z").partition(".")
            ts = f"{whole}.{fraction:0<6}Z"
            yield event["flow_id"], event["position"], ts, event["event_type"], canonical(event["payload"])


def root(leaves):
    if not leaves:
        return sha256()
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\1", root(leaves[:split]), root(leaves[split:]))


def main(arguments):
    events = from_json(arguments[1:]) if arguments[0] == "--json" else from_store(arguments[0])
    heads, leaves = {}, []
    for flow_id, position, ts, event_type, payload in events:
        run, at = flow_id.encode(), position.to_bytes(8, "big")
        before = heads.get(flow_id, bytes(32))
        head = sha256(parts(b"chem.event.v1", before, run, at, event_type.encode(), payload))
        heads[flow_id] = head
        leaves.append(sha256(b"\0", parts(b"chem.leaf.v1", run, at, ts.encode(), head)))
    print(len(leaves), base64.b64encode(root(leaves)).decode())
    for flow_id, head in heads.items():
        print(flow_id, head.hex())


main(sys.argv[1:])
