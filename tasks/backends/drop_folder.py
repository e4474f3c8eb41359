"""The folder into which people drop label files: each file is read once, and nothing is lost when the process dies.

A file is read once it no longer grows, the oldest first. A good one goes to ``accepted/``, and beside it lies per
request what was understood: those are the answers, the newest last, and they are there before the file is moved. A bad
one goes to ``rejected/`` with the reason in a text file; so does the reason for frames of a good file that cannot be
used, beside the file in ``accepted/``.
"""

import hashlib
import json
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, AskedBy, DrawnFrame, DrawnMask, FileContent, FrameName
from al_core.files import is_printable, json_bytes, printable, write_whole
from al_core.masks.rle import Rle
from al_core.project import Project
from tasks.backends.protocol import NOTE

SETTLE_SECONDS = 2.0
"""A file that does not change for this long is taken to be whole."""

_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")

_RENAMED = re.compile(
    r"(?:[0-9a-f]{8}-)?(?P<name>.+?)(?:[._](?:jpe?g|png|bmp|tiff?|webp))?(?:\.rf\.[0-9a-z]+)?"
    r"(?: ?\(\d+\)| copy(?: \d+)?| - copy(?: \(\d+\))?)?"
)
"""What tools make of a file name: Label Studio's prefix, Roboflow's hash, an ending within, a copy's number."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a good file says of a frame."""

    answer_id: str
    drawn: DrawnFrame


class DropFolder:
    """The inbox of a project.

    Args:
        settle_seconds: how long a file must rest before it is read.
    """

    def __init__(self, project: Project, settle_seconds: float = SETTLE_SECONDS) -> None:
        self._project = project
        self._settle_seconds = settle_seconds
        self._messages: list[str] = []

    def take_in(self, read: Callable[[Path], FileContent[DrawnFrame]]) -> None:
        """Read the files that are new, in the order in which they were written.

        Args:
            read: what a file says; it raises BadLabel for a file of which nothing can be used.
        """
        for path in self._settled_files():
            try:
                _check_name(path)
                content = read(path)
            except BadLabel as error:
                self._reject(path, str(error))
            else:
                self._accept(path, content)

    def understood(self, request_ids: Iterable[str]) -> list[tuple[str, Understood]]:
        """Return what good files say of these requests' frames, request by request, the newest last."""
        return [(request_id, _understood(each)) for request_id in request_ids for each in self._stored(request_id)]

    def rejected(self) -> list[str]:
        """Return one message per file or frame that cannot be used or was read in a way to know of; each once."""
        told, self._messages = sorted(self._messages), []
        return told

    def _settled_files(self) -> list[Path]:
        """Return new files that do not grow; fresh ones are looked at twice."""
        before = {path: _state(path) for path in self._dropped_files()}
        now = time.time()
        fresh = {p for p, (_, changed) in before.items() if abs(now - changed / 1e9) < self._settle_seconds}
        if fresh:
            time.sleep(self._settle_seconds)
        settled = [p for p, state in before.items() if p not in fresh or (p.is_file() and _state(p) == state)]
        return sorted(settled, key=lambda path: (before[path][1], path))

    def _dropped_files(self) -> list[Path]:
        inbox = self._project.inbox
        away = (inbox / "accepted", inbox / "rejected")
        return [
            path
            for path in sorted(inbox.rglob("*"))
            if path.is_file()
            and not path.name.startswith(".")
            and not path.name.lower().endswith(_UNFINISHED)
            and not any(path.is_relative_to(folder) for folder in away)
        ]

    def _accept(self, path: Path, content: FileContent[DrawnFrame]) -> None:
        seen = path.read_bytes() + str(path.stat().st_mtime_ns).encode()
        revision = hashlib.sha256(seen).hexdigest()[:12]
        for request_id, frame in content.frames.items():
            understood = {
                "answer_id": f"{request_id}-{revision}",
                "file": path.name,
                "seconds": frame.seconds,
                "masks": [_stored_mask(mask) for mask in frame.masks],
            }
            before = self._stored(request_id)
            if understood["answer_id"] not in [one["answer_id"] for one in before]:
                # The newest is where earlier versions look for it.
                write_whole(self._understood_file(request_id), json_bytes(understood | {"before": before}))
        place = self._move(path, self._project.inbox / "accepted")
        if content.faults:
            write_whole(place.with_name(f"{place.name}.txt"), "".join(f"{f}\n" for f in content.faults).encode())
        rest = f"{len(content.frames)} other frame{'s' if len(content.frames) > 1 else ''} of the file taken"
        self._messages += [*(f"{fault} ({rest})" for fault in content.faults), *(f"{NOTE}{n}" for n in content.notes)]

    def _stored(self, request_id: str) -> list[dict[str, Any]]:
        file = self._understood_file(request_id)
        if not file.is_file():
            return []
        newest = json.loads(file.read_text(encoding="utf-8"))
        return [*newest.pop("before", ()), newest]

    def _reject(self, path: Path, reason: str) -> None:
        place, reason = self._move(path, self._project.inbox / "rejected"), printable(reason)
        write_whole(place.with_name(f"{place.name}.txt"), f"{reason}\n".encode())
        self._messages.append(f"{reason} (moved to {printable(self._project.relative(place))})")

    def _move(self, path: Path, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        place = folder / path.name
        count = 1
        while place.exists():
            count += 1
            place = folder / f"{path.stem}-{count}{path.suffix}"
        os.replace(path, place)
        return place

    def _understood_file(self, request_id: str) -> Path:
        return self._project.inbox / "accepted" / "understood" / f"{request_id}.json"


def _check_name(path: Path) -> None:
    if not is_printable(path.name):
        raise BadLabel(f"{path.name}: the name is not UTF-8 (the bytes that are none are shown as \\xNN); rename it")


def asked_by(path: Path, known: Mapping[str, Asked], suffixes: Iterable[str]) -> AskedBy:
    """Return a function that finds the frame which a name in a file means.

    Args:
        known: the frames that were asked for, by request.
        suffixes: endings of the files that are read.
    """

    def find(frame: FrameName) -> Asked:
        name = frame.stem.lower()
        renamed = _RENAMED.fullmatch(name)
        for meant in (name, renamed["name"] if renamed else name):
            if meant in known:
                return known[meant]
        example = f"'{next(iter(known))}'" if known else "there are none"
        raise BadLabel(
            f"{path.name}: no frame of the name {name!r} was asked for. Name a label as its frame in the "
            f"outbox, e.g. {example}; the endings are {' and '.join(suffixes)}"
        )

    return find


def _understood(stored: Mapping[str, Any]) -> Understood:
    return Understood(stored["answer_id"], DrawnFrame(tuple(map(_read_mask, stored["masks"])), stored["seconds"]))


def _stored_mask(mask: DrawnMask) -> list[Any]:
    """Return a mask as it is kept; what is said beside it comes last, where there is anything."""
    return [mask.track_id, mask.category, *mask.rle.to_json(), *([list(mask.attributes)] if mask.attributes else ())]


def _read_mask(stored: list[Any]) -> DrawnMask:
    track, category, height, width, counts, *attributes = stored
    return DrawnMask(track, category, Rle.from_json([height, width, counts]), tuple(*attributes))


def _state(path: Path) -> tuple[int, int]:
    """Return size in bytes and time of the last change in nanoseconds."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns
