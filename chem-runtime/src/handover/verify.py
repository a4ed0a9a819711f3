#!/usr/bin/env python3
"""Checks a run that `chem export` wrote, without chem: that no byte was changed, that its events are in the sealed log, and who
signed what. Needs Python 3.8 and, for signatures, the program `ssh-keygen`.

    python3 verify.py [ARCHIVE or DIRECTORY] [--allowed-signers FILE]

Without an argument it checks the directory that it is in. The signers that the export brings along count only as far as you
trust who gave it to you; name your own file with --allowed-signers.
"""
import base64, hashlib, io, json, os, struct, subprocess, sys, tempfile, uuid, zipfile, zlib

found, said = [], []


def wrong(what, why):
    if f"{what}: {why}" not in found:
        found.append(f"{what}: {why}")


def parts(*parts):
    return b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def sha256(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def b64(digest):
    return base64.b64encode(digest).decode()


def read_archive(path):
    data = open(path, "rb").read()
    end = len(data) - 22 - len("chem sha256 ") - 64
    if end < 0:
        return wrong("the archive", "it is too short") or {}
    expected = b"chem sha256 " + hashlib.sha256(data[:end]).hexdigest().encode()
    if data[end + 22 :] != expected:
        wrong("the archive", "its bytes do not have the digest at its end")
    try:
        archive = zipfile.ZipFile(io.BytesIO(data))
    except (zipfile.BadZipFile, ValueError, NotImplementedError, OSError) as error:
        return wrong("the archive", f"it cannot be read: {error}") or {}
    names = archive.namelist()
    mark, *disks, here, count, size, at, length = struct.unpack("<4s4H2LH", data[end : end + 22])
    if (mark, *disks, here, count, at + size, length) != (b"PK\5\6", 0, 0, len(names), len(names), end, len(expected)):
        wrong("the archive", "its end record was changed")
    folder = next((name[: -len("ro-crate-metadata.json")] for name in names if name.endswith("ro-crate-metadata.json")), "")
    files = {}
    for info in archive.infolist():
        name = info.filename[len(folder) :]
        if name in files or not info.filename.startswith(folder):
            wrong(info.filename, "the archive has it twice, or in another folder")
        try:
            with archive.open(info) as file:
                # A file with another checksum is compared with proof/files.sha256, which can name the record.
                file._expected_crc = None
                files[name] = file.read()
        except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, ValueError, OSError, EOFError) as error:
            wrong(name, f"it is damaged: {error}")
            files[name] = None
    return files


def read_directory(path):
    files = {}
    for folder, _, names in os.walk(path):
        for name in names:
            full = os.path.join(folder, name)
            files[os.path.relpath(full, path).replace(os.sep, "/")] = open(full, "rb").read()
    return files


def text(files, name):
    if files.get(name) is None:
        wrong(name, "it is missing or damaged")
    return (files.get(name) or b"").decode("utf-8", "replace")


def check_sums(files):
    sums = dict(line.split("  ", 1)[::-1] for line in text(files, "proof/files.sha256").splitlines() if "  " in line)
    for name, content in files.items():
        if name not in ("proof/files.sha256", "proof/files.sha256.sig") and content is not None:
            if sums.get(name) != hashlib.sha256(content).hexdigest():
                wrong(name, "its content is not the one in proof/files.sha256")
    for name in sums.keys() - files.keys():
        wrong(name, "it is missing")


def read_events(name, content):
    """Yields (index in the log, leaf, head, kind, payload) of each event of a run."""
    run, head = name[len("proof/events/") : -len(".jsonl")].encode(), bytes(32)
    for position, line in enumerate(content.decode("utf-8", "replace").split("\n")[:-1]):
        where = f"{name}, line {position + 1}, event {position}"
        try:
            payload = line[line.index(',"payload":') + 11 : line.rindex(',"position":')]
            it = json.loads(line)
            kind, ts = it["event_type"], it["ts"]
            again = (
                f'{{"event_type":"{kind}","flow_id":"{run.decode()}","index":{it["index"]},"leaf":"{it["leaf"]}",'
                f'"payload":{payload},"position":{position},"ts":"{ts}"}}'
            )
            at = position.to_bytes(8, "big")
            head = sha256(parts(b"chem.event.v1", head, run, at, kind.encode(), payload.encode()))
            leaf = sha256(b"\0", parts(b"chem.leaf.v1", run, at, ts.encode(), head))
            if b64(leaf) != it["leaf"] or again != line:
                wrong(where, "it was changed")
            yield it["index"], leaf, head, kind, it["payload"]
        except (ValueError, KeyError, TypeError, AttributeError):
            wrong(where, "it is not an event")
            return


def root(size, first, known, hashes):
    if not known:
        return next(hashes)
    if size == 1:
        return known[0][1]
    left = 1 << (size - 1).bit_length() - 1
    before = [leaf for leaf in known if leaf[0] < first + left]
    one = root(left, first, before, hashes)
    return sha256(b"\1", one, root(size - left, first + left, known[len(before) :], hashes))


def child(run, fingerprint, index):
    """Returns the id of the child of a step, which follows from the run, the fingerprint of the step and the index."""
    parts = ("chem", "1", "child", run, fingerprint, str(index))
    id = bytearray(uuid.UUID(run).bytes[:6] + hashlib.sha256("\0".join(parts).encode()).digest()[:10])
    id[6], id[8] = id[6] & 0x0F | 0x70, id[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(id)))


def check_children(runs):
    begun = {run: it for run, events in runs.items() for *_, kind, it in events if kind == "flowinitialized"}
    for run, events in runs.items():
        started = {}
        for *_, kind, it in events:
            if kind == "stepstarted":
                started[it["step_id"]] = it["fingerprint"]
            elif kind == "stepfinished" and run in begun:
                step = next((step for step in begun[run]["definition"]["steps"] if step["id"] == it["step_id"]), {})
                children = step["params"]["children"] if step.get("uses") == "flow.map" else []
                for index, expected in enumerate(children):
                    found = begun.get(child(run, started.get(it["step_id"], ""), index), {})
                    place = found.get("child_of", {})
                    if [place.get("parent"), place.get("index"), found.get("definition")] != [run, index, expected["definition"]]:
                        wrong(f"run {run}", f'child {index} of step {it["step_id"]} is missing or another run')


def check_rows(runs, begun, finished, run, step, fingerprint, first, last, known):
    """Checks that the children of a step work on the rows from `first` to `last`, and so do the parts of those that were cut."""
    index = 0
    while first <= last if last is not None else index <= known:
        id = child(run, fingerprint, index)
        place = begun.get(id, {}).get("child_of", {})
        rows = [int(row) for row in place.get("given", {}).get("rows", "0-0").split("-")]
        found = [place.get("parent"), place.get("step_id"), place.get("index"), rows[0]]
        if found != [run, step, index, first] or rows[1] < first:
            return wrong(f"run {run}", f"child {index} of step {step}, with the rows from {first}, is missing or another run")
        *_, kind, it = runs[id][-1]
        if kind == "stepfailed" and it.get("deaths") and rows[0] < rows[1] and it["step_id"] in finished:
            check_rows(runs, begun, finished, id, it["step_id"], it["fingerprint"], *rows, None)
        first, index = rows[1] + 1, index + 1


def check_shards(files, runs):
    begun = {run: it for run, events in runs.items() for *_, kind, it in events if kind == "flowinitialized"}
    places = [(run, it["child_of"]) for run, it in begun.items() if "child_of" in it]
    for run, events in runs.items():
        reused = {it["step_id"] for *_, kind, it in events if kind == "stepreused"}
        started = {it["step_id"]: it for *_, kind, it in events if kind == "stepstarted"}
        finished = {it["step_id"]: it for *_, kind, it in events if kind == "stepfinished"}
        groups = set()
        for step in begun.get(run, {}).get("definition", {}).get("steps", []):
            id, group = step["id"], step.get("shards", {}).get("group")
            if not group or id in reused or id not in started:
                continue
            at = started[id]["fingerprint"]
            of_step = (place["index"] for other, place in places if place["parent"] == run and other == child(run, at, place["index"]))
            known = max(of_step, default=-1)
            if id in finished and (group not in groups or known >= 0):
                port = finished[id].get("rows", {}).get("port")
                table = files.get(f'artifacts/{started[id]["inputs"].get(port)}.jsonl')
                last = json.loads(table.decode("utf-8", "replace").split("\n")[1])["rows"] if table else None
                check_rows(runs, begun, finished, run, id, at, 1, last, known)
            groups.add(group)


def check_log(files, runs):
    lines = text(files, "proof/checkpoint.txt").split("\n")
    try:
        known = sorted(event[:2] for events in runs.values() for event in events)
        hashes = iter([base64.b64decode(line) for line in text(files, "proof/paths.txt").split()])
        same = b64(root(int(lines[1]), 0, known, hashes)) == lines[2] and next(hashes, None) is None
    except (ValueError, IndexError, StopIteration, TypeError, RecursionError):
        same = False
    if not same:
        wrong("the proof", "the events and proof/paths.txt do not give the root in proof/checkpoint.txt")
    else:
        said.append(f"{len(known)} events of {len(runs)} run(s) are in the log {lines[0]} of {lines[1]} events")


def check_artifacts(files, runs, without_data):
    named, hashes = [], {""}
    for *_, kind, payload in (event for events in runs.values() for event in events):
        if kind == "stepfinished":
            named += [output["hash"] for output in payload["outputs"]]
            named += filter(None, [payload.get("rows", {}).get("outcomes")])
        elif kind == "stepprogressed":
            named += [chunk["hash"] for chunks in payload.get("outputs", {}).values() for chunk in chunks]
            named.append(payload["rest"])
        elif kind == "stepstarted":
            hashes.add(json.dumps(payload.get("params")))
    seen = set()
    while named and not without_data:
        hash = named.pop()
        name = f"artifacts/{hash}.jsonl"
        if hash in seen or (name in files and files[name] is None):
            continue
        seen.add(hash)
        lines = text(files, name).split("\n")
        try:
            kind = json.loads(lines[0])["kind"]
            again = hashlib.sha256(b"chem\x001\x00artifact\x00" + f"{kind}\0{lines[1]}".encode()).hexdigest()
            content = json.loads(lines[1])
        except (ValueError, KeyError, IndexError, TypeError):
            again, kind, content = "", "", None
        if again != hash or lines[2:] != [""]:
            wrong(f"artifact {hash}", f"it does not have this hash ({name})")
        elif kind == "file":
            hashes.add(content["sha256"])
        elif isinstance(content, dict):
            chunks = content.get("chunks")
            named += [chunk["hash"] for chunk in chunks or [] if isinstance(chunk, dict) and "hash" in chunk]
    return hashes


def check_files(files, export, hashes):
    recorded = "".join(hashes)
    for file in export.get("files", []):
        content = files.get(f"flow/{file['name']}")
        if content is not None and hashlib.sha256(content).hexdigest() != file["sha256"]:
            wrong(f"flow/{file['name']}", "its content is not the one that the run read or wrote")
        if not export["without_data"] and file["sha256"] not in recorded:
            wrong(f"flow/{file['name']}", "no event has its hash")


def ssh_keygen(action, namespace, signature, content, *more):
    with tempfile.NamedTemporaryFile(suffix=".sig") as file:
        file.write(signature)
        file.flush()
        command = ["ssh-keygen", "-Y", action, "-n", namespace, "-s", file.name, *more]
        return subprocess.run(command, input=content, capture_output=True, env={**os.environ, "TZ": "UTC"})


def check_signature(name, kind, content, signature, ts, signers, what):
    try:
        if signers:
            at = "".join(c for c in ts.split(".")[0] if c.isdigit()) if ts else None
            when = [f"-Overify-time={at}"] if at else []
            who = ssh_keygen("find-principals", "x", signature, b"", "-f", signers, *when).stdout.decode().split("\n")[0]
            good = who and ssh_keygen("verify", f"{kind}@chem", signature, content, "-f", signers, "-I", who, *when)
        else:
            who, good = "a key that was not looked up", ssh_keygen("check-novalidate", f"{kind}@chem", signature, content)
    except FileNotFoundError:
        return wrong(name, "ssh-keygen is missing, so its signature was not checked")
    if not good or good.returncode != 0:
        return wrong(name, "its signature does not count")
    said.append(f"{name}{what}: signed by {who}" + (f" at {ts}" if ts else ""))


def facts_in(content):
    return dict(line.split(" ", 1) for line in content.decode("utf-8", "replace").splitlines() if " " in line)


def check_decisions(runs, signers):
    for run, events in runs.items():
        for position, (*_, kind, it) in enumerate(events):
            if kind == "userinteractionprovided" and it.get("signed"):
                name, content = f"event {position} of run {run}", it["signed"]["statement"].encode()
                fact, verb = facts_in(content), "approved" if it["approved"] else "rejected"
                if [fact.get(key) for key in ("run", "step", "shown", "decision")] != [run, it["step_id"], it["shown"], verb]:
                    wrong(name, "what was signed is another decision")
                what = f', step {it["step_id"]} {verb}'
                check_signature(name, "decision", content, it["signed"]["signature"].encode(), fact.get("time"), signers, what)


def check_signatures(files, runs, signers):
    index = [json.loads(line) for line in text(files, "proof/attestations.jsonl").splitlines()]
    signed = [(it["name"], it["kind"], it["ts"]) for it in index]
    signed.append(("proof/files.sha256", "export", None))
    for name, kind, ts in signed:
        content, signature = files.get(name) or b"", files.get(name + ".sig")
        fact = facts_in(content)
        if kind == "statement":
            events = runs.get(fact.get("run"), [])
            count = int(fact["events"]) if fact.get("events", "").isdigit() else -1
            if not 0 < count <= len(events) or b64(events[count - 1][2]) != fact.get("head"):
                wrong(name, "the run is not as it was when this was stated")
            if fact.get("time") != ts:
                wrong(name, "proof/attestations.jsonl has another time for it than the statement itself")
        if signature is not None:
            what = f', {fact["meaning"]} by {fact["by"]}' if kind == "statement" and "by" in fact else ""
            check_signature(name, kind, content, signature, ts, signers, what)


def main(arguments):
    signers = None
    if "--allowed-signers" in arguments:
        at = arguments.index("--allowed-signers")
        signers = os.path.abspath(arguments[at + 1])
        del arguments[at : at + 2]
    path = arguments[0] if arguments else os.path.dirname(os.path.abspath(__file__))
    files = read_directory(path) if os.path.isdir(path) else read_archive(path)
    check_sums(files)
    try:
        export = json.loads(text(files, "proof/export.json") or "{}")
        runs = {}
        for name, content in sorted(files.items()):
            if name.startswith("proof/events/") and name.endswith(".jsonl") and content is not None:
                runs[name[len("proof/events/") : -len(".jsonl")]] = list(read_events(name, content))
        check_log(files, runs)
        check_children(runs)
        check_shards(files, runs)
        check_files(files, export, check_artifacts(files, runs, export.get("without_data")))
        with tempfile.NamedTemporaryFile() as own:
            if not signers and files.get("proof/allowed_signers"):
                own.write(files["proof/allowed_signers"])
                own.flush()
                signers = own.name
                said.append("signers are looked up in the list that the export brings along")
            check_signatures(files, runs, signers)
            check_decisions(runs, signers)
    except (ValueError, KeyError, TypeError, AttributeError, UnicodeError) as error:
        wrong("the export", f"it cannot be read: {error!r}")
    print("\n".join(said + [f"CHANGED {what}" for what in found]))
    print("NOT as it was exported" if found else "untouched: every file is as it was exported")
    return 1 if found else 0


sys.exit(main(sys.argv[1:]))
