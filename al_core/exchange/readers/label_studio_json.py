"""Read Label Studio's JSON export: a list of tasks with their annotations.

Of several annotations of a task the newest that was not cancelled holds. A task without any is not labelled.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from al_core.errors import BadLabel
from al_core.exchange.drawn import AskedBy, DrawnFrame, FileContent, FrameName
from al_core.exchange.json_items import reading_json
from al_core.exchange.label_studio import read_annotation

_UPLOADED = re.compile(r"^[0-9a-f]{8}-")
"""What Label Studio puts before the name of a file that somebody uploads."""

_PICTURE = re.compile(r"\.(jpe?g|png|bmp|tiff?|webp|gif)$", re.IGNORECASE)


def read_label_studio(path: Path, asked_by: AskedBy) -> FileContent[DrawnFrame]:
    """Read an export in the format "JSON".

    Raises:
        BadLabel: nothing of it can be used.
    """
    with reading_json(path):
        tasks = json.loads(path.read_bytes())
    if not isinstance(tasks, list) or not all(isinstance(task, dict) and "data" in task for task in tasks):
        raise BadLabel(f"{path.name}: expected a list of tasks; export from Label Studio in the format 'JSON'")
    frames: dict[str, DrawnFrame] = {}
    faults, strange, unlabelled = [], [], 0
    for task in tasks:
        annotation = _newest(task)
        if annotation is None:
            unlabelled += 1
            continue
        try:
            asked = asked_by(FrameName(_picture(task)))
        except BadLabel as error:
            strange.append(str(error))
            continue
        try:
            drawn = replace(read_annotation(annotation, asked), seconds=None)
        except BadLabel as error:
            faults.append(f"{path.name}: {error}")
            continue
        if frames.setdefault(asked.request_id, drawn) != drawn:
            faults.append(f"{path.name}: {asked.request_id}: two tasks say different things of this frame. Keep one")
    if strange:
        more = f" (and {len(strange) - 1:,} other tasks like it)" if len(strange) > 1 else ""
        faults.append(f"{path.name}: {strange[0]}{more}")
    if not frames:
        raise BadLabel("; ".join(faults[:3]) or f"{path.name}: no task has an annotation")
    notes = (f"{path.name}: tasks without an annotation, passed over: {unlabelled:,}",) if unlabelled else ()
    return FileContent(frames, tuple(faults), notes)


def _newest(task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the annotation that holds, or None."""
    given = [a for a in task.get("annotations") or [] if isinstance(a, dict) and not a.get("was_cancelled")]
    return max(given, key=lambda a: str(a.get("updated_at", "")), default=None)


def _picture(task: Mapping[str, Any]) -> str:
    """Return the path of a task's picture, as far as its address tells it."""
    data = task["data"] if isinstance(task["data"], dict) else {}
    addresses = [value for value in data.values() if isinstance(value, str)]
    for address in (data.get("image"), *addresses):
        if isinstance(address, str):
            parts = urlsplit(address)
            path = unquote(parse_qs(parts.query).get("d", [parts.path])[0])
            if _PICTURE.search(path):
                folder, slash, name = path.rpartition("/")
                return f"{folder}{slash}{_UPLOADED.sub('', name)}"
    raise BadLabel(f"task {task.get('id')} names no picture")
