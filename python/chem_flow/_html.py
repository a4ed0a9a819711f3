"""What a notebook shows. Every text is escaped; a drawing comes from the program."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ._run import Step

_PICTURE = "width:180px;height:120px"


def run(flow: str, status: str, run_id: str, fingerprint: str | None, steps: Sequence[Step]) -> str:
    """Returns a run as a heading and a table of its steps."""
    head = f"<p><b>{escape(flow)}</b> {escape(status)}<br><small>run {escape(run_id)}"
    head += f"<br>flow fingerprint {escape(fingerprint)}" if fingerprint else ""
    rows = []
    for step in steps:
        outputs = ", ".join(f"{escape(each.kind)} <code>{escape(each.hash[:12])}</code>" for each in step.outputs)
        status_text = "reused" if step.reused else step.status
        cells = (step.id, f"{step.uses}@{step.version}", status_text)
        rows.append("".join(f"<td>{escape(cell)}</td>" for cell in cells) + f"<td>{outputs}</td>")
    return f"{head}</small></p>{_table(['step', 'uses', 'status', 'outputs'], rows)}"


def table(
    kind: str,
    names: Sequence[str],
    units: Mapping[str, str],
    rows: Sequence[Mapping[str, Any]],
    pictures: Sequence[str | None],
    total: int,
) -> str:
    """Returns the first rows of a table, with a column of pictures if there are any."""
    heads = [f"{name} ({units[name]})" if name in units else name for name in names]
    lines = []
    for number, row in enumerate(rows):
        picture = f"<td>{_picture(pictures[number])}</td>" if pictures else ""
        lines.append(picture + "".join(f"<td>{_cell(row[name])}</td>" for name in names))
    more = f" (the first {len(rows)})" if len(rows) < total else ""
    caption = f"<p><small>{escape(kind)}: {total} rows{more}</small></p>"
    return caption + _table((["structure"] if pictures else []) + heads, lines)


def value(kind: str, digest: str, content: Any) -> str:
    """Returns the JSON of a result that is no table."""
    text = json.dumps(content, indent=2, ensure_ascii=False)
    return f"<p><small>{escape(kind)} <code>{escape(digest[:12])}</code></small></p><pre>{escape(text)}</pre>"


def _table(heads: Sequence[str], rows: Sequence[str]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table>"


def _cell(content: Any) -> str:
    if content is None:
        return ""
    return escape(f"{content:g}" if isinstance(content, float) else str(content))


def _picture(svg: str | None) -> str:
    if svg is None:
        return ""
    # As an image, a drawing can run no script and its styles stay its own.
    encoded = base64.b64encode(svg.encode()).decode()
    return f'<img style="{_PICTURE}" alt="structure" src="data:image/svg+xml;base64,{encoded}">'
