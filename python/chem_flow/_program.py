"""Finds and runs the program `chem`."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from ._errors import ChemError, ManifestError, ProgramNotFound, StoreError

_NAME = "chem" + (sysconfig.get_config_var("EXE") or "")


@dataclass(frozen=True)
class Answer:
    """What the program answered."""

    status: int
    stdout: bytes
    stderr: str

    def json(self) -> Any:
        """Returns the JSON on its standard output; `None` if there is none."""
        try:
            return json.loads(self.stdout)
        except ValueError:
            return None


def find() -> str:
    """Returns the path of the program: that of this installation, or else the first on the PATH.

    Raises `ProgramNotFound` if there is none.
    """
    for folder in _folders():
        path = folder / _NAME
        if path.is_file() and os.access(path, os.X_OK):
            return str(path)
    found = shutil.which(_NAME)
    if found is None:
        folders = ", ".join(f"`{folder}`" for folder in _folders())
        raise ProgramNotFound(
            f"the program `chem` is neither in {folders} nor on the PATH",
            help="`pip install chem-flow` installs it",
        )
    return found


def _folders() -> Iterator[Path]:
    """Yields the folders into which an installer puts programs for this interpreter."""
    seen = {Path(sys.executable).parent, Path(sysconfig.get_path("scripts"))}
    user = sysconfig.get_preferred_scheme("user")
    yield from sorted(seen | {Path(sysconfig.get_path("scripts", user))})


def call(
    arguments: Sequence[str],
    *,
    cwd: str | Path | None = None,
    stdin: bytes | None = None,
    progress: bool = False,
    accept: tuple[int, ...] = (0,),
) -> Answer:
    """Runs the program and returns its answer if it has one of the exit statuses `accept`.

    With `progress`, its messages are written to `sys.stderr` as they come. Ctrl-C is passed to the program, which records
    that the run was interrupted.

    Raises the `ChemError` that its answer describes.
    """
    command = [find(), *arguments]
    process = subprocess.Popen(
        command,
        cwd=cwd,
        stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    messages: list[str] = []
    readers = [threading.Thread(target=_read_messages, args=(process.stderr, messages, progress))]
    if stdin is not None and process.stdin is not None:
        readers.append(threading.Thread(target=_write, args=(process.stdin, stdin)))
    for reader in readers:
        reader.start()
    try:
        stdout = process.stdout.read()
        status = process.wait()
    except KeyboardInterrupt:
        process.send_signal(signal.SIGINT)
        process.stdout.read()
        process.wait()
        raise
    finally:
        for reader in readers:
            reader.join()
        process.stdout.close()
        process.stderr.close()
    answer = Answer(status, stdout, "".join(messages))
    if status not in accept:
        raise error_of(answer)
    return answer


def _read_messages(stderr: IO[bytes], messages: list[str], progress: bool) -> None:
    for line in stderr:
        text = line.decode("utf-8", "replace")
        messages.append(text)
        if progress:
            sys.stderr.write(text)
            sys.stderr.flush()


def _write(stdin: IO[bytes], content: bytes) -> None:
    # The program may end before it has read everything; its answer says why.
    try:
        stdin.write(content)
        stdin.close()
    except BrokenPipeError:
        pass


def error_of(answer: Answer) -> ChemError:
    """Returns the error that an answer describes."""
    said = answer.json()
    if isinstance(said, list):
        return ManifestError(answer.stderr.strip() or _listed(said), said)
    if isinstance(said, dict) and isinstance(said.get("error"), str):
        kind = StoreError if answer.status == 3 else ChemError
        causes = tuple(said.get("causes") or ())
        return kind(said["error"], causes=causes, help=said.get("help"), status=answer.status)
    message = answer.stderr.strip() or f"`chem` ended with status {answer.status} and said nothing"
    return ChemError(message, status=answer.status)


def _listed(diagnostics: list[dict[str, Any]]) -> str:
    """Returns the problems of a manifest as text, one after the other."""
    lines = []
    for each in diagnostics:
        lines.append(f"{each['severity']}[{each['code']}]: {each['message']}")
        lines.append(f"  --> {each['file']}:{each['line']}:{each['column']}")
        if each["help"]:
            lines.append(f"  help: {each['help']}")
    return "\n".join(lines)
