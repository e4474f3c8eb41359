"""The folder into which people drop label files: each file is read once, and nothing is lost when the process dies.

A file is read once it no longer grows. A good one goes to ``accepted/``, and beside it lies per request what was
understood: that is the answer, and it is there before the file is moved. A bad one goes to ``rejected/`` with the
reason in a text file.
"""

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from al_core.errors import BadLabel
from al_core.exchange.drawn import Asked, AskedBy, DrawnFrame, DrawnMask
from al_core.files import json_bytes, write_whole
from al_core.masks.rle import Rle
from al_core.project import Project

SETTLE_SECONDS = 2.0
"""A file that does not change for this long is taken to be whole."""

_UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", ".filepart", "~")


@dataclass(frozen=True, slots=True)
class Understood:
    """What the newest good file says of a frame."""

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

    def take_in(self, read: Callable[[Path], Mapping[str, DrawnFrame]]) -> None:
        """Read the files that are new.

        Args:
            read: what a file says, by request; it raises BadLabel for a file that cannot be used.
        """
        for path in self._settled_files():
            try:
                frames = read(path)
            except BadLabel as error:
                self._reject(path, str(error))
            else:
                self._accept(path, frames)

    def answered(self, request_id: str) -> bool:
        """Tell whether a good file answers a request."""
        return self._understood_file(request_id).is_file()

    def understood(self, request_id: str) -> Understood:
        """Return what the newest good file says of a request's frame."""
        stored = json.loads(self._understood_file(request_id).read_text(encoding="utf-8"))
        masks = tuple(DrawnMask(track, category, Rle.from_json(rle)) for track, category, *rle in stored["masks"])
        return Understood(stored["answer_id"], DrawnFrame(masks, stored["seconds"]))

    def rejected(self) -> list[str]:
        """Return one message per file that cannot be used; each is told once."""
        told, self._messages = self._messages, []
        return told

    def _settled_files(self) -> list[Path]:
        """Return new files that do not grow; fresh ones are looked at twice."""
        before = {path: _state(path) for path in self._dropped_files()}
        now = time.time()
        fresh = {p for p, (_, changed) in before.items() if abs(now - changed / 1e9) < self._settle_seconds}
        if fresh:
            time.sleep(self._settle_seconds)
        return [p for p, state in before.items() if p not in fresh or (p.is_file() and _state(p) == state)]

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

    def _accept(self, path: Path, frames: Mapping[str, DrawnFrame]) -> None:
        content = path.read_bytes() + str(path.stat().st_mtime_ns).encode()
        revision = hashlib.sha256(content).hexdigest()[:12]
        for request_id, frame in frames.items():
            understood = {
                "answer_id": f"{request_id}-{revision}",
                "file": path.name,
                "seconds": frame.seconds,
                "masks": [[mask.track_id, mask.category, *mask.rle.to_json()] for mask in frame.masks],
            }
            write_whole(self._understood_file(request_id), json_bytes(understood))
        self._move(path, self._project.inbox / "accepted")

    def _reject(self, path: Path, reason: str) -> None:
        place = self._move(path, self._project.inbox / "rejected")
        write_whole(place.with_name(f"{place.name}.txt"), f"{reason}\n".encode())
        self._messages.append(f"{reason} (moved to {self._project.relative(place)})")

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


def asked_by(path: Path, known: Mapping[str, Asked], suffixes: Iterable[str]) -> AskedBy:
    """Return a function that finds the frame which a name in a file means.

    Args:
        known: the frames that were asked for, by request.
        suffixes: endings of the files that are read.
    """

    def find(name: str) -> Asked:
        if name.lower() in known:
            return known[name.lower()]
        example = f"'{next(iter(known))}'" if known else "there are none"
        raise BadLabel(
            f"{path.name}: no frame of the name {name!r} was asked for. Name a label as its frame in the "
            f"outbox, e.g. {example}; the endings are {' and '.join(suffixes)}"
        )

    return find


def _state(path: Path) -> tuple[int, int]:
    """Return size in bytes and time of the last change in nanoseconds."""
    state = path.stat()
    return state.st_size, state.st_mtime_ns
