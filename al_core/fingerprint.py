"""Content hashes of a step's inputs: equal inputs give equal hashes, on any machine, in any process."""

import hashlib
import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from al_core.records import FrameLabel


def fingerprint(inputs: Any) -> str:
    """SHA-256 (64 hex digits) of a JSON-like value; the order of dictionary keys does not matter."""
    return hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def fingerprint_file(path: Path) -> str:
    """SHA-256 (64 hex digits) of a file's content.

    Several steps of a round ask for that of the same file, so one that was not written since is read once in a
    process.

    Raises:
        OSError: the file is not there or cannot be read.
    """
    state = path.stat()
    return _of_file(path.absolute(), state.st_ino, state.st_size, state.st_mtime_ns)


@lru_cache(maxsize=4096)
def _of_file(path: Path, *state: int) -> str:
    """The same, for a file in a state."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def fingerprint_labels(labels: Iterable[FrameLabel]) -> str:
    """SHA-256 of a set of labels; masks count pixel for pixel."""
    rows = [
        [
            label.frame.video_id,
            label.frame.frame_idx,
            [[m.track_id, m.category_id, m.rle.height, m.rle.width, m.rle.counts] for m in label.masks],
        ]
        for label in sorted(labels, key=lambda label: label.frame)
    ]
    return fingerprint(rows)
